"""A manner in tlslite-ng's terms: versions, cipher suites, groups, signature schemes."""

import re
from collections.abc import Iterable
from functools import cache
from itertools import chain

from cryptography.hazmat.primitives.asymmetric import rsa
from tlslite.constants import CipherSuite, ECPointFormat  # type: ignore[import-untyped] # it ships no types
from tlslite.handshakesettings import (  # type: ignore[import-untyped] # it ships no types
    ALL_CIPHER_NAMES,
    ALL_CURVE_NAMES,
    ALL_DH_GROUP_NAMES,
    ALL_MAC_NAMES,
    TLS13_PERMITTED_GROUPS,
    HandshakeSettings,
)
from tlslite.mathtls import (  # type: ignore[import-untyped] # it ships no types
    RFC2409_GROUP1,
    RFC2409_GROUP2,
    RFC3526_GROUP5,
    RFC3526_GROUP14,
    RFC3526_GROUP15,
    RFC3526_GROUP16,
)
from tlslite.x509certchain import X509CertChain  # type: ignore[import-untyped] # ships no types

from mitmail.engine.leg import UnpresentableError
from mitmail.engine.tlslite_key import Algorithm, SigningKey, StandIn, rsa_hashes, signs_tls13
from mitmail.manner import Manner, Version

type Number = tuple[int, int]

VERSIONS: dict[Version, Number] = {
    "SSLv3": (3, 0), "TLSv1.0": (3, 1), "TLSv1.1": (3, 2), "TLSv1.2": (3, 3), "TLSv1.3": (3, 4),
}  # fmt: skip
TLS12, TLS13 = (3, 3), (3, 4)
# These sign nothing in older versions (RFC 8422 section 5.10, RFC 8446 section 4.2.3).
OLDEST: dict[Algorithm, Number] = {"Ed25519": TLS12, "Ed448": TLS12, "rsa-pss": TLS12}
# No RFC has a group of 512 bits; this safe prime was made by openssl dhparam 512, generator 2.
DH512 = int(
    "bb151b595fa0d7d079753f71d55d258392284dab94fad12012faaf4cc0870853"
    "c7cc910cb02bd5b1a26befb93718851425252ae0377f3732a62501f76887a94f", 16,
)  # fmt: skip
# (generator, safe prime)
GROUPS = {
    512: (2, DH512),
    768: RFC2409_GROUP1, 1024: RFC2409_GROUP2, 1536: RFC3526_GROUP5, 2048: RFC3526_GROUP14,
    3072: RFC3526_GROUP15, 4096: RFC3526_GROUP16,
}  # fmt: skip


KINDS = (
    CipherSuite.getTLS13Suites, CipherSuite.getEcdsaSuites, CipherSuite.getEcdheCertSuites,
    CipherSuite.getDheCertSuites, CipherSuite.getDheDsaSuites, CipherSuite.getCertSuites,
)  # fmt: skip


def settings(manner: Manner, key: SigningKey, algorithm: Algorithm) -> HandshakeSettings:
    """tlslite's settings for a server of this manner; raises UnpresentableError."""
    found = HandshakeSettings()
    found.versions = _versions(manner, key, algorithm)
    found.maxVersion, found.minVersion = found.versions[0], found.versions[-1]
    found.ticket_count = 0  # nothing is resumed: a resumed session shows no certificate
    found.use_heartbeat_extension = False
    # RFC 8422 section 5.1.2 leaves only this one. Told of others, mbedTLS 2.28 uses one that it
    # has not offered, and tlslite ends the handshake.
    found.ec_point_formats = [ECPointFormat.uncompressed]
    found.certificate_compression_send = []
    _set_signatures(found, key)
    _set_groups(found, manner)
    if manner.ciphers:
        found.cipherNames, found.macNames = list(ALL_CIPHER_NAMES), list(ALL_MAC_NAMES)
    try:
        found.validate()
    except ValueError as error:
        raise UnpresentableError(f"TLS cannot be spoken like this: {error}") from error
    if not _usable(found, StandIn(key, algorithm)) & suites(manner.ciphers, found.maxVersion):
        raise UnpresentableError(f"none of these ciphers goes with a {algorithm} key")
    return found


def _usable(found: HandshakeSettings, leaf: StandIn) -> set[int]:
    usable: set[int] = set()
    for version in found.versions:
        of_all = (kind(found, version) for kind in KINDS)
        known = CipherSuite.filterForVersion(list(chain(*of_all)), version, version)
        usable |= set(CipherSuite.filter_for_certificate(known, X509CertChain([leaf])))
    return usable


