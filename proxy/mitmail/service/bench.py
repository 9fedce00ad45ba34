"""``mitmail serve``, for a person at the bench or for a program, until it is stopped."""

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from mitmail.addon.clamd import DEFAULT, Clamd
from mitmail.addon.proxy import Proxy
from mitmail.addon.route import Happening, Scan
from mitmail.engine.session import Session
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.plan.server import utc_now
from mitmail.service import capture, gallery, guide, hosts, interception, notice, record
from mitmail.service.audience import Audience
from mitmail.service.gallery import Gallery, Places
from mitmail.service.keeping import Keeping
from mitmail.service.memory import Earlier
from mitmail.service.orders import Orders, patience, place, prepare
from mitmail.service.place import is_loopback
from mitmail.service.reach import reach
from mitmail.service.reception import Reception
from mitmail.service.record import Bench, Served
from mitmail.service.service import Observer, Service
from mitmail.service.stage import Shown, Stage
from mitmail.service.state import switched
from mitmail.service.verbs import BY_NAME, CAPTURED, of_journal, of_stage

# A person's ports for cases that no name leads to: above those of the field, below those that
# kernels give away. The six differ in their last two digits, so steps of 100 never meet.
APART, STEP = 10_000, 100


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
    show = _show_all if orders.everything else _show_one
    show = _show_captured if orders.transparent else show
    await show(orders, folder, proxy, stack)


async def _show_one(orders: Orders, folder: Path, proxy: Proxy, stack: AsyncExitStack) -> None:
    keeping = Keeping.make(throw_away=orders.throw_away)
    bench = prepare(orders, folder, keeping)
    scan = await _scanner(orders)
    service = Service(proxy, await _mailstore(bench.user, bench.password, proxy, stack), scan)
    audience = Audience(_say, as_json=orders.ready_json)

    def tell(bench: Bench) -> Observer:
        return audience.observer(
            lambda what, served, number, session, earlier: notice.happening(
                bench, what, served, number, session, earlier=earlier
            )
        )

    def told(shown: Shown) -> None:
        if orders.ready_json:
            audience.document(switched(shown, audience.journal))
        else:
            _say(notice.switched(shown, audience.journal.running))

    stage = Stage(orders, folder, keeping, service, tell)
    shown = await stage.open(bench)
    verbs = of_stage(stage, audience.journal, told)
    remote = await reach(verbs, orders, folder, stack)
    if orders.ready_json:
        audience.document(record.ready(bench, shown.served, remote.place))
    else:
        exposed = not is_loopback(place(orders).host)
        _say(notice.welcome(bench, shown.served, exposed=exposed, remote=remote.name))


async def _show_captured(
    orders: Orders, folder: Path, proxy: Proxy, stack: AsyncExitStack
) -> None:
    audience = Audience(_say, as_json=orders.ready_json)
    observe = audience.observer(
        lambda what, served, number, session, earlier: notice.happening(
            None, what, served, number, session, earlier=earlier
        )
    )
    bench = prepare(orders, folder)
    captured = await capture.open_in(
        proxy, orders, bench, observe, patience=patience(orders), scan=await _scanner(orders)
    )
    stack.push_async_callback(proxy.stop)
    remote = await reach(of_journal(audience.journal, CAPTURED), orders, folder, stack)
    if orders.ready_json:
        audience.document(interception.ready(captured, remote.place))
    else:
        _say(interception.welcome(captured))


async def _show_all(orders: Orders, folder: Path, proxy: Proxy, stack: AsyncExitStack) -> None:
    shown = gallery.prepare(orders, folder, _nothing if orders.ready_json else _say)
    for problem in shown.problems:
        print(f"{problem} (left out)", file=sys.stderr)
    host = place(orders).host
    if orders.hosts is not None:
        hosts.write(orders.hosts, host, shown.names)
    service = Service(proxy, await _mailstore(shown.user, shown.password, proxy, stack))
    audience = Audience(_say, as_json=orders.ready_json)

    def notify(
        what: Happening, served: Served, number: int, session: Session, earlier: Earlier | None
    ) -> str | None:
        bench = shown.bench(served.plan) if served.plan is not None else None
        return notice.happening(
            bench, what, served, number, session, case=served.scenario, earlier=earlier
        )

    places = await _places(orders, shown, service, audience.observer(notify))
    remote = await reach(of_journal(audience.journal, BY_NAME), orders, folder, stack)
    if orders.ready_json:
        audience.document(gallery.ready(shown, places, orders.hosts, remote.place))
    else:
        _say(guide.welcome(shown, places, orders.hosts, exposed=not is_loopback(host)))


async def _places(orders: Orders, shown: Gallery, service: Service, observe: Observer) -> Places:
    apart: dict[str, dict[str, Served]] = {}
    waited = patience(orders)
    for number, scenario_id in enumerate(shown.catalogue.apart):
        if scenario_id not in shown.unsupported:
            where = place(orders, APART + number * STEP)
            apart[scenario_id] = await service.open(
                shown.catalogue.plan(scenario_id), observe, place=where, patience=waited
            )
    reception = Reception(shown.catalogue, apart)
    by_name = await service.open_by_name(reception, observe, place=place(orders), patience=waited)
    return Places(by_name, apart)


async def _scanner(orders: Orders) -> Scan | None:
    if orders.scanner != "clamd":
        return None
    clamd = Clamd.at(orders.clamd or DEFAULT)
    await clamd.check()
    return clamd.scan


async def _mailstore(user: str, password: str, proxy: Proxy, stack: AsyncExitStack) -> Mailstore:
    mail = MailStore(user, password, messages=seed(user, utc_now()))
    mailstore = await stack.enter_async_context(Mailstore(mail))
    # Before the mailstore: a session that is being ended may still want its answer.
    stack.push_async_callback(proxy.stop)
    return mailstore


def _nothing(text: str) -> None:
    pass


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # `mitmail serve | head`: nobody listens any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGTERM)


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
