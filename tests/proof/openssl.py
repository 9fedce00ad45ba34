"""openssl s_client: its verify callback goes on after each error, and so reports all of them."""

import re
from collections.abc import Sequence

from bench import find
from proof.openssl_words import stack_errors, verify_errors
from proof.process import ANSWER, SAY, run, side_by_side, unjudged
from proof.verifier import Target, Verifier, Word, judged

_TELLING = re.compile(r"verify error|:error:|errno=", re.IGNORECASE)
_STAPLE = re.compile(r"^\s*(?:OCSP response: .+|(?:OCSP Response|Cert) Status: .+|\w+ Update: .+)")


def openssl() -> Verifier | None:
    """The openssl command of this machine."""
    path = find("openssl")
    if path is None:
        return None
    version = run([path, "version"], close=True).text.split()[1]

    def ask(targets: Sequence[Target]) -> list[Word]:
        return side_by_side(lambda target: _ask(path, target), targets)

    return Verifier("openssl", "OpenSSL", version, ask, complete=True)


def _ask(path: str, target: Target) -> Word:
    ended = run([*_command(path, target), "-quiet"], give=SAY, seconds=target.seconds)
    if word := unjudged(ended):
        return word
    text = ended.text
    telling = "\n".join(filter(_TELLING.search, text.splitlines()))
    if "connect:errno=" in text:
        return Word("error", (), telling)
    errors = verify_errors(text) + stack_errors(text)
    return judged(errors, answered=ANSWER in ended.out, text=telling)


def _command(path: str, target: Target) -> list[str]:
    check = "-verify_ip" if target.is_address else "-verify_hostname"
    sni = ["-noservername"] if target.is_address else ["-servername", target.name]
    time = [] if target.at is None else ["-attime", str(int(target.at.timestamp()))]
    return [
        *(path, "s_client", "-connect", f"{target.host}:{target.port}", *sni),
        *(check, target.name, "-CAfile", str(target.roots), "-no-CApath", "-no-CAstore", *time),
    ]


def staple(target: Target) -> list[str]:
    """What openssl reads in the OCSP response that the server staples, line by line.

    No part of a verdict: OpenSSL does not judge a staple unless its user does.
    """
    path = find("openssl")
    assert path is not None
    ended = run([*_command(path, target), "-status"], close=True, seconds=target.seconds)
    return [line.strip() for line in ended.text.splitlines() if _STAPLE.match(line)]
