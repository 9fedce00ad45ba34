"""One client's connection, from the first octet to the last: events in, actions out."""

import time
import traceback
from collections.abc import Callable
from contextlib import suppress

from mitmail.engine.action import Action, Close, Connect, Crashed, SetTimer, Waiting, Who
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.conversation import Conversation
from mitmail.engine.fact import Fact
from mitmail.engine.finding import Finding
from mitmail.engine.observer import Presented
from mitmail.engine.spec import SessionSpec, Upstream
from mitmail.engine.verdict import Verdict
from mitmail.wire.clienthello import ClientHello


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
        self._conversation = Conversation(spec, self._chronicle, self._actions)

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
        return self._conversation.upstream

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

    def start(self) -> list[Action]:
        """The client has connected."""
        return self._run(self._start)

    def connected(self, error: str | None) -> list[Action]:
        """The answer to ``Connect``: ``None``, or why it failed."""
        if self.over and error is None:
            return [Close("server")]
        self._silent_since = self._clock()
        return self._run(self._conversation.on_connected, error)

    def data(self, who: Who, octets: bytes) -> list[Action]:
        """Octets came from one side."""
        conversation = self._conversation
        # What a server says unasked does not make a silent client less silent.
        if who == "client" or not conversation.client_is_due():
            self._silent_since = self._clock()
        return self._run(
            conversation.on_client if who == "client" else conversation.on_server, octets
        )

    def eof(self, who: Who) -> list[Action]:
        """One side will send no more."""
        conversation = self._conversation
        return self._run(
            conversation.on_client_eof if who == "client" else conversation.on_server_eof
        )

    def timer(self, name: str) -> list[Action]:
        """A timer that was asked for has run out."""
        return self._run(self._on_timer, name)

    def stop(self) -> list[Action]:
        """The driver is shutting down."""
        return self._run(self._stop)

    def _run[**P](
        self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> list[Action]:
        if not self.over:
            try:
                step(*args, **kwargs)
            except Exception as error:  # invariant 6: whatever breaks here ends this session only
                self._actions.append(Crashed(traceback.format_exc()))
                words = f"mitmail itself failed: {type(error).__name__}: {error}"
                with suppress(Exception):  # what is broken may break again while it is closed
                    self._conversation.fail(words)
        actions = self._actions.copy()
        self._actions.clear()  # the conversation and the chronicle write to this very list
        return actions

    def _start(self) -> None:
        self._chronicle.note("connected")
        if self.spec.closed is not None:
            # Not yet: a driver cannot close what it is just about to read from (mitmproxy).
            self._actions.append(SetTimer("closed", 0.0))
            return
        self._actions.append(SetTimer("deadline", self.spec.deadline))
        if self.spec.opening is not None:
            self._conversation.play(self.spec.opening)
            return
        if self.spec.waiting is not None and self.spec.client == "implicit":
            self._actions.append(SetTimer("unheard", self.spec.waiting))
        self._actions.append(SetTimer("connect", self.spec.handshake_deadline))
        self._actions.append(Connect())

    def _stop(self) -> None:
        self._chronicle.note("stopped")
        self._conversation.observer.witness.we_closed = True
        self._conversation.finish()

    # -- time -----------------------------------------------------------------------------------

    def _on_timer(self, name: str) -> None:
        conversation = self._conversation
        late = f"in {self.spec.handshake_deadline:g} s"
        match name:
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
            case "connect" if not conversation.connected:
                conversation.fail(f"no connection to the mail server {late}")
            case "upstream" if not conversation.reached():
                conversation.fail(f"no TLS handshake from the mail server {late}")
            case "waiting":
                self._on_waiting("a dialog may be open")
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
            if conversation.in_vain and silence < self.spec.deadline - 0.001:
                self._actions.append(SetTimer("deadline", self.spec.deadline - silence))
            else:
                self._end_aftermath()
            return
        # The timers "connect", "upstream" and "withhold" see to what the client waits for.
        if not conversation.reached() or conversation.withholding:
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

    def _end_aftermath(self) -> None:
        if self._conversation.state == "aftermath" or self._conversation.in_vain:
            self._conversation.finish()
