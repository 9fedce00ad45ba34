"""What ``mitmail serve`` is told, checked and resolved into a plan."""

import ipaddress
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from mitmail.endpoint import ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store, data_folder
from mitmail.plan import Names, make
from mitmail.plan.shield import Shield, root_slot
from mitmail.scenario import loader
from mitmail.scenario.hostname import is_hostname
from mitmail.service import upstream
from mitmail.service.record import Bench
from mitmail.service.service import LOOPBACK, Place, is_loopback
from mitmail.service.upstream import Upstream

USER = "qa@customer.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What ``mitmail serve`` was told."""

    scenario: str = "healthy"
    antivirus: str = "none"
    switches: frozenset[str] = frozenset()
    name: str | None = None
    upstreams: tuple[str, ...] = ()
    upstream_ca: Path | None = None
    relay_unverified: bool = False
    listen: str | None = None
    port_offset: int = 0
    ready_json: bool = False
    ephemeral: bool = False
    folders: tuple[Path, ...] = ()


def prepare(orders: Orders, folder: Path) -> Bench:
    """Resolve the orders; ``folder`` takes what need not outlive them. Raises MitmailError."""
    _check(orders)
    behind = _upstream(orders)
    scenario = loader.find(orders.scenario, orders.folders)
    vendor = None if orders.antivirus == "none" else loader.find_vendor(orders.antivirus)
    throw_away = orders.ready_json or orders.ephemeral
    kept_in = None if throw_away else data_folder(os.environ, sys.platform)
    store = Store(kept_in)
    names, also = _names(orders, behind)
    # A root that a machine may come to trust signs for test names and loopback only; one that
    # plays the customer's own name must not be constrained (a second fault), so it is not kept.
    tame = names is None and all(is_loopback(address) for address in also)
    server_store = store if tame else Store(None)
    plan = make(
        scenario,
        vendor,
        server_store,
        names=names,
        also=also,
        switches=orders.switches,
        constrained=tame and not throw_away,
        vendor_store=store,
    )
    return Bench(
        plan=plan,
        upstream=behind,
        user=USER,
        password=store.secret("password", lambda: secrets.token_urlsafe(9)),
        root_file=_root_file(server_store, "server-root", plan.server_root, folder),
        antivirus_root_file=_antivirus_root_file(plan.shield, store, folder),
        kept_in=kept_in,
    )


def _check(orders: Orders) -> None:
    if orders.antivirus == "none" and orders.upstreams:
        raise MitmailError("--upstream needs an antivirus to stand before it: --antivirus norton")
    if orders.antivirus == "none" and orders.switches:
        raise MitmailError("--switch is for an antivirus: name one with --antivirus norton")
    if not orders.upstreams and (orders.upstream_ca or orders.relay_unverified):
        raise MitmailError("--upstream-ca and --relay-unverified are for --upstream HOST")
    if orders.name is not None and not is_hostname(orders.name):
        raise MitmailError(f"--name {orders.name!r}: use a host name or an IP address")
    if orders.listen is not None and not _is_one_address(orders.listen):
        # The system's resolver takes 0, 0x0 and * for every address of this machine.
        raise MitmailError(
            f"--listen {orders.listen}: name the one IP address that the other machine reaches"
        )


def _is_one_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast)


def _antivirus_root_file(shield: Shield | None, store: Store, folder: Path) -> Path | None:
    if shield is None:
        return None
    return _root_file(store, root_slot(shield.vendor, "trusted"), shield.roots["trusted"], folder)


def _root_file(store: Store, slot: str, root: Authority, folder: Path) -> Path:
    if (kept := store.public_file(slot)) is not None:
        return kept
    file = folder / f"{slot}.pem"
    file.write_bytes(pem(root.certificate))
    return file


def _upstream(orders: Orders) -> Upstream | None:
    if not orders.upstreams:
        return None
    return Upstream(
        servers=upstream.servers(orders.upstreams),
        roots=upstream.roots(orders.upstream_ca),
        relay_unverified=orders.relay_unverified,
    )


def _names(orders: Orders, behind: Upstream | None) -> tuple[Names | None, tuple[str, ...]]:
    also = (orders.listen,) if orders.listen else ()
    name = orders.name or (behind.host if behind else None)
    return (Names(name, also) if name else None), also


def place(orders: Orders) -> Place:
    """Where the endpoints listen. Raises MitmailError."""
    host = orders.listen or LOOPBACK
    if orders.ready_json:
        return Place(host=host)
    ports = {one.name: one.bench_port + orders.port_offset for one in ENDPOINTS.values()}
    if not all(0 < port < 65536 for port in ports.values()):
        raise MitmailError(f"--port-offset {orders.port_offset} leads to ports that do not exist")
    return Place(host=host, ports=ports)
