"""What is wrong with a server, in words, and what a client may truthfully say about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mitmail.scenario import misconduct, path, rule
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.hostname import (
    NAME,
    covers,
    is_hostname,
    is_permitted,
    is_public_suffix_wildcard,
    is_well_written,
)
from mitmail.scenario.model import Scenario
from mitmail.scenario.offset import written
from mitmail.scenario.reference import LEAF
from mitmail.scenario.rule import Reasons, Role, Rule, to_reasons
from mitmail.scenario.server import Server
from mitmail.scenario.verdict import Reason

DEEP: Final = 10  # CAs; with more, some clients give up
_LISTS: Final = ("versions", "ciphers", "groups")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the part (a certificate's name, ``name``, ``tls``, ``staple`` or
    ``dialogue``), what is wrong with it in a few words, and what a client may truthfully say.
    """

    part: str
    words: str
    reasons: Reasons


def faults(said: Scenario, name: str) -> list[Fault]:
    """Everything that is wrong with a scenario's server for a client that uses this name."""
    server = said.server
    return [*_chain(server, name), *_names(server, name), *_transport(said)]


def reasons(said: Scenario, name: str) -> set[Reason]:
    """What a client that uses this name may truthfully say of a scenario's server."""
    return {reason for fault in faults(said, name) for reason in fault.reasons}


def _chain(server: Server, name: str) -> list[Fault]:
    if not server.sent:
        return [Fault("chain", "no certificate is sent", to_reasons("malformed"))]
    found = [_on_path(server, each, name) for each in path.paths(server)]
    if found:
        return min(found, key=len)
    broken = path.dead_end(server)
    missing = Fault(broken[-1], *_why_no_path(server, broken[-1]))
    return [*_on_certificates(server, broken, anchored=False), missing]


def _why_no_path(server: Server, last: str) -> tuple[str, Reasons]:
    if server.issuer_of(last) == last:
        if last == LEAF:
            return "signed by its own key", to_reasons("self-signed unknown-issuer")
        reasons = to_reasons("self-signed unknown-issuer")
        if set(path.namesakes(server, last)) - {last}:
            return "a root whose name is known with another key", reasons | to_reasons(
                "bad-signature"
            )
        return "a root that is not trusted", reasons
    reasons = to_reasons("unknown-issuer")
    if server.certificates[last].issuer_name is None and any(
        path.paths(server, sent=server.certificates)
    ):
        reasons |= to_reasons("incomplete-chain")
    if path.namesakes(server, last):
        return "its issuer's name is known with another key", reasons | to_reasons("bad-signature")
    if "incomplete-chain" in reasons:
        return "its issuer is not sent", reasons
    return "its issuer is not known", reasons


def _on_path(server: Server, names: tuple[str, ...], host: str) -> list[Fault]:
    found = _on_certificates(server, names, anchored=True)
    if len(names) == 1:
        words = "a server's certificate that is itself trusted"
        found.append(Fault(LEAF, words, to_reasons("self-signed unknown-issuer constraint")))
    authorities = names[1:]
    for below, name in enumerate(authorities):
        certificate = server.certificates[name]
        length = certificate.path_length
        if length is not None and below > length:
            words = f"at most {length} CAs may follow, and {below} do"
            found.append(Fault(name, words, to_reasons("constraint")))
        if not _permits(certificate, server, host):
            words = "nameConstraints do not allow the name"
            found.append(Fault(name, words, to_reasons("constraint")))
    if len(authorities) > DEEP:
        words = f"{len(authorities) - 1} intermediate CAs"
        found.append(Fault("chain", words, to_reasons("limit unknown-issuer")))
    return found


def _on_certificates(server: Server, names: tuple[str, ...], *, anchored: bool) -> list[Fault]:
    found = []
    for index, name in enumerate(names):
        last = index == len(names) - 1
        role: Role = "leaf" if index == 0 else "anchor" if last and anchored else "ca"
        if index == 0 and last and anchored:
            found += _apply(rule.TRUSTED_LEAF, name, server.certificates[name])
        else:
            found += _apply(rule.CERTIFICATE[role], name, server.certificates[name])
    return found


def _apply[T](rules: tuple[Rule[T], ...], part: str, said: T) -> list[Fault]:
    return [
        Fault(part, _filled(one.words, said), one.reasons) for one in rules if one.broken(said)
    ]


def _filled(words: str, said: object) -> str:
    times = {x: written(getattr(said, x)) for x in ("not_before", "not_after") if hasattr(said, x)}
    lists = {x: ", ".join(getattr(said, x)) for x in _LISTS if hasattr(said, x)}
    return words.format(said, key=_key(said), **times, **lists)


def _key(said: object) -> str:
    if not isinstance(said, Certificate):
        return ""
    return said.key if said.key_form == "plain" else f"{said.key}, {said.key_form}"


def _names(server: Server, host: str) -> Iterator[Fault]:
    leaf = server.certificates[LEAF]
    if not server.sent or leaf.damage in {"truncated", "random"}:
        return
    names = [x.replace(NAME, host) for x in _templates(leaf)]
    for name in names:
        if not is_well_written(name):
            words = f"not written as a host name: {name!r}"
            yield Fault(LEAF, words, to_reasons("malformed name-mismatch"))
    covering = [x for x in names if covers(x, host)]
    if not covering:
        words = f"no name of it covers {host}"
        yield Fault(LEAF, words, to_reasons("name-mismatch"))
    elif all(is_public_suffix_wildcard(x) for x in covering):
        words = f"{covering[0]} covers every customer of a registry"
        yield Fault(LEAF, words, to_reasons("name-mismatch"))
    elif not is_hostname(host) and host.isascii():
        words = f"{host} is no host name by the rules"
        yield Fault("name", words, to_reasons("name-mismatch"))


def _templates(leaf: Certificate) -> tuple[str, ...]:
    if leaf.version < 3 or "san" in leaf.omit or "san" in leaf.raw:
        return ()
    if leaf.damage == "empty-extensions":
        return ()
    return leaf.names or ()


def _permits(authority: Certificate, server: Server, host: str) -> bool:
    limits = authority.name_constraints
    if limits is None:
        return True
    leaf = server.certificates[LEAF]
    # Without other names, some clients take the common name for one, and hold it to the limits.
    names = _templates(leaf) or tuple(filter(None, (leaf.common_name,)))
    bounds = limits.permitted, limits.excluded
    return all(is_permitted(x.replace(NAME, host), *bounds) for x in names)


def _transport(said: Scenario) -> Iterator[Fault]:
    server = said.server
    if server.dialogue is not None:
        yield from _apply(misconduct.DIALOGUE, "dialogue", server.dialogue.on(said.endpoints))
    yield from _apply(rule.TLS, "tls", server.tls)
    if server.staple is not None:
        yield from _apply(rule.STAPLE, "staple", server.staple)
    elif server.leaf.must_staple:
        yield Fault("staple", "none, though the certificate demands one", to_reasons("policy"))
