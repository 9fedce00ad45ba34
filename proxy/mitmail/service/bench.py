"""``mitmail serve`` for a person at the bench, and for a program: one plan until it is stopped."""

import asyncio
import ipaddress
import json
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from mitmail.addon.proxy import Proxy
from mitmail.addon.route import Happening
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.errors import MitmailError
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store, data_folder
from mitmail.plan import Names, make
from mitmail.plan.server import utc_now
from mitmail.plan.shield import Shield, root_slot
from mitmail.scenario import loader
from mitmail.scenario.hostname import is_hostname
from mitmail.service import notice, record, upstream
from mitmail.service.record import Bench, Served
from mitmail.service.service import (
    BENCH,
    JUDGE,
    LOOPBACK,
    Observer,
    Place,
    Service,
    is_loopback,
)
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


async def run(orders: Orders) -> int:
    """Serve until interrupted; the exit code (130 for Ctrl-C, 143 for SIGTERM)."""
    async with AsyncExitStack() as stack:
        stopped = _watch_signals()
        await open_in(await Proxy.start(), orders, stack)
        return 128 + await stopped


async def open_in(proxy: Proxy, orders: Orders, stack: AsyncExitStack) -> None:
    """Open the endpoints in a proxy, and say where they are; ``stack`` closes all of it.

    Raises MitmailError; what was opened before is left to the stack.
    """
    stack.push_async_callback(proxy.stop)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mitmail-")))
    bench = prepare(orders, folder)
    mail = MailStore(USER, bench.password, messages=seed(USER, utc_now()))
    mailstore = await stack.enter_async_context(Mailstore(mail))
    served = await Service(proxy, mailstore).open(
        bench.plan,
        _observer(bench, ready_json=orders.ready_json),
        place=_place(orders),
        patience=JUDGE if orders.ready_json else BENCH,
        upstream=bench.upstream,
    )
    # Before the mailstore: a session that is being ended may still want its answer.
    stack.push_async_callback(proxy.stop)
    _announce(orders, bench, served)


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


def _place(orders: Orders) -> Place:
    host = orders.listen or LOOPBACK
    if orders.ready_json:
        return Place(host=host)
    ports = {one.name: one.bench_port + orders.port_offset for one in ENDPOINTS.values()}
    if not all(0 < port < 65536 for port in ports.values()):
        raise MitmailError(f"--port-offset {orders.port_offset} leads to ports that do not exist")
    return Place(host=host, ports=ports)


def _observer(bench: Bench, *, ready_json: bool) -> Observer:
    def observe(happening: Happening, served: Served, number: int, session: Session) -> None:
        if not ready_json:
            if text := notice.happening(bench, happening, served, number, session):
                _say(text)
        elif happening in {"verdict", "end"}:
            make_record = record.verdict if happening == "verdict" else record.end
            _say(json.dumps(make_record(served, number, session)))

    return observe


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # `mitmail serve | head`: nobody listens any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGTERM)


def _announce(orders: Orders, bench: Bench, served: Mapping[str, Served]) -> None:
    if orders.ready_json:
        print(json.dumps(record.ready(bench, served)), flush=True)
    else:
        exposed = not is_loopback(_place(orders).host)
        print(notice.welcome(bench, served, exposed=exposed), flush=True)


def _watch_signals() -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)

    def catch(number: int, frame: object) -> None:
        if not loop.is_closed():  # a second Ctrl-C, when all is over
            loop.call_soon_threadsafe(stop, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        # The plain signal module: Windows' loops have no add_signal_handler.
        signal.signal(number, catch)
    return stopped
