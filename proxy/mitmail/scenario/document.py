"""A YAML document: plain data, and the line and column of every key and value."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from mitmail.scenario import source
from mitmail.scenario.problem import Problem
from mitmail.scenario.source import Place

MAX_DEPTH: Final = 20
MAX_EVENTS: Final = 10_000

type Keys = tuple[str | int, ...]

# YAML 1.2.2, section 10.3.2. Longer numbers stay text: int() refuses more than 4300 digits.
_PLAIN: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (re.compile(r"|~|null|Null|NULL"), lambda text: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?([0-9]*\.[0-9]+|[0-9]+\.|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?"), float),
)

# How the messages of ruamel.yaml begin, and what they mean to somebody who never reads YAML.
_IN_PLAIN_WORDS: Final = {
    "mapping values are not allowed here": (
        "':' is not expected here: put the text in quotes, or check the indentation"
    ),
    r"found character '\t' that cannot start any token": "a tab: YAML wants spaces here",
    "found unexpected end of stream": "this quote is never closed",
    "could not find expected ':'": "this line is no 'key: value'",
    "expected <block end>": "the indentation does not fit the lines above",
    "expected '<document start>'": "the indentation does not fit the lines above",
    "expected ',' or ']'": "a ',' or the closing ']' is missing",
    "expected ',' or '}'": "a ',' or the closing '}' is missing",
    "expected the node content, but found '<stream end>'": "the file ends within a value",
    "expected the node content": "a value is missing here",
}
_POINTS_BACK: Final = ("found unexpected end of stream", "could not find expected ':'")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain data, with the place of each key and value, 1-based.

    ``problems`` holds what is wrong but does not keep the rest from being read.
    """

    file: str
    data: object
    keys: dict[Keys, Place]
    values: dict[Keys, Place]
    problems: list[Problem] = field(default_factory=list)

    def value_place(self, path: Keys) -> Place:
        """Where the value at ``path`` stands, or the nearest value around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, (1, 1))

    def key_place(self, path: Keys) -> Place:
        """Where the key at ``path`` stands; for an item of a list, the item."""
        return self.keys.get(path) or self.value_place(path)


def read(file: Traversable) -> Document:
    """Read one YAML 1.2 document; raises `ScenarioError` for whatever is no such thing.

    A file that says the same again is the same document again: leave it as it is.
    """
    return _parsed(str(file), source.text(file))


# A profile takes 30 ms, and those that are like another one, lint, and each switch read it again.
@lru_cache(maxsize=128)
def _parsed(file: str, text: str) -> Document:
    return _Builder(file, text).document()


class _Builder:
    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.last: Place = (1, 1)
        self.keys: dict[Keys, Place] = {}
        self.values: dict[Keys, Place] = {}
        self.problems: list[Problem] = []
        self.events = self._events()

    def document(self) -> Document:
        found = list(self._roots())
        if not found or found[0] is None:
            source.refuse(self.file, (1, 1), "the file is empty")
        return Document(self.file, found[0], self.keys, self.values, self.problems)

    def _roots(self) -> Iterator[object]:
        documents = 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second document: one file holds one document")
                if event.version or event.tags:
                    self._refuse(event, "YAML directives are not used here: remove the % line")
            elif isinstance(event, NodeEvent):
                yield self._node(event, (), None)

    def _events(self) -> Iterator[Event]:
        # A fresh parser per file: ruamel's keeps state between documents.
        try:
            for count, event in enumerate(YAML(typ="safe", pure=True).parse(self.text)):
                self.last = _start(event)
                if count > MAX_EVENTS:
                    self._refuse(event, "too many values for one file")
                yield event
        except MarkedYAMLError as error:
            source.refuse(self.file, self._error_place(error), _syntax(error))
        except ReaderError as error:
            message = (
                f"the character U+{ord(self.text[error.position]):04X} is not allowed in YAML"
            )
            source.refuse(self.file, source.place_after(self.text[: error.position]), message)
        except (YAMLError, ValueError) as error:
            source.refuse(self.file, self.last, f"not valid YAML: {error}".splitlines()[0])

    def _error_place(self, error: MarkedYAMLError) -> Place:
        back = error.problem in _POINTS_BACK
        marks = (error.context_mark, error.problem_mark)
        mark = next(filter(None, marks if back else reversed(marks)), None)
        return (mark.line + 1, mark.column + 1) if mark else self.last

    def _node(self, event: Event, path: Keys, key: Place | None) -> object:
        empty = isinstance(event, ScalarEvent) and event.value == "" and event.implicit[0]
        self.values[path] = key if empty and key else _start(event)
        self._refuse_unused(event, len(path))
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, ScalarEvent)
        return _scalar(event)

    def _refuse_unused(self, event: Event, depth: int) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            self._refuse(event, "anchors (&) and aliases (*) are not used here: write it out")
        if getattr(event, "tag", None):
            self._refuse(event, "tags (!) are not used here: put the text in quotes")
        if depth > MAX_DEPTH:
            self._refuse(event, "nested too deeply")

    def _sequence(self, path: Keys) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), None))
        return items

    def _mapping(self, path: Keys) -> dict[str, object]:
        mapping: dict[str, object] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            place, key = _start(event), self._node(event, (*path, -1), None)
            complaint = self._complaint(key, mapping, path)
            # -1 is the index of no item: what stands under it is never looked up.
            inner = (*path, -1) if complaint or not isinstance(key, str) else (*path, key)
            value = self._node(next(self.events), inner, place)
            if complaint:
                self.problems.append(Problem(self.file, *place, path_text(path), complaint))
            elif isinstance(key, str):
                mapping[key] = value
                self.keys[inner] = place
        return mapping

    def _complaint(self, key: object, mapping: dict[str, object], path: Keys) -> str:
        if not isinstance(key, str):
            return "a key must be text: put it in quotes"
        if key in mapping:
            first = self.keys[(*path, key)][0]
            return f"duplicate key {shown(key)}, first given in line {first}"
        return ""

    def _refuse(self, event: Event, message: str) -> NoReturn:
        source.refuse(self.file, _start(event), message)


def _start(event: Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _scalar(event: ScalarEvent) -> object:
    text: str = event.value
    if event.implicit[0]:
        for pattern, convert in _PLAIN:
            if pattern.fullmatch(text):
                return convert(text)
    return text


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "not valid YAML")
    plain = (words for start, words in _IN_PLAIN_WORDS.items() if problem.startswith(start))
    return next(plain, f"not valid YAML: {problem}")


def shown(value: object) -> str:
    """Quote a value for a message: one line, no control characters, at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def path_text(path: Keys) -> str:
    """Write a path as people do: ``server.leaf.names[0]``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _is_word(key) else shown(key))
    return text


def _is_word(key: str) -> bool:
    return re.fullmatch(r"[\w-]{1,60}", key) is not None
