"""What a scenario file may say about one certificate of the chain."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from mitmail.scenario.offset import NEVER, End, Offset
from mitmail.scenario.part import Hex, Model, NameTemplate, SetOf, Text

type KeyKind = Literal[
    "ec256", "ec384", "ec521", "ec224", "secp256k1", "brainpool256",
    "rsa2048", "rsa3072", "rsa4096", "rsa8192", "rsa2047", "rsa1024", "rsa512", "rsa2048-e3",
    "ed25519", "ed448", "dsa2048", "mldsa65",
]  # fmt: skip
type KeyForm = Literal["plain", "pss", "explicit"]
type SignatureHash = Literal["sha256", "sha384", "sha512", "sha224", "sha1", "md5", "pss-sha256"]
type StringType = Literal["utf8", "printable", "latin1-as-utf8"]
type AttributeType = Literal["CN", "O", "OU", "C", "L", "ST"]
type Subject = dict[AttributeType, NameTemplate]
type ExtensionWord = Literal["san", "bc", "ku", "eku", "ski", "aki", "nc", "tlsfeature"]
type KeyUsage = Literal[
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
    "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
]  # fmt: skip
type ExtendedKeyUsage = Literal[
    "serverAuth", "clientAuth", "codeSigning", "emailProtection", "timeStamping", "OCSPSigning",
    "anyExtendedKeyUsage",
]  # fmt: skip
type TimeForm = Literal["no-seconds", "offset", "fraction", "generalized", "month-13"]
type Damage = Literal[
    "signature-bit", "algorithm-differs", "truncated", "random", "trailing-octets",
    "long-length", "long-serial", "explicit-critical-false", "explicit-ca-false",
    "empty-extensions",
]  # fmt: skip

# Below 0 and 1 the second arc ends at 39 (X.660 section A.2).
_OID = r"^([01]\.([0-9]|[12][0-9]|3[0-9])|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*$"

MAX_FILLERS = 20_000
MAX_PADDING = 1_000_000


class NameConstraints(Model):
    """The names that a CA may sign for."""

    permitted: tuple[Text, ...] = Field(
        default=(), description="DNS domains and networks, such as customer.test or 127.0.0.0/8."
    )
    excluded: tuple[Text, ...] = Field(default=(), description="The same, forbidden.")
    critical: StrictBool = Field(default=True, description="Whether the extension is critical.")


class Added(Model):
    """An extension besides the usual ones."""

    oid: Annotated[str, Field(pattern=_OID)] = Field(
        description="Its object identifier, such as 1.3.6.1.4.1.99999.1."
    )
    value: Hex = Field(description="The content of extnValue, hexadecimal.")
    critical: StrictBool = Field(default=False, description="Whether it is critical.")


class Certificate(Model):
    """One certificate. What is not said here is as in a good one of its place in the chain."""

    # -- who signs, and whose it is
    issuer: Text | None = Field(
        default=None,
        description="The certificate whose key signs this one: intermediate for the leaf, root "
        "for the intermediate, self for every other one. self: it is signed by its own key.",
    )
    namesake: Text | None = Field(
        default=None, description="Another certificate whose subject this one repeats."
    )
    same_key: Text | None = Field(
        default=None, description="Another certificate whose key this one certifies."
    )
    subject: Subject | None = Field(
        default=None,
        description="The subject, in this order; {} leaves it empty. By default CN is the first "
        "of the DNS names.",
    )
    common_name: NameTemplate | None = Field(
        default=None, description="The subject is this common name (CN) and nothing else."
    )
    subject_string: StringType = Field(
        default="utf8",
        description="How the subject is written; latin1-as-utf8 is a mistake on purpose.",
    )
    issuer_name: Subject | None = Field(
        default=None, description="What it says of its issuer, in place of the issuer's subject."
    )
    issuer_string: StringType | None = Field(
        default=None,
        description="How the issuer's subject is written here, in place of how it is written "
        "there.",
    )
    # -- names
    names: tuple[NameTemplate, ...] | None = Field(
        default=None,
        description="subjectAltName: DNS names and IP addresses; {name} is the name that the "
        "client was told to use. dns: ip: email: uri: srv: utf8: and hex: before a text say what "
        "it is. [] leaves the extension out. By default {name} in the leaf, nothing in a CA.",
    )
    filler_names: StrictInt = Field(
        default=0, ge=0, le=MAX_FILLERS, description="So many other names before these."
    )
    # -- time
    not_before: Offset = Field(
        default=timedelta(days=-1),
        description="Start of the validity, relative to now: -1d is yesterday.",
        json_schema_extra={"default": "-1d"},  # pydantic would write ISO 8601
    )
    not_after: End = Field(
        default=timedelta(days=90),
        description="End of the validity, relative to now: +90d is in ninety days; never is the "
        "year 9999.",
        json_schema_extra={"default": "+90d"},
    )
    time_form: TimeForm | None = Field(
        default=None, description="How the end of the validity is written, against the rules."
    )
    # -- key and signature
    key: KeyKind = Field(default="ec256", description="The kind of key.")
    key_form: KeyForm = Field(
        default="plain",
        description="How the key is written: pss says that it is for RSASSA-PSS only, explicit "
        "gives the curve's parameters in place of its name.",
    )
    signature: SignatureHash = Field(
        default="sha256", description="The digest that its issuer signs it with."
    )
    # -- fields and extensions
    version: Literal[1, 2, 3, 4] = Field(default=3, description="The version of X.509.")
    serial: Hex | None = Field(
        default=None, description="The content of the serial number, hexadecimal; else random."
    )
    ca: StrictBool | None = Field(
        default=None, description="basicConstraints cA. By default false in the leaf only."
    )
    path_length: StrictInt | None = Field(
        default=None, description="basicConstraints pathLenConstraint: so many CAs may follow."
    )
    key_usage: SetOf[KeyUsage] | None = Field(
        default=None,
        description="keyUsage. By default digitalSignature in the leaf (keyEncipherment too with "
        "an RSA key), keyCertSign and cRLSign in a CA.",
    )
    extended_key_usage: SetOf[ExtendedKeyUsage] | None = Field(
        default=None, description="extendedKeyUsage. By default serverAuth in the leaf only."
    )
    name_constraints: NameConstraints | None = Field(
        default=None, description="The names that this CA may sign for."
    )
    must_staple: StrictBool = Field(
        default=False, description="Demands a stapled OCSP response (RFC 7633)."
    )
    omit: SetOf[ExtensionWord] = Field(default=(), description="Extensions that are left out.")
    critical: SetOf[ExtensionWord] = Field(
        default=(), description="Extensions that are critical, whatever is usual."
    )
    not_critical: SetOf[ExtensionWord] = Field(
        default=(), description="Extensions that are not critical, whatever is usual."
    )
    raw: dict[ExtensionWord, Hex] = Field(
        default={}, description="Values of extensions as they are to stand there, hexadecimal."
    )
    add: tuple[Added, ...] = Field(default=(), description="Further extensions.")
    padding: StrictInt = Field(
        default=0,
        ge=0,
        le=MAX_PADDING,
        description="Octets of an extension that nobody knows, to make the certificate large.",
    )
    damage: Damage | None = Field(
        default=None, description="What is broken in the finished certificate."
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if self.common_name is not None and self.subject is not None:
            raise ValueError("say common_name or subject, not both")
        if self.namesake is not None and (self.subject is not None or self.common_name):
            raise ValueError("namesake says the subject: leave subject and common_name out")
        if self.issuer_name is not None and self.issuer_string is not None:
            raise ValueError("say issuer_name or issuer_string, not both")
        if self.key_form == "pss" and not self.key.startswith("rsa"):
            raise ValueError("key_form pss needs an RSA key: say key: rsa2048")
        if self.key_form == "explicit" and self.key != "ec256":
            raise ValueError("key_form explicit is known for key: ec256 only")
        return self

    @property
    def lives(self) -> timedelta:
        """How long it is valid, from its first to its last second."""
        return NEVER if self.not_after == NEVER else self.not_after - self.not_before
