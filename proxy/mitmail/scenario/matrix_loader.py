"""Loading matrix files: every word in them is known, and every pattern has something to match."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mitmail.errors import MitmailError
from mitmail.scenario import loader, sets
from mitmail.scenario.complaint import complaints
from mitmail.scenario.document import Document, path_text, read
from mitmail.scenario.matrix import BARE, HEALTHY, IMPORTED, Cells, MatrixFile, Selection
from mitmail.scenario.model import Scenario
from mitmail.scenario.part import Keys, Misfit
from mitmail.scenario.problem import Problem, ScenarioError
from mitmail.scenario.word import did_you_mean, is_path

ANY = ["*"]


def load(file: Path, clients: Collection[str] | None = None) -> MatrixFile:
    """Load a matrix file; ``clients`` are the names that are known, None for any.

    Paths in it are then relative to its folder no more. Raises `ScenarioError` with all that is
    wrong in it, or in a file that it names.
    """
    document = read(file)
    try:
        said = MatrixFile.model_validate(document.data)
    except ValidationError as error:
        found = complaints(error, document, "matrix")
        raise ScenarioError([*document.problems, *found]) from None
    said = _from(file.parent, said)
    problems = [*document.problems, *_unknown(document, said, clients)]
    if problems:
        raise ScenarioError(problems)
    return said


def _from(folder: Path, said: MatrixFile) -> MatrixFile:
    def beside(words: Iterable[str]) -> tuple[str, ...]:
        return tuple(str(folder / x) if _is_path(x) else x for x in words)

    chosen = {"sets": beside(said.select.sets), "ids": beside(said.select.ids)}
    update: dict[str, Any] = {
        "select": said.select.model_copy(update=chosen),
        "antiviruses": beside(said.antiviruses),
    }
    if said.clients is not None:
        update["clients"] = beside(said.clients)
    return said.model_copy(update=update)


def _is_path(word: str) -> bool:
    return is_path(word.removesuffix(IMPORTED)) or word.endswith(sets.SUFFIX)


def selected(select: Selection) -> dict[str, Scenario]:
    """The scenarios that are selected, by id. Raises MitmailError for what is not there."""
    known = loader.files()
    names = [*select.ids, *(name for one in select.sets for name in sets.load(one))]
    names += [name for name, file in known.items() if _group(file) in select.groups]
    names += [x for x in known if any(fnmatchcase(x, glob) for glob in select.globs)]
    # Not find(): it looks through all folders for each of them.
    scenarios = [
        loader.load(known[name]) if name in known else loader.find(name)
        for name in dict.fromkeys(names)
    ]
    return {scenario.id: scenario for scenario in scenarios}


def _group(file: object) -> str:
    return Path(str(file)).parent.name


def _unknown(
    document: Document, said: MatrixFile, known: Collection[str] | None
) -> Iterator[Problem]:
    clients = known if known is not None else said.clients or ()
    for path, words in (*_unknown_words(said, clients), *_idle_patterns(said, clients)):
        yield Problem(document.file, *document.value_place(path), path_text(path), words)
    yield from _unreadable(said.select)


def _unknown_words(said: MatrixFile, clients: Collection[str]) -> Iterator[Misfit]:
    known, select = loader.files(), said.select
    products = [BARE, *loader.vendor_files()]
    groups = sorted({_group(file) for file in known.values()})
    plain = [x.removesuffix(IMPORTED) for x in said.antiviruses]
    # Key in the file, what stands there, what it is called, what is known.
    table: tuple[tuple[Keys, Sequence[str], str, Collection[str]], ...] = (
        (("clients",), said.clients or (), "client", clients),
        (("select", "sets"), select.sets, "set", sets.shipped_sets()),
        (("select", "ids"), select.ids, "scenario", known),
        (("select", "groups"), select.groups, "group", groups),
        (("antiviruses",), plain, "antivirus", products),
    )
    for path, words, noun, names in table:
        for index, word in enumerate(words):
            if not _is_path(word) and word not in names:
                yield (*path, index), f"no {noun} {word!r}{did_you_mean(word, names)}"
    for index, glob in enumerate(select.globs):
        if not any(fnmatchcase(name, glob) for name in known):
            yield ("select", "globs", index), f"no scenario is called {glob}"
    for index, word in enumerate(said.antiviruses):
        if word == BARE + IMPORTED:
            yield ("antiviruses", index), "there is no root to import without an antivirus"


def _idle_patterns(said: MatrixFile, clients: Collection[str]) -> Iterator[Misfit]:
    """Patterns of cells that can match none: a slip of the pen would go unnoticed."""
    try:
        scenarios = [HEALTHY, *selected(said.select)]
    except MitmailError:
        return  # said elsewhere
    # A client's file is not read here: its name is the file's, or what the file says.
    asked = [Path(x).stem if _is_path(x) else x for x in said.clients or clients] or ANY
    for key in ("exclude", "xfail"):
        cells: tuple[Cells, ...] = getattr(said, key)
        for index, one in enumerate(cells):
            case = one.case.partition("+")[0].partition("=")[0]
            for field, pattern, names in (
                ("client", one.client, asked),
                ("case", case, scenarios),
                ("endpoint", one.endpoint, said.endpoints),
            ):
                if names != ANY and not any(fnmatchcase(name, pattern) for name in names):
                    hint = did_you_mean(pattern, names)
                    yield (key, index, field), f"matches no {field} of this matrix{hint}"


def _unreadable(select: Selection) -> Iterator[Problem]:
    """What is wrong in the user's own files that are named here."""
    loaders = [(sets.load, one) for one in select.sets if _is_path(one)]
    for load_one, word in [*loaders, *((loader.find, x) for x in select.ids if _is_path(x))]:
        try:
            load_one(word)
        except ScenarioError as error:
            yield from error.errors
