"""Batch clients: one process for all cells, and whatever goes wrong is an error of one cell."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from mitmail.endpoint import ENDPOINTS
from mitmail.judge import described
from mitmail.judge.client import Client, Said, Target
from mitmail.scenario.client import ClientFile, DescribedClient

# It answers by the user's name: what a cell is told comes back, or what goes wrong does.
BATCH = """
import json, os, sys
print("free text before", flush=True)
for line in sys.stdin:
    cell = json.loads(line)
    if cell["user"] == "hang":
        sys.stdin.read()
    if cell["user"] == "die":
        sys.exit("out of memory")
    if cell["user"] == "flood":
        sys.stdout.write("x" * 3_000_000)
    if cell["user"] == "stray":
        print(json.dumps({"id": cell["id"] + 1, "verdict": "accept"}), flush=True)
    table = open(cell["hosts"]).read()
    words = f"{os.getpid()} {cell['port']} {cell['mode']} {table}"
    answer = {"id": cell["id"], "verdict": "reject", "reason": "expired", "detail": words}
    if cell["user"] == "babble":
        answer["verdict"] = "maybe"
    print(json.dumps(answer), flush=True)
    if cell["user"] == "leave":
        sys.exit()
    if cell["user"] == "break":
        sys.exit(3)
"""


def client(program: str = BATCH) -> Client:
    said = ClientFile.model_validate(
        {
            "title": "a batch", "command": [sys.executable, "-c", program], "protocols": ["imap"],
            "batch": True, "words": {"mode": {"implicit": "at once", "otherwise": "later"}},
        }
    )  # fmt: skip
    record = DescribedClient.model_construct(**dict(said), id="batch", file="batch.yaml")
    return described.make(record, said.command, (1,))


def target(user: str = "qa", **changes: object) -> Target:
    made = Target(
        endpoint=ENDPOINTS["imaps"], host="127.0.0.1", port=3993, name="mail.customer.test",
        user=user, password="secret", roots=Path("root.pem"),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type] # fields of a target


def asked[T](work: Callable[[Client], Awaitable[T]], one: Client | None = None) -> T:
    one = one or client()

    async def run() -> T:
        try:
            return await work(one)
        finally:
            await one.close()

    return asyncio.run(run())


def each(*targets: Target) -> list[Said]:
    async def work(one: Client) -> list[Said]:
        return [await one.ask(each) for each in targets]

    return asked(work)


def process(said: Said) -> str:
    return said.text.split()[0]


def test_one_process_answers_for_all_cells_and_is_told_each() -> None:
    first, second = each(target(), target(port=3143, endpoint=ENDPOINTS["imap"], name="b.test"))

    assert (first.verdict, first.reason) == ("reject", "expired")
    assert first.text.split(maxsplit=1)[1] == "3993 at once 127.0.0.1 mail.customer.test\n"
    assert second.text.split(maxsplit=1)[1] == "3143 later 127.0.0.1 b.test\n"
    assert process(first) == process(second)


def test_cells_that_come_together_wait_for_their_turn() -> None:
    async def work(one: Client) -> list[Said]:
        return await asyncio.gather(*(one.ask(target(port=port)) for port in range(1, 9)))

    assert [said.text.split()[1] for said in asked(work)] == list("12345678")


def test_a_process_that_dies_is_an_error_of_its_cell_alone() -> None:
    before, died, after = each(target(), target("die"), target())

    assert died.verdict == "error"
    assert "out of memory" in died.text
    assert "ended in the middle of its batch" in died.text
    assert after.verdict == "reject"
    assert process(before) != process(after)


def test_who_answers_and_then_leaves_costs_the_next_cell_nothing() -> None:
    told = each(*[target("leave")] * 3, target("break"), target())

    assert [said.verdict for said in told[:4]] == ["reject"] * 4
    assert len({process(said) for said in told[:4]}) == 4


def test_who_leaves_without_an_answer_is_not_asked_for_ever() -> None:
    answers_none = client("import sys; sys.stdin.readline()")
    said = asked(lambda one: one.ask(target()), answers_none)

    assert said.verdict == "error"
    assert "ended in the middle of its batch" in said.text


def test_a_cell_that_hangs_is_ended_and_the_next_finds_a_new_process() -> None:
    first, hung, after = each(target(), target("hang", patience=-2.5), target())

    assert (hung.verdict, "did not answer in time" in hung.text) == ("error", True)
    assert after.verdict == "reject"
    assert process(first) != process(after)


def test_an_answer_to_another_cell_is_none() -> None:
    stray, after = each(target("stray"), target())

    assert (stray.verdict, stray.reason) == ("reject", "expired")
    assert process(stray) == process(after)


def test_a_line_without_an_end_is_not_kept() -> None:
    flood, after = each(target("flood"), target())

    assert flood.verdict == "error"
    assert "longer than 1 MiB" in flood.text
    assert after.verdict == "reject"


def test_a_verdict_that_is_none_is_said_to_be_that() -> None:
    assert each(target("babble"))[0].text.startswith("the client's verdict is 'maybe': use accept")


def test_the_process_ends_with_the_client_and_starts_again_in_another_loop() -> None:
    one = client()

    async def ask() -> str:
        said = await one.ask(target())
        await one.close()
        return process(said)

    first, second = asyncio.run(ask()), asyncio.run(ask())

    assert first != second
    if sys.platform == "linux":
        assert not Path(f"/proc/{first}").exists()


def test_what_is_documented_is_what_a_cell_is_told() -> None:
    """Every value but the number is text: a program without a JSON library reads it, too."""
    echo = client(BATCH.replace('words = f"', 'words = line or f"'))
    cell = json.loads(asked(lambda one: one.ask(target()), echo).text)

    assert set(cell) == {
        "id", "host", "port", "name", "user", "password", "root", "antivirus_root", "endpoint",
        "protocol", "tls", "pin", "patience", "hosts", "home", "mode",
    }  # fmt: skip
    assert {key for key, value in cell.items() if not isinstance(value, str)} == {"id"}
