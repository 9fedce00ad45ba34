"""Drives an engine session as a mitmproxy layer: events in, commands out, and nothing else."""

import logging
from collections import deque
from collections.abc import Callable

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.tcp import TcpEndHook, TcpErrorHook, TcpMessageHook, TcpStartHook

from mitmail.addon.route import Happening, Route
from mitmail.addon.transcript import Transcript
from mitmail.engine.action import (
    Action,
    Announce,
    Ask,
    Close,
    Connect,
    Crashed,
    HalfClose,
    Pause,
    Reset,
    Resume,
    Said,
    Scan,
    Send,
    SetTimer,
    Waiting,
    Who,
)
from mitmail.engine.session import Session
from mitmail.interception import Family
from mitmail.screening import Scanned

logger = logging.getLogger(__name__)

KILLED = "Connection killed: "  # what mitmproxy puts before an addon's words


class Stop(events.Event):
    """The proxy is shutting down: end the session, with a verdict."""


class Answer(events.Event):
    """Somebody has answered the pop-up of this session."""

    def __init__(self, word: str) -> None:
        self.word = word


class ScanDone(events.Event):
    """A message of this session has been scanned."""

    def __init__(self, token: int, result: Scanned) -> None:
        self.token, self.result = token, result


type Scanning = Callable[[int, bytes], None]


class MailLayer(Layer):
    """One client's connection to one of our listeners.

    ``reset`` breaks a connection with RST, and ``pause`` (or not) stops reading from it, which no
    command of mitmproxy does; ``scan`` has a message scanned, and answers with the event
    ``ScanDone``.
    """

    def __init__(
        self,
        context: Context,
        route: Route,
        number: int,
        reset: Callable[[Connection], None],
        pause: Callable[[Connection, bool], None],
        scan: Scanning,
    ) -> None:
        super().__init__(context)
        self._reset = reset
        self._pause = pause
        self._scan = scan
        self.route = route
        self.number = number
        self.session = Session(route.spec)
        self._timers: dict[commands.RequestWakeup, str] = {}
        self._transcript = Transcript(context, f"mitmail session {number}, {route.key}")
        self._ended = False
        context.server.address = route.server

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            self._observe("begin")
            yield _now(TcpStartHook(self._transcript.flow))
        yield from self._perform(self._feed(event))
        self._transcript.describe(self.session)
        if self.session.over and not self._ended:
            self._ended = True
            yield from self._end()

    def _feed(self, event: events.Event) -> list[Action]:
        session = self.session
        match event:
            case events.Start():
                return session.start(self._family())
            case events.ConnectionEvent() if not self._is_ours(event.connection):
                return []  # a connection that another one has replaced still has its last word
            case events.DataReceived():
                return session.data(self._who(event.connection), event.data)
            case events.ConnectionClosed():
                return session.eof(self._who(event.connection))
            case events.OpenConnectionCompleted():
                return session.connected(event.reply and event.reply.removeprefix(KILLED))
            case events.Wakeup():
                return session.timer(self._timers.pop(event.command, ""))
            case ScanDone():
                return session.scanned(event.token, event.result)
            case Stop():
                return session.stop()
            case Answer():
                return session.answer(event.word)
        return []

    def _family(self) -> Family:
        return "ipv6" if ":" in self.context.client.peername[0] else "ipv4"

    def _is_ours(self, connection: Connection) -> bool:
        return connection in {self.context.client, self.context.server}

    def _who(self, connection: Connection) -> Who:
        return "client" if connection == self.context.client else "server"

    def _connection(self, who: Who) -> Connection:
        return self.context.client if who == "client" else self.context.server

    def _perform(self, actions: list[Action]) -> CommandGenerator[None]:
        queue = deque(actions)
        while queue:
            match queue.popleft():
                case Send(who, octets):
                    yield commands.SendData(self._connection(who), octets)
                case Connect(behind):
                    self._lead(behind=behind)
                    yield _now(commands.OpenConnection(self.context.server))
                case HalfClose(who):
                    yield commands.CloseTcpConnection(self._connection(who), half_close=True)
                case Close(who):
                    yield commands.CloseConnection(self._connection(who))
                case Reset(who):
                    self._reset(self._connection(who))
                case Pause(who):
                    self._pause(self._connection(who), True)
                case Resume(who):
                    self._pause(self._connection(who), False)
                case SetTimer(name, seconds):
                    wakeup = commands.RequestWakeup(seconds)
                    self._timers[wakeup] = name
                    yield wakeup
                case Said(who, shown):
                    if self._transcript.add(from_client=who == "client", shown=shown):
                        yield _now(TcpMessageHook(self._transcript.flow))
                case Scan(token, octets):
                    self._scan(token, octets)
                case Announce():
                    self._observe("verdict")
                case Waiting():
                    self._observe("waiting")
                case Ask():
                    self._observe("popup")
                case Crashed(traceback):
                    logger.error("session %d: %s", self.number, traceback)

    def _lead(self, *, behind: bool) -> None:
        """Let the server be one that nothing has been said to yet."""
        address = self.route.behind if behind else self.route.server
        server = self.context.server
        if server.timestamp_start is not None or server.address != address:
            self.context.server = self._transcript.flow.server_conn = Server(address=address)

    def _observe(self, happening: Happening) -> None:
        if self.route.observe is None:
            return
        try:
            self.route.observe(happening, self.number, self.session)
        except Exception:  # whoever listens badly must not leave the client without an end
            logger.exception("session %d: nobody could be told of its %s", self.number, happening)

    def _end(self) -> CommandGenerator[None]:
        flow = self._transcript.flow
        flow.live = False
        if self.session.verdict is not None:
            flow.comment += f": {self.session.verdict.verdict} ({self.session.verdict.evidence})"
        yield _now(TcpErrorHook(flow) if self.session.error else TcpEndHook(flow))
        self._observe("end")


def _now[C: commands.Command](command: C) -> C:
    # A blocking command pauses the layer: a client that leaves while the upstream is being
    # dialled would only be noticed afterwards. The answer comes as an event of its own.
    command.blocking = False
    return command
