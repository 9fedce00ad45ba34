"""A screen of a protocol whose server answers one command after the other: SMTP, POP3."""

from collections import deque

from mitmail.engine.screen import ROOM, Screen, Steps
from mitmail.wire import Kind, Piece

_UNASKED = (Kind.GREETING, Kind.AFTER_STARTTLS, Kind.OPAQUE)


class Reply:
    """The reply to a command of ours, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.done = False
        self.octets = 0

    @property
    def ok(self) -> bool:
        """Whether the server said yes."""
        return self.done and self.pieces[-1].ok

    @property
    def raw(self) -> bytes:
        """The whole reply."""
        return b"".join(piece.raw for piece in self.pieces)


class QueueScreen(Screen):
    """``_due`` says for each command that the server has to answer who waits: None, the client."""

    _due: deque[Reply | None]

    def _forward(self, piece: Piece) -> None:
        """Let the server answer a command of the client's."""
        self._due.append(None)
        self._pass_on(piece.raw)

    def _ask(self, command: bytes) -> Reply:
        """Say something that the client did not say; the reply is not for it."""
        reply = Reply()
        self._due.append(reply)
        self._pass_on(command)
        return reply

    def _asked(self, command: bytes) -> Steps[Reply]:
        """Ask, and wait for the whole reply, or for the go-ahead."""
        reply = self._ask(command)
        yield from self._complete(reply)
        return reply

    def _complete(self, reply: Reply) -> Steps[None]:
        before = len(reply.pieces)
        while not reply.done and not _goes_ahead(reply.pieces[before:]):
            yield from self._answering()

    def _quiet(self) -> Steps[None]:
        """Wait until the client has got all its replies."""
        while self._due:
            yield from self._answering()

    def _hear(self, piece: Piece) -> None:
        reply = self._due[0] if self._due and piece.kind not in _UNASKED else None
        if piece.kind is Kind.OPAQUE:
            self._gone = True  # nothing of what it says now is an answer
        if reply is None:
            self._tell(piece.raw)
        else:
            reply.octets += len(piece.raw)
            if reply.octets <= self._spec.limit + ROOM or piece.kind is not Kind.PART:
                reply.pieces.append(piece)
        if piece.kind is Kind.REPLY and self._due:
            self._due.popleft()
            if reply is not None:
                reply.done = True
            self._replied(piece)

    def _replied(self, piece: Piece) -> None:
        """A command of anybody's has had its reply."""


def _goes_ahead(pieces: list[Piece]) -> bool:
    return bool(pieces) and pieces[-1].kind is Kind.CONTINUE
