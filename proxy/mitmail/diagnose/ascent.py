"""The way up by signatures alone: where OpenSSL gives up, and another client goes on.

OpenSSL follows authorityKeyIdentifier, and 4.0 takes each self-issued certificate for self-signed
(measured; 3.0 and GnuTLS 3.7 do not). RFC 5280 section 6.1 asks for neither.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.roots import Roots
from mitmail.engine.certificate import UNREADABLE

# X509_V_ERR_* of x509_vfy.h.
SELF_SIGNED_LEAF: Final = 18
SELF_SIGNED_ROOT: Final = 19
NO_ISSUER: Final = 20
PATH_LENGTH: Final = 25
NO_CERTSIGN: Final = 32
NOT_A_CA: Final = 79
CHECKS: Final = 3000  # signatures; a text may hold thousands of certificates of one name

type Error = tuple[int, Certificate]


@dataclass(frozen=True, slots=True)
class Way:
    """Certificates, each signed by the next; ``anchored`` where the last is trusted."""

    path: tuple[Certificate, ...]
    anchored: bool

    def goes_on(self, above: Certificate) -> bool:
        """Whether it leads further than this certificate."""
        return above in self.path[:-1]

    @property
    def errors(self) -> tuple[Error, ...]:
        """What is wrong with its steps, as OpenSSL numbers it; not the dates, nor the names."""
        found = list(self._steps())
        end = self.path[-1]
        if not self.anchored:
            leaf = SELF_SIGNED_LEAF if len(self.path) == 1 else SELF_SIGNED_ROOT
            found.insert(0, (leaf if end.is_self_signed else NO_ISSUER, end))
        return tuple(found)

    def _steps(self) -> Iterator[Error]:
        between = 0  # RFC 5280 section 6.1.4 (l): those that issued themselves are not counted
        for one in self.path[1:]:
            if wrong := _forbidden(one):
                yield wrong, one
            constraints = one.extension(ExtensionOID.BASIC_CONSTRAINTS)
            if constraints and isinstance(constraints.value, x509.BasicConstraints):
                allowed = constraints.value.path_length
                if allowed is not None and between > allowed:
                    yield PATH_LENGTH, one
            between += not one.is_self_issued


class Ascent:
    """Looks for a way from the first certificate to a root; ``also`` are others at hand."""

    def __init__(
        self, chain: Sequence[Certificate], roots: Roots, also: Iterable[Certificate]
    ) -> None:
        self._leaf = chain[0]
        self._trusted = set(roots.certificates)
        pool = {one.der: one for one in (*map(Certificate, roots.certificates), *also)}
        self._pool = tuple((pool | {one.der: one for one in reversed(chain)}).values())
        self._left = CHECKS
        self._signed: dict[tuple[bytes, bytes], bool] = {}

    def way(self, at: datetime) -> Way:
        """The best way: one that all may take at this time, else any, else how far it goes."""
        return self._search(at) or self._search(None) or self._furthest()

    def _search(self, at: datetime | None) -> Way | None:
        for path in self._paths(at):
            way = Way(path, anchored=path[-1].der in self._trusted)
            if way.anchored and (at is None or not way.errors):
                return way
        return None

    def _furthest(self) -> Way:
        paths = list(self._paths(None))
        rooted = [path for path in paths if path[-1].is_self_signed]
        return Way((rooted or paths)[-1], anchored=False)

    def _paths(self, at: datetime | None) -> Iterator[tuple[Certificate, ...]]:
        """Breadth first, the shortest way to each certificate; with a time, over usable ones."""
        waiting: list[tuple[Certificate, ...]] = [(self._leaf,)]
        seen = {self._leaf.der}
        while waiting:
            path = waiting.pop(0)
            yield path
            if path[-1].is_self_signed:
                continue
            for one in self._pool:
                if one.der in seen or not self._has_signed(one, path[-1]):
                    continue
                if at is None or (not _forbidden(one) and _is_valid(one, at)):
                    seen.add(one.der)
                    waiting.append((*path, one))

    def _has_signed(self, issuer: Certificate, below: Certificate) -> bool:
        if not is_named(issuer, below):
            return False
        pair = issuer.der, below.der
        if pair not in self._signed:
            if self._left <= 0:
                return False
            self._left -= 1
            self._signed[pair] = has_signed(issuer, below)
        return self._signed[pair]


def _forbidden(issuer: Certificate) -> int:
    """Why a certificate must not sign others, as OpenSSL numbers it; 0 where it may."""
    usage = issuer.extension(ExtensionOID.KEY_USAGE)
    if usage and isinstance(usage.value, x509.KeyUsage) and not usage.value.key_cert_sign:
        return NO_CERTSIGN
    old = issuer.parsed is not None and issuer.parsed.version < 3 and issuer.is_self_signed
    return 0 if issuer.is_ca or old else NOT_A_CA


def _is_valid(one: Certificate, at: datetime) -> bool:
    if one.not_before is None or one.not_after is None:
        return False
    return one.not_before <= at <= one.not_after


def names_another_key(below: Certificate, issuer: Certificate) -> bool:
    """Whether authorityKeyIdentifier means another certificate than this (RFC 5280 4.2.1.1)."""
    said = below.extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    if said is None or not isinstance(said.value, x509.AuthorityKeyIdentifier):
        return False
    own = issuer.extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    has = own.value.digest if own and isinstance(own.value, x509.SubjectKeyIdentifier) else None
    wanted = said.value.key_identifier
    if wanted and has and wanted != has:
        return True
    serial = said.value.authority_cert_serial_number
    return serial is not None and issuer.read is not None and issuer.read.serial_number != serial


def is_named(issuer: Certificate, below: Certificate) -> bool:
    """Whether a certificate carries the name that the other one gives for its issuer."""
    if issuer.read is None or below.read is None:
        return False
    return issuer.read.subject == below.read.issuer


def has_signed(issuer: Certificate, below: Certificate) -> bool:
    """Whether name and key of a certificate are those that signed the other one."""
    if issuer.read is None or below.read is None:
        return False
    try:
        below.read.verify_directly_issued_by(issuer.read)
    except (InvalidSignature, UnsupportedAlgorithm, *UNREADABLE):
        return False
    return True
