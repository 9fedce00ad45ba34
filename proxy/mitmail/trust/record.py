"""What stands in an NSS database, read from its SQLite file.

The columns of ``cert9.db`` are the attributes of PKCS #11, in hexadecimal. certutil would not do:
it tells certificates apart by nickname, which is no proof, and an older one does not see all trust
bits.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki.certificate import sha256
from mitmail.trust import bits

_CLASS, _VALUE, _LABEL, _ID = "a0", "a11", "a3", "a102"
_CERTIFICATE: Final = "00000001"
_NULL: Final = b"\xa5\x00\x5a"  # how NSS writes an attribute that is there and empty
_PATIENCE: Final = 10.0  # seconds, where a running program is just writing


@dataclass(frozen=True, slots=True)
class Record:
    """A certificate (DER) with its label and CKA_ID.

    ``flags`` are its trust bits as certutil writes them: ``C,,``. Where two trust objects
    contradict each other, both, with "or" in between.
    """

    certificate: bytes
    label: str
    id: bytes
    flags: str

    @property
    def sha256(self) -> str:
        """Its fingerprint, 64 lower-case hexadecimal digits."""
        return sha256(self.certificate)


def read(folder: Path) -> list[Record]:
    """Every certificate in the database of a folder; raises MitmailError when it is none."""
    objects = _objects(folder)
    return [
        Record(
            one[_VALUE],
            one.get(_LABEL, b"").decode(errors="replace"),
            one.get(_ID, b""),
            " or ".join(sorted(set(_flags(one[_VALUE], objects)))) or ",,",
        )
        for one in objects
        if one.get(_CLASS, b"").hex() == _CERTIFICATE and _VALUE in one
    ]


def forget_newer(folder: Path, fingerprint: str) -> None:
    """Delete the trust object of a certificate that an older certutil neither sees nor deletes.

    Two that contradict each other would leave it to the program which one it believes. The program
    must not run. Raises CannotJudgeError.
    """
    query = f"SELECT id FROM nssPublic WHERE a0 = x'{bits.NEW_CLASS}' AND {bits.NEW.hash} = ?"
    try:
        with closing(_opened(folder / "cert9.db", "rw")) as database:
            if bits.NEW.hash not in _columns(database):
                return
            found = database.execute(query, [bytes.fromhex(fingerprint)]).fetchall()
            with database:
                database.executemany("DELETE FROM nssPublic WHERE id = ?", found)
        if not found or not (folder / "key4.db").is_file():
            return
        # There each of its attributes is vouched for.
        with closing(_opened(folder / "key4.db", "rw")) as keys, keys:
            names = [[f"sig_cert_{number:08x}_%"] for (number,) in found]
            keys.executemany("DELETE FROM metaData WHERE id LIKE ?", names)
    except sqlite3.Error as error:
        raise CannotJudgeError(f"{folder}: cannot be changed: {error}") from None


def _objects(folder: Path) -> list[bits.Attributes]:
    """Every object, by column; what has no value is left out."""
    try:
        with closing(_opened(folder / "cert9.db", "ro")) as database:
            known = _columns(database)
            names = [x for x in (_CLASS, _VALUE, _LABEL, _ID, *bits.COLUMNS) if x in known]
            found = database.execute(f"SELECT {', '.join(names)} FROM nssPublic").fetchall()
    except sqlite3.Error as error:
        raise MitmailError(f"{folder}/cert9.db: not a database of NSS: {error}") from None
    return [
        {name: b"" if value == _NULL else value for name, value in zip(names, row, strict=True)
         if isinstance(value, bytes)}
        for row in found
    ]  # fmt: skip


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    # As an URI, for without a mode SQLite makes a file that is not there.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_PATIENCE)


def _columns(database: sqlite3.Connection) -> set[str]:
    return {row[1] for row in database.execute("PRAGMA table_info(nssPublic)")}


def _flags(certificate: bytes, objects: Sequence[bits.Attributes]) -> Iterator[str]:
    """What each trust object says that speaks of this certificate."""
    for kind, scheme in bits.SCHEMES.items():
        digest = hashlib.new(scheme.algorithm, certificate, usedforsecurity=False).digest()
        for one in objects:
            if one.get(_CLASS, b"").hex() == kind and one.get(scheme.hash) == digest:
                yield bits.spelled(scheme, one)
