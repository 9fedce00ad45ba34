"""A client that a file describes: what is run for a target, and how its answer is read."""

from collections.abc import Mapping
from pathlib import Path

from mitmail.endpoint import ENDPOINTS
from mitmail.judge import placeholder, reading, sources
from mitmail.judge.batch import Batch
from mitmail.judge.client import Client, Job, Said, Target, Verifies
from mitmail.judge.furnishing import fitting, furnish, give_away, known, selectors
from mitmail.judge.placeholder import all_filled, filled
from mitmail.judge.program import Ended, privileged
from mitmail.judge.resolution import led
from mitmail.scenario.client import DescribedClient

NOBODY = 65534  # its number on Linux; nothing else is asked of it than that it is not root


def make(said: DescribedClient, command: tuple[str, ...], version: tuple[int, ...]) -> Client:
    """The client, run as ``command``: the file's own, with its program where it was found."""

    def prepare(target: Target, home: Path) -> Job:
        return _prepare(said, command, target, home)

    def read(target: Target, ended: Ended) -> Said:
        return reading.read(said, ended)

    verifies, weaker = _verifies(said)
    return Client(
        said.id,
        version,
        frozenset(said.protocols),
        prepare,
        read,
        verifies=verifies,
        exclusive=said.exclusive,
        title=said.title,
        modes=frozenset(said.modes),
        weaker=weaker,
        described=sources.text(said.model_dump(mode="json", exclude={"file"})),
        running=Batch(said, command) if said.batch else None,
    )


def _verifies(said: DescribedClient) -> tuple[Verifies, Mapping[str, Verifies]]:
    everywhere: Verifies = said.verifies.get("otherwise", "full")
    found: dict[str, Verifies] = {}
    for endpoint in ENDPOINTS.values():
        chosen = selectors(endpoint, None)
        depths = (depth for key, depth in said.verifies.items() if key in chosen)
        found[endpoint.name] = next(depths, everywhere)
    return everywhere, {name: x for name, x in found.items() if x != everywhere}


def _prepare(said: DescribedClient, command: tuple[str, ...], target: Target, home: Path) -> Job:
    values = known(said, target, home)
    # Its user may not be able to read what is in our folders.
    user = NOBODY if said.unprivileged and privileged() else None
    if user is not None:
        values["root"] = str(home / "root.pem")
        (home / "root.pem").write_bytes(target.roots.read_bytes())
    led_by = led(target, home)
    furnish(said, values, home)
    if user is not None:
        give_away(home, user)
    chosen = fitting(target)
    more = [word for key, words in said.arguments.items() if key in chosen for word in words]
    variables = {key: filled(text, values) for key, text in said.environment.items()}
    return Job(
        command=all_filled([*command, *more], values),
        give=filled(said.give, values).encode(),
        environment=placeholder.environment(values)
        | (led_by if said.resolve == "wrapper" else {})
        | variables,
        leaves=said.accepts.leaves,
        user=user,
    )
