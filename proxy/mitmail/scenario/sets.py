"""Sets: files that name some scenarios, one id a line, with # comments."""

from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

from mitmail import shipped
from mitmail.errors import MitmailError
from mitmail.scenario import loader, source
from mitmail.scenario.problem import Problem, ScenarioError
from mitmail.scenario.word import did_you_mean

SUFFIX = ".set"


def load(name_or_path: str, folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return the ids of a set, in its order: a shipped one by its name, or the user's own file.

    ``folders`` hold the user's own scenarios. Raises `ScenarioError` with every line that names
    no scenario, or one that was named before; `MitmailError` when there is no such set.
    """
    file = _find(name_or_path)
    known = loader.files(folders)
    first: dict[str, int] = {}
    problems = []
    for line, col, word in _words(source.text(file)):
        message = ""
        if word not in known:
            message = f"no scenario {word!r}{did_you_mean(word, known)}"
        elif word in first:
            message = f"{word} was named in line {first[word]} already"
        if message:
            problems.append(Problem(str(file), line, col, "", message))
        first.setdefault(word, line)
    if not first:
        problems.append(Problem(str(file), 1, 1, "", "names no scenario: one id a line"))
    if problems:
        raise ScenarioError(problems)
    return tuple(first)


def shipped_sets() -> dict[str, Traversable]:
    """Return the files of the shipped sets, by name."""
    files = sorted(shipped.SCENARIOS.iterdir(), key=lambda file: file.name)
    return {loader.stem(file): file for file in files if file.name.endswith(SUFFIX)}


def _find(name_or_path: str) -> Traversable:
    ours = shipped_sets()
    if name_or_path in ours:
        return ours[name_or_path]
    path = Path(name_or_path)
    if any(x in name_or_path for x in "/\\.") or path.exists():
        return path
    known = ", ".join(ours)
    hint = did_you_mean(name_or_path, ours)
    raise MitmailError(f"no set {name_or_path!r}{hint}: use {known} or a file of your own")


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    # Not splitlines(): editors, and whoever counts lines, know none but these ends.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if word := line.partition("#")[0].strip():
            yield number, line.index(word) + 1, word
