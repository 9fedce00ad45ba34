"""Credentials in the texts of a run, made unreadable before anything is rendered.

What reads like a credential is masked where it stands: the arguments of LOGIN, PASS and AUTH, a
SASL response, a password in a URL, in an option, behind its label. A password found that way is
masked wherever else it stands in the run, also in Base64, percent-encoded or in hexadecimal.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from mitmail.wire import mask

MASK: Final = "***"
# In prose these verbs are no commands: they begin the line, behind a tag or what a log puts there.
_COMMAND: Final = re.compile(
    r"(?P<lead>(?:.{0,60}[>:]\s*)?)(?P<line>(?:[\w.+-]{1,20}\s+)?"
    r"(?P<verb>LOGIN|AUTHENTICATE|AUTH|PASS|APOP|RPOP|XCLIENT|BURL)\s.*)"
)
_SECRET: Final = frozenset(
    ("LOGIN", "AUTHENTICATE", "AUTH", "PASS", "APOP", "RPOP", "XCLIENT", "BURL")
)
_ALONE: Final = re.compile(r"(?P<lead>(?:.{0,60}[>:]\s*)?)(?P<word>[A-Za-z0-9+/]{4,}={0,2})\s*")
_CHALLENGE: Final = re.compile(r"(?:.{0,60}[<:]\s*)?(?:334\b|\+(?:\s|$))")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_URL: Final = re.compile(r"(?<=://)(?P<user>[^\s:/@'\"]*):(?P<secret>(?![{$*<])[^\s/@'\"]+)(?=@)")
# {password} and $MITMAIL_PASSWORD are places for one, and so is what is masked already.
_VALUE: Final = r"(?P<quote>\\?[\"']?)(?P<secret>(?![{$*<])[^\s\"'\\,;&]+)"
_LABELLED: Final = (
    re.compile(rf"(?i)(?P<label>\b\w*(?:password|passwd|secret)\\?[\"']?\s*[=:]\s*){_VALUE}"),
    re.compile(rf"(?i)(?P<label>(?<!\S)--?(?:password|passwd|pass|pw)(?:\s+|=)){_VALUE}"),
    re.compile(rf"(?P<label>(?<!\S)(?:--user|-u)(?:\s+|=)[\"']?[^\s:\"']+:){_VALUE}"),
)
# Where a client's words stand, and what it sent.
_DIALOGUES: Final = frozenset(("said", "trace"))
_LABEL: Final = re.compile(r"(?i)password|passwd|secret")
# Shorter, or of one kind of letters only, it may be a word that stands for itself elsewhere.
_SHORTEST: Final = 8


def masked[T](document: T, secrets: Iterable[str] = ()) -> T:
    """A run, or any part of one, without credentials; ``secrets`` are those that are known."""
    known = {x for x in secrets if x} | {x for x in _harvest(document) if _generated(x)}
    return cleared(document, known)


type _Hide = Callable[[str], str]


def cleared[T](document: T, secrets: Iterable[str]) -> T:
    """A result, or a part of one, without these passwords and without what reads like one."""
    hider = _Hider(frozenset(x for x in secrets if x))
    shown: T = _each(document, cache(hider.text), cache(hider.dialogue))
    return shown


class _Hider:
    def __init__(self, secrets: frozenset[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        ordered = sorted(forms, key=len, reverse=True)
        self._secrets = [x.encode() for x in secrets]
        self._forms = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """A text of ours: prose, in which LOGIN is a word."""
        text = _URL.sub(rf"\g<user>:{MASK}", _TOKEN.sub(self._token, self._known(text)))
        for pattern in _LABELLED:
            text = pattern.sub(rf"\g<label>\g<quote>{MASK}", text)
        return text

    def dialogue(self, text: str) -> str:
        """A text of a client's, which may hold what it sent."""
        return "\n".join(_dialogue(self.text(text).split("\n")))

    def _known(self, text: str) -> str:
        return text if self._forms is None else self._forms.sub(MASK, text)

    def _token(self, found: re.Match[str]) -> str:
        octets = _decoded(found[0])
        return MASK if any(x in octets for x in self._secrets) or _sasl(octets) else found[0]


