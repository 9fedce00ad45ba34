"""What goes wrong with Thunderbird itself: a clear line, the next case, and nothing left."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench import clean_environment, need
from clients.house import House
from mitmail.endpoint import ENDPOINTS
from mitmail.errors import CannotJudgeError
from mitmail.judge.client import Target
from mitmail.judge.thunderbird.instance import Instance
from mitmail.judge.thunderbird.warm import Warm

if sys.platform != "linux":
    pytest.skip("Thunderbird is driven on Linux only", allow_module_level=True)

pytestmark = pytest.mark.long  # of its own: `make thunderbird`


def target(house: House, endpoint: str = "imaps", case: str = "healthy") -> Target:
    site = house.open(house.plan(case))
    return site.target(endpoint, house.roots(*site.plan.server_roots))


def pid(client: Warm) -> int:
    assert client.instance is not None
    return client.instance.pid


def program(folder: Path, text: str) -> str:
    """A program that is none of those that it stands for."""
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return str(file)


# -- It goes on ----


def test_one_that_is_killed_between_two_cases_is_started_anew(house: House, client: Warm) -> None:
    one = target(house)
    assert house.run(client.ask(one)).verdict == "accept"
    before = pid(client)
    os.kill(before, signal.SIGKILL)
    assert house.run(client.ask(one)).verdict == "accept"
    assert pid(client) != before


def test_one_that_crashes_meanwhile_is_an_error_for_that_case_alone(
    house: House, client: Warm
) -> None:
    one = target(house)
    house.run(client.ask(one))
    # It is silent for as long as the server is, which never comes to speak.
    stalled = replace(target(house, case="stall-after-clienthello"), patience=10.0)
    threading.Timer(2.0, os.kill, (pid(client), signal.SIGKILL)).start()
    said = house.run(client.ask(stalled))
    assert said.verdict == "error"
    assert said.text.startswith("Thunderbird ended meanwhile"), said
    assert len(said.text.splitlines()) == 1
    assert house.run(client.ask(one)).verdict == "accept"


def test_one_that_hangs_is_an_error_for_that_case_alone(house: House, client: Warm) -> None:
    one = target(house)
    house.run(client.ask(one))
    stopped = pid(client)
    stalled = replace(target(house, case="stall-after-clienthello"), patience=3.0)
    threading.Timer(1.0, os.kill, (stopped, signal.SIGSTOP)).start()
    said = house.run(client.ask(stalled))
    assert said.verdict == "error"
    assert "Thunderbird did not answer in 28 s" in said.text
    assert house.run(client.ask(one)).verdict == "accept"
    assert not Path(f"/proc/{stopped}").exists()


def test_a_case_that_nobody_waits_for_any_more_ends_it(house: House, client: Warm) -> None:
    stalled = target(house, case="stall-after-clienthello")

    async def impatient() -> None:
        async with asyncio.timeout(1.0):
            await client.ask(stalled)

    house.run(client.ask(target(house)))
    with pytest.raises(TimeoutError):
        house.run(impatient())
    assert house.run(client.ask(target(house))).verdict == "accept"


# -- It does not start ----


def test_a_display_that_does_not_start_is_said_in_one_line(tmp_path: Path) -> None:
    broken = program(tmp_path, "echo 'Fatal server error: no memory' >&2; exit 1")
    instance = Instance(need("thunderbird"), broken)
    with pytest.raises(CannotJudgeError, match=r"shows no display .*no memory.*by hand") as caught:
        instance.start()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exec sleep 60", "was not ready to be steered in 2 s: mitmail needs one with Marionette"),
        ("echo 'no such option' >&2; exit 1", "ended as soon as it was started .no such option."),
    ],
)
def test_a_thunderbird_without_marionette_is_said_in_one_line(
    text: str, words: str, tmp_path: Path
) -> None:
    instance = Instance(program(tmp_path, text), need("Xvfb"))
    with pytest.raises(CannotJudgeError, match=words) as caught:
        instance.start(seconds=2.0)
    assert "\n" not in str(caught.value)


def test_a_thunderbird_that_does_not_let_itself_be_steered_is_said_in_one_line(
    tmp_path: Path, client: Warm
) -> None:
    """As versions do that ask for a permission which ours does not name."""
    without = 'for x; do shift; case $x in --remote-allow*) ;; *) set -- "$@" "$x";; esac; done'
    asked = program(tmp_path, f'{without}\nexec {client.program} "$@"')
    with pytest.raises(CannotJudgeError, match=r"does not let itself be steered .*access") as said:
        Instance(asked, client.xvfb).start()
    assert "\n" not in str(said.value)


def test_what_failed_twice_to_start_is_not_started_for_every_case(
    house: House, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    broken = program(tmp_path, f"echo x >>{count}; exit 1")
    warm = Warm(need("thunderbird"), broken)
    one = target(house)
    for _ in range(4):
        said = house.run(warm.ask(one))
        assert said.verdict == "error"
        assert "shows no display" in said.text
    assert count.read_text() == "x\n" * 2


def test_where_it_cannot_be_led_it_is_not_asked(house: House, client: Warm) -> None:
    one = target(house)
    for elsewhere, words in (
        (replace(one, host="127.0.0.9"), "can be led to 127.0.0.1 only"),
        (replace(one, name="192.0.2.1"), "connects to 192.0.2.1 itself"),
        (replace(one, name="bücher.customer.test"), "use its encoded form, xn--"),
    ):
        said = house.run(client.ask(elsewhere))
        assert said.verdict == "error"
        assert words in said.text


def test_a_server_that_is_not_there_is_refused_by_nobody(house: House, client: Warm) -> None:
    for endpoint in ("pop3s", "smtps"):
        one = replace(target(house, endpoint), port=9, patience=3.0)
        said = house.run(client.ask(one))
        assert (said.verdict, said.reason) == ("error", None), said


# -- Nothing is left ----

ASKS = """
import asyncio, os, signal, sys
from pathlib import Path
from mitmail.endpoint import ENDPOINTS
from mitmail.judge.client import Target
from mitmail.judge.thunderbird.thunderbird import thunderbird
client = thunderbird()
target = Target(
    endpoint=ENDPOINTS["imaps"], host="127.0.0.1", port=int(sys.argv[1]), name=sys.argv[2],
    user="qa@customer.test", password="Pass-4711", roots=Path(sys.argv[3]),
)
said = asyncio.run(client.ask(target))
print(said.verdict, client.running.instance.pid, flush=True)
sys.stdin.readline()
@END@
"""
ENDS = {
    "it ends": "",
    "an exception": "raise RuntimeError('a fault of ours')",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_however_we_end_no_process_and_no_folder_is_left(
    house: House, end: str, tmp_path: Path
) -> None:
    need("thunderbird")
    one = target(house)
    words = [sys.executable, "-c", ASKS.replace("@END@", end), str(one.port), one.name]

    async def asked() -> str:
        process = await asyncio.create_subprocess_exec(
            *words, str(one.roots), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=clean_environment(TMPDIR=str(tmp_path)),
        )  # fmt: skip
        assert process.stdout is not None
        said = (await process.stdout.readline()).decode()
        running = {x: os.pidfd_open(x) for x in of(tmp_path)}
        assert len(running) > 4, "two keepers, Xvfb, Thunderbird and its own"
        await process.communicate(b"\n")
        for number, descriptor in running.items():
            assert select.select([descriptor], [], [], 15)[0], f"{number} still runs"
            os.close(descriptor)
        return said

    assert house.run(asked()).startswith("accept ")
    assert list(tmp_path.iterdir()) == []
    assert of(tmp_path) == []


def of(folder: Path) -> list[int]:
    """The processes that were told to put what is temporary there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append(int(process.name))
    return found


