"""The rules that a good server keeps: each broken one, in words, and what may be said of it.

A rule's reasons are all that a client may truthfully say; how binding it is stands in the files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, cast

from mitmail.scenario.certificate import Certificate
from mitmail.scenario.hostname import NAME
from mitmail.scenario.offset import NEVER
from mitmail.scenario.part import UB_NAME
from mitmail.scenario.tls import MODERN, Staple, Tls
from mitmail.scenario.verdict import Reason

type Role = Literal["leaf", "ca", "anchor"]
type Reasons = frozenset[Reason]

NOW: Final = timedelta(0)
# CA/Browser Forum Baseline Requirements 6.3.2, until March 2026; they do not bind private CAs.
LONGEST_LIFE: Final = timedelta(days=398)
MANY_NAMES: Final = 5000
LARGE: Final = 32_000
SAN: Final = "2.5.29.17"

WEAK_KEYS: Final = {"rsa512", "rsa1024", "rsa2047", "rsa2048-e3"}
ODD_KEYS: Final = {
    "ec224", "ec521", "secp256k1", "brainpool256", "ed25519", "ed448", "dsa2048", "mldsa65",
}  # fmt: skip
# RFC 5480 knows P-521 and every library verifies it; as a leaf's key it may be left out.
ODD_CA_KEYS: Final = ODD_KEYS - {"ec521"}
WEAK_HASHES: Final = {"sha1", "md5"}
ENCODING: Final = {
    "truncated", "random", "trailing-octets", "long-length", "long-serial",
    "explicit-critical-false", "explicit-ca-false", "empty-extensions",
}  # fmt: skip
SERVER_PURPOSES: Final = {"serverAuth", "anyExtendedKeyUsage"}
# The one that TLS 1.3 demands and the one that it recommends (RFC 8446 section 9.1).
EVERYDAY_GROUPS: Final = {"secp256r1", "x25519"}
# RFC 9325 section 4.2 and RFC 7905; with any of these TLS 1.2 is as it should be.
EVERYDAY_CIPHERS: Final = {
    f"ECDHE-{key}-{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
}
# handshake_failure and protocol_version (RFC 8446 section 6.2): nothing in common, they say.
VERSION_ALERTS: Final = {40, 70}


@dataclass(frozen=True, slots=True)
class Rule[T]:
    """``broken`` on a part makes a fault of these words; ``{0.field}`` shows a field of it."""

    words: str
    reasons: Reasons
    broken: Callable[[T], object]


def rule[T](words: str, reasons: str, broken: Callable[[T], object]) -> Rule[T]:
    """A rule whose reasons are parted by blanks."""
    return Rule(words, to_reasons(reasons), broken)


def to_reasons(words: str) -> Reasons:
    """Reasons that are parted by blanks, as a set."""
    return cast(Reasons, frozenset(words.split()))


def _serves(said: Certificate) -> bool:
    purposes = said.extended_key_usage
    return "eku" in said.omit or not purposes or bool(set(purposes) & SERVER_PURPOSES)


def _may(said: Certificate, usage: str) -> bool:
    return "ku" in said.omit or said.key_usage is None or usage in said.key_usage


def _has_extensions(said: Certificate) -> bool:
    left = {"san", "bc", "ku", "eku", "ski", "aki"} - set(said.omit)
    return bool(left or said.add or said.padding or said.must_staple)


def _has_leading_dot(said: Certificate) -> bool:
    limits = said.name_constraints
    return limits is not None and any(x[0] == "." for x in (*limits.permitted, *limits.excluded))


def _subject_text(said: Certificate) -> str:
    return " ".join([*(said.subject or {}).values(), said.common_name or ""]).replace(NAME, "")


def _is_unprintable(said: Certificate) -> bool:
    return any(not x.isalnum() and x not in " '()+,-./:=?" for x in _subject_text(said))


def _is_no_utf8(said: Certificate) -> bool:
    try:
        _subject_text(said).encode("latin-1").decode()
    except UnicodeError:
        return True
    return False


def _has_odd_ca_key(said: Certificate) -> bool:
    return said.key in ODD_CA_KEYS or said.key_form == "pss"


def _has_poor_ciphers_only(said: Tls) -> bool:
    # They bind up to TLS 1.2: a client of TLS 1.3 meets none of them.
    return bool(said.ciphers) and not (
        "TLSv1.3" in said.versions or set(said.ciphers) & EVERYDAY_CIPHERS
    )


def _answers(said: Staple) -> bool:
    # A response that is not successful has no more to it than its status (RFC 6960 4.2.1).
    return said.status != "try-later"


# fmt: off
_EVERY: Final[tuple[Rule[Certificate], ...]] = (
    rule("expired: {not_after}", "expired", lambda c: c.not_after <= NOW),
    rule("not yet valid: {not_before}", "not-yet-valid", lambda c: c.not_before > NOW),
    rule("a weak or odd key: {0.key}", "weak policy", lambda c: c.key in WEAK_KEYS),
    rule("the curve is given by explicit parameters", "malformed policy",
         lambda c: c.key_form == "explicit"),
    rule("extendedKeyUsage: not for servers", "usage", lambda c: not _serves(c)),
    rule("a critical extension that nobody knows", "policy malformed",
         lambda c: any(x.critical for x in c.add)),
)
# What nobody needs to look at in the trusted certificate (RFC 5280 section 6.1: the anchor is a
# name and a key).
_BELOW_THE_ANCHOR: Final[tuple[Rule[Certificate], ...]] = (
    rule("the end of its validity is written wrongly: {0.time_form}", "malformed",
         lambda c: c.time_form),
    rule("its validity ends before it begins", "malformed",
         lambda c: c.not_after < c.not_before),
    rule("signed with {0.signature}", "weak", lambda c: c.signature in WEAK_HASHES),
    rule("signed with a digest that few clients take: {0.signature}",
         "policy weak bad-signature unknown-issuer", lambda c: c.signature == "sha224"),
    rule("an odd serial number: {0.serial}", "malformed", lambda c: c.serial is not None),
    rule("one bit of its signature is flipped", "bad-signature unknown-issuer",
         lambda c: c.damage == "signature-bit"),
    rule("its two signature algorithms differ", "bad-signature malformed",
         lambda c: c.damage == "algorithm-differs"),
    rule("broken encoding: {0.damage}", "malformed", lambda c: c.damage in ENCODING),
    rule("authorityKeyIdentifier is critical", "malformed policy constraint",
         lambda c: "aki" in c.critical),
    rule("authorityKeyIdentifier names another key", "unknown-issuer", lambda c: "aki" in c.raw),
    rule("version 4, which does not exist", "malformed", lambda c: c.version == 4),
    rule("the subject is not the UTF-8 it says", "malformed",
         lambda c: c.subject_string == "latin1-as-utf8" and _is_no_utf8(c)),
    rule("the subject is no PrintableString", "malformed",
         lambda c: c.subject_string == "printable" and _is_unprintable(c)),
    rule("a country of more than two letters", "malformed",
         lambda c: len((c.subject or {}).get("C", "XX")) != 2),
    rule("a common name of more than 64 characters", "malformed",
         lambda c: len(c.common_name or "") > UB_NAME),
)
_LEAF: Final[tuple[Rule[Certificate], ...]] = (
    rule("valid for very long: {not_after}", "policy",
         lambda c: LONGEST_LIFE < c.lives < NEVER and c.not_after > NOW),
    rule("a very long key: {0.key}", "limit policy", lambda c: c.key == "rsa8192"),
    rule("a key for RSASSA-PSS only", "tls-version policy", lambda c: c.key_form == "pss"),
    rule("a key that few clients take: {key}", "tls-version policy weak bad-signature",
         lambda c: c.key in ODD_KEYS),
    rule("says that it is a CA", "usage constraint", lambda c: c.ca),
    rule("extendedKeyUsage: any", "usage",
         lambda c: c.extended_key_usage == ("anyExtendedKeyUsage",)),
    rule("extendedKeyUsage: none at all", "malformed usage",
         lambda c: c.extended_key_usage == ()),
    rule("keyUsage: not for signatures", "usage", lambda c: not _may(c, "digitalSignature")),
    rule("keyUsage: no bit is set", "malformed unknown-issuer", lambda c: c.key_usage == ()),
    rule("keyUsage: for certificates, and it is no CA", "usage constraint malformed",
         lambda c: "keyCertSign" in (c.key_usage or ()) and not c.ca),
    rule("version {0.version}: no place for host names", "policy", lambda c: c.version < 3),
    rule("version {0.version}, which has no extensions, and some are there", "malformed",
         lambda c: c.version < 3 and _has_extensions(c)),
    # For a leaf with an extension that it cannot read OpenSSL finds no issuer (measured: 20).
    rule("a broken subjectAltName", "malformed name-mismatch unknown-issuer",
         lambda c: "san" in c.raw or any(x.oid == SAN for x in c.add)),
    rule("an address of the wrong length", "malformed",
         lambda c: any(n.startswith("hex:87") for n in c.names or ())),
    rule("no subject, and subjectAltName is not critical", "malformed",
         lambda c: c.subject == {} and "san" in c.not_critical),
    rule("{0.filler_names} more names", "limit", lambda c: c.filler_names >= MANY_NAMES),
    rule("{0.padding} octets of padding", "limit", lambda c: c.padding >= LARGE),
)
_AUTHORITY: Final[tuple[Rule[Certificate], ...]] = (
    rule("a key that few clients take: {key}", "policy weak bad-signature unknown-issuer",
         _has_odd_ca_key),
    rule("is not a CA", "constraint unknown-issuer usage",
         lambda c: c.version < 3 or not c.ca or "bc" in c.omit),
    rule("keyUsage: not for certificates", "usage constraint unknown-issuer",
         lambda c: not _may(c, "keyCertSign")),
)
_INTERMEDIATE: Final[tuple[Rule[Certificate], ...]] = (
    rule("basicConstraints is not critical", "constraint policy",
         lambda c: "bc" in c.not_critical),
    rule("a CA without a name", "malformed unknown-issuer", lambda c: c.subject == {}),
    rule("nameConstraints with a dot before a name", "constraint malformed", _has_leading_dot),
)
CERTIFICATE: Final[dict[Role, tuple[Rule[Certificate], ...]]] = {
    "leaf": (*_EVERY, *_BELOW_THE_ANCHOR, *_LEAF),
    "ca": (*_EVERY, *_BELOW_THE_ANCHOR, *_AUTHORITY, *_INTERMEDIATE),
    "anchor": (*_EVERY, *_AUTHORITY),
}
TRUSTED_LEAF: Final = (*_EVERY, *_LEAF)

TLS: Final[tuple[Rule[Tls], ...]] = (
    rule("speaks {versions} only", "tls-version weak",
         lambda t: not set(t.versions) & set(MODERN)),
    rule("speaks {ciphers} only", "tls-version weak",
         lambda t: not t.dh_bits and _has_poor_ciphers_only(t)),
    rule("a Diffie-Hellman group of {0.dh_bits} bits", "weak tls-version",
         lambda t: t.dh_bits and _has_poor_ciphers_only(t)),
    rule("insists on a client certificate", "client-certificate transport",
         lambda t: t.client_certificate == "required"),
    rule("signs the handshake with another key", "bad-signature", lambda t: t.wrong_key),
    rule("warns of an unknown name, in TLS 1.3", "transport",
         lambda t: t.unrecognized_name and "TLSv1.3" in t.versions),
    rule("closes without saying so", "transport", lambda t: not t.close_notify),
    rule("asks for a new handshake", "transport tls-version", lambda t: t.renegotiate),
    rule("breaks off in its Certificate message", "transport", lambda t: t.cut),
    rule("exchanges keys in {groups} only", "tls-version",
         lambda t: t.groups and not set(t.groups) & EVERYDAY_GROUPS),
    rule("no TLS comes", "transport",
         lambda t: t.instead is not None and t.instead.when != "secured"),
    rule("clear text comes in the midst of TLS", "transport",
         lambda t: t.instead is not None and t.instead.when == "secured"),
    rule("answers with an alert about versions and ciphers", "tls-version",
         lambda t: t.instead is not None and t.instead.alert in VERSION_ALERTS),
)
STAPLE: Final[tuple[Rule[Staple], ...]] = (
    rule("says revoked", "revoked", lambda s: s.status == "revoked"),
    rule("says {0.status}", "policy", lambda s: s.status in {"unknown", "try-later"}),
    rule("too old", "policy", lambda s: _answers(s) and s.next_update <= NOW),
    rule("from the future", "policy", lambda s: _answers(s) and s.this_update > NOW),
    rule("signed by another key", "policy bad-signature",
         lambda s: _answers(s) and s.signer == "stranger"),
    rule("signed by a server that nobody put in charge", "policy bad-signature",
         lambda s: _answers(s) and s.signer == "upstart"),
    rule("for another certificate", "policy", lambda s: _answers(s) and s.about == "other"),
)
# fmt: on
