"""The simulated mail server's certificates: its roots, and the identity that a scenario wants."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mitmail.pki import extension
from mitmail.pki.authority import Authority, make_root, root_extensions
from mitmail.pki.certificate import Recipe, make, parse, sha256
from mitmail.pki.identity import Identity
from mitmail.pki.key import Key, KeyPool, key_id, spki
from mitmail.pki.name import distinguished_name
from mitmail.pki.store import Store
from mitmail.scenario.model import Leaf, Server

# What the kept root may sign: the names that mitmail plays and loopback, and nothing real.
CONSTRAINED_TO = (
    "customer.test", "hoster.test", "mitmail.test", "localhost", "127.0.0.0/8", "::1/128",
)  # fmt: skip
ROOT_LIFE = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Names:
    """``name`` is what the user typed into the client; ``also`` are further names of the leaf."""

    name: str = "mail.customer.test"
    also: tuple[str, ...] = ()

    def fill(self, templates: tuple[str, ...]) -> tuple[str, ...]:
        """Put the name where a scenario says ``{name}``."""
        filled = tuple(template.replace("{name}", self.name) for template in templates)
        return filled + (self.also if "{name}" in templates else ())


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


def identity(
    server: Server, names: Names, store: Store, now: datetime, *, constrained: bool
) -> tuple[Identity, Authority]:
    """What the door presents, and the root that a client is told to trust."""
    trusted = root(store, now, kind="server", constrained=constrained)
    above = trusted
    if server.issuer == "untrusted":
        above = root(store, now, kind="untrusted", constrained=constrained)
    kind = "untrusted" if server.issuer == "untrusted" else "server"
    issuer = intermediate(store, above, now, kind=kind)
    slot = f"server-{_digest(server, names, issuer)}"

    def mint(keys: KeyPool) -> Identity:
        key = keys.get(server.leaf.key, slot)
        leaf = _leaf(server, names, key, issuer, now)
        parts = {"leaf": leaf, "intermediate": issuer.certificate, "root": above.certificate}
        return Identity(tuple(parts[part] for part in server.chain), key)

    kept = store.identity(slot, mint, lambda kept: _still(kept.leaf, server.leaf, now))
    return kept, trusted


def _leaf(server: Server, names: Names, key: Key, issuer: Authority, now: datetime) -> bytes:
    leaf = server.leaf
    filled = names.fill(leaf.names)
    common_name = names.fill((leaf.common_name or leaf.names[0],))[0]
    subject = distinguished_name([("CN", common_name)])
    start, end = now + leaf.not_before, now + leaf.not_after
    if server.issuer != "self":
        return issuer.leaf(key, names=filled, subject=subject, not_before=start, not_after=end)
    extensions = (
        extension.key_usage("digitalSignature"),
        extension.extended_key_usage("serverAuth"),
        extension.basic_constraints(False),
        extension.subject_key_identifier(key_id(key)),
        *([extension.subject_alternative_name(filled)] if filled else []),
    )
    recipe = Recipe(
        subject=subject,
        issuer=subject,
        not_before=start,
        not_after=end,
        spki=spki(key),
        extensions=extensions,
    )
    return make(recipe, key)


def _digest(server: Server, names: Names, issuer: Authority) -> str:
    said = f"{server.model_dump_json()} {names} {sha256(issuer.certificate)}"
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _lives(certificate: bytes, now: datetime, at_least: timedelta) -> bool:
    read = parse(certificate)
    return read.not_before <= now and now + at_least < read.not_after


def _still(certificate: bytes, wanted: Leaf, now: datetime) -> bool:
    """Whether a kept leaf is still what the scenario says: a future one becomes valid in time."""
    read = parse(certificate)
    if wanted.not_before <= timedelta(0) < wanted.not_after:
        return _lives(certificate, now, min(DAY, wanted.not_after / 2))
    if wanted.not_before > timedelta(0):  # it must not become valid while it is being served
        return read.not_before > now + min(DAY, wanted.not_before / 2)
    return read.not_after < now


def utc_now() -> datetime:
    """Now, in whole seconds: certificates know no smaller unit."""
    return datetime.now(UTC).replace(microsecond=0)
