"""NSS databases: the certificate store of Thunderbird, Firefox, Evolution and Chromium.

Every change is made by certutil, which is told a certificate's key and not only its nickname.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, override

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki.certificate import sha256
from mitmail.trust import bits, lock, program, record
from mitmail.trust.entry import Entry, Standing
from mitmail.trust.journal import Change
from mitmail.trust.record import Record
from mitmail.trust.root import Root, common_name
from mitmail.trust.store import ChangedError, TrustStore

TRUSTED: Final = "C,,"  # a CA for servers, and for nothing else


class Database(TrustStore):
    """The database in a folder: a profile, or any other that holds a cert9.db."""

    trusted = TRUSTED

    def __init__(self, folder: Path) -> None:
        """Raises MitmailError when there is none in ``folder``."""
        if not folder.is_dir():
            raise MitmailError(f"{folder}: no such folder; a profile's folder holds a cert9.db")
        if not (folder / "cert9.db").is_file():
            old = " (a cert8.db is too old)" if (folder / "cert8.db").is_file() else ""
            raise MitmailError(
                f"{folder}: no profile, it holds no cert9.db{old}; start the program once, or "
                f"make one: certutil -N --empty-password -d sql:{folder}"
            )
        # One database has one name on record, whatever links lead to it.
        self.folder = folder.resolve()
        self.word = f"nss:{self.folder}"

    @override
    def certificates(self) -> list[bytes]:
        return [one.certificate for one in record.read(self.folder)]

    @override
    def entries(self, wanted: Sequence[str]) -> list[Entry]:
        return [
            Entry(
                certificate=one.certificate,
                label=one.label,
                standing=_standing(one.flags),
                flags=one.flags,
            )
            for one in record.read(self.folder)
            if one.sha256 in wanted
        ]

    @override
    def state(self, fingerprint: str) -> str | None:
        found = record.read(self.folder)
        return next((one.flags for one in found if one.sha256 == fingerprint), None)

    @override
    def trusts(self, state: str | None) -> bool:
        return state is not None and _standing(state) == "trusted"

    @override
    def steps(self, root: Root) -> list[str]:
        program.find("certutil")
        with lock.closed(self.folder):
            return [f"certutil: into the database in {self.folder}, trusted for servers (C,,)"]

    @override
    def install(self, root: Root) -> None:
        self.trust(root.certificate, TRUSTED)

    def trust(self, certificate: bytes, flags: str) -> None:
        """Put a certificate in with these trust bits, or give one that is in these.

        Read back; when they are not as asked, what was before is back. Raises RunningError,
        CannotJudgeError.
        """
        fingerprint = sha256(certificate)
        before = self.state(fingerprint)
        with lock.closed(self.folder):
            if before is None:
                label = self._free_label(certificate)
                ended = self._certutil("-A", "-n", label, "-t", flags, give=certificate)
            else:
                ended = self._change(fingerprint, "-M", "-t", flags)
            if ended.code == 0 and self.state(fingerprint) != flags:
                record.forget_newer(self.folder, fingerprint)
            if self.state(fingerprint) == flags:
                return
            # Behind a Primary Password certutil puts it in without its trust bits, and then fails.
            if before is None and self.state(fingerprint) is not None:
                self._change(fingerprint, "-D")
        raise CannotJudgeError(f"{self.folder}: {_complaint(ended)}")

    @override
    def remove(self, fingerprint: str) -> None:
        found = record.read(self.folder)
        others = sorted(one.sha256 for one in found if one.sha256 != fingerprint)
        with lock.closed(self.folder):
            ended = self._change(fingerprint, "-D")
            if sorted(one.sha256 for one in record.read(self.folder)) != others:
                raise CannotJudgeError(f"{self.folder}: {_complaint(ended)}")
            record.forget_newer(self.folder, fingerprint)

    @override
    def undo(self, change: Change, later: Sequence[Change]) -> str:
        now = self.state(change.sha256)
        if now is None:
            return "was no longer there"
        if change.was is None:
            self.remove(change.sha256)
            changed = "" if now == TRUSTED else f"; its trust bits were {now} by now"
            return f"taken out{changed}"
        if now == change.was:
            return f"has the trust bits {now}, as before"
        if now != TRUSTED:
            raise ChangedError(
                f"it has the trust bits {now}, which mitmail has not given it: left so "
                f"(before mitmail it was {change.was})"
            )
        (found,) = self.entries([change.sha256])
        self.trust(found.certificate, change.was)
        return f"trust bits back to {change.was}"

    def _change(self, fingerprint: str, *arguments: str) -> program.Ended:
        found = record.read(self.folder)
        (row,) = (one for one in found if one.sha256 == fingerprint)
        if sum((each.id, each.label) == (row.id, row.label) for each in found) > 1:
            raise CannotJudgeError(
                f"{self.folder}: two certificates called {row.label} have the same key: certutil "
                "cannot tell them apart; remove the one in the program's certificate manager"
            )
        operation, *rest = arguments
        return self._certutil(operation, "-n", _uri(row), *rest)

    def _certutil(self, *arguments: str, give: bytes = b"") -> program.Ended:
        command = [program.find("certutil"), *arguments, "-d", f"sql:{self.folder}"]
        return program.run(command, give=give)

    def _free_label(self, certificate: bytes) -> str:
        # A colon would name a token; one that is taken gets the fingerprint with it.
        label = common_name(certificate).replace(":", " ")
        taken = {one.label for one in record.read(self.folder)}
        return f"{label} {sha256(certificate)[:8]}" if label in taken else label


def _uri(row: Record) -> str:
    """The PKCS #11 URI (RFC 7512) of a certificate, by key and label."""
    parts = {"id": row.id, "object": row.label.encode()}
    quoted = [f"{k}={''.join(f'%{octet:02x}' for octet in v)}" for k, v in parts.items() if v]
    return f"pkcs11:{';'.join(quoted)}"


def _standing(flags: str) -> Standing:
    if " or " in flags:
        return "unclear"
    servers = flags.partition(",")[0]
    if bits.trusts_servers(flags):
        return "trusted"
    if "P" in servers:
        return "server"
    return "distrusted" if "p" in servers else "unticked"


def _complaint(ended: program.Ended) -> str:
    said = program.complaint(ended)
    if "SEC_ERROR_BAD_PASSWORD" in said:
        return (
            "it has a Primary Password, which mitmail does not ask for; import the root in the "
            "program itself (mitmail trust print --store thunderbird)"
        )
    return f"certutil has not done it: {said}"
