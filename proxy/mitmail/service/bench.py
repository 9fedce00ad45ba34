"""``mitmail serve``, for a person at the bench or for a program: one plan until it is stopped."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from mitmail.addon.proxy import Proxy
from mitmail.addon.route import Happening
from mitmail.engine.session import Session
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.plan.server import utc_now
from mitmail.service import notice, record
from mitmail.service.orders import Orders, place, prepare
from mitmail.service.record import Bench, Served
from mitmail.service.service import BENCH, JUDGE, Observer, Service, is_loopback


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
    mail = MailStore(bench.user, bench.password, messages=seed(bench.user, utc_now()))
    mailstore = await stack.enter_async_context(Mailstore(mail))
    served = await Service(proxy, mailstore).open(
        bench.plan,
        _observer(bench, ready_json=orders.ready_json),
        place=place(orders),
        patience=JUDGE if orders.ready_json else BENCH,
        upstream=bench.upstream,
    )
    # Before the mailstore: a session that is being ended may still want its answer.
    stack.push_async_callback(proxy.stop)
    _announce(orders, bench, served)


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
        exposed = not is_loopback(place(orders).host)
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
