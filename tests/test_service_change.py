"""A change: what it makes of the orders, and what goes together with nothing."""

from pathlib import Path
from typing import Any

import pytest

from mitmail.errors import MitmailError
from mitmail.pki.store import Store
from mitmail.service import change
from mitmail.service.change import Change
from mitmail.service.keeping import Keeping
from mitmail.service.orders import Orders, prepare
from mitmail.service.record import Bench

SERVED = Orders(scenario="expired", antivirus="norton", switches=frozenset({"x"}))
BEFORE_A_SERVER = Orders(antivirus="norton", upstreams=("imaps=mx.test",))


@pytest.mark.parametrize(
    ("wanted", "scenario", "antivirus", "switches"),
    [
        (Change(), "expired", "norton", {"x"}),
        (Change(scenario="healthy"), "healthy", "norton", {"x"}),
        (Change(antivirus="off"), "expired", "none", set()),
        (Change(antivirus="generic"), "expired", "generic", set()),
        (Change(antivirus="norton"), "expired", "norton", {"x"}),
        (Change(switches=frozenset({"y"})), "expired", "norton", {"y"}),
        (Change(switches=frozenset()), "expired", "norton", set()),
        (Change(reinstall=True), "expired", "norton", {"x"}),
    ],
)
def test_what_is_not_named_stays_as_it_is(
    wanted: Change, scenario: str, antivirus: str, switches: set[str]
) -> None:
    now = wanted.apply(SERVED)

    assert (now.scenario, now.antivirus, set(now.switches)) == (scenario, antivirus, switches)


def test_a_folder_is_looked_in_once() -> None:
    folders = (Path("/a"), Path("/b"))
    now = Change(folders=folders).apply(Change(folders=folders[:1]).apply(SERVED))

    assert now.folders == folders


@pytest.mark.parametrize(
    ("wanted", "orders", "words"),
    [
        (Change(reinstall=True), Orders(), "--reinstall needs an antivirus"),
        (Change(reinstall=True, antivirus="off"), SERVED, "--reinstall needs an antivirus"),
        (Change(scenario="healthy"), BEFORE_A_SERVER, "only the antivirus can be switched"),
        (Change(antivirus="off"), BEFORE_A_SERVER, "connect to that server itself"),
    ],
)
def test_what_goes_together_with_nothing_is_refused(
    wanted: Change, orders: Orders, words: str
) -> None:
    with pytest.raises(MitmailError, match=words) as raised:
        wanted.apply(orders)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"colour": "red"}, "switch knows no 'colour'"),
        ({"scenario": 1}, "scenario is not a string"),
        ({"switches": "x"}, "switches is not a list"),
        ({"switches": [1]}, "switches is not a list"),
        ({"reinstall": "yes"}, "reinstall is not true or false"),
        ({"reinstall": 1}, "reinstall is not true or false"),
    ],
)
def test_a_request_of_another_form_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(MitmailError, match=words):
        change.read(said)


def test_null_is_as_good_as_nothing() -> None:
    assert change.read({"scenario": None, "reinstall": None}) == Change()


def prepared(orders: Orders, folder: Path, keeping: Keeping) -> Bench:
    return prepare(orders.in_force, folder, keeping)


@pytest.mark.parametrize(
    "options", [{"exact_names": True}, {"scanner": "clamd"}, {"scanner": "clamd", "clamd": "/x"}]
)
def test_what_is_about_the_antivirus_rests_while_none_is_on(
    options: dict[str, Any], tmp_path: Path
) -> None:
    orders = Orders(antivirus="norton", ephemeral=True, **options)
    keeping = Keeping.make(throw_away=True)
    off = Change(antivirus="off").apply(orders)

    assert prepared(off, tmp_path, keeping).plan.shield is None
    assert Change(antivirus="norton").apply(off) == orders


def test_roots_with_exact_names_are_the_same_ones_until_the_run_ends(tmp_path: Path) -> None:
    orders = Orders(antivirus="norton", exact_names=True)
    data = tmp_path / "data"
    keeping = Keeping(Store(data), Store(None), data)
    on, again = (
        prepared(Change(antivirus="norton").apply(orders), tmp_path, keeping) for _ in range(2)
    )

    assert on.plan.antivirus_root is not None
    assert on.plan.antivirus_root == again.plan.antivirus_root
    assert on.antivirus_root_file == again.antivirus_root_file
    assert not [file for file in data.rglob("*") if "norton" in file.name]
