"""What a file may say about TLS and the staple, and what it means when it says nothing."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from mitmail.scenario.part import Model
from mitmail.scenario.tls import MODERN, VERSIONS, Instead, Staple, Tls


def test_nothing_said_is_a_server_that_speaks_tls_properly() -> None:
    assert Tls().versions == MODERN == ("TLSv1.2", "TLSv1.3")
    said = Tls().model_dump(exclude={"versions", "close_notify", "client_certificate"})
    assert not any(said.values())
    assert Tls().close_notify
    assert Tls().client_certificate == "none"


def test_nothing_said_is_a_staple_as_the_issuer_makes_it() -> None:
    staple = Staple()
    assert (staple.status, staple.signer, staple.about) == ("good", "issuer", "leaf")
    assert staple.this_update == timedelta(hours=-1)
    assert staple.next_update == timedelta(days=7)


def test_nothing_said_comes_after_the_client_hello_and_closes() -> None:
    assert Instead().model_dump(exclude_defaults=True) == {}
    assert (Instead().when, Instead().then) == ("client-hello", "close")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Tls, {"versions": list(VERSIONS)}),
        (Tls, {"ciphers": ["RC4-SHA", "DES-CBC3-SHA"]}),
        (Tls, {"groups": ["x448"]}),
        (Tls, {"dh_bits": 512}),
        (Tls, {"record_size": 1}),
        (Tls, {"record_size": 16384}),
        (Tls, {"segment_size": 1}),
        (Tls, {"cut": "stall"}),
        (Tls, {"instead": {"alert": 0}}),
        (Tls, {"instead": {"alert": 255, "then": "reset"}}),
        (Instead, {"text": "{greeting}", "when": "connected"}),
        (Instead, {"octets": "15 03 01"}),
        (Instead, {"alert": 70, "offering": "TLSv1.3"}),
        (Instead, {"then": "stall"}),
        (Instead, {"when": "secured", "then": "clear"}),
        (Staple, {"status": "try-later"}),
        (Staple, {"this_update": "+1h", "next_update": "-1h"}),
    ],
)
def test_this_may_be_said(form: type[Model], said: dict[str, Any]) -> None:
    form.model_validate(said)


@pytest.mark.parametrize(
    ("form", "said", "words"),
    [
        (Tls, {"versions": []}, "at least 1 item"),
        (Tls, {"versions": ["TLSv1.2", "TLSv1.2"]}, "'TLSv1.2' is named more than once"),
        (Tls, {"versions": ["TLSv1.4"]}, "Input should be 'SSLv3', 'TLSv1.0'"),
        (Tls, {"versions": "TLSv1.2"}, "valid tuple"),
        (Tls, {"groups": ["secp256k1"]}, "Input should be 'x25519'"),
        (Tls, {"groups": ["x448", "x448"]}, "named more than once"),
        (Tls, {"dh_bits": 768}, "Input should be 512, 1024 or 2048"),
        (Tls, {"client_certificate": True}, "Input should be 'none', 'optional' or 'required'"),
        (Tls, {"wrong_key": "yes"}, "valid boolean"),
        (Tls, {"close_notify": 0}, "valid boolean"),
        (Tls, {"record_size": 0}, "greater than or equal to 1"),
        (Tls, {"record_size": 16385}, "less than or equal to 16384"),
        (Tls, {"record_size": 64.0}, "valid integer"),
        (Tls, {"segment_size": 0}, "greater than or equal to 1"),
        (Tls, {"cut": "reset"}, "Input should be 'close' or 'stall'"),
        (Tls, {"cipher": "RC4-SHA"}, "Extra inputs"),
        (Instead, {"alert": 256}, "less than or equal to 255"),
        (Instead, {"alert": -1}, "greater than or equal to 0"),
        (Instead, {"alert": True}, "valid integer"),
        (Instead, {"octets": "5"}, "pairs of hexadecimal digits"),
        (Instead, {"octets": "zz"}, "pairs of hexadecimal digits"),
        (Instead, {"alert": 40, "text": "x"}, "say one of alert, text and octets"),
        (Instead, {"text": "", "octets": ""}, "say one of alert, text and octets"),
        (Instead, {"alert": 0, "octets": "00"}, "say one of alert, text and octets"),
        (Instead, {"when": "connected", "offering": "TLSv1.3"}, "only known after the ClientHel"),
        (Instead, {"then": "fin"}, "Input should be 'close', 'reset', 'stall' or 'clear'"),
        (Instead, {"when": "connected", "then": "clear"}, "has no mail server behind it"),
        (Staple, {"status": "tryLater"}, "Input should be 'good', 'revoked'"),
        (Staple, {"next_update": "never"}, "use a duration"),
        (Staple, {"signer": "root"}, "Input should be 'issuer', 'stranger'"),
        (Staple, {"about": "intermediate"}, "Input should be 'leaf' or 'other'"),
    ],
)
def test_this_may_not_be_said(form: type[Model], said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        form.model_validate(said)
