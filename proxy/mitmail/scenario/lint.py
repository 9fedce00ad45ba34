"""What a scenario should be beyond what it must be: true, clear, and wrong in one way only."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from mitmail.errors import MitmailError
from mitmail.scenario import fitting, loader, matrix, matrix_loader
from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.cause import Cause, Speaker
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.document import Keys, path_text, read
from mitmail.scenario.fault import reasons
from mitmail.scenario.hostname import CUSTOMER, NAME, TEST_DOMAINS, is_harmless, is_test_name
from mitmail.scenario.model import Scenario
from mitmail.scenario.problem import Problem, ScenarioError
from mitmail.scenario.server import Server
from mitmail.scenario.vendor import Vendor
from mitmail.scenario.word import did_you_mean

type Finding = tuple[Keys, str]
MAX_TITLE: Final = 100
MATRIX: Final = "matrix"


def lint(paths: Sequence[Path]) -> list[Problem]:
    """Return all that is wrong in these files and folders, sorted by place; [] when all is well.

    A file in a folder named ``vendors`` is a vendor profile, in one named ``behaviours`` a
    behaviour, and so on for ``clients``, ``causes`` and ``speakers``; one that ends in
    ``.mitmail-matrix.yaml`` is a matrix, any other one a scenario.
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
        kind = _kind(file)
        problems |= set(_in_scenario(file) if kind is None else _in_other(file, kind))
    return sorted(problems)


_LOADERS: Final[Mapping[str, Callable[[Path], object]]] = {
    "vendors": loader.load_vendor,
    "behaviours": loader.load_behaviour,
    "clients": loader.load_client,
    "causes": loader.load_cause,
    "speakers": loader.load_speaker,
    MATRIX: matrix_loader.load,
}


def _kind(file: Path) -> str | None:
    if file.name.endswith(matrix.SUFFIX):
        return MATRIX
    folder = file.absolute().parent.name
    return folder if folder in _LOADERS else None


def _clashes(files: Sequence[Path]) -> Iterator[Problem]:
    taken: dict[tuple[str | None, str], Traversable] = {}
    shipped = [
        *loader.files().values(),
        *loader.vendor_files().values(),
        *loader.behaviour_files().values(),
        *loader.client_files().values(),
        *loader.cause_files().values(),
        *loader.speaker_files().values(),
    ]
    for file in (*(Path(str(each)) for each in shipped), *files):
        first = taken.setdefault((_kind(file), file.stem), file)
        if not loader.same_file(first, file):
            yield loader.id_taken(file, first)


def _in_other(file: Path, kind: str) -> list[Problem]:
    try:
        found = _LOADERS[kind](file)
    except ScenarioError as error:
        return error.errors
    findings = list(_of_other(found))
    if not findings:
        return []
    document = read(file)
    return [
        Problem(document.file, *document.value_place(path), path_text(path), message)
        for path, message in findings
    ]


@cache
def _is_switch(behaviour: str) -> bool:
    return loader.find_behaviour(behaviour).is_switch


def _shipped_vendors() -> Iterator[Vendor]:
    # Nearly all behaviours fit the plainest one: the others are rarely read.
    for name in sorted(loader.vendor_files(), key=lambda name: name != "generic"):
        yield _shipped_vendor(name)


@cache
def _shipped_vendor(name: str) -> Vendor:
    return loader.find_vendor(name)


def _of_other(found: object) -> Iterator[Finding]:
    match found:
        case Vendor():
            known = loader.behaviour_files()
            for index, name in enumerate(found.behaviours):
                if name not in known:
                    yield (
                        ("behaviours", index),
                        f"no behaviour {name!r}{did_you_mean(name, known)}",
                    )
                elif not _is_switch(name):
                    yield ("behaviours", index), f"{name} is no switch: it has no set"
        case Behaviour():
            if wrong := fitting.misfit(found, _shipped_vendors()):
                path, words = wrong
                yield ("set", *path), f"fits no shipped profile: {words}"
        case Cause():
            yield from _unknown_in_cases(found)
        case Speaker():
            known = loader.cause_files()
            for index, saying in enumerate(found.says):
                for place, name in enumerate(saying.means):
                    if name not in known:
                        path = ("says", index, "means", place)
                        yield path, f"no cause {name!r}{did_you_mean(name, known)}"


