"""Clients written in Python, in the interpreter that runs mitmail."""

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.resources import files
from pathlib import Path

from mitmail.endpoint import MailProtocol
from mitmail.judge import script
from mitmail.judge.client import ALL, Client, Job, Target


def python() -> Client:
    """Python's imaplib, poplib and smtplib."""
    return _client("python", sys.version_info[:3], ALL, "stdlib_client.py")


def aiosmtplib() -> Client | None:
    """The library aiosmtplib, if it is installed beside mitmail."""
    try:
        version = installed("aiosmtplib")
    except PackageNotFoundError:
        return None
    parts = tuple(int(x) for x in version.split(".") if x.isdecimal())
    return _client("aiosmtplib", parts, frozenset({"smtp"}), "aiosmtplib_client.py")


def _client(
    name: str, version: tuple[int, ...], protocols: frozenset[MailProtocol], file: str
) -> Client:
    program = str(files("mitmail.judge") / file)

    def prepare(target: Target, home: Path) -> Job:
        return Job(command=[sys.executable, "-I", program, script.job(target)])

    return Client(name, version, protocols, prepare, script.read)
