"""Mail libraries of Node: nodemailer and imapflow, wherever their packages were installed."""

import json
import os
import sys
from importlib.resources import files
from pathlib import Path

from mitmail.endpoint import MailProtocol
from mitmail.judge import script
from mitmail.judge.client import Client, Job, Target

# The folder that holds node_modules; the environment variable names another one.
FOLDER = Path(sys.prefix) / "clients"
VARIABLE = "MITMAIL_CLIENTS"
# Client: the package's name in node_modules, our program, what it speaks.
PACKAGES: dict[str, tuple[str, frozenset[MailProtocol]]] = {
    "nodemailer": ("nodemailer.mjs", frozenset({"smtp"})),
    "nodemailer-9.0.2": ("nodemailer.mjs", frozenset({"smtp"})),
    "imapflow": ("imapflow.mjs", frozenset({"imap"})),
}


def package(name: str, path: str) -> Client | None:
    """The package ``name`` for the node at ``path``, if it is installed."""
    folder = Path(os.environ.get(VARIABLE, FOLDER))
    try:
        manifest = json.loads((folder / "node_modules" / name / "package.json").read_text())
    except OSError:
        return None
    version = tuple(int(x) for x in manifest["version"].split(".") if x.isdecimal())
    file, protocols = PACKAGES[name]
    program = str(files("mitmail.judge") / file)

    def prepare(target: Target, home: Path) -> Job:
        told = script.job(target, package=name, packages=str(folder))
        return Job(command=[path, program, told])

    return Client(name, version, protocols, prepare, script.read)
