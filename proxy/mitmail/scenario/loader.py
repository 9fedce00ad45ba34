"""Finding and loading the files that people write: the shipped ones, and the user's own."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mitmail import shipped as data
from mitmail.errors import MitmailError
from mitmail.scenario.behaviour import Behaviour, BehaviourFile
from mitmail.scenario.cause import Cause, CauseFile, Speaker, SpeakerFile
from mitmail.scenario.client import ClientFile, DescribedClient
from mitmail.scenario.complaint import complaints
from mitmail.scenario.document import Document, read
from mitmail.scenario.model import Scenario, ScenarioFile
from mitmail.scenario.part import Model
from mitmail.scenario.patch import laid_over
from mitmail.scenario.problem import Problem, ScenarioError
from mitmail.scenario.schema import Name
from mitmail.scenario.vendor import Vendor, VendorFile
from mitmail.scenario.word import did_you_mean, is_path

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def load(file: Traversable) -> Scenario:
    """Load one scenario file; raises `ScenarioError` with all that is wrong in it."""
    return parse(file)[0]


def parse(file: Traversable) -> tuple[Scenario, Document]:
    """Load one scenario file, and keep the places of its keys and values."""
    said, document = _parse(file, ScenarioFile, "scenario")
    folder = Path(str(file)).absolute().parent.name
    record = Scenario.model_construct(
        **dict(said), id=stem(file), group=folder, file=document.file
    )
    return record, document


def load_vendor(file: Traversable) -> Vendor:
    """Load one vendor profile; raises `ScenarioError` with all that is wrong in it."""
    document = read(file)
    whole = _whole(document)
    form = _checked(file, whole, VendorFile, "vendor")
    said = whole.data if isinstance(whole.data, dict) else {}
    return Vendor.model_construct(
        **dict(form), id=stem(file), file=document.file, said=said, base=form
    )


def _whole(document: Document) -> Document:
    """What a profile says, laid over the shipped one that it is like."""
    data = document.data
    like = data.get("like") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(like, str):
        return document
    base = _base(document, like)
    if "like" in base:  # one step: nobody has to follow a chain
        words = f"{like} is like another profile itself: name that one, {base['like']}"
        raise ScenarioError(
            [Problem(document.file, *document.value_place(("like",)), "like", words)]
        )
    return replace(document, data=laid_over(base, data))


def _base(document: Document, like: str) -> dict[str, Any]:
    shipped = vendor_files()
    if like not in shipped:
        words = f"no shipped profile {like!r}{did_you_mean(like, shipped)}"
        raise ScenarioError(
            [Problem(document.file, *document.value_place(("like",)), "like", words)]
        )
    base = read(shipped[like]).data
    assert isinstance(base, dict)
    return base


def load_behaviour(file: Traversable) -> Behaviour:
    """Load one behaviour of products; raises `ScenarioError` with all that is wrong in it."""
    said, document = _parse(file, BehaviourFile, "behaviour")
    return Behaviour.model_construct(**dict(said), id=stem(file), file=document.file)


def load_client(file: Traversable) -> DescribedClient:
    """Load one client file; raises `ScenarioError` with all that is wrong in it."""
    said, document = _parse(file, ClientFile, "client")
    return DescribedClient.model_construct(**dict(said), id=stem(file), file=document.file)


def load_cause(file: Traversable) -> Cause:
    """Load one cause; raises `ScenarioError` with all that is wrong in it."""
    said, document = _parse(file, CauseFile, "cause")
    return Cause.model_construct(**dict(said), id=stem(file), file=document.file)


def load_speaker(file: Traversable) -> Speaker:
    """Load one speaker; raises `ScenarioError` with all that is wrong in it."""
    said, document = _parse(file, SpeakerFile, "speaker")
    return Speaker.model_construct(**dict(said), id=stem(file), file=document.file)


def command_client(words: Sequence[str], protocols: Sequence[str]) -> DescribedClient:
    """A client that is a command, as its file would say it; raises MitmailError."""
    try:
        said = ClientFile.model_validate(
            {"title": words[0], "command": list(words), "protocols": list(protocols)}
        )
    except ValidationError as error:
        found = (each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise MitmailError(f"in the command: {'; '.join(found)}") from None
    return DescribedClient.model_construct(**dict(said), id="command", file="")


def _parse[M: Model](file: Traversable, form: type[M], name: Name) -> tuple[M, Document]:
    document = read(file)
    return _checked(file, document, form, name), document


def _checked[M: Model](file: Traversable, document: Document, form: type[M], name: Name) -> M:
    problems = document.problems + list(_id_problems(file))
    try:
        said = form.model_validate(document.data)
    except ValidationError as error:
        raise ScenarioError([*problems, *complaints(error, document, name)]) from None
    if problems:
        raise ScenarioError(problems)
    return said


def _id_problems(file: Traversable) -> Iterator[Problem]:
    if id_problem(stem(file)):
        message = "the file's name is the id: lower-case words joined by hyphens"
        yield Problem(str(file), 1, 1, "", f"{message}, such as wrong-host.yaml")


def id_problem(text: str) -> str | None:
    """Tell what keeps a text from being an id, or nothing."""
    if _ID.fullmatch(text) and len(text) <= 63:  # it becomes a DNS label
        return None
    return "use lower-case words joined by hyphens, such as wrong-host"


def stem(file: Traversable) -> str:
    """Return the id that a file's name gives: ``expired`` for ``validity/expired.yaml``."""
    return Path(file.name).stem


