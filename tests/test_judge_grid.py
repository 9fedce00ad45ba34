"""The grid: sorted names, fair shards, and what a matrix leaves out."""

from dataclasses import replace
from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.judge.brief import Brief, expand
from mitmail.judge.client import ALL, Client
from mitmail.judge.grid import Entry, Errand, Grid, digest, errand, make
from mitmail.judge.result import Shard
from mitmail.scenario import loader
from mitmail.scenario.matrix import Cells, KnownCells, MatrixFile, Selection


def client(name: str, **more: object) -> Client:
    made = Client(name, (1,), ALL, lambda *_: None, lambda *_: None)  # type: ignore[arg-type] # never asked
    return replace(made, **more)  # type: ignore[arg-type] # as named


def matrix(*ids: str, **more: object) -> MatrixFile:
    return MatrixFile(select=Selection(ids=ids)).model_copy(update=more)


def names(*ids: str, only: tuple[str, ...] = (), **more: object) -> list[str]:
    return make(matrix(*ids, **more), [client("curl"), client("another")], only).names


def test_a_case_is_named_by_what_it_is() -> None:
    assert [
        Brief(scenario="expired").id,
        Brief(scenario="expired", antivirus="norton").id,
        Brief(scenario="healthy", antivirus="norton", imported=True).id,
        Brief(scenario="hosting-wildcard", connect_as="srv07.hoster.test").id,
        Brief(scenario="mine/odd.yaml", antivirus="their/av.yaml").id,
    ] == [
        "expired", "expired+norton", "healthy+norton+imported",
        "hosting-wildcard=srv07.hoster.test", "odd+av",
    ]  # fmt: skip


def test_a_file_of_ones_own_is_not_taken_for_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    own = tmp_path / "expired.yaml"
    own.write_text(Path(str(loader.files()["self-signed"])).read_text())

    (brief,) = expand([loader.find(str(own))])

    assert (brief.id, brief.scenario) == ("expired", str(own))


def test_cells_are_sorted_and_the_healthy_server_is_always_asked() -> None:
    assert names("expired", endpoints=("imaps", "smtp")) == [
        "another/expired/imaps", "another/expired/smtp",
        "another/healthy/imaps", "another/healthy/smtp",
        "curl/expired/imaps", "curl/expired/smtp",
        "curl/healthy/imaps", "curl/healthy/smtp",
    ]  # fmt: skip


def test_a_client_is_asked_where_it_speaks_and_a_case_where_it_exists() -> None:
    mute = client("mute", protocols=frozenset({"pop3"}), modes=frozenset({"implicit"}))
    found = make(matrix("starttls-stripped"), [mute, client("curl")]).names

    assert [name for name in found if name.startswith("mute/")] == ["mute/healthy/pop3s"]
    assert {name for name in found if "stripped" in name} == {
        f"curl/starttls-stripped/{x}" for x in ("imap", "pop3", "smtp")
    }


def test_what_is_excluded_or_not_asked_for_is_no_cell() -> None:
    left_out = (Cells(client="curl", case="expired", endpoint="*s"),)
    found = names("expired", exclude=left_out, endpoints=("imap", "imaps"), only=("curl/*",))

    assert found == ["curl/expired/imap", "curl/healthy/imap", "curl/healthy/imaps"]


def test_behind_an_antivirus_a_control_is_asked_without_it() -> None:
    found = names(
        "hosting-wildcard",
        antiviruses=("norton+imported",),
        endpoints=("imaps",),
        only=("curl/*",),
    )

    assert found == [
        "curl/healthy+norton+imported/imaps",
        "curl/hosting-wildcard+norton+imported/imaps",
        "curl/hosting-wildcard=srv07.hoster.test/imaps",
    ]  # fmt: skip


def test_an_entry_knows_why_it_fails_and_what_it_shares() -> None:
    known = KnownCells(client="curl", case="exp*", reason="of old")
    asked = make(matrix("expired", xfail=(known,)), [client("curl", exclusive="screen")])
    found = {entry.brief.id: (entry.xfail, entry.exclusive) for entry in asked.entries}

    assert found == {"expired": ("of old", "screen"), "healthy": (None, "screen")}


