"""mbedTLS, by a small client of ours: its verification collects a flag for each defect."""

import re
from collections.abc import Sequence
from pathlib import Path

from bench import find
from proof.batch import Batch
from proof.build import built
from proof.phrase import Phrases, read
from proof.process import run
from proof.verifier import Error, Target, Verifier, Word

_SOURCE = Path(__file__).parent / "programs" / "ask_mbedtls.c"
_HEADER = Path("/usr/include/mbedtls/version.h")
_VERSIONS = ("TLSv1.0", "TLSv1.1", "TLSv1.2")
_FLAGS = re.compile(r"flags ([0-9a-f]+)")

# MBEDTLS_X509_BADCERT_* (x509.h of 2.28). Ambiguous: NOT_TRUSTED is said of every chain for which
# no issuer was found whose key fits the signature, also when its only issuer may not sign; BAD_PK
# and BAD_KEY of a key that its default profile does not know or finds too small. A critical
# extension that it does not know, name constraints among them, is an error of the parser and ends
# the handshake before anything is verified; FEATURE_UNAVAILABLE is said of a
# handshake message that is not whole in its record.
FLAGS = {
    0x0001: ("EXPIRED", "expired"),
    0x0002: ("REVOKED", "revoked"),
    0x0004: ("CN_MISMATCH", "name-mismatch"),
    0x0008: (
        "NOT_TRUSTED",
        "unknown-issuer incomplete-chain self-signed bad-signature constraint usage",
    ),
    0x0200: ("FUTURE", "not-yet-valid"),
    0x0800: ("KEY_USAGE", "usage"),
    0x1000: ("EXT_KEY_USAGE", "usage"),
    0x2000: ("NS_CERT_TYPE", "usage"),
    0x4000: ("BAD_MD", "weak policy"),
    0x8000: ("BAD_PK", "weak policy"),
    0x10000: ("BAD_KEY", "weak policy"),
}
# Alerts of the server, and mbedtls_strerror's texts (error.c).
TEXTS: Phrases = (
    ("alert 40:", "policy weak tls-version client-certificate transport"),
    ("alert 70:", "tls-version transport"),
    ("alert 71:", "policy weak"),
    ("alert 49:", "transport policy"),
    ("alert ", "transport"),
    ("handshake protocol not within min/max boundaries", "tls-version"),
    ("requested curve", "policy"),
    ("unavailable feature", "policy"),
    ("signature algorithms do not match", "malformed bad-signature"),
    ("signature algorithm", "policy malformed"),
    ("the chain is too long", "limit"),
    ("the extension tag or value is invalid", "malformed constraint policy"),
    ("crt/crl/csr", "malformed"),
    ("asn1 - ", "malformed"),
    ("x509 - ", "malformed"),
    ("pk - ", "policy malformed"),
    ("the verification of the message mac failed", "transport"),
    ("the signature is not valid", "bad-signature"),
    ("bad signature", "bad-signature"),
    ("verification failed", "bad-signature"),
    ("an unknown record", "transport"),
    ("an invalid ssl record was received", "transport tls-version"),
    ("an unexpected message was received", "transport"),
    ("ssl - bad input parameters to function", "transport"),
    ("connection indicated an eof", "transport"),
    ("connection was reset by peer", "transport"),
    ("sending information through the socket failed", "transport"),
    ("the certificate message", "malformed limit"),
    ("processing of the certificate handshake message failed", "malformed incomplete-chain"),
    ("processing of the serverkeyexchange handshake message failed", "weak malformed policy"),
    ("processing of the serverhello handshake message failed", "transport tls-version"),
    ("no cipher suite", "policy weak"),
    ("buffer is too small", "limit"),
    ("the requested feature is not available", "limit policy transport"),
)


def mbedtls() -> Verifier | None:
    """mbedTLS of Debian's libmbedtls-dev, which speaks no TLS 1.3 and checks no IP address."""
    gcc = find("gcc")
    if gcc is None or not _HEADER.exists():
        return None
    libraries = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"]
    compiler = [gcc, "-O1", "-Wall", "-Wextra"]
    program = built(_SOURCE, compiler, after=libraries, mark=_HEADER.read_text(encoding="utf-8"))
    version = run([str(program), "--version"], close=True).text.strip()
    batch = Batch([str(program)], read_mbedtls)

    def ask(targets: Sequence[Target]) -> list[Word]:
        words = iter(batch([target for target in targets if not target.is_address]))
        return [_UNASKED if target.is_address else next(words) for target in targets]

    return Verifier("mbedtls", "mbedTLS", version, ask, complete=True, versions=_VERSIONS)


_UNASKED = Word("error", (), "mbedTLS 2 does not check an IP address")


def read_mbedtls(code: str, text: str) -> Sequence[Error]:
    """All flags of a verification, or the error that ended the handshake."""
    flags = _FLAGS.fullmatch(code)
    if flags is None:
        return read(f"{code}: {text}", TEXTS)[:1]
    bits = int(flags[1], 16)
    known = [Error.of(*said) for bit, said in FLAGS.items() if bits & bit]
    rest = bits & ~sum(FLAGS)
    return [*known, *([Error(f"flags {rest:#x}")] if rest else [])]
