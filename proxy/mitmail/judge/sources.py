"""The sources of a run: what its cells are made of, which tells it from others of its cells."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from mitmail.judge.client import Client
from mitmail.scenario.model import Scenario
from mitmail.scenario.vendor import Vendor

# Where a file lies is another matter on each machine; said and base are the rest once more.
ELSEWHERE = {"file", "group", "said", "base"}


def scenarios(used: Iterable[Scenario]) -> dict[str, str]:
    """The digest of what each scenario says, its expectation included."""
    return {f"scenario {one.id}": _of(one) for one in used}


def antiviruses(used: Iterable[Vendor]) -> dict[str, str]:
    """The digest of what each profile comes to, laid over the one that it is like."""
    return {f"antivirus {one.id}": _of(one) for one in used}


def clients(used: Iterable[Client]) -> dict[str, str]:
    """The digest of each client that is described; one that is code is known by its version."""
    return {f"client {one.name}": digest(one.described) for one in used if one.described}


def _of(said: Scenario | Vendor) -> str:
    return digest(text(said.model_dump(mode="json", exclude=ELSEWHERE)))


def text(said: Any) -> str:
    """Data as the same text, however it was written."""
    return json.dumps(said, sort_keys=True, ensure_ascii=True)


def digest(words: str) -> str:
    """SHA-256, as hexadecimal digits."""
    return hashlib.sha256(words.encode()).hexdigest()
