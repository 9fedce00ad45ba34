"""What differs between a server's ports, between its addresses, and with and without the name."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID

from mitmail.diagnose.finding import Finding, Severity
from mitmail.diagnose.seen import Seen
from mitmail.engine.certificate import UNREADABLE, load

SHOWN = 60  # letters of a name in a certificate
ALIKE = "mend the one that is wrong; what a client shows depends on which one it comes to"


def between_ports(seen: Sequence[Seen]) -> list[Finding]:
    """Ports of one address that do not show the first one's leaf; each was asked with the name."""
    return list(_differing(
        seen, "ports-differ", lambda one: f"port {one.port}", "another port", ALIKE
    ))  # fmt: skip


def between_addresses(seen: Sequence[Seen]) -> list[Finding]:
    """Addresses that do not show, on one port, what the first one shows."""
    return list(_differing(
        seen, "addresses-differ", lambda one: f"{one.address} (port {one.port})", "another "
        "address", ALIKE,
    ))  # fmt: skip


def without_name(with_it: Seen, without: Seen) -> list[Finding]:
    """What a client gets that does not say the name (SNI)."""
    if with_it.leaf == without.leaf:
        return _chains(with_it, without)
    worse = set(without.errors) - set(with_it.errors)
    return [
        Finding(
            id="sni-differs", severity="low" if worse else "info", where=with_it.presented.source,
            words=f"without the name (SNI) the server shows another certificate: "
            f"{described(without.leaf)}; with {with_it.sni}: {described(with_it.leaf)}",
            fix="an old client, or an antivirus that leaves the name out, gets the other one: "
            "update it" if worse else "",
        )
    ]  # fmt: skip


def another_each_time(first: Seen, second: Seen) -> list[Finding]:
    """What differs between two connections that asked for the same."""
    if first.leaf == second.leaf:
        return []
    return [
        Finding(
            id="another-each-time", severity="medium", where=first.presented.source,
            words="two connections one after the other were shown two certificates: "
            f"{described(first.leaf)}; then {described(second.leaf)}",
            fix="an exception that a client stores cannot hold; several servers behind one "
            "address, or an antivirus that signs anew each time, do this",
        )
    ]  # fmt: skip


def not_each_time(first: Seen, trouble: Finding) -> Finding:
    """The same was asked again, and came to nothing."""
    return Finding(
        id="not-each-time", severity="medium", where=first.presented.source,
        words=f"of two connections one after the other only the first was served; the next: "
        f"{trouble.words}",
        fix="several servers behind one address, a limit of connections, or something in between "
        "that interferes, do this",
    )  # fmt: skip


def described(leaf: bytes) -> str:
    """A certificate in a few words: whose it is, by whom, until when, and its fingerprint."""
    fingerprint = f"SHA-256 {hashlib.sha256(leaf).hexdigest()[:16]}..."
    try:
        certificate = load(leaf)
        until = certificate.not_valid_after_utc.date()
        subject, issuer = _called(certificate), _name(certificate.issuer)
    except UNREADABLE:
        return f"one that cannot be read ({fingerprint})"
    return f"{subject}, issued by {issuer}, valid until {until} ({fingerprint})"


def dns_names(leaf: bytes) -> tuple[str, ...]:
    """The DNS names of a certificate, as they are written; none where it cannot be read."""
    try:
        names = load(leaf).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return tuple(names.value.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()


def _differing(
    seen: Sequence[Seen], word: str, called: Callable[[Seen], str], what: str, fix: str
) -> Iterator[Finding]:
    if not seen:
        return
    first, *others = seen
    for one in others:
        if one.leaf == first.leaf:
            yield from _chains(first, one)
            continue
        worse = set(one.errors) != set(first.errors)
        severity: Severity = "medium" if worse else "info"
        yield Finding(
            id=word, severity=severity, where=one.presented.source,
            words=f"{called(one)} shows another certificate: {described(one.leaf)}; "
            f"{called(first)}: {described(first.leaf)}{_judged(first, one)}",
            fix=fix if worse else "",
        )  # fmt: skip


def _judged(first: Seen, one: Seen) -> str:
    if set(one.errors) == set(first.errors):
        return ""
    said = [", ".join(x.errors) or "nothing" for x in (one, first)]
    return f". Wrong with the one: {said[0]}; with the other: {said[1]}"


def _chains(first: Seen, one: Seen) -> list[Finding]:
    mine, others = first.presented.chain, one.presented.chain
    if mine == others:
        return []
    return [
        Finding(
            id="chains-differ", severity="low", where=one.presented.source,
            words=f"{_where(one)} shows the same certificate with {len(others) - 1} others behind "
            f"it, {_where(first)} with {len(mine) - 1} or with different ones",
            fix="a client that misses an intermediate refuses one of them",
        )
    ]  # fmt: skip


def _where(one: Seen) -> str:
    return f"{one.address} port {one.port}" + ("" if one.sni else " without the name (SNI)")


def _called(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if names:
        return f"CN {_printable(names[0].value)}"
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return _printable(found.get_values_for_type(x509.DNSName)[0])
    except (x509.ExtensionNotFound, IndexError):
        return _name(certificate.subject)


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _printable(common[0].value if common else name.rfc4514_string() or "nobody")


def _printable(text: str | bytes) -> str:
    text = text if isinstance(text, str) else text.hex()
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:SHOWN]
