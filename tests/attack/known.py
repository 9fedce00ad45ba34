"""The clients that are known to be weak, and whether a run says the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ruamel.yaml import YAML

from mitmail.judge.attack import Trial

WEAK = frozenset({"vulnerable", "crashed"})
FILE = Path(__file__).with_name("known.yaml")


@dataclass(frozen=True)
class Known:
    """One weakness of one client; cases are ids or patterns such as ``starttls-refused-*``."""

    client: str
    cases: tuple[str, ...]
    why: str

    def covers(self, trial: Trial) -> bool:
        """Whether this explains a client's weakness in this case."""
        return trial.client == self.client and any(fnmatchcase(trial.case, x) for x in self.cases)


def load() -> list[Known]:
    """What is known, from known.yaml."""
    said = YAML(typ="safe").load(FILE)
    return [Known(x["client"], tuple(x["cases"]), x["why"]) for x in said]


def surprises(trials: Sequence[Trial], known: Sequence[Known]) -> Iterator[str]:
    """What nobody knew, and what is not so any more."""
    weak = [x for x in trials if x.word in WEAK]
    for trial in weak:
        where, finding = f"{trial.client} in {trial.case} ({trial.endpoint})", trial.finding
        if not any(x.covers(trial) for x in known):
            yield (
                f"{where}: {trial.word}, and known.yaml does not say so: "
                f"{finding.evidence}: {finding.trace}"
            )
        if finding.finding == "vulnerable" and not finding.trace:
            yield f"{where}: no line of its shows why"
    asked = {x.client for x in trials}
    for one in known:
        for pattern in one.cases:
            if one.client in asked and not any(
                x.client == one.client and fnmatchcase(x.case, pattern) for x in weak
            ):
                yield f"known.yaml says {one.client} is weak in {pattern}: it is not"
