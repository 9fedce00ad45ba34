"""curl: OpenSSL verifies the chain, curl itself the name."""

from collections.abc import Sequence

from bench import find
from proof.openssl_words import TLS, verify_error
from proof.phrase import Phrases, read
from proof.process import Ended, run, side_by_side, unjudged
from proof.verifier import SILENT, Error, Target, Verifier, Word, judged

# CURLE_* (libcurl-errors): 60 the peer failed verification, 35 the handshake, 91 the staple,
# 77 the roots; what is said of them is OpenSSL's, but for the name.
NAME: Phrases = (
    ("no alternative certificate subject name matches", "name-mismatch"),
    ("does not match target host name", "name-mismatch"),
    ("unable to obtain common name", "name-mismatch"),
    ("illegal cert name field", "malformed name-mismatch"),
    ("couldn't get x509-issuer name", "malformed constraint"),
)
_CUT_OFF = {8: "transport", 18: "transport", 52: "transport", 55: "transport", 56: "transport"}
_COULD_NOT = {2, 3, 5, 6, 7, 77}
_SILENT = 28
_UNSPECIFIED = 1  # X509_V_ERR_UNSPECIFIED: what it leaves when its own check of the name fails


def curl() -> Verifier | None:
    """The curl of this machine, if OpenSSL is below it; its clock is moved by faketime."""
    path = find("curl")
    if path is None:
        return None
    words = run([path, "--version"], close=True).text.split()
    library = next((word for word in words if word.startswith("OpenSSL/")), None)
    if library is None:
        return None

    def ask(targets: Sequence[Target]) -> list[Word]:
        return side_by_side(lambda target: _ask(path, target), targets)

    return Verifier("curl", "OpenSSL", f"{words[1]}, {library}", ask)


def _ask(path: str, target: Target) -> Word:
    return _read(run(_command(path, target), at=target.at, seconds=target.seconds))


def _command(path: str, target: Target) -> list[str]:
    name = f"[{target.name}]" if ":" in target.name else target.name
    return [
        *(path, "-q", "-sS", "--max-time", str(target.seconds * 0.9), "--noproxy", "*"),
        *("--cacert", str(target.roots), "--capath", "/nonexistent"),
        *("--connect-to", f"::{target.host}:{target.port}", "-X", "NOOP"),
        *("-w", r"%{ssl_verify_result}\n%{exitcode}\n%{errormsg}"),
        f"imaps://{name}:{target.port}/",
    ]


def _read(ended: Ended) -> Word:
    if word := unjudged(ended):
        return word
    result, code, text, *_ = [*ended.out.decode(errors="replace").split("\n", 2), "", "", ""]
    if not code.isdecimal() or int(code) in _COULD_NOT:
        return Word("error", (), ended.text)
    if int(code) == _SILENT:
        return SILENT
    errors = [] if code == "0" else _errors(int(result), int(code), text)
    return judged(errors, answered=code == "0", text=f"({code}) {text}".strip())


def _errors(result: int, code: int, text: str) -> Sequence[Error]:
    if result > _UNSPECIFIED:
        return [verify_error(result, text)]
    found = read(text or f"({code})", (*NAME, *TLS))[:1]
    if code in _CUT_OFF and not any(error.may_mean for error in found):
        return [Error.of(f"({code}) {text}", _CUT_OFF[code])]
    return found
