"""The scheduler: pytest, with nothing of what whoever runs it may have set up for tests of theirs.

It runs in this process: there is one interrupt to hear, and no exit code to guess from. Its
workers (xdist) are processes.
"""

import importlib.util
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mitmail.errors import CannotJudgeError
from mitmail.judge import ending
from mitmail.judge.grid import Errand
from mitmail.judge.result import Result

NEEDED = ("pytest", "xdist")
# Left out: what would print, keep something in the user's folders, or look for tests in Python.
WITHOUT = (
    "cacheprovider", "debugging", "doctest", "junitxml", "logging", "nose", "pastebin",
    "python_path", "recwarn", "stepwise", "terminal", "threadexception", "tmpdir", "unittest",
    "unraisableexception", "warnings",
)  # fmt: skip
SCRUBBED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG", "PYTHONPATH", "PYTHONSTARTUP")
SET = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    # A worker's interpreter would look into the current folder first: ours to judge, not to run.
    "PYTHONSAFEPATH": "1",
}
INTERRUPTED = 2


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: by which signal, if by one, and how many cells nothing came of."""

    signal: int | None
    missing: int


def check() -> None:
    """Raise CannotJudgeError where pytest is not installed."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise CannotJudgeError(
            "mitmail judge needs pytest and pytest-xdist: pip install 'mitmail[judge]'"
        )


def run(errand: Errand, *, processes: int, heard: Callable[[Result], None]) -> Ended:
    """Ask all cells of an errand; ``heard`` is told each result as it comes.

    With no ``processes`` they are asked in this one. Raises CannotJudgeError.
    """
    check()
    import pytest

    from mitmail.judge import items
    from mitmail.judge.ledger import Ledger

    ledger = Ledger(errand, heard)
    with tempfile.TemporaryDirectory(prefix="mitmail-judge-") as name, _alone(), _signals() as got:
        # Resolved: pytest names files by where they really are.
        folder = Path(name).resolve()
        errand.write(folder / items.FILE)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        code = pytest.main(_arguments(folder, processes), plugins=[ledger])
    ledger.settle(interrupted=int(code) == INTERRUPTED)
    if int(code) == INTERRUPTED:
        return Ended(got[0] if got else signal.SIGINT, len(ledger.open))
    return Ended(None, len(ledger.open))


def _arguments(folder: Path, processes: int) -> list[str]:
    from mitmail.judge import items

    return [
        str(folder / items.FILE),
        *("-c", str(folder / "pytest.ini"), "--rootdir", str(folder)),
        *("--confcutdir", str(folder), "--noconftest", "--capture=no"),
        *(word for name in WITHOUT for word in ("-p", f"no:{name}")),
        *("-p", "xdist", "-p", items.__name__),
        *("-n", str(processes), "--dist", "loadgroup" if processes else "no"),
    ]


@contextmanager
def _alone() -> Iterator[None]:
    """The environment without what would tell pytest what to do, for it and its workers."""
    kept = {name: os.environ.get(name) for name in (*SCRUBBED, *SET)}
    for name in SCRUBBED:
        os.environ.pop(name, None)
    os.environ |= SET
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP end a run as an interrupt does: with a report."""
    got: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not got:  # the second one would find pytest at its end, and interrupt that
            got.append(number)
            raise KeyboardInterrupt

    with ending.heard(interrupt):
        yield got
