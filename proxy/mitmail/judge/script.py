"""A client that is a program of ours: it is told its job as JSON, and answers with one JSON line.

The line has ``verdict``, ``words``, and ``reason`` or OpenSSL's verification error as ``code``.
"""

import json

from mitmail.engine.verify_error import VERIFY_ERRORS
from mitmail.judge.client import Said, Target
from mitmail.judge.program import Ended
from mitmail.judge.reason import TEXTS, reason


def job(target: Target, **more: str) -> str:
    """What the program shall do."""
    told = {
        "protocol": target.endpoint.protocol,
        "implicit": target.implicit,
        "plain": target.endpoint.tls == "plain",
        "host": target.host,
        "port": target.port,
        "name": target.name,
        "user": target.user,
        "password": target.password,
        "roots": str(target.roots),
        "tls": target.tls,
        "patience": target.patience,
    }
    return json.dumps(told | more)


def read(target: Target, ended: Ended) -> Said:
    """The program's answer; one that printed none broke down."""
    try:
        said = json.loads(ended.out)
    except ValueError:
        return Said("error", None, ended.code, ended.err.decode(errors="replace"))
    named = said.get("reason") or VERIFY_ERRORS.get(said.get("code"))
    if named is None and said["verdict"] == "reject":
        named = reason(said["words"], TEXTS)
    return Said(said["verdict"], named, ended.code, said["words"])
