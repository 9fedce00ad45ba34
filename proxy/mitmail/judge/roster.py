"""The roster: the clients that a run asks, each by the word that it is found by."""

from collections.abc import Sequence

from mitmail.errors import MitmailError
from mitmail.judge import driver
from mitmail.judge.client import Client


async def roster(words: Sequence[str] | None) -> dict[str, Client]:
    """The clients, by their names or files; None means all known ones that are here.

    Raises as `driver.load` does, and MitmailError when two of them have one name.
    """
    if words is None:
        return {client.name: client for client in await driver.found(sorted(driver.KNOWN))}
    found: dict[str, Client] = {}
    for word in dict.fromkeys(words):
        client = await driver.load(word)
        if client.name in (other.name for other in found.values()):
            raise MitmailError(f"two clients are called {client.name}: give one another name")
        found[word] = client
    return found
