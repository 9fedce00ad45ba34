"""The page of products and behaviours, and that it is complete and true."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from mitmail.cli import antivirus, product
from mitmail.scenario import loader

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "antivirus.md"

# All that is known of what such products do, by group; the list that the page has to cover.
NUMBERS = {"SIG": 10, "ROOT": 8, "LEAF": 13, "CHAIN": 4, "TLS": 7, "TCP": 10, "STLS": 4,
           "CAP": 3, "MSG": 10, "TR": 4}  # fmt: skip
CODES = {f"{group}-{number}" for group, last in NUMBERS.items() for number in range(1, last + 1)}
MOST_MISSING = 5  # of those that are decoded or sourced


def test_the_page_in_docs_is_what_the_files_say() -> None:
    """Otherwise: make docs."""
    page = antivirus.page(antivirus.behaviours(), antivirus.products())

    assert PAGE.read_text(encoding="utf-8") == page


def test_every_behaviour_that_is_known_has_a_file_and_there_are_no_others() -> None:
    found = {one.code for one in antivirus.behaviours()}

    assert found == CODES


def test_of_what_is_decoded_or_sourced_hardly_anything_is_missing() -> None:
    missing = [
        one.code
        for one in antivirus.behaviours()
        if one.missing is not None and one.evidence.mark in {"decoded", "sourced"}
    ]

    assert len(missing) <= MOST_MISSING


@cache
def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", list(loader.behaviour_files()))
def test_every_proof_is_a_test_that_there_is(name: str) -> None:
    for test in loader.find_behaviour(name).proof:
        file, _, function = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert function in functions(ROOT / file), test


def test_what_a_product_is_always_and_how_that_is_known() -> None:
    told = {
        line.split("`")[1]: [cell.strip() for cell in line.split("|")[2:-1]]
        for line in PAGE.read_text(encoding="utf-8").split("## Products")[1].splitlines()
        if "`" in line
    }
    names = [one.id for one in antivirus.products()]

    def cell(behaviour: str, product: str) -> str:
        return told[behaviour][names.index(product)]

    assert cell("guid-serial", "avast") == "always D"
    assert cell("shared-key", "norton") == "always U"
    assert cell("root-without-ski", "eset") == "always S"
    assert cell("bare-leaf", "kaspersky-mac-2017") == "always D"
    assert cell("starttls-refused", "norton-2002") == "always I"
    assert "starttls-refused-for-now" not in told
    assert cell("untrusted-on-implicit-tls", "norton") == "at times"
    assert cell("rsa-leaf", "norton-2002") == ""


@pytest.mark.parametrize("name", list(loader.vendor_files()))
def test_a_product_is_told_with_how_each_thing_is_known(name: str) -> None:
    profile = loader.find_vendor(name)
    told = product.vendor(profile)
    policy = told.split("\nWhat it does with the mail server")[1].split("\n\n")[0].splitlines()

    for result in profile.policy:
        known = profile.known(f"policy.{result}")
        assert known is not None
        (line,) = [x for x in policy if x.startswith(f"  {result} ")]
        assert line.endswith(f"[{known.mark}]")
    for behaviour in profile.behaviours:
        assert f"\n  {behaviour}: " in told
    assert not re.search(r"\{(brand|server|issuer)\}", told)


def test_a_window_on_the_screen_is_told_as_its_reader_would_see_it() -> None:
    assert (
        "ESET does not trust (the certificate's issuer), which vouches for (the mail server)."
    ) in product.vendor(loader.find_vendor("eset"))


@pytest.mark.parametrize("name", list(loader.vendor_files()))
def test_what_a_product_always_answers_to_starttls_it_does_not_at_times(name: str) -> None:
    profile = loader.find_vendor(name)
    if profile.conversation.answer:
        at_times = [loader.find_behaviour(x) for x in profile.behaviours]
        assert not [x.id for x in at_times if "answer" in x.set.get("conversation", {})]


@pytest.mark.parametrize("name", list(loader.behaviour_files()))
def test_a_behaviour_is_told_and_can_be_tried_as_is_said(name: str) -> None:
    one = loader.find_behaviour(name)
    told = product.behaviour(one)

    assert one.code in told
    assert one.breaks in told
    if one.is_switch:
        words = told.splitlines()[-1].split()
        assert words[:4] == ["Try", "it:", "mitmail", "serve"]
        assert product.fits(one, words[5])
        assert words[7] == name
