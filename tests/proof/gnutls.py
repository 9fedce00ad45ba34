"""gnutls-cli: its status sentence has every bit that the library's verification set."""

import re
from collections.abc import Sequence

from bench import find
from proof.gnutls_words import FATAL, STATUS
from proof.phrase import read
from proof.process import ANSWER, SAY, Ended, run, side_by_side, unjudged
from proof.verifier import Error, Target, Verifier, Word, judged

_STATUS = re.compile(r"^- Status: The certificate is NOT trusted\.(.*)$", re.MULTILINE)
_ERROR = r"^\*\*\* Fatal error: (.*)$|^(?:.*\| )?(.*[Kk]ey usage violation detected\.)$"
_FATAL = re.compile(
    rf"{_ERROR}|^\*\*\* (Received alert .*)$|^\*\*\* Handshake has failed\n(.*)$", re.MULTILINE
)
# After a warning alert it goes on, and prints it as it prints a fatal one.
_WARNED = re.compile(_ERROR, re.MULTILINE)
_IN_STATUS = "Error in the certificate."


def gnutls() -> Verifier | None:
    """The gnutls-cli of this machine; its clock is moved by faketime."""
    path = find("gnutls-cli")
    if path is None:
        return None
    version = run([path, "--version"], close=True).text.split()[1]

    def ask(targets: Sequence[Target]) -> list[Word]:
        return side_by_side(lambda target: _ask(path, target), targets)

    return Verifier("gnutls", "GnuTLS", version, ask, complete=True)


def _ask(path: str, target: Target) -> Word:
    ended = run(_command(path, target), give=SAY, at=target.at, seconds=target.seconds)
    text = ended.text
    if word := unjudged(ended):
        return word
    if "Could not connect to" in text:
        return Word("error", (), text)
    errors, telling = _errors(ended)
    return judged(errors, answered=ANSWER in ended.out, text=telling)


def _errors(ended: Ended) -> tuple[list[Error], str]:
    status = "".join(_STATUS.findall(ended.text)).strip()
    pattern = _WARNED if ANSWER in ended.out else _FATAL
    fatal = [line for found in pattern.findall(ended.text) for line in found if line]
    if status:
        fatal = [line for line in fatal if line != _IN_STATUS]
    errors = read(status, STATUS) + read("\n".join(fatal), FATAL)
    return errors, "\n".join([status, *fatal]).strip()


def _command(path: str, target: Target) -> list[str]:
    sni = ["--disable-sni"] if target.is_address else ["--sni-hostname", target.name]
    return [
        *(path, target.host, "--port", str(target.port), "--x509cafile", str(target.roots)),
        *(*sni, "--verify-hostname", target.name),
    ]
