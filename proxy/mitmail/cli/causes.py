"""All that ``mitmail explain`` knows, written as a page."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from mitmail.scenario.cause import Cause, Mark, Saying, Speaker

MARKS: Final[Mapping[Mark, str]] = {"measured": "M", "sourced": "S", "recalled": "R"}
HEAD: Final = """\
# What the errors mean

{causes} causes behind {sayings} texts, codes and numbers that mail programs, systems, antivirus
products and people say. Written by `make docs` from the files in `proxy/mitmail/diagnose/`; a test
keeps it in step. From a text to its cause: `mitmail explain TEXT`, or `mitmail explain -`, and
then paste it.

How it is known: **M** measured (seen in mitmail's runs, or on a bench), **S** sourced (reported or
documented), **R** recalled (from memory, and not checked). A text stands at its likeliest cause;
*or* names the other ones, likeliest first. `{{host}}`, `{{date}}` and `{{x}}` stand for what
changes.
"""
COLUMNS: Final = "| text, code or number | said by | known | or |\n|---|---|---|---|\n"


def page(causes: Iterable[Cause], speakers: Sequence[Speaker]) -> str:
    """The causes as a page in Markdown, each with the texts that most likely mean it."""
    listed = list(causes)
    said: dict[str, list[tuple[Speaker, Saying]]] = defaultdict(list)
    for speaker in speakers:
        for saying in speaker.says:
            said[saying.means[0]].append((speaker, saying))
    count = sum(len(_words(saying)) for each in said.values() for _, saying in each)
    parts = [HEAD.format(causes=len(listed), sayings=count)]
    for cause in listed:
        parts += ["\n", *_section(cause, said[cause.id])]
    return "".join(parts)


def _section(cause: Cause, said: Sequence[tuple[Speaker, Saying]]) -> Iterator[str]:
    yield f"## {cause.title}\n\n`{cause.id}`: {cause.words}\n\n"
    cases = (f"`{case.command}`{f' ({case.note})' if case.note else ''}" for case in cause.cases)
    yield f"- **See it here**: {', '.join(cases)}\n"
    yield f"- **What fixes it**: {cause.fix}\n"
    if cause.ask:
        yield f"- **Ask next**: {' '.join(cause.ask)}\n"
    if said:
        yield f"\n{COLUMNS}"
        yield from (_row(speaker, saying) for speaker, saying in said)


def _row(speaker: Speaker, saying: Saying) -> str:
    also = ", ".join(f"`{cause}`" for cause in saying.means[1:])
    words = "<br>".join(_cell(each) for each in _words(saying))
    return f"| {words} | {_cell(speaker.title)} | {MARKS[saying.mark]} | {also} |\n"


def _words(saying: Saying) -> list[str]:
    return [*saying.texts, *saying.codes, *(f"number {each}" for each in saying.numbers)]


def _cell(text: str) -> str:
    for mark in "\\|*_<`":
        text = text.replace(mark, f"\\{mark}")
    return text
