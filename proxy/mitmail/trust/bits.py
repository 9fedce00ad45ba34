"""The trust bits of an NSS database, as certutil writes them: ``C,,``.

NSS keeps them beside the certificate, in objects of their own. Those of vendor class
CKO_NSS_TRUST are found by SHA-1. Since 2025 NSS writes those of PKCS #11 3.2, CKO_TRUST, found by
SHA-256; a certutil from before (Debian 12: 3.87) shows ``,,`` for what Thunderbird 153 has
imported and trusts, and leaves its object behind when it deletes the certificate (measured).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

type Attributes = Mapping[str, bytes]

OLD_CLASS: Final = "ce534353"
NEW_CLASS: Final = "0000000b"
NEW_HASH: Final = "a635"

# The columns are attribute types in hexadecimal: of servers, clients, e-mail, code signing.
_OLD: Final = ("ace536358", "ace536359", "ace53635b", "ace53635a")
_NEW: Final = ("a62c", "a62d", "a62f", "a62e")
_OLD_LETTERS: Final = {"ce534351": "P", "ce534352": "C", "ce53435a": "p", "ce53435b": "c"}
_NEW_LETTERS: Final = {"00000001": "P", "00000002": "C", "00000003": "p"}


@dataclass(frozen=True, slots=True)
class Scheme:
    """One class of trust objects: its columns, its values, and by what hash it is found."""

    columns: Sequence[str]
    letters: Mapping[str, str]
    hash: str
    algorithm: str


OLD: Final = Scheme(_OLD, _OLD_LETTERS, "ace5363b4", "sha1")
NEW: Final = Scheme(_NEW, _NEW_LETTERS, NEW_HASH, "sha256")
SCHEMES: Final = {OLD_CLASS: OLD, NEW_CLASS: NEW}
COLUMNS: Final = (*_OLD, *_NEW, OLD.hash, NEW.hash)


def spelled(scheme: Scheme, attributes: Attributes) -> str:
    """The bits of one trust object, as certutil would write them."""
    server, client, mail, code = (
        scheme.letters.get(attributes.get(column, b"").hex(), "") for column in scheme.columns
    )
    # A trusted authority of clients is T among the letters for TLS, and a valid one of servers
    # beside it no news; nothing else is shown of it.
    if client == "C":
        server = f"{server.replace('c', '')}T"
    return f"{server},{mail},{code}"


def trusts_servers(bits: str) -> bool:
    """Whether an authority with these bits is trusted to sign for servers."""
    return "C" in bits.partition(",")[0]
