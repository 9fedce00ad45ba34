"""The store of a whole Linux machine, which curl, mutt, msmtp and their kind read."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, override

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki import certificate, file
from mitmail.trust import program
from mitmail.trust.journal import Change
from mitmail.trust.root import Root, one
from mitmail.trust.store import ChangedError, TrustStore


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of distributions adds a root: a file into a folder, then a command.

    ``bundle`` is what the command writes, and where the result is read back.
    """

    name: str
    folder: str
    suffix: str
    command: tuple[str, ...]
    bundle: str

    @property
    def update(self) -> str:
        """The command, as it is typed."""
        return " ".join(self.command)


# From the manuals update-ca-certificates(8) and update-ca-trust(8) of each; Debian's was tried.
FAMILIES: Final = (
    Family(
        "Debian, Ubuntu", "/usr/local/share/ca-certificates", ".crt", ("update-ca-certificates",),
        "/etc/ssl/certs/ca-certificates.crt",
    ),
    Family(
        "Fedora, RHEL", "/etc/pki/ca-trust/source/anchors", ".pem", ("update-ca-trust", "extract"),
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
    Family(
        "openSUSE", "/etc/pki/trust/anchors", ".pem", ("update-ca-certificates",),
        "/var/lib/ca-certificates/ca-bundle.pem",
    ),
    Family(
        "Arch", "/etc/ca-certificates/trust-source/anchors", ".crt",
        ("update-ca-trust", "extract"),
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    ),
)  # fmt: skip


class SystemStore(TrustStore):
    """This machine's own store: what programs find in its bundle is in it."""

    word = "system"
    reach = "machine"

    def __init__(self, family: Family) -> None:
        self.family = family

    @override
    def certificates(self) -> list[bytes]:
        bundle = Path(self.family.bundle)
        try:
            return list(certificate.from_pem(bundle.read_bytes()))
        except OSError as error:
            raise MitmailError(f"{bundle}: {error.strerror}") from None

    def beside(self, fingerprint: str) -> Path:
        """The file of ours with this certificate."""
        folder = Path(self.family.folder)
        return folder / f"mitmail-{fingerprint[:16]}{self.family.suffix}"

    @override
    def steps(self, root: Root) -> list[str]:
        program.find(self.family.command[0])
        if not os.access(self.family.folder, os.W_OK):
            raise MitmailError(
                f'{self.family.folder} is for root: sudo env MITMAIL_HOME="$(mitmail ca path)" '
                "mitmail trust install --store system"
            )
        return [f"write {self.beside(root.sha256)}", f"run {self.family.update}"]

    @override
    def install(self, root: Root) -> None:
        program.find(self.family.command[0])
        path = self.beside(root.sha256)
        file.write(path, certificate.pem(root.certificate), 0o644)
        try:
            self._update()
            if self.state(root.sha256) is None:
                raise CannotJudgeError(f"{self.family.bundle} does not hold the root afterwards")
        except MitmailError:
            file.remove(path)
            with suppress(MitmailError):
                self._update()
            raise

    @override
    def remove(self, fingerprint: str) -> None:
        path = self.beside(fingerprint)
        if path.exists():
            if certificate.sha256(one(path)) != fingerprint:
                raise ChangedError(f"{path} holds another certificate now: left as it is")
            file.remove(path)
        self._update()
        if self.state(fingerprint) is not None:
            raise CannotJudgeError(
                f"{self.family.bundle} still holds the root: another file than {path} has it"
            )

    @override
    def way_out(self, fingerprint: str) -> str:
        if self.beside(fingerprint).exists():
            return super().way_out(fingerprint)
        folder, update = self.family.folder, self.family.update
        return f"remove the file of {folder} that holds it, then sudo {update}"

    @override
    def undo(self, change: Change, later: Sequence[Change]) -> str:
        there = self.state(change.sha256) is not None
        if there or self.beside(change.sha256).exists():
            self.remove(change.sha256)
        return "taken out" if there else "was no longer there"

    def _update(self) -> None:
        name, *arguments = self.family.command
        ended = program.run([program.find(name), *arguments])
        if ended.code != 0:
            raise CannotJudgeError(f"{self.family.update}: {program.complaint(ended)}")


def here() -> SystemStore:
    """The store of the machine we run on; raises MitmailError where it is none that we know."""
    for family in FAMILIES:
        if Path(family.folder).is_dir() and Path(family.bundle).is_file():
            return SystemStore(family)
    raise MitmailError(
        "--store system: no system store that mitmail can change is here; "
        "mitmail trust print has the commands for Windows and macOS"
    )
