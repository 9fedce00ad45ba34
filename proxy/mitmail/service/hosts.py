"""Hosts files: lines that lead names to this machine."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mitmail.engine.context import is_address
from mitmail.errors import MitmailError
from mitmail.scenario.hostname import ascii_name, is_test_name

_PLACES: Final = {
    "win32": r"C:\Windows\System32\drivers\etc\hosts (as administrator)",
    "darwin": "/etc/hosts (with sudo)",
}
_LINUX: Final = "/etc/hosts (with sudo)"


def system_file() -> str:
    """Where this system keeps its hosts file, and how it may be changed."""
    return _PLACES.get(sys.platform, _LINUX)


def lines(host: str, names: Iterable[str]) -> list[str]:
    """A line for each name that a hosts file can lead somewhere, which no address is."""
    plain = (ascii_name(name).rstrip(".") for name in names if not is_address(name))
    return [f"{host} {name}" for name in dict.fromkeys(plain)]


def write(file: Path, host: str, names: Iterable[str]) -> None:
    """Write a file of such lines and nothing else, for /etc/hosts or NSS_WRAPPER_HOSTS.

    A comment would be its end for libnss_wrapper (1.1.12: "Invalid line", and no name resolves).
    Raises MitmailError where it cannot be written, also where it would replace other lines.
    """
    try:
        if file.exists() and not all(map(_is_ours, file.read_text("utf-8").splitlines())):
            raise MitmailError(f"--hosts {file}: holds other lines: name a file of its own")
        file.write_text("".join(f"{line}\n" for line in lines(host, names)), "ascii")
    except OSError as error:
        raise MitmailError(f"--hosts {file}: cannot be written: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MitmailError(f"--hosts {file}: is no text: name a file of its own") from None


def _is_ours(line: str) -> bool:
    words = line.split()
    return len(words) == 2 and is_test_name(words[1]) and words[1] != "localhost"
