"""The scheduler: pytest by itself, at no more than its own price."""

import os
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from bench import clean_environment
from judging import impostors, judge
from mitmail.errors import CannotJudgeError
from mitmail.judge import scheduler

# A run of the command line with a bench that serves nobody: what is left is the engine.
NULL = """\
import sys, types
from mitmail.judge.result import Result

class Null:
    def __init__(self, errand): pass
    def close(self): pass
    def ask(self, e):
        return Result(
            index=e.index, cell=e.name, client=e.client, version="1", case=e.brief.id,
            scenario=e.brief.scenario_id, group="", title="", why_it_matters="",
            antivirus=e.brief.antivirus, name="", endpoint=e.endpoint,
            expected={"verdict": "accept", "reasons": [], "level": "must"},
            said={"verdict": "accept", "reason": None, "exit_code": 0, "text": ""},
            seen=None, outcome="pass", why="", reproduce="",
        )

sys.modules["mitmail.judge.worker"] = types.ModuleType("null")
sys.modules["mitmail.judge.worker"].Worker = Null
from mitmail.cli import main
main()
"""
PRODUCTS = (
    "avast", "avg", "bitdefender", "drweb", "eset", "fortinet", "generic", "kaspersky", "norton",
)  # fmt: skip
CELLS = 1440
BARE = """\
import pytest

@pytest.mark.parametrize("number", range({cells}))
def test_nothing(number):
    pass
"""


def cost(command: list[str], folder: Path) -> float:
    """The least of three runs, in seconds of the processor."""
    costs = []
    for _ in range(3):
        before = os.times()
        subprocess.run(
            command, cwd=folder, env=clean_environment(), check=True, capture_output=True,
            timeout=120,
        )  # fmt: skip
        after = os.times()
        user = after.children_user - before.children_user
        costs.append(user + after.children_system - before.children_system)
    return min(costs)


@pytest.mark.long
@pytest.mark.alone  # compares what two programs cost
def test_1440_cells_cost_at_most_twice_what_as_many_empty_tests_do(tmp_path: Path) -> None:
    # The quick set behind nine products, and bare: a little more than 1,440 cells.
    words = [word for name in (*PRODUCTS, "none") for word in ("--antivirus", name)]
    words += ["--set", "quick", "--client", "python", "-n", "0", "-o", "out"]
    (tmp_path / "null.py").write_text(NULL)

    ours = cost([sys.executable, "null.py", "judge", *words], tmp_path)
    asked = len((tmp_path / "out" / "results.ndjson").read_text().splitlines()) - 1
    (tmp_path / "test_bare.py").write_text(BARE.format(cells=asked))
    junit = ["-q", "-p", "no:cacheprovider", "--junitxml=bare.xml"]
    bare = cost([sys.executable, "-m", "pytest", *junit, "test_bare.py"], tmp_path)

    print(f"{asked} cells: {ours:.2f} s, as many empty tests: {bare:.2f} s")
    assert asked >= CELLS
    assert ours <= 2 * bare


@pytest.mark.long
def test_a_cell_whose_process_dies_is_an_error_and_the_run_goes_on(tmp_path: Path) -> None:
    clients = impostors(tmp_path, "murderous", "careful")
    words = [word for file in clients for word in ("--client", file)]

    told = judge(*words, "--only", "*/healthy/imaps", "-n", "2", folder=tmp_path / "out")

    found = {name: (cell["outcome"], cell["why"]) for name, cell in told.cells.items()}
    assert told.code == 3
    assert found["careful/healthy/imaps"] == ("pass", "as expected")
    outcome, why = found["murderous/healthy/imaps"]
    assert outcome == "error"
    assert why.startswith("our side failed: worker 'gw")


@pytest.mark.long
def test_clients_that_share_something_are_asked_one_after_the_other(tmp_path: Path) -> None:
    """Each of them breaks down where it meets the other."""
    clients = impostors(tmp_path, "jealous", "jealous-too")
    words = [word for file in clients for word in ("--client", file)]

    told = judge(
        *words, "--set", "demo", "--endpoint", "imaps", "-n", "2", folder=tmp_path / "out"
    )

    assert len(told.cells) == 26
    assert {(cell["outcome"], len(cell["tries"])) for cell in told.cells.values()} <= {
        ("pass", 0), ("warn", 0),
    }  # fmt: skip


def test_collecting_cells_needs_no_proxy() -> None:
    program = (
        "import sys\n"
        "import mitmail.judge.items, mitmail.judge.ledger, mitmail.judge.scheduler\n"
        "print('mitmproxy' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert run.stdout == "False\n"


@pytest.mark.parametrize("missing", ["pytest", "xdist"])
def test_without_pytest_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: name != missing or None)

    with pytest.raises(CannotJudgeError, match=r"pip install 'mitmail\[judge\]'") as caught:
        scheduler.check()

    assert caught.value.exit_code == 3


def test_the_environment_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    before = dict(os.environ)

    with scheduler._alone():
        assert "PYTEST_ADDOPTS" not in os.environ
        assert os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] == "1"

    assert dict(os.environ) == before
