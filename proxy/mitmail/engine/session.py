"""One client's connection, from the first octet to the last: events in, actions out."""

import time
import traceback
from collections.abc import Callable
from contextlib import suppress

from mitmail.engine.action import Action, Close, Connect, Crashed, SetTimer, Waiting, Who
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.fact import Fact
from mitmail.engine.finding import Finding
from mitmail.engine.observer import Presented
from mitmail.engine.screened import ScreenedConversation
from mitmail.engine.spec import SessionSpec, Upstream
from mitmail.engine.stand_in import StandIn, for_client
from mitmail.engine.verdict import Verdict
from mitmail.interception import Family
from mitmail.screening import Scanned
from mitmail.wire.clienthello import ClientHello

BEHIND = "+"  # marks the timers of a conversation that another one has handed its client to


class Session:
    """A session: feed it events, carry out the actions it returns, in their order.

    All its attributes may be read at any time.
    """

    def __init__(self, spec: SessionSpec, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self._clock = clock
        self._silent_since = clock()
        self._actions: list[Action] = []
        self._chronicle = Chronicle(clock, self._actions)
        self._conversation = ScreenedConversation(spec, self._chronicle, self._actions)
        self._seen: Upstream | None = None
        self._handed_on = False
        self._stand_in: StandIn | None = None

    @property
    def facts(self) -> list[Fact]:
        """What happened so far, in order."""
        return self._chronicle.facts

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, once there is one."""
        return self._chronicle.verdict

    @property
    def finding(self) -> Finding | None:
        """What an attack on the dialogue came to, once that is known: ``vulnerable`` at once,
        anything else at the end. None where nothing was attacked and nothing leaked.
        """
        return self._conversation.observer.lookout.finding

    @property
    def error(self) -> str | None:
        """How our own side failed; the outcome is then ``error``, whatever the client did."""
        return self._conversation.error

    @property
    def over(self) -> bool:
        """Whether both sides are closed: nothing more will come of this session."""
        return self._conversation.over

    @property
    def hello(self) -> ClientHello | None:
        """The client's ClientHello."""
        return self._conversation.hello

    @property
    def upstream(self) -> Upstream | None:
        """What the server showed, where the server leg has TLS."""
        return self._conversation.upstream or self._seen

    @property
    def passed_through(self) -> bool:
        """Whether the client was given the server's own TLS."""
        return self._handed_on or self._conversation.tunnel is not None

    @property
    def answers(self) -> tuple[str, ...]:
        """What the product's pop-up on the screen may be answered; empty where there is none."""
        return tuple(self._conversation.answers())

    @property
    def presented(self) -> Presented:
        """What the client was shown."""
        return self._conversation.observer.shown

    @property
    def tongue(self) -> str | None:
        """The protocol of the client's first words: its own one or, by a mistake, another.

        ``text`` and ``binary`` are words of no protocol that is known here.
        """
        return self._conversation.first_words.tongue

    # -- inputs ---------------------------------------------------------------------------------

    def start(self, family: Family = "ipv4") -> list[Action]:
        """The client has connected."""
        return self._run(self._start, family)

    def connected(self, error: str | None) -> list[Action]:
        """The answer to ``Connect``: ``None``, or why it failed."""
        if self.over and error is None:
            return [Close("server")]
        self._silent_since = self._clock()
        return self._run(self._conversation.on_connected, error)

    def data(self, who: Who, octets: bytes) -> list[Action]:
        """Octets came from one side."""
        if who == "client" and self._stand_in is not None:
            return self._run(self._keep, octets)
        conversation = self._conversation
        # What a server says unasked does not make a silent client less silent.
        if who == "client" or not conversation.client_is_due():
            self._silent_since = self._clock()
        return self._run(
            conversation.on_client if who == "client" else conversation.on_server, octets
        )

    def eof(self, who: Who) -> list[Action]:
        """One side will send no more."""
        return self._run(self._client_eof if who == "client" else self._conversation.on_server_eof)

    def answer(self, word: str) -> list[Action]:
        """Somebody has answered the pop-up; nothing comes of what is none of its answers."""
        return self._run(self._answered, word) if word in self.answers else []

    def expect_answer(self, word: str) -> None:
        """Raise ValueError, with what may be answered, where this is not to be."""
        if word not in self.answers:
            offered = ", ".join(self.answers)
            raise ValueError(f"answer with {offered}" if offered else "no pop-up is open")

    def scanned(self, token: int, result: Scanned) -> list[Action]:
        """The answer to ``Scan``; one that comes too late changes nothing."""
        return self._run(self._conversation.scanned, token, result)

    def timer(self, name: str) -> list[Action]:
        """A timer that was asked for has run out."""
        if self._handed_on is not name.endswith(BEHIND):
            return []  # it was about the conversation before this one
        return self._run(self._on_timer, name.removesuffix(BEHIND))

    def stop(self) -> list[Action]:
        """The driver is shutting down."""
        return self._run(self._stop)

    def _run[**P](
        self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> list[Action]:
        if not self.over:
            try:
                step(*args, **kwargs)
                self._conversation.hear_answers()
                self._conversation.settle()
                self._go_on()
            except Exception as error:  # invariant 6: whatever breaks here ends this session only
                self._actions.append(Crashed(traceback.format_exc()))
                words = f"mitmail itself failed: {type(error).__name__}: {error}"
                with suppress(Exception):  # what is broken may break again while it is closed
                    self._conversation.fail(words)
        actions = [self._marked(action) for action in self._actions]
        self._actions.clear()  # the conversation and the chronicle write to this very list
        return actions

    def _marked(self, action: Action) -> Action:
        if self._handed_on and isinstance(action, SetTimer):
            return SetTimer(action.id + BEHIND, action.seconds)
        return action

    def _start(self, family: Family) -> None:
        self._chronicle.note("connected")
        if self.spec.closed is not None:
            # Not yet: a driver cannot close what it is just about to read from (mitmproxy).
            self._actions.append(SetTimer("closed", 0.0))
            return
        if self.spec.intercepting(family):
            self._begin()
        else:
            self._actions.append(SetTimer("deadline", self.spec.deadline))
            self._conversation.pass_through()

    def _begin(self, *, behind: bool = False) -> None:
        self._actions.append(SetTimer("deadline", self.spec.deadline))
        if self.spec.opening is not None:
            self._conversation.play(self.spec.opening)
            return
        if self.spec.waiting is not None and self.spec.client == "implicit":
            self._actions.append(SetTimer("unheard", self.spec.waiting))
        self._actions.append(SetTimer("connect", self.spec.handshake_deadline))
        self._actions.append(Connect(behind=behind))

    def _client_eof(self) -> None:
        if self._stand_in is not None:
            words = "the client left while it was being passed through: it saw no certificate"
            self._conversation.observer.unjudged(words)
            self._conversation.hear_behind_hello(self._stand_in.leaves())
        self._conversation.on_client_eof()

    def _answered(self, word: str | None) -> None:
        self._silent_since = self._clock()
        self._conversation.answered(word)

    def _stop(self) -> None:
        self._chronicle.note("stopped")
        self._conversation.observer.witness.we_closed = True
        self._conversation.finish()

    # -- the door behind ------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self._conversation.state == "passing":
            self._pass_on()
        if self._stand_in is not None:
            self._prompt(self._stand_in)

    def _pass_on(self) -> None:
        """Let our own door take over, if there is one that can judge the client."""
        assert self.spec.behind is not None
        before = self._conversation
        after = ScreenedConversation(self.spec.behind, self._chronicle, self._actions)
        midway = before.hello is not None and self.spec.client == "starttls"
        if midway and (after.is_odd or before.observer.has_leaked):
            before.dig()  # what the client has had and done in clear is not known to the door
            return
        before.leave_server()
        early = before.take_early()
        self._seen = before.upstream
        self.spec, self._conversation, self._handed_on = self.spec.behind, after, True
        self._actions[:] = [x for x in self._actions if not isinstance(x, SetTimer)]
        self._begin(behind=True)
        if midway:
            self._stand_in = StandIn(self.spec.protocol, early)
        elif early:
            after.on_client(early)

    def _prompt(self, stand_in: StandIn) -> None:
        while (heard := for_client(self._actions)) and not self.over:
            said = stand_in.hear(heard)
            if stand_in.refused is not None:
                self._conversation.fail(f"the mail server {stand_in.refused}")
            elif stand_in.done:
                self._stand_in = None
                self._conversation.on_client(stand_in.leaves())
                return
            elif said:
                self._conversation.on_client(said)

    def _keep(self, octets: bytes) -> None:
        assert self._stand_in is not None
        if not self._stand_in.keep(octets):
            self._conversation.fail("the client said too much while it was passed through")

    # -- time -----------------------------------------------------------------------------------

    def _on_timer(self, name: str) -> None:
        conversation = self._conversation
        late = f"in {self.spec.handshake_deadline:g} s"
        match name:
            case "popup":
                self._answered(None)
            case "greeting":
                conversation.release()
            case "withhold":
                self._silent_since = self._clock()
                conversation.waited()
            case "segment":
                conversation.next_segment()
            case "closed" if self.spec.closed is not None:
                conversation.fail(self.spec.closed)
            case "linger":
                conversation.finish()
            case "connect" if conversation.is_dialling:
                conversation.fail(f"no connection to the mail server {late}")
            case "tunnel" if conversation.tunnel is not None and not conversation.tunnel.up:
                conversation.fail(f"no way through to the mail server {late}")
            case "upstream" if not conversation.reached() and conversation.tunnel is None:
                conversation.fail(f"no TLS handshake from the mail server {late}")
            case "waiting":
                self._on_waiting("a dialog may be open")
            case "screen" | "drip":
                conversation.screen_timer(name)
            case "unheard" if conversation.unheard():
                self._on_waiting("nothing was heard of the client")
            case "deadline":
                self._on_deadline()
            case _:
                pass

    def _on_waiting(self, words: str) -> None:
        if self.verdict is None and not self._conversation.observer.witness.spoke:
            self._chronicle.note("waiting", words=words)
            self._actions.append(Waiting())

    def _on_deadline(self) -> None:
        conversation = self._conversation
        silence = self._clock() - self._silent_since
        if self.verdict is not None:
            waits = conversation.in_vain or conversation.state == "blocked"
            if waits and silence < self.spec.deadline - 0.001:
                self._actions.append(SetTimer("deadline", self.spec.deadline - silence))
            else:
                self._end_aftermath()
            return
        # The other timers see to what the client waits for.
        if self._client_waits():
            self._actions.append(SetTimer("deadline", self.spec.deadline))
            return
        if silence < self.spec.deadline - 0.001:
            self._actions.append(SetTimer("deadline", self.spec.deadline - silence))
            return
        self._chronicle.note("silence", seconds=round(silence, 1))
        if conversation.client_is_due():
            conversation.observer.silent(self.spec.deadline)
            self._end_aftermath()
        else:
            conversation.error = "the mail server did not answer"
            conversation.observer.unjudged(f"could not judge: {conversation.error}")

    def _client_waits(self) -> bool:
        conversation = self._conversation
        dialling = conversation.tunnel is not None or self._stand_in is not None
        asking = bool(conversation.answers())
        return dialling or asking or conversation.withholding or not conversation.reached()

    def _end_aftermath(self) -> None:
        if self._conversation.state in {"aftermath", "blocked"} or self._conversation.in_vain:
            self._conversation.finish()
