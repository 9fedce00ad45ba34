"""Roots and leaves of our own making, and a keeper of trust stores in a folder."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from mitmail.pki import extension
from mitmail.pki.authority import Authority, make_root, root_extensions
from mitmail.pki.key import generate
from mitmail.pki.name import distinguished_name
from mitmail.trust.address import Machine
from mitmail.trust.keeper import Keeper
from mitmail.trust.root import Root

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@cache
def authority(name: str = "mitmail server test root abc123", number: int = 0) -> Authority:
    """A constrained root by name; another number is another key of the same name."""
    key = generate("ec256")
    limits = extension.name_constraints(("customer.test",))
    subject = distinguished_name([("O", "mitmail"), ("CN", name)])
    extensions = (*root_extensions(key), limits)
    return make_root(subject, key, NOW - DAY, NOW + 30 * DAY, extensions=extensions)


def root(number: int = 0) -> Root:
    return Root(certificate=authority(number=number).certificate, word="server", kind="server")


def leaf(number: int = 0) -> bytes:
    """A server's certificate below that root."""
    signer = authority(number=number)
    names = ["mail.customer.test"]
    return signer.leaf(generate("ec256"), names=names, not_before=NOW - DAY, not_after=NOW + DAY)


def keeper(folder: Path) -> Keeper:
    """A keeper whose journal and whose user's profiles are in a folder."""
    home = {"HOME": str(folder / "home"), "PATH": os.environ["PATH"]}
    return Keeper(folder / "kept", Machine(home, "linux"))
