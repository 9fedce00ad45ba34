"""Cases: what a run makes once, and what no case shares with another."""

import pytest

from mitmail.judge.brief import Brief
from mitmail.judge.case import BOTH_ROOTS, Casebook
from mitmail.pki.certificate import parse, pem
from mitmail.pki.store import Store


def test_no_case_has_the_intermediate_of_another() -> None:
    """Thunderbird remembers it, and then misses nothing where it is missing (measured)."""
    book = Casebook()
    healthy, expired = (
        book.case(Brief(scenario=x)).plan.door.chain for x in ("healthy", "expired")
    )

    assert len(healthy) == len(expired) == 2
    assert parse(healthy[1]).spki != parse(expired[1]).spki
    assert parse(healthy[1]).subject != parse(expired[1]).subject


def test_a_case_and_its_control_are_one_server() -> None:
    book = Casebook()
    case = book.case(Brief(scenario="hosting-wildcard"))
    control = book.case(Brief(scenario="hosting-wildcard", connect_as="srv07.hoster.test"))

    assert case.plan is control.plan
    assert (case.name, control.name) == ("mail.customer.test", "srv07.hoster.test")
    assert [x.expect("imaps").verdict for x in (case, control)] == ["reject", "accept"]


def test_one_antivirus_has_one_root_whatever_it_stands_before() -> None:
    book = Casebook()
    roots = {
        book.case(Brief(scenario=x, antivirus="norton")).plan.antivirus_root
        for x in ("healthy", "expired")
    }

    assert len({root and root.certificate for root in roots}) == 1


@pytest.mark.parametrize("imported", [False, True])
def test_the_root_of_an_antivirus_is_trusted_where_it_is_imported(imported: bool) -> None:
    case = Casebook(Store(None)).case(
        Brief(scenario="healthy", antivirus="norton", imported=imported)
    )

    assert case.plan.antivirus_root is not None
    assert (pem(case.plan.antivirus_root.certificate) in case.roots) == imported
    assert (case.trusted == BOTH_ROOTS) == imported
