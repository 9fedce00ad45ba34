"""How far a run is: one line that changes on a terminal, a line per client elsewhere."""

import sys
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

import click

from mitmail.cli.conclusion import cells

if TYPE_CHECKING:
    from mitmail.judge.result import Result

# CI ends a job that says nothing for long; and somebody may be watching it.
HEARTBEAT = 30.0


class Progress(AbstractContextManager["Progress"]):
    """Tells standard error of a run; ``clients`` is the client of each cell."""

    def __init__(self, clients: Iterable[str], *, heartbeat: float = HEARTBEAT) -> None:
        self._left = Counter(clients)
        self._total = self._left.total()
        self._count: Counter[str] = Counter()
        self._of: dict[str, Counter[str]] = {name: Counter() for name in self._left}
        self._terminal = sys.stderr.isatty()
        self._over = threading.Event()
        self.beaten = threading.Event()
        """Set once it has said that it lives."""
        self._beat = threading.Thread(target=self._beating, args=(heartbeat,), daemon=True)

    def __enter__(self) -> "Progress":
        if not self._terminal:
            self._beat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._beat.is_alive():
            self._beat.join()
        if self._terminal:
            click.echo("", err=True)

    def hear(self, found: "Result") -> None:
        """One more cell."""
        self._count[found.outcome] += 1
        self._of[found.client][found.outcome] += 1
        self._left[found.client] -= 1
        if self._terminal:
            click.echo(f"\r\x1b[K{self._line()}: {found.cell}"[:100], err=True, nl=False)
        elif not self._left[found.client]:
            said = self._of[found.client]
            click.echo(f"{found.client}: {cells(said.total())}: {_listed(said)}", err=True)

    def _line(self) -> str:
        done = self._count.total()
        listed = _listed(self._count)
        return f"{done} of {self._total}" + (f" ({listed})" if listed else "")

    def _beating(self, seconds: float) -> None:
        while not self._over.wait(seconds):
            click.echo(self._line(), err=True)
            self.beaten.set()


def _listed(count: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(count.items()))
