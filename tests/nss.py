"""NSS databases of our own, and what NSS' own tools say of them."""

import subprocess
from pathlib import Path

from bench import clean_environment, need
from proof.process import ANSWER, SAY, run


def certutil(*arguments: str, give: bytes = b"") -> str:
    """What certutil says; it must succeed."""
    ended = subprocess.run(
        [need("certutil"), *arguments],
        input=give, capture_output=True, env=clean_environment(), timeout=20, check=True,
    )  # fmt: skip
    return ended.stdout.decode()


def database(folder: Path) -> Path:
    """A new database, without a password."""
    folder.mkdir(parents=True, exist_ok=True)
    certutil("-N", "--empty-password", "-d", f"sql:{folder}")
    return folder


def put(folder: Path, certificate: bytes, bits: str, label: str) -> None:
    """Import a certificate (DER), as a person would by certutil."""
    certutil("-A", "-d", f"sql:{folder}", "-n", label, "-t", bits, give=certificate)


def listing(folder: Path) -> dict[str, str]:
    """The trust bits by nickname: what `certutil -L` shows."""
    lines = certutil("-L", "-d", f"sql:{folder}").splitlines()[4:]
    return {
        label.rstrip(): bits.strip()
        for label, _, bits in (line.rstrip().rpartition(" ") for line in lines)
    }


def accepts(folder: Path, port: int, name: str) -> tuple[bool, str]:
    """Whether tstclnt, with this database, speaks IMAP to a port; and all that it said."""
    command = [need("tstclnt"), "-h", "127.0.0.1", "-p", str(port), "-a", name]
    ended = run([*command, "-d", f"sql:{folder}"], give=SAY, until=ANSWER, seconds=10.0)
    return ANSWER in ended.out, ended.text
