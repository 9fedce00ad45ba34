"""The root that is to be trusted, and where it may be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mitmail.errors import MitmailError
from mitmail.pki import certificate, der, extension, file, name

type Kind = Literal["server", "antivirus", "file"]
type Reach = Literal["client", "machine"]

_KEYS: Final = (b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----")


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A CA certificate (DER), what it is called on the command line, and whose it is.

    ``file`` is where it lies as PEM, for commands that a person types.
    """

    certificate: bytes
    word: str
    kind: Kind
    file: Path | None = None

    @property
    def sha256(self) -> str:
        """Its fingerprint, 64 lower-case hexadecimal digits."""
        return certificate.sha256(self.certificate)

    @property
    def whose(self) -> str:
        """Whose root it is, for the middle of a sentence."""
        words = {"server": "the simulated mail server", "antivirus": f"the simulated {self.word}"}
        return words.get(self.kind, self.word)

    @property
    def title(self) -> str:
        """Its name and fingerprint, for a person."""
        return described(self.certificate)


def described(octets: bytes) -> str:
    """A certificate in one line: its common name, and its fingerprint."""
    return f"{common_name(octets)} (SHA-256 {certificate.sha256(octets)[:16]})"


def common_name(octets: bytes) -> str:
    """What a person calls this certificate: the CN of its subject, else all of its subject."""
    subject = name.text(certificate.parse(octets).subject)
    for part in subject.split(", "):
        if part.startswith("CN="):
            return part.removeprefix("CN=")
    return subject or "(no name)"


def is_authority(octets: bytes) -> bool:
    """Whether basicConstraints say CA; version 1 and what cannot be read say no."""
    found = certificate.parse(octets).extension(extension.OID["bc"])
    try:
        return found is not None and der.children(der.read(found.value).content)[0].raw == (
            b"\x01\x01\xff"
        )
    except (der.DerError, IndexError):
        return False


def is_constrained(octets: bytes) -> bool:
    """Whether critical name constraints bind it (RFC 5280 4.2.1.10)."""
    found = certificate.parse(octets).extension(extension.OID["nc"])
    return found is not None and found.critical


def is_admitted(root: Root, reach: Reach) -> bool:
    """Whether a root may go into a store of this reach; see ``admit``."""
    return reach == "client" or (root.kind == "server" and is_constrained(root.certificate))


def admit(root: Root, reach: Reach, store: str) -> None:
    """Raise MitmailError for a root that may not go into a store of this reach.

    A root that a whole machine trusts is dangerous. Only the kept root of the simulated mail
    server goes that far: it is bound to test names and loopback, and lives for 90 days. A
    simulated product's root signs for any name.
    """
    if is_admitted(root, reach):
        return
    raise MitmailError(
        f"{store}: the root of {root.whose} can sign for any name, and the whole machine would "
        "trust it; give it to one client: --store thunderbird, nss:FOLDER or policies:FILE"
    )


def read(path: Path) -> Root:
    """The one CA certificate in a file, PEM or DER.

    Raises MitmailError for a key, for none or several, and for what is no CA: a server's own
    certificate under "Authorities" is a mistake that mail clients refuse.
    """
    octets = one(path)
    if not is_authority(octets):
        raise MitmailError(
            f"{path}: the certificate of {common_name(octets)} is a server's own, not an "
            "authority's; give the root that signed it (mitmail ca export)"
        )
    return Root(certificate=octets, word=str(path), kind="file", file=path.absolute())


def one(path: Path) -> bytes:
    """The one certificate (DER) in a file, PEM or DER; raises MitmailError. No key is read."""
    content = file.read(path)
    if content is None:
        raise MitmailError(f"{path}: no such file")
    if any(mark in content for mark in _KEYS):
        raise MitmailError(f"{path}: holds a private key; give the certificate alone")
    try:
        found = certificate.from_pem(content) if b"-----BEGIN" in content else (content,)
        for each in found:
            certificate.parse(each)
    except MitmailError as error:
        raise MitmailError(f"{path}: {error}") from None
    if len(found) > 1:
        raise MitmailError(f"{path}: {len(found)} certificates; give the root alone")
    return found[0]
