"""NSS databases: the certificate store of Thunderbird, Firefox, Evolution and Chromium.

Certificates are read from ``cert9.db`` itself, an SQLite file whose columns are the attributes of
PKCS #11: certutil tells them apart by nickname alone, and a nickname is no proof. They are chosen
by CKA_ID, the hash of their public key, and every change is certutil's own.
"""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, override

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki.certificate import sha256
from mitmail.trust import lock, program
from mitmail.trust.entry import Entry, Standing
from mitmail.trust.journal import Change
from mitmail.trust.root import Root, common_name
from mitmail.trust.store import ChangedError, TrustStore

TRUSTED: Final = "C,,"  # a CA for servers, and for nothing else

# How certutil spells the bits of one usage (SECU_PrintTrustFlags), and the letters it takes.
_LETTERS: Final = {
    "Terminal Record": "p",
    "Trusted": "P",
    "Valid CA": "c",
    "Trusted CA": "C",
    "Trusted Client CA": "T",
    "Warn When Sending": "w",
}
_USAGES: Final = ("SSL Flags:", "Email Flags:", "Object Signing Flags:")
_SELECT: Final = "SELECT a11, a3, a102 FROM nssPublic WHERE a0 = x'00000001' AND a11 IS NOT NULL"
_FINGERPRINT: Final = re.compile(r"Fingerprint \(SHA-256\):\s+((?:[0-9A-F]{2}:){31}[0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class _Row:
    certificate: bytes
    label: str
    id: bytes


class Database(TrustStore):
    """The database in a folder: a profile, or any other that holds a cert9.db."""

    trusted = TRUSTED

    def __init__(self, folder: Path) -> None:
        """Raises MitmailError when there is none in ``folder``."""
        self.folder = folder.absolute()
        self.word = f"nss:{self.folder}"
        if not folder.is_dir():
            raise MitmailError(f"{folder}: no such folder; a profile's folder holds a cert9.db")
        if not (folder / "cert9.db").is_file():
            old = " (a cert8.db is too old)" if (folder / "cert8.db").is_file() else ""
            raise MitmailError(
                f"{folder}: no profile, it holds no cert9.db{old}; start the program once, or "
                f"make one: certutil -N --empty-password -d sql:{folder}"
            )

    @override
    def certificates(self) -> list[bytes]:
        return [row.certificate for row in self._rows()]

    @override
    def entries(self, wanted: Sequence[str]) -> list[Entry]:
        rows = [row for row in self._rows() if sha256(row.certificate) in wanted]
        return [self._entry(row) for row in rows]

    @override
    def state(self, fingerprint: str) -> str | None:
        found = self.entries([fingerprint])
        return found[0].flags if found else None

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
            if self.state(fingerprint) == flags:
                return
            # Behind a Primary Password certutil puts it in without its trust bits, and then fails.
            if before is None and self.state(fingerprint) is not None:
                self._change(fingerprint, "-D")
        raise CannotJudgeError(f"{self.folder}: {_complaint(ended)}")

    @override
    def remove(self, fingerprint: str) -> None:
        others = sorted(sha256(x) for x in self.certificates() if sha256(x) != fingerprint)
        with lock.closed(self.folder):
            ended = self._change(fingerprint, "-D")
        left = sorted(map(sha256, self.certificates()))
        if left != others:
            raise CannotJudgeError(f"{self.folder}: {_complaint(ended)}")

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

    def _rows(self) -> list[_Row]:
        # An URI takes the folder's name literally only when it is quoted.
        address = f"{(self.folder / 'cert9.db').absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
                found = connection.execute(_SELECT).fetchall()
        except sqlite3.Error as error:
            raise MitmailError(f"{self.folder}/cert9.db: not a database of NSS: {error}") from None
        return [_Row(bytes(value), _text(label), bytes(id_ or b"")) for value, label, id_ in found]

    def _entry(self, row: _Row) -> Entry:
        ended = self._certutil("-L", "-n", _uri(row))
        flags = _flags(ended.out, sha256(row.certificate))
        if flags is None:
            raise CannotJudgeError(f"{self.folder}: {_complaint(ended)}")
        standing = _standing(flags)
        return Entry(certificate=row.certificate, label=row.label, standing=standing, flags=flags)

    def _change(self, fingerprint: str, *arguments: str) -> program.Ended:
        rows = self._rows()
        (row,) = (row for row in rows if sha256(row.certificate) == fingerprint)
        if sum((each.id, each.label) == (row.id, row.label) for each in rows) > 1:
            raise CannotJudgeError(
                f"{self.folder}: two certificates called {row.label} have the same key: certutil "
                "cannot tell them apart; remove the one in the program's certificate manager"
            )
        operation, *rest = arguments
        return self._certutil(operation, "-n", _uri(row), *rest)

    def _certutil(self, *arguments: str, give: bytes = b"") -> program.Ended:
        command = [program.find("certutil"), *arguments, "-d", f"sql:{self.folder.absolute()}"]
        return program.run(command, give=give)

    def _free_label(self, certificate: bytes) -> str:
        # What Mozilla's own import would call it, or with its fingerprint where that is taken.
        label = common_name(certificate).replace(":", " ")
        taken = {row.label for row in self._rows()}
        return f"{label} {sha256(certificate)[:8]}" if label in taken else label


def _uri(row: _Row) -> str:
    """The PKCS #11 URI (RFC 7512) of a certificate, by key and label."""
    parts = {"id": row.id, "object": row.label.encode()}
    quoted = [f"{k}={''.join(f'%{octet:02x}' for octet in v)}" for k, v in parts.items() if v]
    return f"pkcs11:{';'.join(quoted)}"


def _text(label: object) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label or "")


def _flags(shown: str, fingerprint: str) -> str | None:
    """The bits behind the certificate with this fingerprint, out of certutil's long form."""
    parts = _FINGERPRINT.split(shown)
    for digits, after in zip(parts[1::2], parts[2::2], strict=True):
        if digits.replace(":", "").lower() == fingerprint:
            return _letters(after)
    return None


def _letters(shown: str) -> str:
    usages: list[set[str]] = []
    for line in shown.partition("Certificate Trust Flags:")[2].splitlines():
        if line.strip() in _USAGES:
            usages.append(set())
        elif usages and line.strip() in _LETTERS:
            usages[-1].add(_LETTERS[line.strip()])
    return ",".join(_spelled(usage) for usage in usages) or ",,"


def _spelled(usage: set[str]) -> str:
    # As certutil lists them: a trusted one is valid, too, and says no more.
    implied = ({"c"} if usage & {"C", "T"} else set()) | ({"p"} if "P" in usage else set())
    return "".join(letter for letter in "pPcCTw" if letter in usage - implied)


def _standing(flags: str) -> Standing:
    servers = flags.partition(",")[0]
    if "C" in servers:
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
