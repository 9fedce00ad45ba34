"""A screen of a protocol whose server answers one command after the other: SMTP, POP3."""

from collections import deque

from mitmail.engine.screen import ROOM, Screen, Steps
from mitmail.wire import Kind, Piece

_UNASKED = (Kind.GREETING, Kind.AFTER_STARTTLS, Kind.OPAQUE)


class Reply:
    """The reply to a command of ours: its first and its last piece so far, and all its octets.

    Of more than there is room for, what follows is only counted.
    """

    def __init__(self) -> None:
        self.first: Piece | None = None
        self.last: Piece | None = None
        self.octets = 0
        self.done = False
        self._text = bytearray()

    def add(self, piece: Piece, room: int) -> None:
        """Take the next piece."""
        self.first = self.first or piece
        self.last = piece
        if self.octets <= room or piece.kind is not Kind.PART:
            self._text += piece.raw
        self.octets += len(piece.raw)

    def forget(self) -> None:
        """Forget what was said: the reply proper is yet to come."""
        self.first = self.last = None
        self.octets = 0
        self._text.clear()

    @property
    def ok(self) -> bool:
        """Whether the server said yes."""
        return self.done and self.last is not None and self.last.ok

    @property
    def goes_ahead(self) -> bool:
        """Whether the server waits for more."""
        return self.last is not None and self.last.kind is Kind.CONTINUE

    @property
    def raw(self) -> bytes:
        """The whole reply."""
        return bytes(self._text)

    @property
    def content(self) -> bytes:
        """What is between the first line and the last."""
        assert self.first is not None
        assert self.last is not None
        return bytes(memoryview(self._text)[len(self.first.raw) : -len(self.last.raw)])


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
        while not reply.done and not reply.goes_ahead:
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
            reply.add(piece, self._spec.limit + ROOM)
        if piece.kind is Kind.REPLY and self._due:
            self._due.popleft()
            if reply is not None:
                reply.done = True
            self._replied(piece)

    def _replied(self, piece: Piece) -> None:
        """A command of anybody's has had its reply."""
