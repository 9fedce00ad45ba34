"""NSS by its own test client tstclnt: not what Thunderbird does, whose verifier is another."""

import hashlib
import re
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import find
from proof.process import ANSWER, SAY, Ended, run, side_by_side, unjudged
from proof.verifier import Error, Target, Verifier, Word, judged

_NO_ISSUER = "unknown-issuer incomplete-chain"

# SEC_ERROR_* and SSL_ERROR_* (secerr.h, sslerr.h of 3.87, and as measured). Ambiguous:
# EXPIRED_CERTIFICATE is tstclnt's word for both ends of the validity; UNKNOWN_ISSUER is said of
# every chain that cannot be built, and of an unknown critical extension in an authority;
# CA_CERT_INVALID also of a self-signed leaf; INADEQUATE_CERT_TYPE of a usage that does not fit.
ERRORS = {
    "SEC_ERROR_EXPIRED_CERTIFICATE": "expired not-yet-valid",
    "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE": "expired not-yet-valid",
    "SEC_ERROR_INVALID_TIME": "malformed",
    "SEC_ERROR_UNKNOWN_ISSUER": f"{_NO_ISSUER} constraint",
    "SEC_ERROR_UNTRUSTED_ISSUER": "unknown-issuer",
    "SEC_ERROR_UNTRUSTED_CERT": "unknown-issuer self-signed",
    "SEC_ERROR_CA_CERT_INVALID": "constraint self-signed unknown-issuer",
    "SEC_ERROR_BAD_SIGNATURE": "bad-signature malformed",
    "SEC_ERROR_ALGORITHM_MISMATCH": "malformed bad-signature",
    "SEC_ERROR_INADEQUATE_KEY_USAGE": "usage constraint",
    "SEC_ERROR_INADEQUATE_CERT_TYPE": "usage constraint",
    "SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID": "constraint",
    "SEC_ERROR_CERT_NOT_IN_NAME_SPACE": "constraint",
    "SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION": "constraint policy",
    "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED": "weak policy",
    "SEC_ERROR_UNSUPPORTED_KEYALG": "policy",
    "SEC_ERROR_UNSUPPORTED_ELLIPTIC_CURVE": "policy",
    "SEC_ERROR_EXTENSION_VALUE_INVALID": "malformed",
    "SEC_ERROR_EXTENSION_NOT_FOUND": "malformed",
    "SEC_ERROR_BAD_DER": "malformed",
    "SEC_ERROR_INVALID_ARGS": "malformed",
    "SEC_ERROR_INVALID_KEY": "malformed weak",
    "SEC_ERROR_BAD_KEY": "malformed",
    "SEC_ERROR_REVOKED_CERTIFICATE": "revoked",
    "SEC_ERROR_REUSED_ISSUER_AND_SERIAL": "policy malformed",
    "SSL_ERROR_BAD_CERT_DOMAIN": "name-mismatch malformed",
    "SSL_ERROR_BAD_CERTIFICATE": "malformed",
    "SSL_ERROR_EXTRACT_PUBLIC_KEY_FAILURE": "malformed policy",
    "SSL_ERROR_UNSUPPORTED_CERTIFICATE_TYPE": "policy",
    "SSL_ERROR_WEAK_SERVER_CERT_KEY": "weak",
    "SSL_ERROR_WEAK_SERVER_EPHEMERAL_DH_KEY": "weak",
    "SSL_ERROR_NO_CYPHER_OVERLAP": "policy weak tls-version client-certificate transport",
    "SSL_ERROR_UNSUPPORTED_SIGNATURE_ALGORITHM": "policy weak",
    "SSL_ERROR_INCORRECT_SIGNATURE_ALGORITHM": "policy weak",
    "SSL_ERROR_RX_MALFORMED_SERVER_KEY_EXCH": "bad-signature malformed",
    "SSL_ERROR_UNSUPPORTED_VERSION": "tls-version",
    "SSL_ERROR_PROTOCOL_VERSION_ALERT": "tls-version transport",
    "SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT": "client-certificate",
    "SSL_ERROR_RX_MALFORMED_HANDSHAKE": "limit malformed",
    "SSL_ERROR_RX_MALFORMED_CERTIFICATE": "malformed limit incomplete-chain",
    "SSL_ERROR_RX_RECORD_TOO_LONG": "transport",
    "SSL_ERROR_RX_UNKNOWN_RECORD_TYPE": "transport",
    "SSL_ERROR_RX_UNEXPECTED_HANDSHAKE": "transport",
    "SSL_ERROR_RX_UNEXPECTED_ALERT": "transport",
    "SSL_ERROR_HANDSHAKE_FAILURE_ALERT": "policy weak tls-version client-certificate transport",
    "SSL_ERROR_ACCESS_DENIED_ALERT": "transport policy",
    "SSL_ERROR_INTERNAL_ERROR_ALERT": "transport",
    "SSL_ERROR_UNRECOGNIZED_NAME_ALERT": "transport",
    "SSL_ERROR_NEXT_PROTOCOL_NO_PROTOCOL": "transport",
    "SSL_ERROR_DECODE_ERROR_ALERT": "transport",
    "SSL_ERROR_RENEGOTIATION_NOT_ALLOWED": "policy",
    "PR_END_OF_FILE_ERROR": "transport",
    "PR_CONNECT_RESET_ERROR": "transport",
}
_NAMED = re.compile(r"\b((?:SEC|SSL|PR)_(?:ERROR_)?[A-Z_]+)(?:: |\b)(.*)")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def nss() -> Verifier | None:
    """The tstclnt of Debian's libnss3-tools; its clock is moved by faketime."""
    tstclnt, certutil = find("tstclnt"), find("certutil")
    if tstclnt is None or certutil is None:
        return None

    def ask(targets: Sequence[Target]) -> list[Word]:
        with tempfile.TemporaryDirectory(prefix="proof-nss-") as folder:
            databases = {
                target.roots: _database(certutil, target.roots, Path(folder)) for target in targets
            }
            return side_by_side(
                lambda target: _ask(tstclnt, databases[target.roots], target), targets
            )

    return Verifier("nss", "NSS", _version(), ask)


