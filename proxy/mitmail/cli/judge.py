"""``mitmail judge``: clients x cases x endpoints."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.cli.conclusion import cells, conclude, exit_code, hold, known, remove_reports, update
from mitmail.cli.progress import Progress
from mitmail.cli.seconds import Seconds
from mitmail.errors import MitmailError

if TYPE_CHECKING:
    from mitmail.judge.baseline import Baseline
    from mitmail.judge.client import Client
    from mitmail.judge.grid import Grid
    from mitmail.judge.result import Head, Result, Shard
    from mitmail.scenario.matrix import MatrixFile

NOTHING_SELECTED = 5
PATIENCE = 15.0  # seconds
FORMATS = ("html", "md", "github")
CELLS_A_PROCESS = 24  # fewer are asked sooner than another process has started


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the command line says."""

    matrix: Path | None = None
    set: str | None = None
    clients: tuple[str, ...] = ()
    command: str | None = None
    endpoints: tuple[str, ...] = ()
    antiviruses: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    shard: "Shard | None" = None
    processes: int | None = None
    timeout: float = 15.0
    folder: Path | None = None
    report: tuple[str, ...] = ()
    strict: bool = False
    baseline: Path | None = None
    update_baseline: bool = False


@dataclass(slots=True)
class Docket:
    """What came of a run so far; every line is on the disk before the next cell is heard."""

    stream: Callable[[str], None]
    results: list["Result"] = field(default_factory=list)


def _formats(context: click.Context, option: click.Parameter, said: str) -> tuple[str, ...]:
    chosen = tuple(word.strip() for word in said.split(",") if word.strip())
    for word in chosen:
        if word not in (*FORMATS, "ndjson", "junit"):
            raise click.BadParameter(f"no format {word!r}: use {', '.join(FORMATS)}")
    return tuple(word for word in dict.fromkeys(chosen) if word in FORMATS)


def _shard(context: click.Context, option: click.Parameter, said: str | None) -> "Shard | None":
    from mitmail.judge.result import Shard

    if said is None:
        return None
    index, _, total = said.partition("/")
    if not (index.isdecimal() and total.isdecimal() and 1 <= int(index) <= int(total)):
        raise click.BadParameter(f"{said!r} is no shard: use I/N, from 1/4 to 4/4 for four")
    return Shard(index=int(index), total=int(total))


@click.command("judge")
@click.argument("matrix", required=False, type=click.Path(path_type=Path))
@click.option("--set", "set_", metavar="quick|demo|starttls|FILE", help="These scenarios.")
@click.option("--client", "clients", multiple=True, metavar="NAME|FILE", help="Only this one.")
@click.option(
    "--command", metavar="TEXT", help="This command of yours, with {host}, {port} and so on in it."
)
@click.option("--endpoint", "endpoints", multiple=True, metavar="NAME", help="Only here: imaps.")
@click.option(
    "--antivirus",
    "antiviruses",
    multiple=True,
    metavar="NAME",
    help="Behind this one; none, norton, or norton+imported: its root is trusted.",
)
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Cells by name: 'curl/expired*/imaps'."
)
@click.option("--shard", callback=_shard, metavar="I/N", help="Part I of N, for N machines.")
@click.option("-n", "processes", type=click.IntRange(min=0), help="So many at once.")
@click.option("--timeout", type=Seconds(0.1), default=PATIENCE, help="Seconds for a client.")
@click.option(
    "-o", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write results.ndjson and junit.xml there.",
)  # fmt: skip
@click.option(
    "--report", callback=_formats, default="", metavar="html,md,github", help="And these."
)
@click.option(
    "--baseline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Known deviations: exit code 1 only for others.",
)  # fmt: skip
@click.option("--update-baseline", is_flag=True, help="Write what deviates now into it.")
@click.option("--strict", is_flag=True, help="Exit code 1 also for what is only advised against.")
def judge_command(set_: str | None, **said: object) -> None:
    """Ask real mail clients in many cases, and say who did the right thing.

    The cells are those of a MATRIX file, or of a set (quick); a cell is called
    client/case/endpoint. All clients that are found here are asked, on all endpoints. Nothing
    leaves this machine.

    Exit code 0: as expected; 1: a client did not do what it must; 3: a cell could not be judged;
    5: nothing selected.

    \b
    mitmail judge                                 every client here, the quick set
    mitmail judge --set demo --client curl -o out
    mitmail judge --command 'our-mailer {host} {port} {root}' --endpoint imaps
    mitmail judge ours.mitmail-matrix.yaml --shard 1/4 -o out
    mitmail judge --only 'curl/expired/imaps'     one cell
    """
    sys.exit(_judge(Choice(set=set_, **said)))  # type: ignore[arg-type] # as click has checked


def _judge(choice: Choice) -> int:
    from mitmail.judge import ending, scheduler
    from mitmail.judge.grid import make
    from mitmail.judge.head import head
    from mitmail.judge.result import Shard
    from mitmail.judge.roster import roster

    scheduler.check()
    if set(choice.report) - {"github"} and choice.folder is None:
        raise MitmailError("--report needs a folder to write to: -o DIR")
    if choice.update_baseline and choice.baseline is None:
        raise MitmailError("--update-baseline needs the file to write: --baseline FILE")
    before = known(choice.baseline, anew=choice.update_baseline)
    matrix = _matrix(choice)
    found = ending.run(roster(_words(choice, matrix)))
    grid = make(matrix, list(found.values()), choice.only)
    if not grid.entries:
        click.echo("Nothing selected: no cell matches. mitmail judge --help shows how.", err=True)
        return NOTHING_SELECTED
    for pattern in choice.only:
        if not any(fnmatchcase(name, pattern) for name in grid.names):
            raise MitmailError(f"--only {pattern!r} matches no cell: mend it, or leave it out")
    shard = choice.shard or Shard()
    start = head(grid, found.values(), shard, strict=choice.strict)
    return _run(choice, grid, found, start, before)


