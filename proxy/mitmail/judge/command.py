"""A user's own client: a command with placeholders, told in its environment as well."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mitmail.endpoint import find
from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge.comparison import Word
from mitmail.judge.program import run

PLACEHOLDERS: Final = (
    "host", "port", "name", "user", "password", "root", "antivirus_root", "endpoint",
)  # fmt: skip
# Other words in braces are the client's own, such as a shell's ${HOME}.
_PLACEHOLDER: Final = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


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


def filled(command: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled in."""
    return [_PLACEHOLDER.sub(lambda found: known[found[1]], word) for word in command]


async def ask(command: Sequence[str], known: Mapping[str, str], seconds: float) -> Word:
    """Run the client; its own word is its exit code.

    Raises CannotJudgeError when it cannot be started.
    """
    extra = {f"MITMAIL_{key.upper()}": value for key, value in known.items()}
    try:
        ended = await run(filled(command, known), seconds=seconds, extra=extra, scrub=False)
    except OSError as error:
        raise CannotJudgeError(f"cannot run {command[0]}: {error.strerror}") from None
    if ended.code is None:
        return Word(None, None, f"the client did not end in {seconds:g} s")
    return Word(ended.code == 0, ended.code)
