"""How a described client's answer is read: its JSON line, or its exit code and its words."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, get_args

from mitmail.judge.client import Said
from mitmail.judge.crash import NO_ANSWER
from mitmail.judge.program import Ended
from mitmail.judge.reason import LIBRARIES, Table, ended_early, left
from mitmail.scenario.client import ClientFile, Refusal
from mitmail.scenario.verdict import Reason

VERDICTS: Final = ("accept", "reject", "error")
REASONS: Final = get_args(Reason.__value__)


def read(said: ClientFile, ended: Ended) -> Said:
    """What a client said, by its file.

    The last line of its standard output may be one JSON object with ``verdict``, ``reason`` and
    ``detail``; then any exit code but 0 means that it broke down.
    """
    text = _text(said, ended)
    if (answer := last_line(ended.out)) is not None:
        if ended.code != 0:
            words = f"it ended with {ended.code} although it said {answer['verdict']!r}"
            return Said("error", None, ended.code, f"{text}\n{words}")
        return answered(said, answer, 0)
    if _accepted(said, ended, text):
        return Said("accept", None, ended.code, text)
    if ended.code is not None and ended.code < 0:
        return Said("error", None, ended.code, f"{text}\nended by signal {-ended.code}".strip())
    if not said.refuses:
        return _by_code_alone(said, ended, text)
    return refused(said.refuses, ended.code, text)


def last_line(out: bytes) -> dict[str, Any] | None:
    """The JSON object with a verdict in the last line of this output, if it is one."""
    lines = out.decode(errors="replace").strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "verdict" in found else None


def answered(said: ClientFile, answer: dict[str, Any], code: int | None) -> Said:
    """What a JSON line says; one that breaks the rules is an error, and says which."""
    verdict, reason = answer["verdict"], answer.get("reason") or None
    # JSON can hold half of a surrogate pair, and nothing that is written as UTF-8 can.
    detail = str(answer.get("detail") or "").encode(errors="replace").decode()
    if verdict not in VERDICTS:
        words = f"the client's verdict is {verdict!r}: use {', '.join(VERDICTS)}"
        return Said("error", None, code, words)
    if reason is not None and reason not in REASONS:
        words = f"the client's reason is {reason!r}: use null, or one of {', '.join(REASONS)}"
        return Said("error", None, code, words)
    if verdict == "reject" and reason is None:
        reason = _first(said.refuses, code, detail)[1]
        if reason is None and ended_early(detail):
            return left(code, detail)
    return Said(verdict, reason, code, detail)


def refused(table: Sequence[Refusal], code: int | None, text: str) -> Said:
    """What a client says that did not succeed: a refusal where the table has its words.

    A refusal that names no reason is none when the words say that the other side has ended.
    """
    fits, reason = _first(table, code, text)
    if not fits:
        return Said("error", None, code, text)
    if reason is None and ended_early(text):
        return left(code, text)
    return Said("reject", reason, code, text)


def _text(said: ClientFile, ended: Ended) -> str:
    text = (ended.out + ended.err).decode(errors="replace").strip()
    return re.sub(said.ignores, "", text) if said.ignores else text


def _accepted(said: ClientFile, ended: Ended, text: str) -> bool:
    wanted = said.accepts
    if ended.code not in wanted.exit or (wanted.leaves is not None and not ended.left):
        return False
    return wanted.text is None or re.search(wanted.text, text, re.IGNORECASE) is not None


def _by_code_alone(said: ClientFile, ended: Ended, text: str) -> Said:
    if ended.code in said.accepts.exit:
        return Said("error", None, ended.code, f"{text}\nit ended well, but did nothing".strip())
    if ended.code in NO_ANSWER:
        return Said("error", None, ended.code, text)
    if ended_early(text):
        return left(ended.code, text)
    return Said("reject", None, ended.code, text)


def _first(table: Sequence[Refusal], code: int | None, text: str) -> tuple[bool, str | None]:
    for one in table:
        if one.exit is not None and code not in one.exit:
            continue
        for pattern, reason in _patterns(one):
            if re.search(pattern, text, re.IGNORECASE):
                return True, reason
    return False, None


def _patterns(one: Refusal) -> Table:
    if one.words is None:
        return ((one.text, one.reason),)
    return tuple((one.text + pattern, word) for pattern, word in LIBRARIES[one.words])
