"""The bench that the tests work at: programs, clean environments, free deadlines."""

import os
import select
import shutil
import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import pytest

from mitmail.scenario import loader
from mitmail.scenario.model import Scenario

_FOREIGN = (
    "SSL_", "CURL_", "NODE_", "REQUESTS_", "PIP_CERT", "LD_PRELOAD", "NSS_WRAPPER", "MITMAIL",
)  # fmt: skip


def find(program: str) -> str | None:
    """The path of ``program``, also where only root looks for it."""
    return shutil.which(program, path=os.environ["PATH"] + os.pathsep + "/usr/sbin")


def need(program: str) -> str:
    """The path of ``program``; without it the test skips here and fails in CI."""
    path = find(program)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{program} is missing: .ci/run must install it")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@cache
def catalogue() -> Mapping[str, Scenario]:
    """Every shipped scenario by id; it takes a second, once in a process."""
    return MappingProxyType(loader.load_all())


def is_root() -> bool:
    """Whether the tests run as root, where there is one."""
    return sys.platform != "win32" and os.geteuid() == 0


def clean_environment(**extra: str) -> dict[str, str]:
    """This process' environment without what changes a client's verdict."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    return kept | extra


def ends(pid: int) -> bool:
    """Whether a process ends soon, or has; it need not be collected."""
    if sys.platform != "linux":
        raise OSError("only Linux has a file descriptor of a process")
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)
