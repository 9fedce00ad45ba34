"""What somebody pasted, as lines and as words that can be compared."""

import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from mitmail.diagnose import reassurance, trouble
from mitmail.diagnose.setting import PORTS
from mitmail.diagnose.synonym import SAME, SILENT
from mitmail.errors import MitmailError

_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_FOLDED: Final = str.maketrans("\u2018\u2019\u201b\u02bc\u00b4`\u201c\u201d\u201e\u00ab\u00bb",
                               "''''''\"\"\"\"\"")  # fmt: skip
_UNSEEN: Final = re.compile(
    "[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]|\x1b\\[[0-9;?]*[A-Za-z]"
)
# No word of ours is as long; what searches for hosts and addresses takes its square in time.
_LONG: Final = re.compile(r"\S{80}")
_QUOTED: Final = re.compile(r"^[\s>|]+(?=\S)|\s+$")
_TAG: Final = re.compile(
    r"<(?:!doctype|/?(?:html|body|div|p|br|span|table|td|pre|li|b|i|font)\b)", re.I
)
_BLOCKS: Final = frozenset(
    ("p", "div", "br", "li", "tr", "td", "th", "pre", "h1", "h2", "h3", "title")
)

# What differs from one customer to the next; {host} and the like are the files' words for it.
_CHANGING: Final = re.compile(
    r"\{\w+\}|(?:[0-9a-f]{2}:){5,}[0-9a-f]{2}"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?|\[?[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,}\]?"
    r"|\b\w*_\w*\b"
    r"|\b(?:jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|june"
    r"|july|august|september|october|november|december|mon|tue|wed|thu|fri|gmt|utc)\b"
)
# In small letters: javax.net.ssl.SSLException is no host, and neither is wscert.der.
_HOST: Final = re.compile(
    r"https?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)*"
    r"|\blocalhost\b|(?<![\w.])\*?(?:[a-z0-9_-]+\.)+(?!(?:der|cer|crt|pem)\b)[a-z][a-z-]+(?::\d+)?(?![\w.]*[A-Z])\b"
)
_DENIED: Final = re.compile(r"\b\w+n't\b")
_PORTS: Final = PORTS | {"563"}
_WORD: Final = re.compile(r"[a-z][a-z0-9]*|\d+")
_LITERAL: Final = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)*")

_ENDINGS: Final = ("ations", "ation", "ings", "ing", "ions", "ion", "ied", "ies", "ed", "es", "er",
                   "y", "e", "s")  # fmt: skip
_SHORTEST: Final = 4  # letters that are left


def decoded(octets: bytes) -> str:
    """The text of a file or a pipe, in the encodings that Windows and others write.

    Raises MitmailError for octets that are no text.
    """
    for mark, encoding in _MARKS:
        if octets.startswith(mark):
            return octets.decode(encoding, "replace")
    if b"\0" in octets:
        raise MitmailError("this is no text: paste the error's text, or save it as plain text")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def lines(text: str) -> list[str]:
    """The lines of a paste, without quoting marks, tags and typographic quotes; empty ones too."""
    text = unicodedata.normalize("NFKC", text)
    if _TAG.search(text):
        text = _without_tags(text)
    text = _UNSEEN.sub("", text.translate(_FOLDED))
    return [_QUOTED.sub("", _LONG.sub(r"\g<0> ", line)) for line in text.splitlines()]


def words(line: str) -> Iterator[str]:
    """The words of a line that say something, in small letters: no hosts, no dates, no numbers."""
    return (word for word in _spoken(line) if word not in SILENT)


def troubles(line: str) -> frozenset[str]:
    """The words of a line that say that something is wrong, those that say little among them."""
    return trouble.told(_spoken(line))


def literal(line: str) -> str:
    """A line as it is, but for case, marks, and what changes: two that were measured are equal."""
    return " ".join(_LITERAL.findall(_without_changing(line)))


def _spoken(line: str) -> Iterator[str]:
    text = _DENIED.sub("not", _without_changing(reassurance.without(line)))
    for word in _WORD.findall(text.replace("e-mail", "mail").replace("pop-up", "popup")):
        if word[0].isdigit():
            if word in _PORTS:
                yield word
            continue
        yield from SAME.get(word, word).split()


def _without_changing(line: str) -> str:
    return _CHANGING.sub(" ", _HOST.sub(" ", line).lower())


def stem(word: str) -> str:
    """A word without its ending, so that verified and verify are one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word[: -len(ending)]
    return word


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in ("script", "style")
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _without_tags(text: str) -> str:
    parser = _Text()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)
