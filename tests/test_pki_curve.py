"""Explicit curve parameters, as openssl and arithmetic know them."""

import subprocess

from bench import need
from mitmail.pki.curve import P256


def test_openssl_writes_the_same_parameters() -> None:
    command = [
        need("openssl"), "ecparam", "-name", "prime256v1", "-param_enc", "explicit",
        "-outform", "DER",
    ]  # fmt: skip
    theirs = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    assert P256.explicit_parameters() == theirs


def test_the_base_point_lies_on_the_curve() -> None:
    """SEC 1 version 2, 2.2.1."""
    assert (P256.y**2 - (P256.x**3 + P256.a * P256.x + P256.b)) % P256.prime == 0
