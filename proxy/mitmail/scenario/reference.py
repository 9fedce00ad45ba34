"""References between the certificates of a file: issuer, namesake, chain and the like."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from mitmail.scenario.part import Misfit
from mitmail.scenario.word import did_you_mean

LEAF: Final = "leaf"
INTERMEDIATE: Final = "intermediate"
ROOT: Final = "root"
UNRELATED: Final = "unrelated"
SELF: Final = "self"
GIVEN: Final = (LEAF, INTERMEDIATE, ROOT, UNRELATED)

LISTS: Final = ("chain", "trust")
LINKS: Final = ("issuer", "namesake", "same_key")


def dangling(data: Mapping[str, Any]) -> Iterator[Misfit]:
    """Yield every reference of a server, as it was read, that leads nowhere or in a circle.

    What is not of the right type is somebody else's complaint.
    """
    more = data.get("more")
    more = more if isinstance(more, dict) else {}
    depth = data.get("depth")
    count = depth if isinstance(depth, int) and depth < 1000 else 1
    numbered = [f"{INTERMEDIATE}-{n}" for n in range(2, count + 1)]
    known = [*GIVEN, *numbered, *more]
    for name in {*GIVEN, *numbered, SELF} & set(more):
        yield ("more", name), "has a place of its own: choose another name"
    for field in LISTS:
        names = data.get(field)
        for index, name in enumerate(names if isinstance(names, list | tuple) else ()):
            yield from _unknown((field, index), name, known)
    parts: dict[tuple[str, ...], Any] = {(name,): data.get(name) for name in GIVEN[:3]}
    parts |= {("more", name): said for name, said in more.items()}
    for path, said in parts.items():
        for field in LINKS:
            other = said.get(field) if isinstance(said, dict) else None
            also = [SELF] if field == "issuer" else []
            yield from _unknown((*path, field), other, [*known, *also])
    yield from _circles(parts, numbered)


def _unknown(
    path: tuple[str | int, ...], name: object, known: Collection[str]
) -> Iterator[Misfit]:
    if isinstance(name, str) and name not in known:
        listed = ", ".join(known)
        yield path, f"there is no certificate {name!r}{did_you_mean(name, known)}: {listed}"


def _circles(parts: Mapping[tuple[str, ...], Any], numbered: Sequence[str]) -> Iterator[Misfit]:
    # What the file says of the intermediate holds for each one that depth makes.
    paths = {path[-1]: path for path in parts} | dict.fromkeys(numbered, (INTERMEDIATE,))
    ladder = [LEAF, INTERMEDIATE, *numbered, ROOT]
    for field in LINKS:
        usual = dict(pairwise(ladder)) if field == "issuer" else {}
        said = ((name, _link(parts[path], field)) for name, path in paths.items())
        links = usual | {name: other for name, other in said if other is not None}
        circling = (path for name, path in paths.items() if _comes_back(name, links))
        for path in dict.fromkeys(circling):
            yield (*path, field), "leads back to itself"


def _link(said: object, field: str) -> str | None:
    name = said.get(field) if isinstance(said, dict) else None
    return name if isinstance(name, str) else None


def _comes_back(name: str, links: Mapping[str, str]) -> bool:
    at, seen = links.get(name), set[str]()
    while at is not None and at not in seen:
        if at == name:
            return True
        seen.add(at)
        at = links.get(at)
    return False