def _each(value: Any, hide: _Hide, dialogue: _Hide) -> Any:
    """A document with every text in it changed; what is named a password is hidden whole."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {hide(key): _member(key, x, hide, dialogue) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_each(x, hide, dialogue) for x in value])
    if is_dataclass(value) and not isinstance(value, type):
        names = [x.name for x in fields(value)]
        return replace(value, **{x: _member(x, getattr(value, x), hide, dialogue) for x in names})
    return value


def _member(key: str, value: Any, hide: _Hide, dialogue: _Hide) -> Any:
    if isinstance(value, str) and _LABEL.search(key):
        return MASK
    return _each(value, dialogue if key in _DIALOGUES else hide, dialogue)


def _dialogue(lines: Iterable[str]) -> Iterator[str]:
    answering = False
    for line in lines:
        if (command := _COMMAND.fullmatch(line)) is not None:
            answering = command["verb"].startswith("AUTH")
            yield command["lead"] + _shown(command["line"], command["verb"])
        elif answering and (alone := _ALONE.fullmatch(line)) is not None:
            yield alone["lead"] + MASK
        else:
            # Whatever else the server answers is the end of it.
            answering = _CHALLENGE.match(line) is not None
            yield line


def _shown(line: str, verb: str) -> str:
    keep = line.split().index(verb) + 1
    octets = line.encode(errors="surrogateescape")
    return mask.shown(octets, verb, _SECRET, keep).decode(errors="surrogateescape")


def _harvest(document: Any) -> Iterator[str]:
    """The passwords that stand in a document where one reads like a credential."""
    texts: set[str] = set()
    dialogues: set[str] = set()
    _gather(document, texts, dialogues)
    for text in texts | dialogues:
        for pattern in (_URL, *_LABELLED):
            yield from (found["secret"] for found in pattern.finditer(text))
        for found in _TOKEN.finditer(text):
            octets = _decoded(found[0])
            if _sasl(octets):
                yield octets.rpartition(b"\0")[2].decode(errors="replace")
    for line in (line for text in dialogues for line in text.split("\n")):
        command = _COMMAND.fullmatch(line)
        if command is not None and command["verb"] in {"LOGIN", "PASS"}:
            yield command["line"].split()[-1].strip('"')


def _gather(value: Any, texts: set[str], dialogues: set[str]) -> None:
    """Every text of a document; what is named a password reads like one."""
    if isinstance(value, str):
        texts.add(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str) and _LABEL.search(key):
                texts.add(f"password={each}")
            _gather(each, dialogues if key in _DIALOGUES else texts, dialogues)
    elif isinstance(value, list | tuple):
        for each in value:
            _gather(each, texts, dialogues)
    elif is_dataclass(value):
        for one in fields(value):
            into = dialogues if one.name in _DIALOGUES else texts
            _gather(getattr(value, one.name), into, dialogues)


def _generated(secret: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    return len(secret) >= _SHORTEST and sum(any(map(kind, secret)) for kind in kinds) >= 2


def _forms(secret: str) -> Iterator[str]:
    octets = secret.encode()
    yield secret
    yield quote(secret, safe="")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(octets).decode().rstrip("=")
    yield octets.hex()
    yield octets.hex().upper()


@cache
def _decoded(token: str) -> bytes:
    word = token.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4))
    except binascii.Error:
        return b""


def _sasl(octets: bytes) -> bool:
    """Whether octets are a response of PLAIN (RFC 4616) or of OAUTHBEARER and XOAUTH2."""
    parts = octets.split(b"\0")
    plain = len(parts) == 3 and all(parts[1:]) and all(_printable(x) for x in parts)
    return plain or b"auth=Bearer " in octets


def _printable(octets: bytes) -> bool:
    try:
        return octets.decode().isprintable()
    except UnicodeDecodeError:
        return False