@pytest.mark.parametrize("total", [1, 2, 5, 16])
def test_shards_are_all_cells_once_and_each_has_its_part_of_every_client(total: int) -> None:
    grid = make(matrix("expired", "self-signed"), [client("curl"), client("another")])
    parts = [grid.of(Shard(index=index, total=total)) for index in range(1, total + 1)]

    assert sorted(entry.index for part in parts for entry in part) == list(
        range(len(grid.entries))
    )
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for name in ("curl", "another"):
        counts = [sum(entry.client == name for entry in part) for part in parts]
        assert max(counts) - min(counts) <= 1


def test_the_plan_is_the_same_whoever_looks_and_another_for_one_cell_less() -> None:
    one, other = (make(matrix("expired"), [client("curl")]) for _ in range(2))

    assert one.plan == other.plan == digest(one.names, one.sources)
    assert Grid(one.entries[1:], one.sources).plan != one.plan


TITLED = (
    "title: {title}\nwhy: so\nrule: RFC 5280\nserver: {{leaf: {{not_after: -1d}}}}\n{expect}\n"
)
SPELLED = "# The same.\n" + TITLED.replace("\nwhy: so", "\nwhy:   'so'")
REFUSE, WARN = (
    "expect: {verdict: reject, reasons: [expired]}",
    "expect: {verdict: reject, reasons: [expired], level: should}",
)


def own(folder: Path, text: str, **more: object) -> Grid:
    """The grid of a scenario of one's own, as it lies in this folder."""
    folder.mkdir()
    file = folder / "mine.yaml"
    file.write_text(text)
    return make(MatrixFile(select=Selection(ids=(str(file),))), [client("curl", **more)])


def test_where_a_file_lies_and_how_it_is_written_makes_no_other_plan(tmp_path: Path) -> None:
    one = own(tmp_path / "a", TITLED.format(title="Mine", expect=REFUSE))
    same = own(tmp_path / "b", SPELLED.format(title="Mine", expect=REFUSE))

    assert one.plan == same.plan


@pytest.mark.parametrize(("title", "expect"), [("Another", REFUSE), ("Mine", WARN)])
def test_what_a_scenario_says_and_expects_is_of_the_plan(
    tmp_path: Path, title: str, expect: str
) -> None:
    one = own(tmp_path / "a", TITLED.format(title="Mine", expect=REFUSE))
    other = own(tmp_path / "b", TITLED.format(title=title, expect=expect))

    assert one.names == other.names
    assert one.plan != other.plan
    assert {x for x, _ in {*one.sources.items()} ^ {*other.sources.items()}} == {"scenario mine"}


def test_what_a_client_an_antivirus_and_the_matrix_say_is_of_the_plan(tmp_path: Path) -> None:
    def plan(product: str, described: str, *known: KnownCells) -> Grid:
        file = tmp_path / "product.yaml"
        file.write_text(f"title: Theirs\nlike: {product}\n")
        said = matrix("expired", antiviruses=(str(file),), xfail=known)
        return make(said, [client("curl", described=described)])

    known = KnownCells(client="curl", case="expired*", reason="of old")
    plans = [
        plan("norton", "a"), plan("eset", "a"), plan("norton", "b"), plan("norton", "a", known),
    ]  # fmt: skip

    assert len({tuple(one.names) for one in plans}) == 1
    assert len({one.plan for one in plans}) == len(plans)


def test_an_errand_comes_through_a_file_as_it_was(tmp_path: Path) -> None:
    entry = Entry(
        index=3, client="curl", brief=Brief(scenario="x", imported=True), endpoint="pop3"
    )
    told = Errand(
        entries=(entry,), clients={"curl": "./curl.yaml"}, versions={"curl": "1"}, again="mitmail",
        patience=2.5,
    )  # fmt: skip
    told.write(tmp_path / "cells.json")

    assert errand(tmp_path / "cells.json") == told


def test_two_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    mine = tmp_path / "norton.yaml"
    mine.write_text("title: another\nlike: norton\n")

    with pytest.raises(MitmailError, match=r"two cells are called another/expired\+norton/imap"):
        names("expired", antiviruses=("norton", str(mine)))
