"""What is known of one session: its facts in order, and its one verdict."""

from collections.abc import Callable

from mitmail.engine.action import Action, Announce, Who
from mitmail.engine.fact import Fact, Value
from mitmail.engine.finding import Finding
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
        if len(self.facts) < LIMIT - 1:  # one is kept for the finding
            self.facts.append(Fact((self._clock() - self._began) * 1000, fact, details))

    def conclude(self, finding: Finding) -> None:
        """Add the finding, of which there is one at most."""
        details: dict[str, Value] = {
            "finding": finding.finding, "certainty": finding.certainty,
            "evidence": finding.evidence, "trace": finding.trace,
        }  # fmt: skip
        self.facts.append(Fact((self._clock() - self._began) * 1000, "finding", details))

    def dropped(self, who: Who, octets: int) -> None:
        """Add that octets behind STARTTLS were dropped."""
        self.count("dropped-after-starttls", octets, who=who)

    def count(self, fact: str, octets: int, **details: Value) -> None:
        """Add octets to the one fact of this word and these details, where the first were."""
        for at, told in enumerate(self.facts):
            if told.fact == fact and told.details.items() >= details.items():
                before = told.details["octets"]
                assert isinstance(before, int)
                self.facts[at] = Fact(told.ms, fact, {**details, "octets": before + octets})
                return
        self.note(fact, **details, octets=octets)

    def decide(self, verdict: Verdict | None) -> None:
        """Announce a verdict, if there is one and none came before it."""
        if verdict is not None and self.verdict is None:
            self.verdict = verdict
            self._actions.append(Announce(verdict))
