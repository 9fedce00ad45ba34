"""The panel of verifiers: all that this machine has, and what it would take to have the others."""

import os
from collections.abc import Callable
from functools import cache
from typing import NoReturn

import pytest

from proof.botan import botan
from proof.curl import curl
from proof.gnutls import gnutls
from proof.mbedtls import mbedtls
from proof.nss import nss
from proof.openssl import openssl
from proof.pyca import pyca
from proof.runtime import bouncy_castle, go, java, node, python, system_python
from proof.verifier import Verifier

# In the order of their worth as witnesses; beside each the Debian packages that it needs, to
# which comes faketime for those that cannot be told the time.
PANEL: dict[str, tuple[Callable[[], Verifier | None], str]] = {
    "openssl": (openssl, "openssl"),
    "gnutls": (gnutls, "gnutls-bin"),
    "python": (python, ""),
    "system-python": (system_python, "python3"),
    "pyca": (pyca, "openssl"),
    "mbedtls": (mbedtls, "gcc libc6-dev libmbedtls-dev"),
    "go": (go, "golang-go"),
    "node": (node, "nodejs"),
    "java": (java, "openjdk-17-jdk-headless"),
    "curl": (curl, "curl"),
    "nss": (nss, "libnss3-tools"),
    "botan": (botan, "botan libnss-wrapper"),
    "bouncycastle": (bouncy_castle, "openjdk-17-jdk-headless libbctls-java"),
}


@cache
def _asked() -> dict[str, Verifier | None]:
    return {name: make() for name, (make, _) in PANEL.items()}


def found() -> list[Verifier]:
    """The verifiers of this machine, each with its version, in the panel's order."""
    return [verifier for verifier in _asked().values() if verifier is not None]


def missing() -> dict[str, str]:
    """The names of those that this machine lacks, and the Debian packages that bring them."""
    return {name: PANEL[name][1] for name, verifier in _asked().items() if verifier is None}


def lacks(name: str) -> NoReturn:
    """Skip what a missing verifier would have to say; in CI it fails."""
    reason = f"{name} is missing: apt install {PANEL[name][1]}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
