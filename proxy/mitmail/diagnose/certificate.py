"""One certificate of a chain, as far as it can be read."""

import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from mitmail.engine.certificate import UNREADABLE, load
from mitmail.errors import MitmailError
from mitmail.pki import certificate as pki
from mitmail.pki import der, name
from mitmail.scenario.hostname import kind_of

type PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
)  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """The ``number``-th certificate that was shown (from 1), DER; 0 is one that was not.

    What cannot be read is None or empty, and ``problem`` says why; nothing here raises.
    """

    der: bytes
    number: int = 0

    @cached_property
    def _loaded(self) -> x509.Certificate | str:
        try:
            found = load(self.der)
            with warnings.catch_warnings():
                # Of attributes that are longer than X.520 lets them be; it keeps what it has read.
                warnings.simplefilter("ignore", UserWarning)
                _ = (found.subject, found.issuer)
            _ = (found.not_valid_before_utc, found.not_valid_after_utc)
        except UNREADABLE as error:
            return str(error) or type(error).__name__
        return found

    @property
    def read(self) -> x509.Certificate | None:
        """The certificate as cryptography reads it."""
        return None if isinstance(self._loaded, str) else self._loaded

    @cached_property
    def problem(self) -> str:
        """Why it, or one of its extensions, cannot be read; empty where all can."""
        if isinstance(self._loaded, str):
            return self._loaded
        try:
            list(self._loaded.extensions)
            pki.parse(self.der)
        except (MitmailError, *UNREADABLE) as error:
            return str(error) or type(error).__name__
        if self.parsed and self.parsed.version < 3 and self.parsed.extensions:
            return f"version {self.parsed.version} has no place for the extensions that it has"
        return ""

    @cached_property
    def parsed(self) -> pki.Parsed | None:
        """Its fields as they stand there in DER."""
        try:
            return pki.parse(self.der)
        except MitmailError:
            return None

    @cached_property
    def sha256(self) -> str:
        """Its fingerprint."""
        return pki.sha256(self.der)

    @property
    def subject(self) -> str:
        """Whose it is, for people: ``CN=..., O=...``."""
        return name.text(self.read.subject.public_bytes()) if self.read else "(unreadable)"

    @property
    def issuer(self) -> str:
        """Who signed it, for people."""
        return name.text(self.read.issuer.public_bytes()) if self.read else "(unreadable)"

    @property
    def title(self) -> str:
        """Its common name, else its whole subject, printable."""
        return _short(self.read.subject) if self.read else f"certificate {self.number}"

    @property
    def issuer_title(self) -> str:
        """The common name of its issuer, else the whole name, printable."""
        return _short(self.read.issuer) if self.read else "an unreadable name"

    @property
    def not_before(self) -> datetime | None:
        """From when it is valid, UTC."""
        return self.read.not_valid_before_utc if self.read else None

    @property
    def not_after(self) -> datetime | None:
        """Until when it is valid, UTC."""
        return self.read.not_valid_after_utc if self.read else None

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name."""
        return self.read is not None and self.read.subject == self.read.issuer

    @cached_property
    def is_self_signed(self) -> bool:
        """Whether it is self-issued, and by its own key (RFC 5280 section 3.2).

        Where the signature is of a kind that cannot be checked, the name decides.
        """
        if self.read is None or not self.is_self_issued:
            return False
        try:
            self.read.verify_directly_issued_by(self.read)
        except InvalidSignature:
            return False
        except (UnsupportedAlgorithm, *UNREADABLE):
            return True
        return True

    @cached_property
    def key(self) -> PublicKey | None:
        """Its public key, of a kind that is known here."""
        try:
            found = self.read.public_key() if self.read else None
        except (UnsupportedAlgorithm, *UNREADABLE):
            return None
        return found if isinstance(found, PublicKey.__value__) else None

    @property
    def common_names(self) -> tuple[str, ...]:
        """The texts of CN in its subject."""
        if self.read is None:
            return ()
        found = self.read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(one.value) for one in found)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its subjectAltName, whatever else is odd: DNS names as they are, others by their kind.

        ``ip:``, ``email:``, ``uri:``; ``utf8:`` for a name that is no ASCII, ``hex:`` for the
        rest; ``dns:`` only before what looks like another kind.
        """
        oid = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string
        said = self.parsed and self.parsed.extension(oid)
        return _names(said.value) if said else ()

    def extension(self, oid: x509.ObjectIdentifier) -> x509.Extension[x509.ExtensionType] | None:
        """An extension by its OID, or None where there is none that can be read."""
        try:
            found = self.read.extensions if self.read else ()
            return next((one for one in found if one.oid == oid), None)
        except UNREADABLE:
            return None

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says so."""
        said = self.extension(ExtensionOID.BASIC_CONSTRAINTS)
        return said is not None and isinstance(said.value, x509.BasicConstraints) and said.value.ca

    @property
    def place(self) -> str:
        """What to call it in a sentence."""
        if self.number == 1:
            return "The server's certificate"
        return f'The certificate of "{self.title}"'


# GeneralName (RFC 5280 section 4.2.1.6).
KINDS: Final = {0x81: "email", 0x82: "dns", 0x86: "uri"}
ADDRESS: Final = 0x87


def _names(general_names: bytes) -> tuple[str, ...]:
    try:
        said = der.expect(der.read(general_names), der.SEQUENCE)
        return tuple(map(_name, der.children(said.content)))
    except der.DerError:
        return ()


def _name(said: der.Tlv) -> str:
    if said.tag == ADDRESS and len(said.content) in (4, 16):
        return f"ip:{ip_address(said.content)}"
    if said.tag not in KINDS:
        return f"hex:{said.raw.hex()}"
    if not said.content.isascii():
        return f"utf8:{said.content.decode(errors='replace')}"
    text = said.content.decode("ascii")
    kind = KINDS[said.tag]
    return text if kind == "dns" and kind_of(text) == ("dns", text) else f"{kind}:{text}"


def _short(said: x509.Name) -> str:
    found = said.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(found[-1].value) if found else name.text(said.public_bytes()) or "(no name)"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def chain_of(shown: tuple[bytes, ...]) -> tuple[Certificate, ...]:
    """The certificates that were shown, numbered."""
    return tuple(Certificate(der, number) for number, der in enumerate(shown, 1))
