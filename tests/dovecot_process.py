"""A real Dovecot as a process of its own: what every configuration of it here has in common."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import clean_environment, need

HOST = "127.0.0.1"
SECONDS = 10.0
COMMON = """\
base_dir = {home}/run
state_dir = {home}/state
instance_name = mitmail
log_path = {home}/log
listen = {listen}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
auth_failure_delay = 0
disable_plaintext_auth = no
mail_location = maildir:{home}/mail/%u
mail_fsync = never
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@contextlib.contextmanager
def home(user: str, password: str) -> Iterator[Path]:
    """A folder for one Dovecot with one user, who has no mail yet; it is gone afterwards."""
    need("dovecot")
    folder = Path(tempfile.mkdtemp(prefix="mm"))  # pytest's own are too long for unix sockets
    try:
        (folder / "users").write_text(f"{user}:{{PLAIN}}{password}::::::\n")
        for name in ("run", "state", "mail"):
            (folder / name).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Network:
    """Where a Dovecot is: ``through`` starts it there, ``connect`` reaches a port of it."""

    listen: str = HOST
    through: Sequence[str] = ()
    connect: Callable[[int], socket.socket] = lambda port: socket.create_connection(
        (HOST, port), timeout=SECONDS
    )


@contextlib.contextmanager
def started(
    folder: Path, settings: str, greeting: Iterable[int], network: Network | None = None
) -> Iterator[None]:
    """Dovecot with ``settings`` besides the common ones, once the ``greeting`` ports greet."""
    network = network or Network()
    if sys.platform == "win32":
        pytest.skip("Dovecot is a Unix program")
    mine = folder.owner(), folder.group()
    user, group = ("nobody", "nogroup") if mine[0] == "root" else mine
    common = COMMON.format(home=folder, user=user, group=group, listen=network.listen)
    (folder / "conf").write_text(common + settings)
    if (user, group) != mine:
        for path in (folder, *folder.glob("**/*")):
            shutil.chown(path, user, group)
    command = [*network.through, need("dovecot"), "-F", "-c", str(folder / "conf")]
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE)
    try:
        for port in greeting:
            _await_greeting(network, port, process, folder / "log")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def _await_greeting(
    network: Network, port: int, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with network.connect(port) as connection:
                if connection.recv(100).startswith((b"* OK", b"+OK", b"220")):
                    return
        except OSError:
            continue
    pytest.fail(f"Dovecot does not start: {log.read_text() if log.exists() else ''}")
