"""The names that are played: what the user typed, and what goes into the certificate."""

from dataclasses import dataclass

from mitmail.scenario.hostname import NAME
from mitmail.scenario.reference import LEAF
from mitmail.scenario.server import Server


@dataclass(frozen=True, slots=True)
class Names:
    """``name`` is what the user typed into the client; ``also`` are further names of the leaf."""

    name: str = "mail.customer.test"
    also: tuple[str, ...] = ()

    def fill(self, template: str) -> str:
        """Put the name where a scenario says ``{name}``."""
        return template.replace(NAME, self.name)

    def of(self, server: Server) -> tuple[str, ...]:
        """The names of a server's leaf."""
        templates = server.certificates[LEAF].names or ()
        return (*map(self.fill, templates), *(self.also if NAME in templates else ()))