# -- It speaks to nobody else ----


def test_it_connects_to_loopback_and_looks_up_nothing_else(
    house: House, client: Warm, tmp_path: Path
) -> None:
    """By the system's own calls, which a library in between writes down."""
    library, said = tmp_path / "overheard.so", tmp_path / "said"
    source = Path(__file__).with_name("overheard.c")
    compiler = [need("gcc"), "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(compiler, check=True)
    overhears = f"export LD_PRELOAD={library} OVERHEARD={said}"
    listened = program(tmp_path, f'{overhears}\nexec {client.program} "$@"')
    warm = Warm(listened, client.xvfb)
    try:
        for endpoint in ENDPOINTS:
            assert house.run(warm.ask(target(house, endpoint))).verdict == "accept"
        assert warm.instance is not None
        assert fetches(warm.instance) == ["NetworkError when attempting to fetch resource."] * 2
    finally:
        warm.end()
    lines = said.read_text().splitlines()
    assert lines.count("connect 127.0.0.1") >= len(ENDPOINTS)
    assert set(lines) <= {"connect 127.0.0.1", "look-up localhost", "look-up 127.0.0.1"}


def fetches(instance: Instance) -> list[str]:
    """What comes of what Thunderbird fetches from its makers, some time or other."""
    script = """
        const [urls, done] = arguments;
        Promise.allSettled(urls.map(url => fetch(url))).then(
            all => done(all.map(one => one.reason?.message ?? "it was fetched"))
        );
    """
    urls = ["https://thunderbird-settings.thunderbird.net/v1/", "http://elsewhere.test/"]
    assert instance.marionette is not None
    answer = instance.marionette.command(
        "WebDriver:ExecuteAsyncScript", time.monotonic() + 20, script=script, args=[urls],
        sandbox="system", newSandbox=True,
    )  # fmt: skip
    found: list[str] = answer["value"]
    return found