def _matrix(choice: Choice) -> "MatrixFile":
    from mitmail.endpoint import ENDPOINTS, find
    from mitmail.judge import driver
    from mitmail.scenario.matrix import BARE, IMPORTED, MatrixFile, Selection
    from mitmail.scenario.matrix_loader import load

    if BARE + IMPORTED in choice.antiviruses:
        raise MitmailError("--antivirus none+imported: without one there is no root to import")
    endpoints = tuple(x for x in ENDPOINTS if x in {find(word).name for word in choice.endpoints})
    own = (driver.COMMAND + choice.command,) if choice.command is not None else ()
    clients = (*choice.clients, *own)
    update = {"endpoints": endpoints, "antiviruses": choice.antiviruses, "clients": clients}
    update = {key: words for key, words in update.items() if words}
    if choice.matrix is None:
        select = Selection(sets=(choice.set or "quick",))
        whole = {"clients": None, "endpoints": tuple(ENDPOINTS), "antiviruses": (BARE,)}
        return MatrixFile(select=select).model_copy(update=whole | update)
    if choice.set is not None:
        raise MitmailError("a matrix file says what is selected: leave out --set, or the file")
    return load(choice.matrix, driver.KNOWN).model_copy(update=update)


def _words(choice: Choice, matrix: "MatrixFile") -> Sequence[str] | None:
    """Who is asked; without a list those that --only names, so that no other is looked for."""
    from mitmail.judge import driver

    named = [pattern.partition("/")[0] for pattern in choice.only]
    if matrix.clients is None and named and set(named) <= set(driver.KNOWN):
        return named
    return matrix.clients


def _run(
    choice: Choice, grid: "Grid", found: dict[str, "Client"], start: "Head", before: "Baseline"
) -> int:
    from mitmail.judge import baseline, scheduler
    from mitmail.judge.grid import Errand
    from mitmail.judge.head import spelled
    from mitmail.judge.result import Run, line

    entries = grid.of(start.shard)
    errand = Errand(
        entries=entries,
        clients={client.name: word for word, client in found.items()},
        versions={client.name: spelled(client) for client in found.values()},
        again=_again(choice),
        patience=choice.timeout,
        folder=None if choice.folder is None else str(choice.folder.absolute()),
    )
    _announce(start, grid, len(entries))
    with ExitStack() as stack:
        docket = Docket(_stream(choice.folder, stack))
        remove_reports(choice.folder)
        docket.stream(line(start))
        progress = stack.enter_context(Progress(entry.client for entry in entries))

        def heard(one: "Result") -> None:
            docket.stream(line(one))
            docket.results.append(one)
            progress.hear(baseline.excuse(one, before.get(one.cell)))

        processes = _processes(choice.processes, len(entries))
        ended = scheduler.run(errand, processes=processes, heard=heard)
    run = Run(start, tuple(sorted(docket.results, key=lambda one: one.index)))
    if choice.baseline is not None and choice.update_baseline and ended.signal is None:
        update(run, choice.baseline)
        before = known(choice.baseline)
    shown = baseline.excused(run, before)
    conclude(shown, choice.folder, choice.report)
    if ended.signal is not None:
        were = "was" if ended.missing == 1 else "were"
        click.echo(f"Interrupted: {cells(ended.missing)} {were} not asked.", err=True)
        return 128 + ended.signal
    if choice.baseline is not None:
        hold(run, choice.baseline, before, whole=not choice.only)
    return exit_code(shown)


def _stream(folder: Path | None, stack: ExitStack) -> Callable[[str], None]:
    if folder is None:
        return lambda text: None
    from mitmail.judge.result import RESULTS

    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = stack.enter_context((folder / RESULTS).open("w", encoding="utf-8"))
    except OSError as error:
        raise MitmailError(f"cannot write to {folder}: {error.strerror}") from None

    def write(text: str) -> None:
        file.write(text)
        file.flush()

    return write


def _again(choice: Choice) -> str:
    words = ["mitmail", "judge"]
    words += [str(choice.matrix)] if choice.matrix is not None else []
    words += ["--set", choice.set] if choice.set is not None else []
    words += ["--timeout", f"{choice.timeout:g}"] if choice.timeout != PATIENCE else []
    words += ["--command", choice.command] if choice.command is not None else []
    for option, values in (("--client", choice.clients), ("--antivirus", choice.antiviruses)):
        words += [word for value in values for word in (option, value)]
    return shlex.join(words)


def _processes(said: int | None, cells: int) -> int:
    if said is not None:
        return said
    # Twice the cores: a client spends about half of its time waiting for our greeting.
    number = min(2 * (os.cpu_count() or 1), cells // CELLS_A_PROCESS)
    return number if number > 1 else 0


def _announce(start: "Head", grid: "Grid", mine: int) -> None:
    names = ", ".join(f"{name} {said['version']}".strip() for name, said in start.clients.items())
    click.echo(f"Asking {names}.")
    part = f", {mine} of them here (shard {start.shard.index} of {start.shard.total})"
    click.echo(f"{cells(len(grid.entries))}{part if mine != len(grid.entries) else ''}.")
