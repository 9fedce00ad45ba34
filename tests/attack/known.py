"""The clients that are known to be vulnerable, and whether a run says the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ruamel.yaml import YAML

from mitmail.judge.attack import Trial

FILE = Path(__file__).with_name("known.yaml")


@dataclass(frozen=True)
class Known:
    """One weakness of one client; cases are ids or patterns such as ``starttls-refused-*``."""

    client: str
    cases: tuple[str, ...]
    why: str

    def covers(self, trial: Trial) -> bool:
        """Whether this explains a client's being vulnerable in this case."""
        return trial.client == self.client and any(fnmatchcase(trial.case, x) for x in self.cases)


def load() -> list[Known]:
    """What is known, from known.yaml."""
    said = YAML(typ="safe").load(FILE)
    return [Known(x["client"], tuple(x["cases"]), x["why"]) for x in said]


def surprises(trials: Sequence[Trial], known: Sequence[Known]) -> Iterator[str]:
    """What nobody knew, and what is not so any more."""
    vulnerable = [x for x in trials if x.finding.finding == "vulnerable"]
    for trial in vulnerable:
        if not any(x.covers(trial) for x in known):
            yield (
                f"{trial.client} in {trial.case} ({trial.endpoint}) is vulnerable, and "
                f"known.yaml does not say so: {trial.finding.evidence}: {trial.finding.trace}"
            )
        if not trial.finding.trace:
            yield f"{trial.client} in {trial.case} ({trial.endpoint}): no line of its shows why"
    asked = {x.client for x in trials}
    for one in known:
        for pattern in one.cases:
            if one.client in asked and not any(
                x.client == one.client and fnmatchcase(x.case, pattern) for x in vulnerable
            ):
                yield f"known.yaml says {one.client} is vulnerable in {pattern}: it is not"
