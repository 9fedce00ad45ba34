"""Networks of their own, as Linux makes them: namespaces, and cables between them."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import is_root, need

SECONDS = 15.0


@dataclass(frozen=True)
class Namespace:
    """A machine, as far as its network goes."""

    name: str

    def command(self, *arguments: str) -> list[str]:
        """The command that runs another one there."""
        return [need("ip"), "netns", "exec", self.name, *arguments]

    def run(self, *arguments: str) -> str:
        """What a command there prints; it has to succeed."""
        return _run(*self.command(*arguments))

    def call[T](self, function: Callable[[], T]) -> T:
        """The result of a function that is called there: its sockets stay there."""
        if sys.platform != "linux":
            raise AssertionError

        def inside() -> T:
            with Path("/run/netns", self.name).open() as file:
                os.setns(file.fileno(), os.CLONE_NEWNET)
            return function()

        # A thread of its own, which ends with it: no other is led astray.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(inside).result(SECONDS)


@contextlib.contextmanager
def namespace(role: str) -> Iterator[Namespace]:
    """A namespace with a loopback; it is gone afterwards, and its cables with it."""
    if not is_root():
        pytest.skip("only root makes network namespaces")
    name = f"mitmail-{os.getpid()}-{role}"
    made = subprocess.run([need("ip"), "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"this machine makes no network namespace: {made.stderr.strip()}")
    try:
        one = Namespace(name)
        one.run("ip", "link", "set", "lo", "up")
        yield one
    finally:
        _run(need("ip"), "netns", "del", name)


def cable(one: Namespace, other: Namespace, net: int) -> None:
    """Join two: 10.77.NET.1 and fd77:NET::1 here, .2 and ::2 there."""
    # The kernel takes 15 octets for the name of a device.
    ends = [(one, f"mm{net}a", 1), (other, f"mm{net}b", 2)]
    (here, first, _), (there, second, _) = ends
    here.run("ip", "link", "add", first, "type", "veth", "peer", "name", second)
    here.run("ip", "link", "set", second, "netns", there.name)
    for end, device, number in ends:
        end.run("ip", "address", "add", f"10.77.{net}.{number}/24", "dev", device)
        six = f"fd77:{net}::{number}/64"
        end.run("ip", "address", "add", six, "dev", device, "nodad")
        end.run("ip", "link", "set", device, "up")


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
    return ended.stdout
