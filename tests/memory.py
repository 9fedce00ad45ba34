"""What a thing holds on to, and what a process does."""

import gc
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

import pytest


@dataclass(frozen=True)
class Resident:
    """The memory of a process that is in use, now and at its most so far; in octets."""

    now: int
    peak: int


def resident(pid: int) -> Resident:
    """Ask Linux (proc(5): VmRSS, VmHWM) what a process has in memory."""
    if sys.platform != "linux":
        pytest.skip("only Linux says what a process had in memory at its most")
    status = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return Resident(int(found["VmRSS"]) * 1024, int(found["VmHWM"]) * 1024)


def reachable(thing: object) -> int:
    """Count the octets of all strings of octets that ``thing`` holds on to."""
    seen, found, size = {id(thing)}, [thing], 0
    while found:
        each = found.pop()
        size += len(each) if isinstance(each, bytes) else 0
        for one in gc.get_referents(each):
            if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType):
                seen.add(id(one))
                found.append(one)
    return size
