"""The roster: the clients that a run asks, each by the word that it is found by."""

from collections.abc import Iterable, Sequence

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge import driver
from mitmail.judge.client import Client
from mitmail.scenario.word import did_you_mean, is_path

ALWAYS = "python"


async def find(word: str) -> Client:
    """The client of that name, or of that file.

    Raises MitmailError for a name that nobody knows, CannotJudgeError for one that is not here.
    """
    if not is_path(word) and word not in driver.KNOWN:
        known = ", ".join(sorted(driver.KNOWN))
        raise MitmailError(f"no client {word!r}{did_you_mean(word, driver.KNOWN)}: use {known}")
    try:
        found = await driver.found((word,))
    except KeyError:
        raise MitmailError(f"no client {word!r}") from None
    *_, last = found
    if last.name == ALWAYS and word != ALWAYS:
        raise CannotJudgeError(f"{word} is not here: install it, or leave it out (--client)")
    return last


async def roster(words: Sequence[str] | None) -> dict[str, Client]:
    """The clients, by the words that they are found by; None means all that are here.

    Raises as `find` does, and MitmailError when two have one name.
    """
    if words is None:
        return {client.name: client for client in await driver.found(sorted(driver.KNOWN))}
    found = {word: await find(word) for word in dict.fromkeys(words)}
    _distinct(found.values())
    return found


def _distinct(clients: Iterable[Client]) -> None:
    names: set[str] = set()
    for client in clients:
        if client.name in names:
            raise MitmailError(f"two clients are called {client.name}: give one another name")
        names.add(client.name)
