"""What a client file may say: how one mail program is asked, and how its answer is read."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from mitmail.scenario.part import Keys, Misfit, Model, SetOf, Text, misfit
from mitmail.scenario.spoken import Protocol
from mitmail.scenario.verdict import Reason
from mitmail.scenario.word import did_you_mean

type Selector = Literal[
    "imap", "pop3", "smtp", "imaps", "pop3s", "smtps", "implicit", "starttls", "plain",
    "TLSv1_2", "TLSv1_3", "otherwise",
]  # fmt: skip
type Mode = Literal["implicit", "starttls", "plain"]
type Verifies = Literal["none", "chain", "full"]

PLACEHOLDERS: Final = (
    "host", "port", "name", "user", "password", "root", "antivirus_root", "endpoint",
)  # fmt: skip
"""What stands in braces in a command, and as MITMAIL_HOST and so on in its environment."""
MORE_PLACEHOLDERS: Final = ("protocol", "tls", "pin", "patience", "home", "hosts", "programs")
"""The same, for what configuration files need."""
PLACES: Final = ("home", "hosts", "programs")
"""Those that are known before there is anything to connect to."""

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


def _split(command: object) -> object:
    if not isinstance(command, str):
        return command
    try:
        return shlex.split(command)
    except ValueError:
        raise ValueError("a quote is never closed") from None


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return text


def _told(text: str) -> str:
    """What a program can be told in its command and its environment (execve)."""
    if "\0" in text:
        raise ValueError("no program can be given a NUL")
    # Octets of a command line that are no UTF-8 are half surrogates to Python, of their own range.
    _written(re.sub("[\\udc80-\\udcff]", "", text))
    return text


def _written(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    return text


def _variable(name: str) -> str:
    if "=" in name:
        raise ValueError("no variable has a = in its name")
    return name


def _inside(text: str) -> str:
    path = PurePosixPath(_written(_told(text)))
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text:
        raise ValueError("use a path inside of the client's own folder, such as mail/rc")
    return text


def _everywhere(said: object) -> object:
    return {"otherwise": said} if isinstance(said, str) else said


_DEPTHS: Final[dict[str, Any]] = {"enum": ["none", "chain", "full"]}
_WORDS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}}

type Told = Annotated[str, AfterValidator(_told)]
type Written = Annotated[str, AfterValidator(_written)]
type Variable = Annotated[Text, AfterValidator(_variable)]
type Command = Annotated[
    tuple[Told, ...],
    BeforeValidator(_split),
    WithJsonSchema({"anyOf": [_WORDS, {"type": "string"}]}),
]
type Pattern = Annotated[str, AfterValidator(_pattern)]
type Inside = Annotated[str, AfterValidator(_inside)]
type Codes = tuple[StrictInt, ...]
type Depth = Annotated[
    dict[Selector, Verifies],
    BeforeValidator(_everywhere),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "object", "additionalProperties": _DEPTHS},
                _DEPTHS,
            ]
        }
    ),
]


class Refusal(Model):
    """One way in which a client says that it refuses."""

    exit: Codes | None = Field(default=None, description="Only with one of these exit codes.")
    text: Pattern = Field(
        default="", description="A regular expression that its text matches, in any case."
    )
    reason: Reason | None = Field(default=None, description="The reason that these words name.")
    words: Literal["openssl", "gnutls", "java"] | None = Field(
        default=None,
        description="What follows the text are the words of this library, which name the reason.",
    )


class Acceptance(Model):
    """What all has to be so when a client did its work."""

    exit: Codes = Field(default=(0,), description="One of these exit codes.")
    text: Pattern | None = Field(
        default=None, description="A regular expression that its text matches, in any case."
    )
    leaves: Inside | None = Field(
        default=None,
        description="The mail that it fetched: files (a pattern such as mail/*) in its folder, "
        "and not all of them empty.",
    )


class ClientFile(Model):
    """A mail program: what is run, what it is told, and how its answer is read."""

    title: Text = Field(description="The client in one line, for lists and reports.")
    command: Command = Field(
        min_length=1,
        description="What is run: a list, or one text that is split as a shell does. No shell.",
    )
    protocols: SetOf[Protocol] = Field(min_length=1, description="What it speaks.")
    modes: SetOf[Mode] = Field(
        default=("implicit", "starttls"), min_length=1, description="How it gets to TLS."
    )
    arguments: dict[Selector, Command] = Field(
        default={},
        description="More arguments, of all that fit, in this order: for a protocol (imap), an "
        "endpoint with implicit TLS (imaps), a mode (starttls), a pinned version (TLSv1_3).",
    )
    words: dict[Text, dict[Selector, Told]] = Field(
        default={},
        description="Placeholders of the file's own. Each is the first text that fits, or empty.",
    )
    files: dict[Inside, Written] = Field(
        default={}, description="Files that are written for it (mode 0600), by path in {home}."
    )
    folders: SetOf[Inside] = Field(default=(), description="Folders that are made in {home}.")
    give: Written = Field(default="", description="What it reads on standard input.")
    environment: dict[Variable, Told] = Field(
        default={}, description="Variables that it is given."
    )
    resolve: Literal["itself", "wrapper"] = Field(
        default="itself",
        description="How it gets from {name} to {host}: itself, by its command (or its file in "
        "{hosts}); or by nss_wrapper, which every dynamically linked program of libc heeds.",
    )
    unprivileged: StrictBool = Field(
        default=False, description="Asked by root, it runs as nobody: it refuses to work as root."
    )
    batch: StrictBool = Field(
        default=False,
        description="It is started once, and asked by lines on standard input: docs/clients.md.",
    )
    verifies: Depth = Field(
        default={"otherwise": "full"},
        description="What it verifies as it is asked here: full; chain, but no name; or none. "
        "One word, or one for each mode or protocol.",
    )
    exclusive: Text | None = Field(
        default=None,
        description="Clients that name the same are asked one after the other.",
    )
    accepts: Acceptance = Field(default=Acceptance(), description="When it did its work.")
    refuses: tuple[Refusal, ...] = Field(
        default=(),
        description="How it says that it refuses; the first that fits. Whatever fits none is no "
        "word about the certificate. Without a table every other end is a refusal.",
    )
    ignores: Pattern | None = Field(
        default=None, description="What is left out of its text: a regular expression."
    )
    version: Command = Field(
        default=(),
        description="What prints its version. If that fails, the client is not here.",
    )
    needs: SetOf[Text] = Field(
        default=(), description="Programs and files that it needs besides its command's own."
    )
    package: Text | None = Field(
        default=None, description="The package of Debian to install where it is not here."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wrong = [*self._strange_words(), *self._strange_placeholders(), *self._idle()]
        if wrong:
            raise ValidationError.from_exception_data("client", [misfit(*each) for each in wrong])
        return self

    def _strange_words(self) -> Iterator[Misfit]:
        for name in self.words:
            if name in (*PLACEHOLDERS, *MORE_PLACEHOLDERS):
                yield ("words", name), "is a placeholder already: use another word"
            elif not _PLACEHOLDER.fullmatch(f"{{{name}}}"):
                yield ("words", name), "use small letters and _"

    def _strange_placeholders(self) -> Iterator[Misfit]:
        known = (*PLACEHOLDERS, *MORE_PLACEHOLDERS, *self.words)
        for path, text in self._templates():
            for name in _PLACEHOLDER.findall(text):
                # Other words in braces are the client's own.
                if name not in known and (hint := did_you_mean(name, known)):
                    yield path, f"unknown placeholder {{{name}}}{hint}"

    def _templates(self) -> Iterator[tuple[Keys, str]]:
        yield from _each(("command",), self.command)
        for selector, words in self.arguments.items():
            yield from _each(("arguments", selector), words)
        for variable, text in self.environment.items():
            yield ("environment", variable), text
        yield ("give",), self.give

    def _idle(self) -> Iterator[Misfit]:
        if not self.batch:
            return
        if self.give:
            yield ("give",), "a batch client reads its cells on standard input: leave it out"
        for path, text in _each(("command",), self.command):
            for name in _PLACEHOLDER.findall(text):
                if name in (*PLACEHOLDERS, *MORE_PLACEHOLDERS) and name not in PLACES:
                    words = f"{{{name}}} is told to a batch client cell by cell, on standard input"
                    yield path, words


def _each(path: Keys, words: Iterable[str]) -> Iterator[tuple[Keys, str]]:
    return (((*path, index), text) for index, text in enumerate(words))


class DescribedClient(ClientFile):
    """A client and where it comes from: ``id`` is the stem of ``file``."""

    id: str
    file: str
