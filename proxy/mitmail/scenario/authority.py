"""What a vendor profile may say of the authorities of a product: roots, and what is below them."""

from typing import Literal

from pydantic import Field, StrictBool

from mitmail.scenario.offset import Moment
from mitmail.scenario.part import Model, Text

type KeyKind = Literal["ec256", "rsa1024", "rsa2048", "rsa4096"]
type Hash = Literal["sha256", "sha1"]
type AttributeType = Literal["C", "ST", "L", "O", "OU", "CN", "emailAddress"]
type Attribute = tuple[AttributeType, Text]
type Subject = tuple[Attribute, ...]

WEAK_KEYS = frozenset({"rsa1024"})
WEAK_HASHES = frozenset({"sha1"})


class Root(Model):
    """One signing root of the product."""

    subject: Subject = Field(
        min_length=1,
        description="The subject, in order: [[OU, text], [O, text], [CN, text]]; {brand} is "
        "filled in.",
    )


class BasicConstraints(Model):
    """The basicConstraints extension of a root; CA is always true."""

    critical: StrictBool = Field(description="Whether the extension is critical.")


class KeyUsage(Model):
    """The keyUsage extension of a root."""

    usages: tuple[Literal["digitalSignature", "keyCertSign", "cRLSign"], ...] = Field(
        min_length=1, description="The usages, as RFC 5280 names them."
    )
    critical: StrictBool = Field(description="Whether the extension is critical.")


class RootShape(Model):
    """What all roots of the product look like, apart from their subjects."""

    key: KeyKind = Field(description="The key of the root.")
    hash: Hash = Field(default="sha256", description="The hash that is signed.")
    serial: Literal["guid", "random16"] = Field(
        description="guid: a version 4 GUID, little-endian; random16: 16 random octets."
    )
    not_before: Moment = Field(description="Start of the validity, absolute or relative to now.")
    not_after: Moment = Field(description="End of the validity, absolute or relative to now.")
    basic_constraints: BasicConstraints = Field(description="The basicConstraints extension.")
    key_usage: KeyUsage | None = Field(
        default=None, description="The keyUsage extension; without it the root has none."
    )
    extended_key_usage: tuple[Literal["serverAuth", "clientAuth"], ...] = Field(
        default=(), description="The extendedKeyUsage extension; [] leaves it out."
    )
    subject_key_identifier: StrictBool = Field(
        description="Whether the root has a subjectKeyIdentifier."
    )
    authority_key_identifier: StrictBool = Field(
        description="Whether the root has an authorityKeyIdentifier (of itself)."
    )

    @property
    def is_weak(self) -> bool:
        """Whether libraries of today may call it too weak."""
        return self.key in WEAK_KEYS or self.hash in WEAK_HASHES


class Intermediate(Model):
    """An authority below the trusted root, which signs in its place."""

    subject: Subject = Field(min_length=1, description="The subject, in order, as of a root.")
    key: KeyKind = Field(description="Its key.")
    not_before: Moment = Field(description="Start of the validity, absolute or relative to now.")
    not_after: Moment = Field(description="End of the validity, absolute or relative to now.")


class Device(Model):
    """A certificate of the appliance's own, from its factory: the same one whatever the host."""

    subject: Subject = Field(min_length=1, description="The subject, in order; it has no SAN.")
    issuer: Subject = Field(min_length=1, description="The factory's authority, never sent.")
    key: KeyKind = Field(description="Its key.")
    not_before: Moment = Field(description="Start of the validity, absolute or relative to now.")
    not_after: Moment = Field(description="End of the validity, absolute or relative to now.")
