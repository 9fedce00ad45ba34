"""An explanation in words for a person, and as a document for a program."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from mitmail.diagnose.explanation import LONGEST, Answer, Explanation
from mitmail.diagnose.issuer_name import IssuerName
from mitmail.scenario.cause import Case, Cause, Mark
from mitmail.scenario.evidence import Evidence
from mitmail.scenario.evidence import Mark as Known

IN_FULL: Final = 3
WIDEST: Final = 100
LABEL: Final = 14

WINDOWS: Final[Mapping[str, str]] = {
    "client": "the mail program",
    "antivirus": "the antivirus, in a window of its own",
    "system": "the system",
    "server": "the mail server, in an answer or its log",
    "person": "a person, in words of his own",
    "certificate": "the certificate itself",
}
MARKS: Final[Mapping[Known, Mark]] = {
    "decoded": "measured", "sourced": "sourced", "inferred": "recalled", "unverified": "recalled",
}  # fmt: skip
NOT_KNOWN: Final = """\
Not known. What comes nearest, and may be something else:
"""
NEXT: Final = """
Type the exact text or the error's code, in English, or the issuer's name in the certificate.
All that is known: docs/errors.md; every case: mitmail list"""


def text(found: Explanation) -> str:
    """What a person reads."""
    parts = [*_remarks(found), *(_known(found) if found.answers else _unknown(found))]
    return "\n".join(parts).rstrip("\n")


def _remarks(found: Explanation) -> Iterator[str]:
    if found.certificates:
        yield "The text holds certificates: mitmail check --chain - looks at them.\n"
    if found.truncated:
        yield f"The text is long: only its first {LONGEST:,} characters were read.\n"


def _known(found: Explanation) -> Iterator[str]:
    count = len(found.answers)
    if count > 1:
        yield f"{count} causes share this text, likeliest first.\n"
    for number, answer in enumerate(found.answers[:IN_FULL], 1):
        yield from _in_full(answer, f"{number}. " if count > 1 else "", several=count > 1)
    if less := found.answers[IN_FULL:]:
        yield "Less likely:"
        yield from (f"  {one.cause.title}: {one.cases[0].command}" for one in less)


def _in_full(answer: Answer, number: str, *, several: bool) -> Iterator[str]:
    cause = answer.cause
    yield f"{number}{cause.title} ({cause.id})"
    yield from _wrapped(cause.words)
    yield ""
    said = evidence(answer)
    yield from _labelled("Who says so:", f"{said['speaker']}; {WINDOWS[said['window']]}")
    like = "Your text is like" if said["likeness"] == "similar" else "It says"
    yield from _labelled(
        "How sure:", f"{said['mark']} ({said['source']}). {like}: {said['saying']}"
    )
    for label, case in zip(
        ["See it here:", *[""] * len(answer.cases)], answer.cases, strict=False
    ):
        note = f"   ({case.note})" if case.note else ""
        yield f"  {label:{LABEL}} {case.command}{note}"
    yield from _labelled("What fixes it:", cause.fix)
    asks = questions(answer, several=several and number.startswith("1"))
    for label, ask in zip(["Ask next:", *[""] * len(asks)], asks, strict=False):
        yield from _labelled(label, ask)
    yield ""


def _wrapped(words: str) -> Iterator[str]:
    yield from textwrap.wrap(words, _width(), initial_indent="  ", subsequent_indent="  ")


def _labelled(label: str, words: str) -> Iterator[str]:
    yield from textwrap.wrap(
        words, _width(), initial_indent=f"  {label:{LABEL}} ", subsequent_indent=" " * (LABEL + 3),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _width() -> int:
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def _unknown(found: Explanation) -> Iterator[str]:
    yield NOT_KNOWN
    for cause in found.nearest:
        yield f"  {cause.title}\n      {cause.cases[0].command}"
    yield NEXT


def questions(answer: Answer, *, several: bool) -> list[str]:
    """What to ask next; where causes share a text, also what only the speaker's user knows."""
    asks = list(answer.cause.ask)
    if several and answer.clues:
        clue = answer.clues[0]
        if clue.speaker.ask and clue.words not in clue.saying.codes:
            asks.append(clue.speaker.ask)
    return asks


def evidence(answer: Answer) -> dict[str, str]:
    """Who says so, in which window, how that is known, and the words that were found."""
    if answer.issuer is not None:
        return _issuer_evidence(answer.issuer)
    clue = answer.clues[0]
    saying, exact = clue.saying, clue.likeness == "exact"
    return {
        "speaker": clue.speaker.title,
        "window": clue.speaker.window,
        # What was measured is the saying: these words were not, and may mean something else.
        "mark": saying.mark if exact else "recalled",
        "source": saying.source if exact else f"words like it: {saying.mark}, {saying.source}",
        "likeness": clue.likeness,
        "saying": clue.words,
    }


def _issuer_evidence(issuer: IssuerName) -> dict[str, str]:
    if issuer.product is not None:
        return {
            "speaker": f"the issuer's name, which is like those of {issuer.product}",
            "window": "certificate",
            "mark": "sourced",
            "source": "names that browsers know, and public reports; mitmail has no profile of it",
            "likeness": "exact",
            "saying": issuer.name,
        }
    known = issuer.vendor.evidence
    paths = (f"roots.{issuer.signer}", "roots", "device")
    found = next((known[path] for path in paths if path in known), Evidence(mark="unverified"))
    return {
        "speaker": f"the issuer's name, which is that of {issuer.vendor.title}",
        "window": "certificate",
        "mark": MARKS[found.mark],
        "source": found.source or "the profile of the product",
        "likeness": "exact",
        "saying": issuer.name,
    }


def document(found: Explanation) -> dict[str, object]:
    """What a program reads: `mitmail schema explanation`."""
    several = len(found.answers) > 1
    return {
        "schema": 1,
        "known": bool(found.answers),
        "truncated": found.truncated,
        "certificates": found.certificates,
        "answers": [_answer(one, several=several) for one in found.answers],
        "nearest": [_topic(cause) for cause in found.nearest],
        "antivirus": _antivirus(found.issuer),
    }


def _antivirus(issuer: IssuerName | None) -> str | None:
    return None if issuer is None or issuer.product is not None else issuer.vendor.id


def _answer(answer: Answer, *, several: bool) -> dict[str, object]:
    cause = answer.cause
    return {
        "id": cause.id,
        "title": cause.title,
        "words": cause.words,
        "reasons": list(cause.reasons),
        "said": evidence(answer) | {"line": _line(answer)},
        "cases": [_case(case) for case in answer.cases],
        "fix": cause.fix,
        "ask": questions(answer, several=several),
    }


def _line(answer: Answer) -> int:
    return answer.issuer.line if answer.issuer is not None else answer.clues[0].line


def _case(case: Case) -> dict[str, object]:
    return {
        "command": case.command,
        "scenario": case.scenario or "healthy",
        "antivirus": case.antivirus or "none",
        "switches": list(case.switches),
        "note": case.note,
    }


def _topic(cause: Cause) -> dict[str, object]:
    return {"id": cause.id, "title": cause.title, "command": cause.cases[0].command}
