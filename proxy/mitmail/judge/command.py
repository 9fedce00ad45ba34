"""A user's own client: a command with placeholders, told in its environment as well."""

from collections.abc import Mapping, Sequence
from typing import Any

from mitmail.endpoint import find
from mitmail.errors import MitmailError
from mitmail.judge.comparison import Word
from mitmail.judge.placeholder import all_filled, environment
from mitmail.judge.program import run


def values(state: Mapping[str, Any], endpoint: str | None) -> dict[str, str]:
    """What each placeholder stands for; ``endpoint`` None is the first that is served.

    Raises MitmailError for an endpoint that is not served.
    """
    places = state["endpoints"]
    preferred = "imaps" if "imaps" in places else next(iter(places))
    name = preferred if endpoint is None else find(endpoint).name
    if name not in places:
        raise MitmailError(f"nothing is served on {name}: use {', '.join(places)}")
    return {
        "host": places[name]["host"],
        "port": str(places[name]["port"]),
        "name": state["name"],
        "user": state["user"],
        "password": state["password"],
        "root": state["root_file"],
        "antivirus_root": state["antivirus_root_file"] or "",
        "endpoint": name,
    }


async def ask(command: Sequence[str], known: Mapping[str, str], seconds: float) -> Word:
    """Run the client; its own word is its exit code.

    Raises CannotJudgeError when it cannot be started.
    """
    words = all_filled(command, known)
    ended = await run(words, seconds=seconds, extra=environment(known), scrub=False)
    if ended.code is None:
        return Word(None, None, f"the client did not end in {seconds:g} s")
    return Word(ended.code == 0, ended.code)
