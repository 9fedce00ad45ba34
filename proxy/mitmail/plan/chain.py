"""The certificates of one scenario, each made when it is asked for."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from mitmail.pki import key as keys
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import Recipe, make
from mitmail.pki.damage import damaged
from mitmail.pki.key import Key
from mitmail.pki.keypool import SHARED, KeyPool, is_slow
from mitmail.pki.name import Attribute, attributes, distinguished_name
from mitmail.pki.validity import NO_END, validity
from mitmail.plan.extensions import Subject, extensions
from mitmail.plan.names import Names
from mitmail.scenario.certificate import AttributeType, Certificate
from mitmail.scenario.hostname import is_hostname, kind_of
from mitmail.scenario.offset import NEVER
from mitmail.scenario.part import UB_NAME
from mitmail.scenario.reference import LEAF
from mitmail.scenario.server import Server

FILLER = "filler-{:05d}.customer.test"
SHARED_LEAF = f"{SHARED}leaf"
LONGEST_KEPT = timedelta(days=90)


class Chain:
    """Makes a scenario's certificates, by their names in the file.

    ``given`` are authorities that exist already. The others' keys come from ``pool``: leaf keys
    that are slow to make are shared by all scenarios.
    """

    def __init__(
        self,
        server: Server,
        names: Names,
        pool: KeyPool,
        slot: str,
        now: datetime,
        given: Mapping[str, Authority],
    ) -> None:
        """``slot`` names the scenario in the pool."""
        self._server = server
        self._names = names
        self._pool = pool
        self._slot = slot
        self._now = now
        self._given = given
        self._made: dict[str, bytes] = {}

    def certificate(self, name: str) -> bytes:
        """The DER certificate; raises MitmailError when it cannot be made."""
        if name in self._given:
            return self._given[name].certificate
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def key(self, name: str) -> Key:
        """The key that a certificate certifies."""
        owner = self._server.key_of(name)
        if owner in self._given:
            return self._given[owner].key
        kind = self._server.certificates[owner].key
        slot = SHARED_LEAF if _is_shared(self._server, owner) else f"{self._slot}-{owner}"
        return self._pool.get(kind, slot)

    def authority(self, name: str) -> Authority:
        """A certificate with its key, to sign with."""
        return Authority(self.certificate(name), self.key(name))

    def _make(self, name: str) -> bytes:
        said = self._server.certificates[name]
        issuer = self._server.issuer_of(name)
        own = self.key(name)
        ends = NO_END if said.not_after == NEVER else self._now + said.not_after
        subject = Subject(
            names=self._filled(name, said),
            empty=said.subject == {},
            key_id=keys.key_id(own),
            issuer_key_id=None if issuer == name else keys.key_id(self.key(issuer)),
        )
        recipe = Recipe(
            subject=self._subject(name, said.subject_string),
            issuer=self._issuer(said, issuer),
            not_before=self._now + said.not_before,
            not_after=ends,
            validity=validity(self._now + said.not_before, ends, said.time_form),
            spki=keys.spki(own, said.key_form),
            version=said.version,
            hash=said.signature,
            extensions=extensions(said, subject),
            **({} if said.serial is None else {"serial": bytes.fromhex(said.serial)}),
        )
        signer = self.key(issuer)
        return (
            make(recipe, signer) if said.damage is None else damaged(recipe, signer, said.damage)
        )

    def _filled(self, name: str, said: Certificate) -> tuple[str, ...]:
        fillers = (FILLER.format(number) for number in range(said.filler_names))
        return (*fillers, *(self._names.of(self._server) if name == LEAF else said.names or ()))

    def _issuer(self, said: Certificate, issuer: str) -> bytes:
        if said.issuer_name is not None:
            return distinguished_name(self._attributes(said.issuer_name))
        string = said.issuer_string or self._server.certificates[issuer].subject_string
        return self._subject(issuer, string)

    def _subject(self, name: str, string: str) -> bytes:
        owner = self._server.subject_of(name)
        if owner not in self._given:
            return distinguished_name(self._subject_attributes(owner), string)
        subject = self._given[owner].subject
        return subject if string == "utf8" else distinguished_name(attributes(subject), string)

    def _subject_attributes(self, owner: str) -> list[Attribute]:
        said = self._server.certificates[owner]
        if said.subject is not None:
            return self._attributes(said.subject)
        if said.common_name is not None:
            return self._attributes({"CN": said.common_name})
        if owner == LEAF:
            return [_first_name(self._names.of(self._server))]
        # Two CAs of one name and different keys are a fault of their own (bad signature in
        # Thunderbird), so each gets its key's first octets into its name.
        label = f"mitmail {owner} {keys.key_id(self.key(owner))[:3].hex()}"
        return [("O", "mitmail"), ("CN", label)]

    def _attributes(self, said: Mapping[AttributeType, str]) -> list[Attribute]:
        return [(kind, self._names.fill(text)) for kind, text in said.items()]


def slow_keys(server: Server) -> Iterator[tuple[str, str]]:
    """Kind and slot of each key of this server that is shared, as it takes long to make."""
    if _is_shared(server, LEAF):
        yield server.leaf.key, SHARED_LEAF


def _is_shared(server: Server, owner: str) -> bool:
    # Never the key of a CA, nor of a leaf that may be trusted itself: whoever imported its
    # certificate must not leave a key behind that signs for any name.
    leaf = owner == LEAF and server.issuer_of(LEAF) != LEAF
    return leaf and is_slow(server.certificates[owner].key)


def _first_name(names: tuple[str, ...]) -> Attribute:
    for kind, text in map(kind_of, names):
        plain = is_hostname(text.removeprefix("*."))
        if kind == "dns" and plain and len(text) <= UB_NAME:
            return "CN", text
    # Where no DNS name is in subjectAltName, OpenSSL and GnuTLS take the common name for one and
    # hold it to the root's nameConstraints (measured: 127.0.0.1 and free text are violations).
    return "O", "mitmail test server"


def holds(certificate: Certificate, read: tuple[datetime, datetime], now: datetime) -> bool:
    """Whether a kept certificate's times still say what the scenario says.

    A future one becomes valid in time, a valid one runs out.
    """
    not_before, not_after = read
    day = timedelta(days=1)
    if certificate.not_after <= timedelta(0):
        # One that expired an hour ago is of another age soon. An exception that a person stored
        # for one that expired yesterday shall hold for a while.
        spare = max(LONGEST_KEPT * (certificate.not_after <= -day), -certificate.not_after)
        return now + certificate.not_after - spare < not_after < now
    if certificate.not_before > timedelta(0):  # it must not become valid while it is served
        return not_before > now + min(day, certificate.not_before / 2)
    return not_before <= now and now + min(day, certificate.not_after / 2) < not_after
