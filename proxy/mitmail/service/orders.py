"""What ``mitmail serve`` is told, checked and resolved into a plan."""

import ipaddress
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from mitmail.endpoint import ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Names, is_ordinary, make
from mitmail.plan.shield import Shield, root_slot
from mitmail.scenario import loader
from mitmail.scenario.hostname import CUSTOMER, is_hostname
from mitmail.service import upstream
from mitmail.service.keeping import Keeping
from mitmail.service.place import BENCH, JUDGE, LOOPBACK, Patience, Place, is_loopback
from mitmail.service.record import Bench
from mitmail.service.upstream import Upstream

USER = "qa@customer.test"
HEALTHY = "healthy"
TRANSPARENT, TRANSPARENT_PORT = "transparent", 3999


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What ``mitmail serve`` was told.

    ``scanner`` is ``built-in`` or ``clamd``. ``everything`` is ``--all``, ``chosen`` its
    ``--set``, and ``hosts`` its ``--hosts``.
    """

    scenario: str | None = None
    antivirus: str = "none"
    switches: frozenset[str] = frozenset()
    exact_names: bool = False
    name: str | None = None
    upstreams: tuple[str, ...] = ()
    upstream_ca: Path | None = None
    relay_unverified: bool = False
    plain: bool = False
    listen: str | None = None
    port_offset: int = 0
    ready_json: bool = False
    ephemeral: bool = False
    folders: tuple[Path, ...] = ()
    everything: bool = False
    chosen: str | None = None
    hosts: Path | None = None
    transparent: bool = False
    scanner: str = "built-in"
    clamd: str | None = None

    @property
    def throw_away(self) -> bool:
        """Whether roots, keys and password end with the run."""
        return self.ready_json or self.ephemeral

    @property
    def in_force(self) -> "Orders":
        """The same without what is about an antivirus, while none is on."""
        if self.antivirus != "none":
            return self
        return replace(self, exact_names=False, scanner="built-in", clamd=None)


def prepare(
    orders: Orders, folder: Path, keeping: Keeping | None = None, *, name: str | None = None
) -> Bench:
    """Resolve the orders; ``folder`` takes what need not outlive them. Raises MitmailError.

    ``keeping`` is that of an earlier bench in the same run, and ``name`` the one that its client
    goes on to use.
    """
    check(orders)
    behind = _upstream(orders)
    scenario = loader.find(orders.scenario or HEALTHY, orders.folders)
    vendor = None if orders.antivirus == "none" else loader.find_vendor(orders.antivirus)
    keeping = keeping or Keeping.make(throw_away=orders.throw_away)
    names, also = _names(orders, behind)
    # A root that a machine may come to trust signs for test names and loopback only; one that
    # plays the customer's own name, or an odd one, must not be constrained (a second fault), so
    # it is not kept.
    tame = names is None and all(is_loopback(address) for address in also)
    played = names or Names(name or scenario.connect_as or CUSTOMER, also)
    tame = tame and is_ordinary(scenario.server, played)
    server_store = keeping.store if tame else keeping.aside
    product_store = keeping.of_products(exact=orders.exact_names)
    plan = make(
        scenario,
        vendor,
        server_store,
        names=played,
        switches=orders.switches,
        constrained=tame and not orders.throw_away,
        vendor_store=product_store,
        exact_names=orders.exact_names,
        # A real server's leaf is the same in the next run, ours may not be.
        copies=keeping.store if behind is not None else server_store,
    )
    return Bench(
        plan=plan,
        upstream=behind,
        user=USER,
        password=keeping.password(),
        root_file=_root_file(server_store, "server-root", plan.server_roots, folder),
        antivirus_root_file=_antivirus_root_file(plan.shield, product_store, folder),
        kept_in=keeping.kept_in,
    )


def check(orders: Orders) -> None:
    """Refuse orders that contradict each other; raises MitmailError."""
    if orders.transparent:
        _check_transparent(orders)
    elif orders.everything:
        _check_all(orders)
    elif orders.chosen or orders.hosts:
        raise MitmailError("--set and --hosts are for --all")
    if orders.antivirus == "none" and orders.upstreams:
        raise MitmailError("--upstream needs an antivirus to stand before it: --antivirus norton")
    if orders.antivirus == "none" and orders.switches:
        raise MitmailError("--switch is for an antivirus: name one with --antivirus norton")
    if orders.clamd is not None and orders.scanner != "clamd":
        raise MitmailError("--clamd says where clamd is: use it with --scanner clamd")
    if orders.antivirus == "none" and orders.scanner == "clamd":
        raise MitmailError("--scanner is for an antivirus: name one with --antivirus norton")
    if orders.antivirus == "none" and orders.exact_names:
        raise MitmailError("--exact-names is for an antivirus: name one with --antivirus norton")
    real = orders.upstreams or orders.transparent
    if not real and (orders.upstream_ca or orders.relay_unverified):
        raise MitmailError("--upstream-ca and --relay-unverified are for --upstream HOST")
    if orders.plain and not orders.upstreams:
        raise MitmailError("--plain is for clients before a real server: --upstream imap=HOST")
    if orders.name is not None and not is_hostname(orders.name):
        raise MitmailError(f"--name {orders.name!r}: use a host name or an IP address")
    if orders.listen is not None and not _is_one_address(orders.listen):
        # The system's resolver takes 0, 0x0 and * for every address of this machine.
        raise MitmailError(
            f"--listen {orders.listen}: name the one IP address that the other machine reaches"
        )
    if orders.plain and orders.listen is not None and not is_loopback(orders.listen):
        raise MitmailError(
            f"--listen {orders.listen}: with --plain passwords would cross the network in clear; "
            "leave one of them out"
        )


def _check_all(orders: Orders) -> None:
    if orders.antivirus != "none" or orders.switches or orders.exact_names:
        raise MitmailError("--all has no antivirus yet: serve one scenario behind --antivirus")
    given = {
        f"the scenario {orders.scenario}": orders.scenario is not None,
        "--name": orders.name is not None,
        "--upstream": orders.upstreams or orders.upstream_ca or orders.relay_unverified,
        "--plain": orders.plain,
    }
    for what in (what for what, is_given in given.items() if is_given):
        raise MitmailError(
            f"--all serves every scenario by its own name, <id>.mitmail.test: leave out {what}"
        )


def _check_transparent(orders: Orders) -> None:
    if sys.platform != "linux":
        raise MitmailError(
            "--transparent needs Linux, whose kernel says where a redirected client wanted to go: "
            "use --upstream HOST here"
        )
    if orders.antivirus == "none":
        raise MitmailError("--transparent is for an antivirus: name one with --antivirus norton")
    if orders.listen is not None and is_loopback(orders.listen):
        raise MitmailError(
            f"--listen {orders.listen}: --transparent is on loopback for this machine's clients "
            "anyway: leave it out, or name the address of a router for the clients of others"
        )
    given = {
        "--all": orders.everything,
        "--set": orders.chosen,
        "--hosts": orders.hosts,
        f"the scenario {orders.scenario}": orders.scenario is not None,
        "--name": orders.name is not None,
        "--upstream": orders.upstreams,
        "--plain": orders.plain,
    }
    for what in (what for what, is_given in given.items() if is_given):
        raise MitmailError(
            "--transparent stands before the servers that clients already use, by their own "
            f"names: leave out {what}"
        )


def _is_one_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast)


def _antivirus_root_file(shield: Shield | None, store: Store, folder: Path) -> Path | None:
    if shield is None or shield.root is None:
        return None
    roots = (shield.root.certificate,)
    return _root_file(store, root_slot(shield.vendor, "trusted"), roots, folder)


def _root_file(store: Store, slot: str, roots: tuple[bytes, ...], folder: Path) -> Path:
    # A store publishes one root a slot; a client that trusts two needs both.
    if (kept := store.public_file(slot)) is not None and len(roots) == 1:
        return kept
    file = folder / f"{slot}.pem"
    file.write_bytes(pem(*roots))
    return file


def _upstream(orders: Orders) -> Upstream | None:
    if not orders.upstreams:
        return None
    behind = Upstream(
        servers=upstream.servers(orders.upstreams),
        roots=upstream.roots(orders.upstream_ca),
        relay_unverified=orders.relay_unverified,
        in_clear=orders.plain,
    )
    upstream.check(behind)
    return behind


def _names(orders: Orders, behind: Upstream | None) -> tuple[Names | None, tuple[str, ...]]:
    also = (orders.listen,) if orders.listen else ()
    name = orders.name or (behind.host if behind else None)
    return (Names(name, also) if name else None), also


def patience(orders: Orders) -> Patience:
    """How long a silent client is waited for: a program's answers at once."""
    return JUDGE if orders.ready_json else BENCH


def place(orders: Orders, shift: int = 0) -> Place:
    """Where the endpoints listen; ``shift`` is added to the ports, too. Raises MitmailError."""
    host = orders.listen or LOOPBACK
    if orders.ready_json:
        return Place(host=host)
    offset = orders.port_offset + shift
    ports = {one.name: one.bench_port + offset for one in ENDPOINTS.values()}
    ports[TRANSPARENT] = TRANSPARENT_PORT + offset
    if not all(0 < port < 65536 for port in ports.values()):
        raise MitmailError(f"--port-offset {orders.port_offset} leads to ports that do not exist")
    return Place(host=host, ports=ports)
