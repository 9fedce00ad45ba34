"""What is known of one session: its facts in order, and its one verdict."""

from collections.abc import Callable

from mitmail.engine.action import Action, Announce
from mitmail.engine.fact import Fact, Value
from mitmail.engine.verdict import Verdict

LIMIT = 200  # facts of one session; a client that sends a thousand commands adds nothing new


class Chronicle:
    """Facts with the milliseconds since the start; the first verdict is the only one."""

    def __init__(self, clock: Callable[[], float], actions: list[Action]) -> None:
        self.facts: list[Fact] = []
        self.verdict: Verdict | None = None
        self._clock = clock
        self._began = clock()
        self._actions = actions

    def note(self, fact: str, **details: Value) -> None:
        """Add a fact."""
        if len(self.facts) < LIMIT:
            self.facts.append(Fact((self._clock() - self._began) * 1000, fact, details))

    def decide(self, verdict: Verdict | None) -> None:
        """Announce a verdict, if there is one and none came before it."""
        if verdict is not None and self.verdict is None:
            self.verdict = verdict
            self._actions.append(Announce(verdict))