def _version() -> str:
    query = ["dpkg-query", "--show", "--showformat=${Version}", "libnss3"]
    try:
        return subprocess.run(query, capture_output=True, text=True, timeout=10).stdout.strip()
    except OSError:  # not Debian; tstclnt itself does not tell
        return "unknown"


def _database(certutil: str, roots: Path, folder: Path) -> Path:
    """A database that trusts these roots; ones that NSS cannot read are not in it."""
    octets = roots.read_text(encoding="ascii")
    database = folder / hashlib.sha256(octets.encode()).hexdigest()[:16]
    if database.exists():
        return database
    database.mkdir()
    run([certutil, "-N", "-d", f"sql:{database}", "--empty-password"], close=True)
    for number, pem in enumerate(_PEM.findall(octets)):
        name = f"root {number}"
        command = [certutil, "-A", "-d", f"sql:{database}", "-n", name, "-t", "C,,"]
        run(command, give=ssl.PEM_cert_to_DER_cert(pem), close=True)
    return database


def _ask(tstclnt: str, database: Path, target: Target) -> Word:
    sni = [] if target.is_address else ["-a", target.name]
    if target.is_address and target.name != target.host:
        return Word("error", (), "tstclnt can only check the address that it connects to")
    command = [tstclnt, "-h", target.host, "-p", str(target.port), *sni, "-d", f"sql:{database}"]
    # It goes round in circles once the server has left, whatever its input does.
    ended = run(command, give=SAY, until=ANSWER, at=target.at, seconds=target.seconds)
    return _read(ended)


def _read(ended: Ended) -> Word:
    if word := unjudged(ended):
        return word
    if "PR_CONNECT_REFUSED_ERROR" in ended.text:
        return Word("error", (), ended.text)
    found = dict(_NAMED.findall(ended.text))
    errors = [Error.of(f"{name} ({says})", ERRORS.get(name, "")) for name, says in found.items()]
    telling = "\n".join(line for line in ended.text.splitlines() if _NAMED.search(line))
    return judged(errors, answered=ANSWER in ended.out, text=telling)
