"""One client in one case: what it says of itself is for every eye."""

import asyncio
import base64
import sys
from pathlib import Path

from bench import need
from mitmail.endpoint import ENDPOINTS
from mitmail.judge import driver, one
from mitmail.judge.bench import opened
from mitmail.judge.brief import Brief
from mitmail.judge.cell import Cell
from mitmail.judge.client import Client
from mitmail.judge.gate import Gate
from mitmail.service.orders import USER

THEIRS = "hunter2-Kd93hQz2Lm"
INDISCREET = f"""\
printf %s "$MITMAIL_PASSWORD" >{{file}}
echo "a1 LOGIN $MITMAIL_USER $MITMAIL_PASSWORD"
printf '\\0%s\\0%s' "$MITMAIL_USER" "$MITMAIL_PASSWORD" | base64
echo "sent $MITMAIL_PASSWORD" >&2
echo "imap://me:{THEIRS}@mail.example.test, and then {THEIRS} again"
exit 9
"""


def test_no_password_is_told_of_a_client_that_prints_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    client = driver.command([need("sh"), "-c", INDISCREET.format(file=file)])
    cases = one.cases(one.Question(scenario="healthy"))

    (cell,) = asyncio.run(one.answers(client, cases, ENDPOINTS["imaps"]))

    told, password = cell.said.text, file.read_text()
    response = base64.b64encode(f"\0{USER}\0{password}".encode()).decode()
    assert len(password) >= 12
    assert [x for x in (password, THEIRS, response) if x in told] == []
    first, _, *rest = told.splitlines()
    assert [first, *rest] == [
        "a1 LOGIN ***", "imap://me:***@mail.example.test, and then *** again", "sent ***",
    ]  # fmt: skip


# In clear on a TLS port, as often as it has been told to; then nothing more.
LEAKING = """
import os, pathlib, socket, sys
memory, most = pathlib.Path(sys.argv[1]), int(sys.argv[2])
done = len(memory.read_text()) if memory.exists() else 0
memory.write_text("x" * (done + 1))
with socket.create_connection((os.environ["MITMAIL_HOST"], int(os.environ["MITMAIL_PORT"]))) as s:
    if done < most:
        said = "a", "LOGIN", os.environ["MITMAIL_USER"], os.environ["MITMAIL_PASSWORD"]
        s.sendall(" ".join(said).encode() + bytes((13, 10)))
        s.recv(1)
sys.exit(60)
"""
LEAKED = "vulnerable: the client sent LOGIN with credentials in clear where TLS was due"


def leaking(folder: Path, most: int) -> tuple[Client, Path]:
    """A client that leaks in its first runs; its file has a character for each run."""
    memory = folder / "runs"
    return driver.command([sys.executable, "-I", "-c", LEAKING, str(memory), str(most)]), memory


def asked(client: Client) -> Cell:
    """The cell of exec expired@imaps."""
    cases = one.cases(one.Question(scenario="expired"))
    (cell,) = asyncio.run(one.answers(client, cases, ENDPOINTS["imaps"]))
    return cell


def test_what_a_client_gives_away_in_the_case_is_proven_whatever_its_control_says(
    tmp_path: Path,
) -> None:
    cell = asked(leaking(tmp_path, 2)[0])

    assert (cell.outcome.word, cell.outcome.why) == ("fail", LEAKED)
    assert cell.case.plan.scenario.id == "expired"


def test_who_leaks_in_the_control_alone_is_told_so(tmp_path: Path) -> None:
    cell = asked(leaking(tmp_path, 1)[0])

    assert cell.outcome.word == "error"
    assert cell.outcome.why == f"already where nothing is wrong: {LEAKED}"


def test_who_leaks_nothing_in_a_control_that_it_fails_is_not_asked_on(tmp_path: Path) -> None:
    client, memory = leaking(tmp_path, 0)

    assert asked(client).outcome.word == "error"
    assert memory.read_text() == "x"


def test_the_gate_lets_through_what_is_proven_by_itself(tmp_path: Path) -> None:
    async def judged(most: int) -> Cell:
        folder = tmp_path / str(most)
        folder.mkdir()
        async with opened() as bench:
            gate = Gate(bench)
            told = await gate.ask(leaking(folder, most)[0], Brief(scenario="expired"), "imaps")
            return told.cell

    proven, failed = asyncio.run(judged(2)).outcome, asyncio.run(judged(1)).outcome

    assert (proven.word, proven.why) == ("fail", LEAKED)
    assert failed.word == "error"
    assert failed.why.endswith(f"fails the control of healthy, where nothing is wrong ({LEAKED})")
