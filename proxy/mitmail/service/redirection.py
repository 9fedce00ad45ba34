"""The kernel's rules that lead mail connections to a capture: the lines to type, and to undo."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from mitmail.service.place import is_loopback


@dataclass(frozen=True, slots=True)
class Lines:
    """Shell lines for root: what sets the rules, and what takes them back."""

    do: tuple[str, ...]
    undo: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """Leads what is sent to ``ports`` of other machines to ``host`` and ``port`` here.

    On loopback it is this machine's own programs that are led there, except those of the group
    with the number ``group``: mitmail's own connections would come back to it. On any other
    address it is what other machines send through this one, and there is no such loop.
    """

    host: str
    port: int
    ports: Iterable[int]
    group: int

    @property
    def own(self) -> bool:
        """Whether it is for programs of this machine."""
        return is_loopback(self.host)

    @property
    def nft(self) -> Lines:
        """For nftables, as a table of its own: nothing else is changed."""
        family = "inet" if self.own else "ip6" if self._is_v6 else "ip"
        ports = "'{ " + ", ".join(map(str, sorted(self.ports))) + " }'"
        hook = "output" if self.own else "prerouting"
        chain = f"{family} mitmail {hook}"
        # Local servers stay out of it: they are the machine's own business.
        ours = (
            f"oifname != lo meta skgid != {self.group} tcp dport {ports} redirect to :{self.port}"
        )
        theirs = f"fib daddr type != local tcp dport {ports} dnat to {self._place}"
        return Lines(
            (
                f"nft add table {family} mitmail",
                f"nft add chain {chain} '{{ type nat hook {hook} priority -100; }}'",
                f"nft add rule {chain} {ours if self.own else theirs}",
            ),
            (f"nft delete table {family} mitmail",),
        )

    @property
    def iptables(self) -> Lines:
        """For iptables: one rule for each family."""
        ports = f"-p tcp -m multiport --dports {','.join(map(str, sorted(self.ports)))}"
        if self.own:
            rule = (
                f"OUTPUT ! -o lo {ports} -m owner ! --gid-owner {self.group} "
                f"-j REDIRECT --to-ports {self.port}"
            )
            commands = ["iptables", "ip6tables"]
        else:
            local = "-m addrtype ! --dst-type LOCAL"
            rule = f"PREROUTING {ports} {local} -j DNAT --to-destination {self._place}"
            commands = ["ip6tables" if self._is_v6 else "iptables"]
        return Lines(
            tuple(f"{command} -t nat -A {rule}" for command in commands),
            tuple(f"{command} -t nat -D {rule}" for command in commands),
        )

    @property
    def _is_v6(self) -> bool:
        return ipaddress.ip_address(self.host).version == 6

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if self._is_v6 else f"{self.host}:{self.port}"
