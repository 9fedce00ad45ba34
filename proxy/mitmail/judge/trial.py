"""The trial: a running ``mitmail serve`` is switched, and a client is watched in each half."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from mitmail.errors import MitmailError
from mitmail.judge.comparison import Comparison, Word, compare, leg
from mitmail.service.remote import Remote

type State = Mapping[str, Any]
type Change = Mapping[str, object]
type Ask = Callable[[State], Awaitable[Word]]
"""Has the client do its work with what is served, and brings its own word."""

# For a connection to come out of the backlog, and for the last words of one that has left.
ARRIVAL: Final = 2.0
LATE: Final = 15.0


async def held(remote: Remote, antivirus: str | None, ask: Ask) -> Comparison:
    """Ask a client with the antivirus and without; then all is served as before.

    ``antivirus`` None is the one that is on. Raises MitmailError.
    """
    if antivirus in {"none", "off", ""}:
        raise MitmailError(
            f"--antivirus {antivirus or '(nothing)'}: one half is without an antivirus anyway; "
            "name the one to compare with, as --antivirus norton"
        )
    before = await remote.ask("served")
    if before["scenario"] is None:
        raise MitmailError(
            "this serve stands before a real mail server, and has nothing to show without the "
            "antivirus: start mitmail serve healthy for the comparison"
        )
    named = before["named"]["antivirus"]
    if antivirus is None and named == "none":
        raise MitmailError("no antivirus is on: name one to compare with, --antivirus norton")
    chosen = antivirus or named
    # What is on stays as it is: switched on anew, a product may make other copies, and a client
    # may have an exception for those that it has seen.
    change: Change | None = None if chosen == named else {"antivirus": chosen, "switches": []}
    try:
        shielded, root = await _half(remote, change, ask)
        bare, _ = await _half(remote, {"antivirus": "off"}, ask)
    finally:  # also when whoever compares has had enough
        await remote.ask("switch", antivirus=named, switches=before["switches"])
    roots = {"server": before["root_file"], "antivirus": root}
    return compare(shielded, bare, roots)


async def _half(remote: Remote, change: Change | None, ask: Ask) -> tuple[Any, str | None]:
    state = await (remote.ask("served") if change is None else remote.ask("switch", **change))
    # What runs keeps the half before: only what begins now counts.
    began = state["last_session"]
    word = await ask(state)
    answer = await remote.ask("sessions", after=began, until="verdict", seconds=ARRIVAL)
    if answer["sessions"]:
        answer = await remote.ask("sessions", after=began, until="over", seconds=LATE)
    return leg(state, word, answer["sessions"]), state["antivirus_root_file"]