def _versions(manner: Manner, key: SigningKey, algorithm: Algorithm) -> list[Number]:
    asked = sorted((VERSIONS[word] for word in manner.versions), reverse=True)
    oldest = OLDEST.get(algorithm, (3, 0))
    # As OpenSSL does: a key that cannot sign in TLS 1.3 is served in TLS 1.2.
    found = [x for x in asked if oldest <= x and (x < TLS13 or signs_tls13(key))]
    if not found:
        raise UnpresentableError(
            f"a {algorithm} key signs in none of {', '.join(manner.versions)}"
        )
    if found[0][1] - found[-1][1] >= len(found):
        raise UnpresentableError("TLS versions with a gap between them")
    return found


def _set_signatures(found: HandshakeSettings, key: SigningKey) -> None:
    if isinstance(key, rsa.RSAPrivateKey):
        fitting = rsa_hashes(key.key_size, pss=True)
        found.rsaSchemes = ["pss", "pkcs1"] if fitting else ["pkcs1"]
        found.rsaSigHashes = fitting or rsa_hashes(key.key_size, pss=False)


def _set_groups(found: HandshakeSettings, manner: Manner) -> None:
    if manner.groups:
        known = {*ALL_CURVE_NAMES, *ALL_DH_GROUP_NAMES}
        if missing := [group for group in manner.groups if group not in known]:
            raise UnpresentableError(f"there is no TLS group {', '.join(missing)}")
        found.eccCurves = [x for x in manner.groups if x not in ALL_DH_GROUP_NAMES]
        found.dhGroups = [x for x in manner.groups if x in ALL_DH_GROUP_NAMES]
        found.keyShares = list(manner.groups)
        found.defaultCurve = next(iter(found.eccCurves), found.defaultCurve)
    if found.minVersion == TLS13:  # then tlslite wants no others to be named
        found.eccCurves = [x for x in found.eccCurves if x in TLS13_PERMITTED_GROUPS]
    if manner.dh_bits is not None:
        if manner.dh_bits not in GROUPS:
            raise UnpresentableError(f"there is no group of {manner.dh_bits} bits")
        found.dhParams = GROUPS[manner.dh_bits]
        found.dhGroups = []


@cache
def suites(ciphers: tuple[str, ...], newest: Number = TLS12) -> frozenset[int]:
    """The numbers of these cipher suites, in OpenSSL's names; of all of them for no name.

    Those of TLS 1.3 are among them where that is spoken. Raises UnpresentableError.
    """
    numbers = {cipher_name(number): number for number in _certified()}
    if missing := [name for name in ciphers if name not in numbers]:
        raise UnpresentableError(f"no TLS implementation here has {', '.join(missing)}")
    newer = CipherSuite.tls13Suites if newest == TLS13 else ()
    return frozenset({numbers[name] for name in ciphers or numbers} | set(newer))


def _certified() -> Iterable[int]:
    return (
        *CipherSuite.certSuites, *CipherSuite.dheCertSuites, *CipherSuite.ecdheCertSuites,
        *CipherSuite.ecdheEcdsaSuites, *CipherSuite.dheDsaSuites,
    )  # fmt: skip


def authenticated(algorithm: Algorithm) -> frozenset[int]:
    """The numbers of the cipher suites of TLS 1.2 and older for a server key of this kind."""
    if algorithm == "dsa":
        return frozenset(CipherSuite.dheDsaSuites)
    if algorithm in {"rsa", "rsa-pss"}:
        of_rsa = (CipherSuite.certSuites, CipherSuite.dheCertSuites, CipherSuite.ecdheCertSuites)
        return frozenset(chain(*of_rsa))
    return frozenset(CipherSuite.ecdheEcdsaSuites)


# From the registry's name to OpenSSL's; in this order.
RENAMED = (
    (r"^TLS_(.+)_WITH_", r"\1-"),
    (r"^RSA-", ""),
    (r"3DES_EDE_CBC", "DES-CBC3"),
    (r"RC4_128", "RC4"),
    (r"(CHACHA20_POLY1305)_SHA256", r"\1"),
    (r"_CBC", ""),
    (r"AES_(\d+)", r"AES\1"),
    (r"CCM_8", "CCM8"),
    (r"_", "-"),
)


def cipher_name(number: int) -> str:
    """A cipher suite in OpenSSL's name: ``ECDHE-RSA-AES128-GCM-SHA256``.

    TLS 1.3 suites keep the registry's name, as they do in OpenSSL.
    """
    name = str(CipherSuite.ietfNames.get(number, f"0x{number:04x}"))
    if number in CipherSuite.tls13Suites:
        return name
    for pattern, by in RENAMED:
        name = re.sub(pattern, by, name)
    return name
