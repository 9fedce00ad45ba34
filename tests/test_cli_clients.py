"""``mitmail list --clients``: what there is, what is here, and what the page about it says."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from mitmail.cli import cli
from mitmail.judge import driver
from mitmail.judge.schema import DOCUMENTS

PAGE = Path(__file__).parents[1] / "docs" / "clients.md"


def listed(*options: str) -> str:
    ended = CliRunner().invoke(cli, ["list", "--clients", *options], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_every_client_is_in_the_page_as_it_is_here() -> None:
    rows = listed("--markdown").splitlines()

    assert len(rows) == len(driver.KNOWN) + 2
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in page] == []


def test_the_list_keeps_its_schema() -> None:
    document = json.loads(listed("--json"))

    Draft202012Validator(DOCUMENTS["list-clients"]).validate(document)
    by_name = {one["name"]: one for one in document["clients"]}
    assert set(by_name["getmail6"]["verifies"]) == {"imaps", "pop3s"}
    assert set(by_name["swaks"]["verifies"].values()) == {"chain"}
    assert by_name["python"]["version"]


def test_who_is_not_here_is_said_to_be_missing_and_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    here, missing = listed().split("Not here:")

    assert "curl " not in here
    assert "swaks                  install swaks libnss-wrapper" in missing
    assert "javamail               install libmail-java openjdk-17-jdk-headless" in missing
