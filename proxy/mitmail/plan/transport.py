"""Which connections a product looks into, and which it leaves alone: profiles as plain data."""

from collections.abc import Mapping

from mitmail.interception import Block, Family, Intercepting, Popup
from mitmail.plan.shield import Answer, Chooser, Seen
from mitmail.scenario.transport import Transport
from mitmail.scenario.vendor import Vendor


class Admission:
    """One shield while it is served: connections are counted from here on, by endpoint.

    ``profiles`` is what the product does on each endpoint, by name.
    """

    def __init__(self, profiles: Mapping[str, Vendor]) -> None:
        self._profiles = profiles
        self._left_alone: set[str] = set()

    def transport(self, endpoint: str) -> Transport:
        """What the profile says of an endpoint."""
        return self._profiles[endpoint].transport

    def intercepting(self, endpoint: str, host: str) -> Intercepting:
        """Whether the next connection on an endpoint, to this server, is intercepted."""
        said = self.transport(endpoint)
        begun = 0

        def next_connection(family: Family) -> bool:
            nonlocal begun
            if host in self._left_alone or (family == "ipv6" and not said.ipv6):
                return False
            if not said.covers(endpoint):
                return False
            # Evenly, and the first one always: of 50 % every other one, of 30 % three in ten.
            turn, begun = begun * said.intercepted % 100, begun + 1
            return turn < said.intercepted

        return next_connection

    def chooser(self, endpoint: str, host: str, choose: Chooser) -> Chooser:
        """``choose``, except for a server that the product fails with first."""
        ending = self.transport(endpoint).fails_first
        if ending is None:
            return choose

        def fail_first(seen: Seen | None, sni: str | None) -> Answer | Popup[Answer] | None:
            if host in self._left_alone:
                return choose(seen, sni)  # it was on its way when another one failed
            self._left_alone.add(host)
            return Block(ending)

        return fail_first
