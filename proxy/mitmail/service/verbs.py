"""The verbs of the control: what may be asked of a running ``mitmail serve``."""

from collections.abc import Callable
from typing import Any

from mitmail.addon import addon
from mitmail.errors import MitmailError
from mitmail.service import change
from mitmail.service.control import Json, Verb
from mitmail.service.journal import Journal
from mitmail.service.stage import Shown, Stage
from mitmail.service.state import state

LONGEST = 60.0  # seconds that one request may wait

BY_NAME = (
    "this serve has every scenario by its own name (--all): there is nothing to switch; connect "
    "to <id>.mitmail.test"
)
CAPTURED = (
    "this serve stands before whatever server clients connect to (--transparent): there is "
    "nothing to switch"
)


def of_stage(stage: Stage, journal: Journal, told: Callable[[Shown], None]) -> dict[str, Verb]:
    """The verbs of a run with one scenario at a time; ``told`` hears of every switch."""

    async def served(request: Json) -> Json:
        return state(stage.shown, journal)

    async def switch(request: Json) -> Json:
        shown = await stage.switch(change.read(request))
        told(shown)
        return state(shown, journal)

    return {"served": served, "switch": switch} | _of_sessions(journal)


def of_journal(journal: Journal, why: str) -> dict[str, Verb]:
    """The verbs of a run that cannot be switched, and why it cannot."""

    async def refuse(request: Json) -> Json:
        raise MitmailError(why)

    return {"served": refuse, "switch": refuse} | _of_sessions(journal)


def _of_sessions(journal: Journal) -> dict[str, Verb]:
    return {"sessions": _sessions(journal), "answer": _answer}


def _sessions(journal: Journal) -> Verb:
    """Sessions after a number, once all of them have come to a verdict, or are over."""

    async def sessions(request: Json) -> Json:
        after = _number(request, "after", 0)
        seconds = min(LONGEST, _number(request, "seconds", 0))
        until = request.pop("until", "verdict")
        if until not in {"verdict", "over"}:
            raise MitmailError("sessions: until is verdict or over")
        if request:
            raise MitmailError(f"sessions knows no {next(iter(request))!r}: after, until, seconds")
        found = await journal.wait(int(after), until, seconds)
        return {"sessions": [x.document() for x in found], "last_session": journal.last}

    return sessions


async def _answer(request: Json) -> Json:
    """Answer the pop-up of a session, as the person before the screen would."""
    number, word = request.pop("session", None), request.pop("word", None)
    if request or type(number) is not int or not isinstance(word, str):
        raise MitmailError("answer: session is a number, and word a string")
    try:
        await addon.answer(number, word)
    except ValueError as error:
        raise MitmailError(f"session {number}: {error}") from None
    return {"session": number, "word": word}


def _number(request: dict[str, Any], key: str, default: float) -> float:
    found = request.pop(key, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 1e12:
        raise MitmailError(f"sessions: {key} is not a number")
    return found
