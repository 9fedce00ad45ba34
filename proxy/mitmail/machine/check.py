"""One thing that was looked at on this machine."""

from dataclasses import dataclass
from typing import Final, Literal

type Status = Literal["ok", "missing", "broken", "unknown"]

STATUSES: Final[tuple[Status, ...]] = ("ok", "missing", "broken", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``words`` say what is there or what the matter is, ``fix`` what to do or to type.

    ``ok``: it works; ``missing``: it is not here; ``broken``: it is here and does not work;
    ``unknown``: that could not be found out. ``serves``: without it nothing can be served.
    """

    id: str
    status: Status
    words: str
    fix: str = ""
    serves: bool = False

    @property
    def line(self) -> str:
        """The words, and behind them what to do."""
        return f"{self.words}: {self.fix}" if self.fix else self.words

    @property
    def stands_in_the_way(self) -> bool:
        """Whether nothing can be served as it is."""
        return self.serves and self.status != "ok"
