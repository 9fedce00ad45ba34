"""What OpenSSL finds on the way from a server's certificate to a trusted one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from OpenSSL import crypto

from mitmail.diagnose.ascent import (
    NO_ISSUER,
    SELF_SIGNED_LEAF,
    SELF_SIGNED_ROOT,
    Ascent,
    Error,
    has_signed,
    is_named,
)
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.roots import Roots

# X509_V_FLAG_* of x509_vfy.h; pyOpenSSL names two of them only.
STRICT: Final = 0x20
PARTIAL_CHAIN: Final = 0x80000
NO_CHECK_TIME: Final = 0x200000
# X509_V_ERR_*: of times, and of what ends before anything trusted is reached.
TIMES: Final = frozenset({9, 10})
BAD_SIGNATURE: Final = 7
UNTRUSTED: Final = frozenset({2, SELF_SIGNED_LEAF, SELF_SIGNED_ROOT, NO_ISSUER, 21, 27})
UNREADABLE: Final = -1
LONGEST: Final = 100  # certificates; OpenSSL's own limit of depth


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A way up: ``path`` from the leaf to where it ends; ``anchored`` where that is trusted.

    ``errors`` are OpenSSL's numbers, each with the certificate that it is about; -1 is one that
    OpenSSL cannot read. Times are not among them: they are judged for the whole path elsewhere.
    ``strict`` is what only the strict check minds, which Python has switched on since 3.13.
    ``confused`` is what OpenSSL says because it takes another authority of the same name; the way
    is there for a client that tries both. ``lost`` is what it says where signatures lead further
    than it goes: not all that it looks at has been looked at on such a way. ``partial`` is what
    it says where the trusted end is no root, and a program has not told it to take such a one.
    """

    path: tuple[Certificate, ...]
    anchored: bool
    errors: tuple[Error, ...] = ()
    strict: Error | None = None
    confused: Error | None = None
    lost: Error | None = None
    partial: Error | None = None

    @property
    def end(self) -> Certificate:
        """The last certificate that could be reached."""
        return self.path[-1]


def verify(
    chain: Sequence[Certificate],
    roots: Roots,
    at: datetime,
    *,
    also: Iterable[Certificate] = (),
) -> Verified:
    """Look for a way from the first certificate to a root at this time (UTC).

    ``also`` are certificates that a client may know besides those that were sent.
    """
    verifier = _Verifier(chain, roots, also)
    if verifier.unreadable:
        return Verified(path=tuple(chain[:1]), anchored=False, errors=verifier.unreadable)
    found = verifier.run(at=at)
    if isinstance(found, tuple) and found[0] in TIMES:
        found = verifier.run()
    if isinstance(found, list):
        return Verified(
            path=tuple(found), anchored=True, strict=verifier.strict(),
            partial=None if found[-1].is_self_signed else verifier.partial(),
        )  # fmt: skip
    if found[0] == BAD_SIGNATURE and verifier.drop_namesakes(found[1]):
        again = verifier.run()
        if isinstance(again, list):
            return Verified(path=tuple(again), anchored=True, confused=found)
    if found[0] in UNTRUSTED or found[0] == BAD_SIGNATURE:
        way = Ascent(chain, roots, also).way(at)
        if way.anchored or (way.goes_on(found[1]) and found[0] != BAD_SIGNATURE):
            errors = (*way.errors, *verifier.alone(way.path))
            return Verified(path=way.path, anchored=way.anchored, errors=errors, lost=found)
    if found[0] not in UNTRUSTED:
        path = verifier.likely_path()
        return Verified(path=path, anchored=verifier.is_root(path[-1]), errors=(found,))
    if found[0] in {SELF_SIGNED_LEAF, SELF_SIGNED_ROOT} and not found[1].is_self_signed:
        found = NO_ISSUER, found[1]
    # Nobody trusted is reached. What is wrong besides is seen when the end is taken for trusted.
    end = found[1]
    above = verifier.run(ending_in=end)
    if isinstance(above, list):
        strict = verifier.strict(ending_in=end)
        return Verified(path=tuple(above), anchored=False, errors=(found,), strict=strict)
    return Verified(path=verifier.likely_path(), anchored=False, errors=(found, above))


