"""The simulated mail server's certificates: its roots, and the identity that a scenario wants."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mitmail.errors import MitmailError
from mitmail.pki import extension
from mitmail.pki.authority import Authority, make_root, root_extensions
from mitmail.pki.certificate import parse, sha256
from mitmail.pki.identity import Identity
from mitmail.pki.key import key_id
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.store import Store
from mitmail.plan import speech
from mitmail.plan.chain import Chain, holds
from mitmail.plan.names import Names
from mitmail.scenario.hostname import is_test_name, is_well_written
from mitmail.scenario.reference import INTERMEDIATE, LEAF, ROOT, UNRELATED
from mitmail.scenario.server import Server

# What the kept root may sign: the names that mitmail plays and loopback, and nothing real.
CONSTRAINED_TO = (
    "customer.test", "hoster.test", "mitmail.test", "localhost", "127.0.0.0/8", "::1/128",
)  # fmt: skip
ROOT_LIFE = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=7)
DAY = timedelta(days=1)
GOOD = Server().certificates


def root(store: Store, now: datetime, *, kind: str, constrained: bool) -> Authority:
    """The root of the mail server (``kind`` server) or one that no client is given (untrusted).

    A constrained one signs only for test names and loopback. Kept for 90 days.
    """

    def mint(keys: KeyPool) -> Authority:
        key = keys.get("ec256", f"{kind}-root-{now:%Y%m%d%H%M%S}")
        limits = (extension.name_constraints(CONSTRAINED_TO),) if constrained else ()
        # Two roots of one name and different keys are a fault of their own (bad signature in
        # Thunderbird), so each gets its key's first octets into its name.
        label = f"mitmail {kind} test root {key_id(key)[:3].hex()}"
        subject = distinguished_name([("O", "mitmail"), ("CN", label)])
        extensions = root_extensions(key) + limits
        return make_root(subject, key, now - DAY, now + ROOT_LIFE, extensions=extensions)

    slot = f"{kind}-root" if constrained else f"{kind}-root-unconstrained"
    return store.authority(slot, mint, lambda kept: _lives(kept.certificate, now, RENEWED_BEFORE))


def intermediate(store: Store, above: Authority, now: datetime, *, kind: str) -> Authority:
    """The issuing CA below a root."""

    def mint(keys: KeyPool) -> Authority:
        key = keys.get("ec256", f"{kind}-intermediate-{above.key_id[:8].hex()}")
        label = f"mitmail {kind} issuing CA {key_id(key)[:3].hex()}"
        subject = distinguished_name([("O", "mitmail"), ("CN", label)])
        return above.intermediate(subject, key, now - DAY, now + ROOT_LIFE)

    slot = f"{kind}-intermediate-{above.key_id[:8].hex()}"
    return store.authority(slot, mint, lambda kept: _lives(kept.certificate, now, DAY))


def is_ordinary(server: Server, names: Names) -> bool:
    """Whether a server can stand below the kept root: nothing odd is trusted, nor named.

    What a machine may come to trust is kept and constrained to test names. An odd root is thrown
    away with the process that made it, and a name outside the constraint would be a second fault.
    """
    odd = [name for name in server.trust if not _is_good(server, name)]
    shown = (*names.of(server), *_common_names(server, names))
    return not odd and all(is_test_name(name) and is_well_written(name) for name in shown)


def _common_names(server: Server, names: Names) -> Iterator[str]:
    # Without another DNS name, OpenSSL and GnuTLS hold the common name to the constraint.
    leaf = server.certificates[LEAF]
    for text in (leaf.common_name, (leaf.subject or {}).get("CN")):
        if text is not None:
            yield f"dns:{names.fill(text)}"


def _is_good(server: Server, name: str) -> bool:
    return name in {ROOT, UNRELATED} and server.certificates[name] == GOOD[name]


def door(
    server: Server, names: Names, store: Store, now: datetime, *, constrained: bool
) -> Identity:
    """What the door presents; certificates are made, or kept ones found in the store.

    Its anchors are what the client is told to trust.
    """
    given = _given(server, store, now, constrained=constrained)
    slot = f"server-{_digest(server, names, given)}"
    chain = Chain(server, names, store.keys, slot, now, given)

    def mint(keys: KeyPool) -> Identity:
        return Identity(tuple(chain.certificate(name) for name in server.sent), chain.key(LEAF))

    if server.sent:
        found = store.identity(slot, mint, lambda kept: _still(kept, server, now))
    else:  # nothing to keep
        found = mint(store.keys)
    response = None
    if server.staple is not None:
        response = speech.staple(server.staple, server, chain, now, leaf=found.leaf)
    # Where a kept certificate is sent, it is also the one to trust, not another of its kind.
    sent = dict(zip(server.sent, found.chain, strict=True))
    roots = tuple(sent.get(x) or chain.certificate(x) for x in server.trust)
    return replace(found, manner=speech.manner(server, response), anchors=roots)


def _given(
    server: Server, store: Store, now: datetime, *, constrained: bool
) -> dict[str, Authority]:
    # The root that the user has imported is the one that is trusted and good, whichever it is.
    found: dict[str, Authority] = {}
    kinds = {True: "server", False: "untrusted"}
    for name in (ROOT, UNRELATED):
        if name in server.used and _is_good(server, name):
            kind = kinds.pop(name in server.trust, name)
            found[name] = root(store, now, kind=kind, constrained=constrained)
    if ROOT in found and server.certificates[INTERMEDIATE] == GOOD[INTERMEDIATE]:
        kind = "server" if ROOT in server.trust else "untrusted"
        found[INTERMEDIATE] = intermediate(store, found[ROOT], now, kind=kind)
    return found


def _digest(server: Server, names: Names, given: Mapping[str, Authority]) -> str:
    authorities = [sha256(each.certificate) for each in given.values()]
    # What is said before TLS makes no difference to a certificate.
    said = f"{server.model_dump_json(exclude={'dialogue'})} {names} {authorities}"
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _lives(certificate: bytes, now: datetime, at_least: timedelta) -> bool:
    read = parse(certificate)
    return read.not_before <= now and now + at_least < read.not_after


def _still(kept: Identity, server: Server, now: datetime) -> bool:
    """Whether kept certificates are what the scenario says; unreadable ones are made anew."""
    try:
        read = [parse(certificate) for certificate in kept.chain]
    except MitmailError:
        return False
    said = [server.certificates[name] for name in server.sent]
    return len(read) == len(said) and all(
        holds(one, (found.not_before, found.not_after), now)
        for one, found in zip(said, read, strict=True)
    )


def utc_now() -> datetime:
    """Now, in whole seconds: certificates know no smaller unit."""
    return datetime.now(UTC).replace(microsecond=0)
