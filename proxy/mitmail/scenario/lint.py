"""What a scenario should be beyond what it must be: true, clear, and wrong in one way only."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from mitmail.errors import MitmailError
from mitmail.scenario import loader
from mitmail.scenario.document import Keys, path_text
from mitmail.scenario.hostname import CUSTOMER, NAME, TEST_DOMAINS, covers, is_test_name
from mitmail.scenario.model import Reason, Scenario
from mitmail.scenario.problem import Problem, ScenarioError

type Finding = tuple[Keys, str]
type Fault = tuple[Callable[[Scenario, str], bool], set[Reason]]

NOW: Final = timedelta(0)
MAX_TITLE: Final = 100

# What is wrong with a server for a client that uses this name, and what may truthfully be said.
_FAULTS: Final[tuple[Fault, ...]] = (
    (lambda said, name: said.server.leaf.not_after <= NOW, {"expired"}),
    (lambda said, name: said.server.leaf.not_before > NOW, {"not-yet-valid"}),
    (lambda said, name: not _is_covered(said, name), {"name-mismatch"}),
    (lambda said, name: said.server.issuer == "self", {"self-signed", "unknown-issuer"}),
    (lambda said, name: said.server.issuer == "untrusted", {"unknown-issuer"}),
    (lambda said, name: _is_incomplete(said), {"incomplete-chain", "unknown-issuer"}),
)


def lint(paths: Sequence[Path]) -> list[Problem]:
    """Return all that is wrong in these files and folders, sorted by place; [] when all is well.

    A file in a folder named ``vendors`` is a vendor profile, any other one a scenario.
    """
    problems: set[Problem] = set()
    files: dict[Path, Path] = {}
    for path in paths:
        try:
            listed = list(loader.yaml_files(path)) if path.is_dir() else [path]
        except MitmailError as error:
            problems.add(Problem(str(path), 1, 1, "", str(error)))
            continue
        if not listed:
            problems.add(Problem(str(path), 1, 1, "", "holds no <id>.yaml or <group>/<id>.yaml"))
        files |= {(file := Path(str(each))).resolve(): file for each in listed}
    problems |= set(_clashes(list(files.values())))
    for file in files.values():
        problems |= set(_in_vendor(file) if _is_vendor(file) else _in_scenario(file))
    return sorted(problems)


def _is_vendor(file: Path) -> bool:
    return file.absolute().parent.name == "vendors"


def _clashes(files: Sequence[Path]) -> Iterator[Problem]:
    taken: dict[tuple[bool, str], Traversable] = {}
    shipped = [*loader.files().values(), *loader.vendor_files().values()]
    for file in (*(Path(str(each)) for each in shipped), *files):
        first = taken.setdefault((_is_vendor(file), file.stem), file)
        if not loader.same_file(first, file):
            yield loader.id_taken(file, first)


def _in_vendor(file: Path) -> list[Problem]:
    try:
        loader.load_vendor(file)
    except ScenarioError as error:
        return error.errors
    return []


def _in_scenario(file: Path) -> list[Problem]:
    try:
        said, document = loader.parse(file)
    except ScenarioError as error:
        return error.errors
    return [
        Problem(document.file, *document.value_place(path), path_text(path), message)
        for check in _CHECKS
        for path, message in check(said)
    ]


def _texts(said: Scenario) -> Iterator[Finding]:
    if "\n" in said.title or len(said.title) > MAX_TITLE or said.title.endswith("."):
        yield (
            ("title",),
            f"one line of at most {MAX_TITLE} characters, without a full stop at its end",
        )
    if " " not in said.why or not said.why.endswith((".", "!", "?")):
        yield ("why",), "must be a sentence, with a full stop"


def _test_names(said: Scenario) -> Iterator[Finding]:
    leaf: Keys = ("server", "leaf")
    named: list[tuple[Keys, str | None]] = [
        *(((*leaf, "names", index), name) for index, name in enumerate(said.server.leaf.names)),
        ((*leaf, "common_name"), said.server.leaf.common_name),
        (("connect_as",), said.connect_as),
        (("control", "connect_as"), said.control.connect_as if said.control else None),
    ]
    for path, name in named:
        if name is not None and not is_test_name(name.replace(NAME, CUSTOMER)):
            allowed = ", ".join(TEST_DOMAINS)
            yield path, f"must be in one of {allowed} or a loopback address, not {name!r}"


def _truth(said: Scenario) -> Iterator[Finding]:
    name = said.connect_as or CUSTOMER
    reasons = _reasons(said, name)
    if reasons == set(said.expect.reasons):
        return
    if not reasons:
        yield ("expect",), f"nothing is wrong with this server for a client that uses {name}"
    elif said.expect.verdict == "accept":
        yield ("expect",), f"a client may reject this server: {_listed(reasons)}"
    else:
        yield ("expect", "reasons"), f"a client may truthfully say {_listed(reasons)}"


def _control(said: Scenario) -> Iterator[Finding]:
    if said.control is None:
        return
    path, name = ("control", "connect_as"), said.control.connect_as
    if said.expect.verdict == "accept":
        yield ("control",), "only a scenario that expects reject has a control"
    elif reasons := _reasons(said, name):
        yield path, f"must be accepted, but a client may say {_listed(reasons)}"


def _is_covered(said: Scenario, name: str) -> bool:
    return any(covers(each.replace(NAME, name), name) for each in said.server.leaf.names)


def _is_incomplete(said: Scenario) -> bool:
    return said.server.issuer != "self" and "intermediate" not in said.server.chain


def _reasons(said: Scenario, name: str) -> set[Reason]:
    return {reason for holds, reasons in _FAULTS if holds(said, name) for reason in reasons}


def _listed(reasons: set[Reason]) -> str:
    return ", ".join(sorted(reasons))


_CHECKS: Final = (_texts, _test_names, _truth, _control)
