"""A certificate that does not suit a client's TLS 1.2 is no word of the client about versions."""

from typing import Any

import pytest

from plain_driver import ask_openssl
from test_engine_presenter import of_kind

COULD_NOT = "the ClientHello could not be answered: "
TLS12 = "-tls1_2"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ec384", ("-groups", "P-256")),
        ("ec521", ("-groups", "X25519:P-256")),
        ("ed25519", ("-sigalgs", "RSA+SHA256:ECDSA+SHA256")),
        ("ed448", ("-sigalgs", "ECDSA+SHA256")),
    ],
)
@pytest.mark.parametrize("manner", [{}, {"lenient": True}])
def test_our_keys_own_kind_is_not_blamed_on_the_client(
    kind: str, words: tuple[str, ...], manner: dict[str, Any]
) -> None:
    served = ask_openssl(of_kind(kind, **manner), TLS12, *words)
    found = served.session.verdict
    assert found is not None
    if served.session.presented.identity is None:
        assert (found.verdict, found.reason) == ("none", None)
        assert found.evidence.startswith(COULD_NOT)
        assert found.evidence.endswith(("curve for our key", "no suitable signature algorithm"))
    else:  # then the client says for itself what it thinks of the curve
        assert "after our certificate" in found.evidence


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ec256", ("-cipher", "ECDHE-RSA-AES128-GCM-SHA256")),
        ("ec384", ("-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-groups", "P-256")),
        ("rsa2048", ("-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-sigalgs", "ECDSA+SHA256")),
        ("ec256", ("-sigalgs", "RSA+SHA256")),  # OpenSSL then offers none for ECDSA either
        ("dsa2048", ()),
    ],
)
def test_a_client_without_any_cipher_for_the_key_has_none_in_common(
    kind: str, words: tuple[str, ...]
) -> None:
    assert ask_openssl(of_kind(kind), TLS12, *words).verdict == (
        "reject", "sure", "tls-version", None,
    )  # fmt: skip


def test_a_client_without_the_only_group_has_none_in_common() -> None:
    only = of_kind("ec256", groups=("secp521r1",))
    assert ask_openssl(only, TLS12, "-groups", "P-256").verdict[:3] == (
        "reject", "sure", "tls-version",
    )  # fmt: skip
