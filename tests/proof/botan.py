"""Botan's tls_client: its own TLS, certificate paths and check of the name."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import find
from proof.phrase import Phrases, read
from proof.process import ANSWER, SAY, Ended, run, side_by_side, unjudged
from proof.verifier import Target, Verifier, Word, judged

_WRAPPER = "libnss_wrapper.so"
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_STATUS = re.compile(r"^Certificate validation status: (?!Verified)(.*)$", re.MULTILINE)

_ENDING = re.compile(r"^((?:Error|Alert): (?!close_notify).*|EOF on socket)$", re.MULTILINE)

# to_string(Certificate_Status_Code) of Botan 2.19, the worst one of a path; and what its TLS says.
# Ambiguous: an extension that it cannot read is an unknown one to it, and a root whose own
# signature is broken is a loop.
STATUS: Phrases = (
    ("certificate has expired", "expired"),
    ("certificate is not yet valid", "not-yet-valid"),
    ("certificate does not match provided name", "name-mismatch"),
    ("certificate issuer not found", "unknown-issuer incomplete-chain"),
    ("cannot establish trust", "self-signed unknown-issuer"),
    ("certificate chain does not end in a ca certificate", "constraint self-signed"),
    ("certificate issuer does not match subject of issuing cert", "unknown-issuer"),
    ("ca certificate not allowed to issue certs", "constraint usage"),
    ("certificate chain too long", "constraint limit"),
    ("certificate does not pass name constraint", "constraint"),
    ("certificate does not allow the requested usage", "usage"),
    ("unknown critical extension encountered", "constraint policy malformed"),
    ("loop in certificate chain", "unknown-issuer bad-signature"),
    ("duplicate certificate extension encountered", "malformed"),
    ("certificate has invalid encoding", "malformed"),
    ("certificate serial number is negative", "malformed"),
    ("certificate policy error", "policy"),
    ("certificate contains duplicate policy", "malformed policy"),
    ("signature error", "bad-signature"),
    ("certificate signature has invalid parameters", "malformed bad-signature"),
    ("certificate signed with unknown/unavailable algorithm", "policy"),
    ("certificate public key invalid", "malformed weak"),
    ("signature method too weak", "weak"),
    ("hash function used is considered too weak for security", "weak"),
    ("v2 extensions in v1 certificate", "malformed"),
    ("certificate is revoked", "revoked"),
    ("ocsp", "revoked policy"),
)

ENDING: Phrases = (
    ("alert: handshake_failure", "policy weak tls-version client-certificate transport"),
    ("alert: protocol_version", "tls-version transport"),
    ("alert: insufficient_security", "policy weak"),
    ("alert: access_denied", "transport policy"),
    ("alert: ", "transport"),
    ("eof on socket", "transport"),
    ("socket write failed", "transport"),
    ("got unexpected tls record version", "transport tls-version"),
    ("bad signature on server key exchange", "bad-signature"),
    ("server replied using a ciphersuite not allowed in version", "policy weak"),
    ("is unacceptable by policy", "policy tls-version weak"),
    ("policy requires at least", "weak"),
    ("certificate usage constraints do not allow this ciphersuite", "usage"),
    ("received a record that exceeds maximum size", "transport"),
    ("certificate: message malformed", "malformed"),
    ("no certificates sent by server", "malformed incomplete-chain"),
    ("unknown or unavailable public key algorithm", "policy"),
    ("differing algorithm identifers", "malformed bad-signature"),
    ("the leaf certificate must be v3", "malformed policy"),
    ("does not seem to be valid", "malformed"),
    ("invalid generalizedtime string", "malformed"),
    ("invalid utctime string", "malformed"),
    ("does not support times with timezones", "malformed"),
    ("certificate decoding failed", "malformed"),
    ("decoding error", "malformed"),
)


def botan() -> Verifier | None:
    """The botan command of this machine; nss_wrapper leads its names to loopback."""
    path = find("botan")
    if path is None:
        return None
    version = run([path, "version"], close=True).text.strip()

    def ask(targets: Sequence[Target]) -> list[Word]:
        with tempfile.TemporaryDirectory(prefix="proof-botan-") as folder:
            return side_by_side(lambda target: _ask(path, target, Path(folder)), targets)

    return Verifier("botan", "Botan", version, ask, versions=("TLSv1.2",))


def _ask(path: str, target: Target, folder: Path) -> Word:
    if target.is_address:  # measured: it takes any certificate for one
        return Word("error", (), "Botan's client does not check an IP address")
    hosts = folder / f"hosts-{target.port}-{hash(target.name)}"
    hosts.write_text(f"{target.host} {target.name}\n", encoding="utf-8")
    preload = [_WRAPPER] if target.at is None else [_WRAPPER, str(_FAKETIME)]
    command = [path, "tls_client", target.name, f"--port={target.port}"]
    roots = ["--skip-system-cert-store", f"--trusted-cas={target.roots}"]
    extra = {"LD_PRELOAD": " ".join(preload), "NSS_WRAPPER_HOSTS": str(hosts)}
    if target.at is not None:
        when = f"@{target.at:%Y-%m-%d %H:%M:%S}"
        extra |= {"FAKETIME": when, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return _read(run([*command, *roots], give=SAY, extra=extra, seconds=target.seconds))


def _read(ended: Ended) -> Word:
    text = ended.text
    if word := unjudged(ended):
        return word
    if "connect failed" in text or "getaddrinfo failed" in text:
        return Word("error", (), text)
    answered = ANSWER in ended.out
    status = _STATUS.findall(text)
    ending = [] if answered else _ENDING.findall(text)
    errors = read("\n".join(status), STATUS) + read("\n".join(ending), ENDING)
    return judged(errors, answered=answered, text="\n".join([*status, *ending]))
