"""Python's own mail clients, as one client."""

import json
import sys
from importlib.resources import files

from mitmail.engine.verify_error import VERIFY_ERRORS
from mitmail.judge.client import Client, Said, Target
from mitmail.judge.program import Ended


def python() -> Client:
    """Python's imaplib, poplib and smtplib, in the interpreter that runs mitmail."""
    script = str(files("mitmail.judge") / "stdlib_client.py")

    def command(target: Target) -> list[str]:
        job = {
            "protocol": target.endpoint.protocol,
            "implicit": target.endpoint.tls == "implicit",
            "host": target.host,
            "port": target.port,
            "name": target.name,
            "user": target.user,
            "password": target.password,
            "roots": str(target.roots),
            "tls": target.tls,
        }
        return [sys.executable, "-I", script, json.dumps(job)]

    return Client("python", sys.version_info[:3], command, lambda target: b"", _read_python)


def _read_python(target: Target, ended: Ended) -> Said:
    try:
        said = json.loads(ended.out)
    except ValueError:
        return Said("error", None, ended.code, ended.err.decode(errors="replace"))
    return Said(said["verdict"], VERIFY_ERRORS.get(said["code"]), ended.code, said["words"])