class _Verifier:
    def __init__(
        self, chain: Sequence[Certificate], roots: Roots, also: Iterable[Certificate]
    ) -> None:
        self._roots = roots
        self._pool = {one.der: one for one in (*also, *reversed(chain))}
        self._chain = chain
        self._loaded: dict[bytes, crypto.X509] = {}
        # OpenSSL hands back what it has repaired (measured: octets behind the end, long lengths).
        self._original: dict[bytes, Certificate] = {}
        self._dropped: set[bytes] = set()
        self.unreadable: tuple[Error, ...] = ()
        for one in self._pool.values():
            try:
                loaded = crypto.load_certificate(crypto.FILETYPE_ASN1, one.der)
                self._loaded[one.der] = loaded
                self._original[crypto.dump_certificate(crypto.FILETYPE_ASN1, loaded)] = one
            except (crypto.Error, ValueError):
                if one.der == chain[0].der:
                    self.unreadable = ((UNREADABLE, one),)

    def run(
        self,
        *,
        at: datetime | None = None,
        start: Certificate | None = None,
        ending_in: Certificate | None = None,
        flags: int = PARTIAL_CHAIN,
    ) -> list[Certificate] | Error:
        """The verified path, or the first error; without a time, whatever the times are."""
        store = crypto.X509Store()
        if ending_in is not None:
            store.add_cert(self._x509(ending_in))
        else:
            for der, root in self._roots.loaded.items():
                if der not in self._dropped:
                    store.add_cert(root)
        store.set_flags(flags | (NO_CHECK_TIME if at is None else 0))
        if at is not None:
            store.set_time(at)
        leaf = self._x509(start or self._chain[0])
        without = {self._chain[0].der, *self._dropped}
        if start is not None:
            without = set(self._loaded)
        rest = [x for der, x in self._loaded.items() if der not in without]
        try:
            path = crypto.X509StoreContext(store, leaf, rest).get_verified_chain()
        except crypto.X509StoreContextError as error:
            try:
                return error.errors[0], self._shown(error.certificate)
            except crypto.Error:  # it cannot write what it has read: a key that it does not know
                return UNREADABLE, self._chain[0]
        try:
            return [self._shown(one) for one in path]
        except crypto.Error:
            return UNREADABLE, self._chain[0]

    def alone(self, path: Sequence[Certificate]) -> Iterator[Error]:
        """What OpenSSL minds about each of these by itself, and about each one's signature."""
        for one in path:
            if not self._is_known(one):
                yield UNREADABLE, one
            elif not self.is_root(one):
                found = self.run(start=one, ending_in=one)
                if isinstance(found, tuple):
                    yield found
        for below, above in pairwise(path):
            if not (self._is_known(below) and self._is_known(above)):
                continue
            found = self.run(start=below, ending_in=above)
            if isinstance(found, tuple) and found[0] == BAD_SIGNATURE:
                yield found

    def _is_known(self, one: Certificate) -> bool:
        return one.der in self._loaded or one.der in self._roots.loaded

    def _x509(self, one: Certificate) -> crypto.X509:
        return self._loaded.get(one.der) or self._roots.loaded[one.der]

    def strict(self, *, ending_in: Certificate | None = None) -> Error | None:
        """What the strict check finds on a way that stands otherwise."""
        found = self.run(ending_in=ending_in, flags=PARTIAL_CHAIN | STRICT)
        return None if isinstance(found, list) else found

    def partial(self) -> Error | None:
        """What is said where only a self-signed certificate may be the end."""
        found = self.run(flags=0)
        return None if isinstance(found, list) else found

    def drop_namesakes(self, below: Certificate) -> bool:
        """Leave out those who carry the name of its issuer and have not signed it."""
        roots = map(Certificate, self._roots.certificates)
        named = [one for one in (*roots, *self._pool.values()) if is_named(one, below)]
        self._dropped |= {one.der for one in named if not has_signed(one, below)}
        return bool(self._dropped)

    def _shown(self, certificate: crypto.X509) -> Certificate:
        der = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
        return self._original.get(der) or Certificate(der)

    def is_root(self, one: Certificate) -> bool:
        return one.der in self._roots.certificates

    def likely_path(self) -> tuple[Certificate, ...]:
        """The way by names, and by keys where they agree: for what OpenSSL does not finish."""
        roots = [Certificate(der) for der in self._roots.certificates]
        path = [self._chain[0]]
        while len(path) < LONGEST and not path[-1].is_self_signed and not self.is_root(path[-1]):
            above = [x for x in (*roots, *self._pool.values()) if is_named(x, path[-1])]
            above = [x for x in above if x not in path]
            if not above:
                break
            path.append(next((x for x in above if has_signed(x, path[-1])), above[0]))
        return tuple(path)
