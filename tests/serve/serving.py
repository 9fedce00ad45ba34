"""``mitmail serve`` as its user meets it: for a person with fixed ports, for a program as JSON."""

import json
import random
import re
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmail.scenario import loader
from serve.program import MITMAIL, Program, environment

NAME, USER = "mail.customer.test", "qa@customer.test"
PORTS = {"imap": 3143, "imaps": 3993, "pop3": 3110, "pop3s": 3995, "smtp": 3025, "smtps": 3465}
LOOPBACK = "127.0.0.1"
WAITING = "Waiting for the first connection"


@dataclass(frozen=True, slots=True)
class Place:
    """One endpoint, as a client is told of it."""

    endpoint: str
    port: int
    host: str = LOOPBACK

    @property
    def protocol(self) -> str:
        return self.endpoint.removesuffix("s")

    @property
    def implicit(self) -> bool:
        return self.endpoint.endswith("s")


def soon_made() -> list[str]:
    """All cases but those with a key of 8192 bits, which takes longer to make than a test may."""
    shipped = loader.shipped().items()
    return [scenario_id for scenario_id, file in shipped if "rsa8192" not in file.read_text()]


def free_offset() -> int:
    """An offset that leads to six free ports below those that the kernel gives away."""
    for _ in range(100):
        offset = random.randrange(3000, 28000)
        if all(_is_free(port + offset) for port in PORTS.values()):
            return offset
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    for family, host in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((host, port))
            except OSError:
                return False
    return True


class ForPerson(Program):
    """``mitmail serve`` with ports of its own: ``places`` by endpoint."""

    def __init__(
        self, home: Path, *arguments: str, offset: int | None = None, umask: int = -1
    ) -> None:
        self.offset = free_offset() if offset is None else offset
        self.places = {name: Place(name, port + self.offset) for name, port in PORTS.items()}
        command = [*MITMAIL, "serve", *arguments, "--port-offset", str(self.offset)]
        super().__init__(command, environment(home), umask=umask)

    def wait(self) -> str:
        """The whole welcome, once all of it was said."""
        self.line(WAITING)
        return "\n".join(self.out)

    @property
    def password(self) -> str:
        """The test user's password, as it was said."""
        match = re.search(r"password (\S+)", self.wait())
        assert match is not None
        return match[1]


class ForProgram(Program):
    """``mitmail serve --ready-json``; ``through`` is a command that starts it."""

    def __init__(
        self, home: Path, *arguments: str, through: Sequence[str] = (), **how: bool
    ) -> None:
        command = [*through, *MITMAIL, "serve", "--ready-json", *arguments]
        super().__init__(command, environment(home), **how)

    @property
    def ready(self) -> Any:
        """The first line."""
        self.line("")
        return json.loads(self.out[0])

    @property
    def places(self) -> dict[str, Place]:
        """Where the endpoints are, by name."""
        found = self.ready["endpoints"].items()
        return {name: Place(name, one["port"], one["host"]) for name, one in found}

    @property
    def records(self) -> list[Any]:
        """All further lines so far."""
        return [json.loads(line) for line in self.out[1:]]

    def record(self, kind: str, session: int) -> Any:
        """The record of a session, once it is there."""
        return json.loads(self.line(rf'"record": "{kind}", "session": {session},'))

    def counts(self) -> Counter[tuple[int, str]]:
        """How often each kind of record came, by session."""
        return Counter((one["session"], one["record"]) for one in self.records)