def files(folders: Sequence[Path] = ()) -> dict[str, Traversable]:
    """Return the file of each scenario by id, shipped ones first; nothing is parsed.

    Raises `ScenarioError`, naming both files, when an id is there twice.
    """
    return _by_id([data.SCENARIOS, *folders])


def vendor_files(folders: Sequence[Path] = ()) -> dict[str, Traversable]:
    """Return the file of each vendor profile by id, shipped ones first; nothing is parsed."""
    return _by_id([data.CERTS / "vendors", *folders])


def behaviour_files() -> dict[str, Traversable]:
    """Return the file of each behaviour by id; nothing is parsed."""
    return _by_id([data.CERTS / "behaviours"])


def client_files() -> dict[str, Traversable]:
    """Return the file of each shipped client by id; nothing is parsed."""
    return _by_id([data.CLIENTS])


def cause_files() -> dict[str, Traversable]:
    """Return the file of each cause by id; nothing is parsed."""
    return _by_id([data.CAUSES])


def speaker_files() -> dict[str, Traversable]:
    """Return the file of each speaker by id; nothing is parsed."""
    return _by_id([data.SPEAKERS])


def shipped() -> dict[str, Traversable]:
    """Return the files of the shipped scenarios by id; nothing is parsed."""
    return files()


def load_all(folders: Sequence[Path] = ()) -> dict[str, Scenario]:
    """Load every scenario by id; raises one `ScenarioError` with the problems of all files."""
    loaded, problems = {}, []
    for scenario_id, file in files(folders).items():
        try:
            loaded[scenario_id] = load(file)
        except ScenarioError as error:
            problems += error.errors
    if problems:
        raise ScenarioError(problems)
    return loaded


def find(id_or_path: str, folders: Sequence[Path] = ()) -> Scenario:
    """Load a scenario by its id, or by the path of its file.

    Raises `MitmailError` for an id that is nowhere, `ScenarioError` for a wrong file.
    """
    return _find(id_or_path, "scenario", files, folders, load)


def find_vendor(id_or_path: str, folders: Sequence[Path] = ()) -> Vendor:
    """Load a vendor profile by its id, or by the path of its file; raises as `find` does."""
    return _find(id_or_path, "vendor profile", vendor_files, folders, load_vendor)


def find_behaviour(id_or_path: str) -> Behaviour:
    """Load a behaviour by its id, or by the path of its file; raises as `find` does."""
    return _find(id_or_path, "switch", lambda _: behaviour_files(), (), load_behaviour)


def find_client(id_or_path: str) -> DescribedClient:
    """Load a client by its id, or by the path of its file; raises as `find` does."""
    return _find(id_or_path, "client", lambda _: client_files(), (), load_client)


def _find[T](
    id_or_path: str,
    noun: str,
    known: Callable[[Sequence[Path]], Mapping[str, Traversable]],
    folders: Sequence[Path],
    load_one: Callable[[Traversable], T],
) -> T:
    if is_path(id_or_path):
        return load_one(Path(id_or_path))
    by_id = known(folders)
    if id_or_path not in by_id:
        # Whoever has such a file beside him means that one, and a path is what names it.
        file = f"./{id_or_path}.yaml"
        here = f": for the file say {file}" if os.path.isfile(file) else ""  # noqa: PTH113 - any text
        raise MitmailError(f"no {noun} {id_or_path!r}{here or did_you_mean(id_or_path, by_id)}")
    return load_one(by_id[id_or_path])


def _by_id(folders: Sequence[Traversable]) -> dict[str, Traversable]:
    by_id: dict[str, Traversable] = {}
    problems = []
    for file in (file for folder in folders for file in yaml_files(folder)):
        first = by_id.setdefault(stem(file), file)
        if first is not file and not same_file(first, file):
            problems.append(id_taken(file, first))
    if problems:
        raise ScenarioError(problems)
    return by_id


def id_taken(file: Traversable, first: Traversable) -> Problem:
    """Return the problem that two files claim one id, at the second file."""
    message = f"the id {stem(file)!r} is already taken by {first}; ids are unique across folders"
    return Problem(str(file), 1, 1, "", message)


def same_file(one: Traversable, other: Traversable) -> bool:
    """Tell whether two paths lead to one file, however they are written."""
    return Path(str(one)).resolve() == Path(str(other)).resolve()


def yaml_files(folder: Traversable) -> Iterator[Traversable]:
    """Yield ``*.yaml`` of a folder and of the folders in it (its groups), in order of name.

    Raises `MitmailError` when it is no folder or cannot be read.
    """
    yield from _yaml_in(folder)
    for group in _entries(folder):
        if group.is_dir():
            yield from _yaml_in(group)


def _yaml_in(folder: Traversable) -> Iterator[Traversable]:
    for entry in _entries(folder):
        if entry.name.endswith(".yaml") and not entry.is_dir():
            yield entry


def _entries(folder: Traversable) -> list[Traversable]:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MitmailError(f"{folder}: cannot be read as a folder: {reason}") from None
    return sorted(entries, key=lambda entry: entry.name)
