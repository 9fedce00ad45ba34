"""The names that are played: what is typed stands in the leaf wherever the scenario says so."""

from typing import Any

import pytest
from cryptography import x509

from mitmail.pki.store import Store
from mitmail.plan import Names, Plan, make
from mitmail.scenario.model import Scenario, ScenarioFile
from mitmail.scenario.server import Server


def named(*names: str) -> Server:
    return Server.model_validate({"leaf": {"names": list(names)}})


def planned(names: Names | None = None, also: tuple[str, ...] = (), **said: Any) -> Plan:
    whole = {"title": "A", "why": "It hurts.", "rule": "R", "expect": {"verdict": "accept"}}
    file = ScenarioFile.model_validate(whole | said)
    scenario = Scenario.model_construct(**dict(file), id="case", group="g", file="case.yaml")
    return make(scenario, None, Store(None), names=names, also=also, constrained=False)


def alternative_names(plan: Plan) -> list[str]:
    """Those of the leaf, as cryptography reads them: DNS names and addresses."""
    read = x509.load_der_x509_certificate(plan.door.leaf)
    said = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(each.value) for each in said]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{name}", "a.test"),
        ("dns:{name}", "dns:a.test"),
        ("x{name}.{name}", "xa.test.a.test"),
        ("mail.customer.test", "mail.customer.test"),
        ("{NAME}", "{NAME}"),
    ],
)
def test_a_template_is_filled_with_the_name(template: str, expected: str) -> None:
    assert Names("a.test").fill(template) == expected


def test_without_a_word_it_is_the_customers_name() -> None:
    assert Names().name == "mail.customer.test"
    assert Names().of(Server()) == ("mail.customer.test",)


def test_further_names_stand_behind_those_of_the_leaf() -> None:
    names = Names("a.test", also=("127.0.0.2", "::1"))
    assert names.of(Server()) == ("a.test", "127.0.0.2", "::1")
    assert names.of(named("b.test", "{name}")) == ("b.test", "a.test", "127.0.0.2", "::1")


@pytest.mark.parametrize("templates", [["*.hoster.test"], [], ["dns:{name}"], ["x.{name}"]])
def test_a_leaf_that_is_not_to_have_the_name_gets_no_further_ones(templates: list[str]) -> None:
    """Else a certificate for somebody else would be right for the address."""
    names = Names("a.test", also=("127.0.0.2",))
    assert "127.0.0.2" not in names.of(named(*templates))


def test_what_the_client_is_told_to_use_stands_in_the_leaf() -> None:
    plan = planned(connect_as="imap.mail.customer.test")
    assert plan.name == "imap.mail.customer.test"
    assert alternative_names(plan) == ["imap.mail.customer.test"]


@pytest.mark.parametrize(
    ("connect_as", "expected"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("bücher.customer.test", ["xn--bcher-kva.customer.test"]),
        ("my_mail.customer.test", ["my_mail.customer.test"]),
    ],
)
def test_an_address_and_another_script_are_written_as_their_kind(
    connect_as: str, expected: list[str]
) -> None:
    assert alternative_names(planned(connect_as=connect_as)) == expected


def test_it_is_filled_wherever_the_scenario_names_it() -> None:
    leaf = {"names": ["email:qa@{name}", "{name}"], "subject": {"O": "of {name}", "CN": "{name}"}}
    plan = planned(connect_as="a.customer.test", server={"leaf": leaf})
    read = x509.load_der_x509_certificate(plan.door.leaf)
    assert alternative_names(plan) == ["qa@a.customer.test", "a.customer.test"]
    assert read.subject.rfc4514_string() == "CN=a.customer.test,O=of a.customer.test"


def test_the_customers_own_name_goes_before_the_scenarios() -> None:
    plan = planned(Names("mail.example.com"), connect_as="a.customer.test")
    assert plan.name == "mail.example.com"
    assert alternative_names(plan) == ["mail.example.com"]


def test_an_address_to_listen_on_stands_beside_the_scenarios_name() -> None:
    plan = planned(also=("192.0.2.7",), connect_as="a.customer.test")
    assert plan.name == "a.customer.test"
    assert alternative_names(plan) == ["a.customer.test", "192.0.2.7"]
