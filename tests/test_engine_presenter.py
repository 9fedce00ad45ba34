"""Which implementation presents an identity, and that none of them presents anything else."""

from dataclasses import replace
from typing import Any

import pytest

from mitmail.engine.leg import UnpresentableError
from mitmail.engine.openssl_leg import OpenSslLeg
from mitmail.engine.presenter import present
from mitmail.engine.tlslite_leg import TlsliteLeg
from mitmail.manner import PROPER, Manner
from mitmail.pki.identity import Identity
from mitmail.pki.key import generate
from talk import DAY, NAME, NOW, Talk, blind, identity, key, root


def of_kind(kind: str, **manner: Any) -> Identity:
    own = generate(kind)
    leaf = root().leaf(own, names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    return Identity((leaf,), own, Manner(**manner))


BY_OPENSSL: list[dict[str, Any]] = [
    {},
    {"versions": ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")},
    {"versions": ("TLSv1.1",)},
    {"ciphers": ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-GCM-SHA384")},
    {"groups": ("secp521r1",)},
    {"staple": b"\x30\x03\x0a\x01\x03"},
    {"client_certificate": "required"},
    {"close_notify": False},
    {"renegotiate": True},
    {"segment_size": 7},
    {"weak": True},
]
BY_TLSLITE: list[dict[str, Any]] = [
    {"lenient": True},
    {"wrong_key": True},
    {"versions": ("SSLv3", "TLSv1.0")},
    {"groups": ("x25519",)},
    {"groups": ("secp256r1", "secp384r1")},
    {"unrecognized_name": True},
    {"record_size": 64},
    {"cut": "close"},
    {"versions": ("TLSv1.2",), "ciphers": ("ECDHE-ECDSA-RC4-SHA",)},
    {"versions": ("TLSv1.2",), "ciphers": ("ECDHE-ECDSA-DES-CBC3-SHA",)},
]


@pytest.mark.parametrize("manner", BY_OPENSSL)
def test_openssl_presents_what_it_can(manner: dict[str, Any]) -> None:
    assert isinstance(present(of_kind("ec256", **manner)), OpenSslLeg)


@pytest.mark.parametrize("manner", BY_TLSLITE)
def test_tlslite_presents_what_openssl_cannot(manner: dict[str, Any]) -> None:
    assert isinstance(present(of_kind("ec256", **manner)), TlsliteLeg)


@pytest.mark.parametrize("cipher", ["DHE-RSA-AES128-SHA", "RC4-SHA", "DES-CBC3-SHA"])
def test_a_cipher_that_needs_a_group_or_is_gone_is_for_tlslite(cipher: str) -> None:
    presented = of_kind("rsa2048", versions=("TLSv1.2",), ciphers=(cipher,))
    assert isinstance(present(presented), TlsliteLeg)


@pytest.mark.parametrize(
    ("kind", "leg"),
    [
        ("rsa512", TlsliteLeg), ("rsa1024", TlsliteLeg), ("rsa2048", OpenSslLeg),
        ("ec224", TlsliteLeg), ("secp256k1", TlsliteLeg), ("ec521", OpenSslLeg),
        ("ed25519", OpenSslLeg), ("ed448", OpenSslLeg), ("dsa2048", TlsliteLeg),
        ("mldsa65", OpenSslLeg),
    ],
)  # fmt: skip
def test_a_key_goes_where_every_client_gets_to_see_its_certificate(kind: str, leg: type) -> None:
    assert isinstance(present(of_kind(kind)), leg)


def test_what_openssl_calls_too_weak_it_presents_when_it_may() -> None:
    assert isinstance(present(of_kind("rsa1024", weak=True)), OpenSslLeg)


@pytest.mark.parametrize(
    "chain",
    [(), (b"",), (identity().leaf + b"\0",), (identity().leaf[:-7],), (identity().leaf, b"x")],
)
def test_a_chain_that_openssl_refuses_or_repairs_is_for_tlslite(chain: tuple[bytes, ...]) -> None:
    assert isinstance(present(Identity(chain, key(), PROPER)), TlsliteLeg)


NOBODYS: list[tuple[str, dict[str, Any]]] = [
    ("ec256", {"ciphers": ("NO-SUCH-CIPHER",)}),
    ("ec256", {"ciphers": ("ECDHE-ECDSA-AES128-SHA", "NO-SUCH-CIPHER")}),
    ("rsa2048", {"ciphers": ("CAMELLIA128-SHA", "RC4-SHA")}),
    ("ec256", {"ciphers": ("AES128-SHA",), "versions": ("TLSv1.2",)}),
    ("ec256", {"ciphers": ("ECDHE-ECDSA-AES128-GCM-SHA256",), "versions": ("TLSv1.1",)}),
    ("rsa2048", {"ciphers": ("ECDHE-ECDSA-RC4-SHA",), "versions": ("TLSv1.2",)}),
    ("ec256", {"groups": ("secp999r1",)}),
    ("ec256", {"versions": ()}),
    ("ec256", {"versions": ("TLSv1.1", "TLSv1.3"), "lenient": True}),
    ("ec256", {"dh_bits": 640}),
    ("ed25519", {"versions": ("TLSv1.1",), "lenient": True}),
    ("ec256", {"renegotiate": True, "record_size": 64}),
    ("dsa2048", {"versions": ("TLSv1.3",)}),
    ("rsa512", {"versions": ("TLSv1.3",)}),
    ("mldsa65", {"versions": ("TLSv1.2",)}),
    ("mldsa65", {"lenient": True}),
]


@pytest.mark.parametrize(("kind", "manner"), NOBODYS)
def test_what_nobody_can_present_is_not_presented(kind: str, manner: dict[str, Any]) -> None:
    assert_unpresentable(of_kind(kind, **manner))


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("kind", ["ec256", "rsa2048"])
def test_a_certificate_is_not_presented_with_another_ones_key(kind: str, lenient: bool) -> None:
    manner = Manner(lenient=True) if lenient else PROPER
    assert_unpresentable(replace(identity(), key=generate(kind), manner=manner))


def assert_unpresentable(presented: Identity) -> None:
    with pytest.raises(UnpresentableError):
        present(presented)
    talk = Talk(choose=lambda upstream, sni: presented)
    client = talk.secure(blind())
    assert client.leaf is None
    assert talk.session.error is not None
    assert talk.verdict == ("none", "sure", None)
