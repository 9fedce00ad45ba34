"""What a server's certificates are when the file says little, and what it must not say."""

from typing import Any

import pytest
from pydantic import ValidationError

from mitmail.scenario.server import Server


def server(**said: Any) -> Server:
    return Server.model_validate(said)


def test_by_default_leaf_and_intermediate_are_sent_and_the_root_is_trusted() -> None:
    assert server().sent == ("leaf", "intermediate")
    assert server().trust == ("root",)


def test_a_self_signed_certificate_is_sent_alone() -> None:
    assert server(leaf={"issuer": "self"}).sent == ("leaf",)


def test_a_leaf_below_the_root_is_sent_alone() -> None:
    assert server(leaf={"issuer": "root"}).sent == ("leaf",)


def test_the_chain_follows_the_issuers_up_to_the_root() -> None:
    below = server(more={"branch": {"issuer": "intermediate"}}, leaf={"issuer": "branch"})
    assert below.sent == ("leaf", "branch", "intermediate")
    assert server(depth=3).sent == ("leaf", "intermediate", "intermediate-2", "intermediate-3")


def test_an_empty_chain_is_one_that_was_said() -> None:
    assert server(chain=[]).sent == ()


def test_path_lengths_are_as_short_as_a_good_ca_makes_them() -> None:
    lengths = [c.path_length for c in server(depth=3).certificates.values()]
    assert lengths == [None, 0, 1, 2, None, None]  # leaf, three intermediates, root, unrelated


def test_a_ca_that_another_one_follows_has_no_path_length_unless_it_is_said() -> None:
    below = {"more": {"branch": {"issuer": "intermediate"}}}
    assert server(**below).certificates["intermediate"].path_length is None
    said = server(**below, intermediate={"path_length": 0})
    assert said.certificates["intermediate"].path_length == 0


def test_what_is_said_of_a_certificate_stands_beside_what_is_good() -> None:
    leaf = server(leaf={"key": "rsa2048"}).certificates["leaf"]
    assert leaf.key_usage == ("digitalSignature", "keyEncipherment")
    assert leaf.extended_key_usage == ("serverAuth",)
    authority = server(root={"key_usage": ["cRLSign"]}).certificates["root"]
    assert authority.key_usage == ("cRLSign",)
    assert authority.ca is True


def test_a_namesake_has_the_subject_and_its_own_key() -> None:
    old = server(more={"old": {"namesake": "root"}, "older": {"namesake": "old"}})
    assert old.subject_of("older") == "root"
    assert old.key_of("older") == "older"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"chain": ["leaf", "intermediat"]}, "no certificate 'intermediat' .did you mean 'interm"),
        ({"trust": ["nobody"]}, "no certificate 'nobody': leaf, intermediate, root, unrelated"),
        ({"leaf": {"issuer": "nobody"}}, "no certificate 'nobody'"),
        ({"more": {"x": {"namesake": "nobody"}}}, "no certificate 'nobody'"),
        ({"more": {"leaf": {}}}, "has a place of its own"),
        ({"more": {"a": {"issuer": "b"}, "b": {"issuer": "a"}}}, "leads back to itself"),
        ({"more": {"a": {"same_key": "a"}}}, "leads back to itself"),
        ({"intermediate": {"issuer": "leaf"}}, "leads back to itself"),
        ({"leaf": {"common_name": "x", "subject": {}}}, "say common_name or subject, not both"),
        ({"leaf": {"key_form": "pss"}}, "key_form pss needs an RSA key"),
        ({"depth": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        server(**said)
