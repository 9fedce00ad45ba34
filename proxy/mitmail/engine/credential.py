"""What a client gave as credentials, so that a server's echo of it is not shown either."""

import base64
import binascii
import re
from collections.abc import Iterable

from mitmail.wire import Kind, Piece

GIVING = frozenset({"AUTH", "LOGIN", "AUTHENTICATE", "PASS", "APOP"})
# Shorter ones stand in ordinary text by chance; a mechanism is no secret.
SHORTEST = 4
MECHANISM = re.compile(
    rb"PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|SCRAM-\S+|XOAUTH2|OAUTHBEARER|NTLM|GSSAPI"
)
HIDDEN = b"***"
LIMIT = 64  # words of one session; who tries more passwords than that is guessing


class Credentials:
    """Learns from the client's pieces, and hides from the server's text."""

    def __init__(self) -> None:
        self._words: list[bytes] = []

    def learn(self, pieces: Iterable[Piece]) -> None:
        """Take the words of commands that give credentials, also out of base64."""
        for piece in pieces:
            self._learn(piece)

    def _learn(self, piece: Piece) -> None:
        if piece.kind is not Kind.SASL and piece.verb not in GIVING:
            return
        known = {piece.verb.encode(), piece.tag}
        for word in re.split(rb'[\s"]+', piece.raw):
            if word.upper() not in known and not MECHANISM.fullmatch(word.upper()):
                self._keep(word)
                for part in _decoded(word).split(b"\0"):
                    self._keep(part)

    def _keep(self, word: bytes) -> None:
        if len(word) >= SHORTEST and word not in self._words and len(self._words) < LIMIT:
            self._words.append(word)
            self._words.sort(key=len, reverse=True)  # a word may be part of a longer one

    def hide(self, text: bytes) -> bytes:
        """The text with every known word hidden."""
        for word in self._words:
            text = text.replace(word, HIDDEN)
        return text


def _decoded(word: bytes) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except binascii.Error:
        return b""
