"""Facts: what happened in a session, in order, with the time it happened."""

from dataclasses import dataclass, field

type Value = str | int | float | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened: ``ms`` since the session's start, a word, and its details."""

    ms: float
    fact: str
    details: dict[str, Value] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """The fact as it stands in a JSON record."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in self.details.items()}
        return {"ms": round(self.ms, 1), "fact": self.fact} | plain
