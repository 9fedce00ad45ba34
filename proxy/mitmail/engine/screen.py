"""Stands between the dialogue and the server's side, and screens the messages that pass.

::

    client -> dialogue -> screen -> server leg
    client <- dialogue <- screen <- server leg

What is no message passes as it comes. A command about a message becomes a script: it asks the
server by itself, waits, and answers the client; what the client says meanwhile waits.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator

from mitmail.engine.action import Action, Scan, SetTimer
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.examination import FURTHER, Examination, Examined
from mitmail.engine.spec import MailProtocol
from mitmail.message.part import parse
from mitmail.screening import Direction, Scanned, Screening
from mitmail.wire import Dialogue, Piece, dialogue

type Steps[T] = Generator[None, None, T]
"""Runs until it has to wait for something that somebody says; its result at the end."""

PIECE = 256  # octets of memory of a piece, however short
ROOM = 1_048_576  # octets that either side may be ahead, besides a message


class ServerGone(Exception):
    """The server has left, and will answer nothing more."""


class Screen(ABC):
    """Both sides' octets go in; what is for each comes out of ``take`` and through ``send``."""

    def __init__(
        self,
        protocol: MailProtocol,
        screening: Screening,
        *,
        send: Callable[[bytes], None],
        chronicle: Chronicle,
        actions: list[Action],
    ) -> None:
        self._spec = screening
        self._front: Dialogue = dialogue(protocol)  # what the client says, and is told
        self._back: Dialogue = dialogue(protocol)  # what the server is told, and says
        self._send = send
        self._actions = actions
        self._examination = Examination(screening, chronicle, actions)
        self._chronicle = chronicle
        self._said: deque[Piece] = deque()  # of the client, not yet dealt with
        self._waiting = 0  # octets of those
        self._script: Steps[None] | None = None
        self._running = False
        self._told = bytearray()  # for the client
        self._torn = {"client": b"", "server": b""}  # the begun line of each side
        self._scans = 0
        self._results: dict[int, Scanned] = {}
        self._pauses = self._ticks = 0
        self._dripping: bytes | None = None
        self._unheard = 0  # pieces of the server that wait for the one before them
        self._drips = 0  # timers that run; the last one counts
        self._gone = False

    # -- inputs ----------------------------------------------------------------------------------

    def client(self, octets: bytes) -> None:
        """Octets of the client."""
        pieces = self._front.client(octets)
        self._torn["client"] = _torn(self._torn["client"], octets, pieces)
        self._said += pieces
        self._waiting += sum(len(piece.raw) + PIECE for piece in pieces)
        self._go_on()

    def server(self, octets: bytes) -> None:
        """Octets of the server."""
        pieces = self._back.server(octets)
        self._torn["server"] = _torn(self._torn["server"], octets, pieces)
        self._unheard = len(pieces)
        for piece in pieces:
            self._unheard -= 1
            self._hear(piece)
            self._go_on()

    def scanned(self, token: int, result: Scanned) -> None:
        """The answer to ``Scan``."""
        self._results[token] = result
        self._go_on()

    def tick(self) -> None:
        """The timer ``screen`` or ``drip`` has run out."""
        self._ticks += 1
        self._go_on()

    def drip(self) -> None:
        """The client has waited for another while."""
        self._drips -= 1
        if self._dripping is not None and not self._drips:
            if self._may_drip:
                self._tell(self._dripping)
            self._start_dripping(self._dripping)

    def client_left(self) -> None:
        """The client says no more: what it has begun goes on as it is."""
        if self._script is None and (rest := self._torn["client"]):
            self._torn["client"] = b""
            self._pass_on(rest)

    def server_left(self) -> None:
        """The server says no more."""
        self._gone = True
        self._go_on()
        rest, self._torn["server"] = self._torn["server"], b""
        self._tell(rest)

    def secured(self) -> None:
        """Both sides have begun TLS: what was said in clear is forgotten (RFC 3207 4.2)."""
        self._front.secured()
        self._back.secured()
        self._torn = {"client": b"", "server": b""}

    # -- what came of them -----------------------------------------------------------------------

    def take(self) -> bytes:
        """Hand out what is for the client."""
        told = bytes(self._told)
        self._told.clear()
        return told

    @property
    def ahead(self) -> int:
        """How many octets of memory wait that the client has said."""
        return self._waiting

    @property
    def busy(self) -> bool:
        """Whether something is being done with a message."""
        return self._script is not None

    # -- scripts ---------------------------------------------------------------------------------

    @abstractmethod
    def _handle(self, piece: Piece) -> Steps[None] | None:
        """Pass a piece of the client's on, or return what is to be done about it."""

    @abstractmethod
    def _hear(self, piece: Piece) -> None:
        """Pass a piece of the server's on, or keep it for whoever waits for it."""

    def _go_on(self) -> None:
        if self._running:
            return
        self._running = True
        try:
            while self._script is not None or self._said:
                if self._script is None:
                    self._script = self._handle(self._next_piece())
                    continue
                try:
                    next(self._script)
                except (StopIteration, ServerGone):
                    self._end_script()
                else:
                    return
        finally:
            self._running = False

    def _end_script(self) -> None:
        self._script = None
        self._dripping = None

    def _next_piece(self) -> Piece:
        piece = self._said.popleft()
        self._waiting -= len(piece.raw) + PIECE
        return piece

    def _next_said(self) -> Steps[Piece]:
        """Wait for the client's next piece."""
        while not self._said:
            yield
        return self._next_piece()

    def _answering(self) -> Steps[None]:
        """Wait for the server to say something."""
        if self._gone:
            raise ServerGone
        yield

    def _pause(self, seconds: float) -> Steps[None]:
        if seconds <= 0:
            return
        self._pauses += 1
        due = self._pauses
        self._actions.append(SetTimer("screen", seconds))
        while self._ticks < due:
            yield

    def _examined(self, direction: Direction, octets: bytes) -> Steps[Examined]:
        """Have a message scanned and edited."""
        yield from self._pause(self._spec.delay)
        message = parse(octets)
        result = yield from self._scanned(octets)
        examined = self._examination.of(direction, octets, message, result)
        while examined.removal in FURTHER:
            result = yield from self._scanned(examined.octets)
            examined = self._examination.further(direction, octets, message, examined, result)
        return examined

    def _scanned(self, octets: bytes) -> Steps[Scanned | None]:
        """The driver's word about these octets, where it is the one who is asked."""
        if self._spec.scanner != "driver":
            return None
        self._scans += 1
        token = self._scans
        self._actions.append(Scan(token, octets))
        while token not in self._results:
            yield
        return self._results.pop(token)

    def _start_dripping(self, filler: bytes) -> None:
        if self._spec.drip is not None:
            self._dripping = filler
            self._drips += 1
            self._actions.append(SetTimer("drip", self._spec.drip.seconds))

    @property
    def _may_drip(self) -> bool:
        """Whether what the client gets now may be a filler."""
        return True

    # -- outputs ---------------------------------------------------------------------------------

    def _tell(self, octets: bytes) -> None:
        """Say this to the client."""
        if octets:
            self._front.server(octets)
            self._told += octets

    def _pass_on(self, octets: bytes) -> None:
        """Say this to the server."""
        if octets:
            self._back.client(octets)
            self._send(octets)


def _torn(begun: bytes, octets: bytes, pieces: list[Piece]) -> bytes:
    done = sum(len(piece.raw) for piece in pieces)
    return (begun + octets)[done:]