def _unknown_in_cases(cause: Cause) -> Iterator[Finding]:
    scenarios, vendors, switches = (
        loader.files(), loader.vendor_files(), loader.behaviour_files(),
    )  # fmt: skip
    for index, case in enumerate(cause.cases):
        named = [("scenario", case.scenario, scenarios), ("antivirus", case.antivirus, vendors)]
        for key, name, known in named:
            if name is not None and name not in known:
                yield ("cases", index, key), f"no {key} {name!r}{did_you_mean(name, known)}"
        for place, name in enumerate(case.switches):
            if name not in switches or not _is_switch(name):
                words = f"no switch {name!r}{did_you_mean(name, switches)}"
                yield ("cases", index, "switches", place), words
        if case.switches and case.antivirus is None:
            yield ("cases", index), "switches are those of an antivirus: name one"


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
    if said.sees is not None and not said.sees.endswith((".", "!", "?")):
        yield ("sees",), "must be a sentence, with a full stop"


def _test_names(said: Scenario) -> Iterator[Finding]:
    hosts: dict[Keys, str | None] = {("connect_as",): said.connect_as}
    if said.control is not None:
        hosts["control", "connect_as"] = said.control.connect_as
    for path, host in hosts.items():
        if host is not None and not is_test_name(host.removesuffix(".")):
            allowed = ", ".join(TEST_DOMAINS)
            yield path, f"must be in one of {allowed} or a loopback address, not {host!r}"
    for path, name in _certificate_names(said.server):
        if not is_harmless(name.replace(NAME, CUSTOMER)):
            yield path, f"must end in .test or be a loopback address, not {name!r}"


def _certificate_names(server: Server) -> Iterator[tuple[Keys, str]]:
    parts: dict[Keys, Certificate] = {
        ("server", "leaf"): server.leaf,
        ("server", "intermediate"): server.intermediate,
        ("server", "root"): server.root,
    }
    for path, said in (parts | {("server", "more", x): y for x, y in server.more.items()}).items():
        yield from (((*path, "names", i), name) for i, name in enumerate(said.names or ()))
        if path == ("server", "leaf") and said.common_name is not None:
            yield (*path, "common_name"), said.common_name


def _truth(said: Scenario) -> Iterator[Finding]:
    name = said.connect_as or CUSTOMER
    true = reasons(said, name)
    if true == set(said.expect.reasons):
        return
    if not true:
        yield ("expect",), f"nothing is wrong with this server for a client that uses {name}"
    elif said.expect.verdict == "accept":
        yield ("expect",), f"a client may reject this server: {_listed(true)}"
    else:
        yield ("expect", "reasons"), f"a client may truthfully say {_listed(true)}"


def _control(said: Scenario) -> Iterator[Finding]:
    if said.control is None:
        return
    path, name = ("control", "connect_as"), said.control.connect_as
    if said.expect.verdict == "accept":
        yield ("control",), "only a scenario that expects reject has a control"
    elif true := reasons(said, name):
        yield path, f"must be accepted, but a client may say {_listed(true)}"


def _endpoints(said: Scenario) -> Iterator[Finding]:
    instead = said.server.tls.instead
    if instead is None or instead.when != "connected":
        return
    if clear := [x for x in said.endpoints if not x.endswith("s")]:
        yield ("endpoints",), f"with when: connected, leave out {_listed(clear)}"


def _level(said: Scenario) -> Iterator[Finding]:
    dialogue, instead = said.server.dialogue, said.server.tls.instead
    late = dialogue is not None and dialogue.from_session > 1
    accepted = instead is not None and instead.when == "secured"
    if (late or accepted) and said.expect.level != "may":
        when = "before its second session" if late else "before it comes"
        yield ("expect",), f"a correct client has accepted the server {when}: level: may"


def _listed(words: Collection[str]) -> str:
    return ", ".join(sorted(words))


_CHECKS: Final = (_texts, _test_names, _truth, _control, _endpoints, _level)
