"""What a profile says of TLS becomes plain data, or a complaint that says where."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import ValidationError

from mitmail.hello import OWN, Hello
from mitmail.manner import PROPER, Instead, Manner
from mitmail.pki.identity import Identity
from mitmail.plan.legs import hello, spoken
from mitmail.scenario.legs import Legs
from talk import identity


@dataclass(frozen=True)
class Found:
    alpn: bytes | None = None


def said(**fields: Any) -> Legs:
    return Legs.model_validate(fields)


def test_what_is_not_said_is_as_it_should_be() -> None:
    assert hello(said().server) == OWN
    assert spoken(identity(), said(), Found(b"imap")).manner == PROPER


def test_a_mirror_is_named_for_each_part_and_the_rest_is_said() -> None:
    server = said(
        server={
            "versions": "mirror", "ciphers": ["AES128-SHA"], "groups": "mirror",
            "signatures": ["rsa_pkcs1_sha1"], "alpn": "mirror", "status_request": "mirror",
        }
    ).server  # fmt: skip
    assert hello(server) == Hello(
        ciphers=("AES128-SHA",),
        signatures=("rsa_pkcs1_sha1",),
        mirrors=frozenset({"versions", "groups", "alpn", "status-request"}),
    )


def test_who_asks_for_the_status_believes_what_it_hears() -> None:
    assert hello(said(server={"status_request": "ask"}).server) == Hello(asks_status=True)


def test_the_client_hears_the_products_manner_and_the_servers_protocol() -> None:
    legs = said(
        client={
            "versions": ["TLSv1.2"], "close_notify": False, "alpn": "mirror",
            "instead": {"text": "no\r\n"},
        },
        server={"alpn": "mirror"},
    )  # fmt: skip
    manner = Manner(
        versions=("TLSv1.2",),
        close_notify=False,
        alpn=(b"imap",),
        instead=Instead(octets=b"no\r\n"),
    )
    shown: Identity = spoken(identity(), legs, Found(b"imap"))
    assert (shown.manner, shown.chain) == (manner, identity().chain)
    assert spoken(identity(), legs, Found()).manner.alpn == ()
    weak = replace(identity(), manner=Manner(weak=True))
    assert spoken(weak, said(), Found()) == weak, "what the certificate needs stays"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"client": {"alpn": "mirror"}}, "needs server.alpn: mirror"),
        ({"client": {"instead": {"when": "connected", "text": "x"}}}, "the server is asked first"),
        ({"client": {"instead": {"text": "{greeting}"}}}, "say the product's own words"),
        ({"client": {"versions": []}}, "at least 1 item"),
        ({"server": {"versions": []}}, "name at least one version"),
        ({"server": {"versions": ["SSLv3"]}}, "Input should be"),
        ({"server": {"groups": ["x25518"]}}, "Input should be"),
    ],
)
def test_what_does_not_fit_says_why(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        said(**fields)
