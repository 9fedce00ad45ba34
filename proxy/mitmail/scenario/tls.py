"""What a scenario file may say about TLS itself, and about the stapled OCSP response."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from mitmail.scenario.offset import Offset
from mitmail.scenario.part import Hex, Model, SetOf

type Version = Literal["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
type Group = Literal["x25519", "x448", "secp256r1", "secp384r1", "secp521r1"]

VERSIONS: tuple[Version, ...] = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
MODERN = VERSIONS[-2:]


class Staple(Model):
    """The OCSP response that the server staples (RFC 6066 section 8)."""

    status: Literal["good", "revoked", "unknown", "try-later"] = Field(
        default="good", description="What it says of the leaf."
    )
    this_update: Offset = Field(
        default=timedelta(hours=-1),
        description="The moment it speaks of, relative to now.",
        json_schema_extra={"default": "-1h"},
    )
    next_update: Offset = Field(
        default=timedelta(days=7),
        description="Until when it holds, relative to now.",
        json_schema_extra={"default": "+7d"},
    )
    signer: Literal["issuer", "stranger", "delegate", "upstart"] = Field(
        default="issuer",
        description="Who signed it: the leaf's issuer; another CA; a responder that the issuer "
        "certified for this; or an upstart that the issuer certified as a server only.",
    )
    about: Literal["leaf", "other"] = Field(
        default="leaf", description="Which certificate it is for: the leaf, or another one."
    )


class Instead(Model):
    """What comes in place of TLS."""

    when: Literal["connected", "client-hello", "secured"] = Field(
        default="client-hello",
        description="At once when a client connects (implicit TLS only), after its ClientHello, "
        "or (secured) after its first command through TLS: from then on there are no records.",
    )
    alert: Annotated[StrictInt, Field(ge=0, le=255)] | None = Field(
        default=None, description="A fatal alert of this number (RFC 8446 section 6)."
    )
    text: str | None = Field(
        default=None,
        description="Text in clear; {greeting} is the greeting of the endpoint's protocol.",
    )
    octets: Hex | None = Field(default=None, description="Octets in clear, hexadecimal.")
    then: Literal["close", "reset", "stall", "clear"] = Field(
        default="close",
        description="What follows: FIN, RST, silence, or the mail dialogue in clear.",
    )
    offering: Version | None = Field(
        default=None, description="Only to clients that offer this version; the others get TLS."
    )

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        said = [x for x in (self.alert, self.text, self.octets) if x is not None]
        if len(said) > 1:
            raise ValueError("say one of alert, text and octets")
        if self.when == "connected" and self.offering is not None:
            raise ValueError("offering is only known after the ClientHello")
        if self.when == "connected" and self.then == "clear":
            raise ValueError("when: connected has no mail server behind it: then: close or stall")
        return self


class Tls(Model):
    """How the server speaks TLS. What is not said here is as it should be."""

    versions: SetOf[Version] = Field(
        default=MODERN, min_length=1, description="The versions that it speaks."
    )
    ciphers: tuple[str, ...] = Field(
        default=(),
        description="The cipher suites of TLS 1.2 and older, as OpenSSL names them; by default "
        "the library's own.",
    )
    groups: SetOf[Group] = Field(
        default=(), description="The groups for key exchange; by default the library's own."
    )
    dh_bits: Literal[512, 1024, 2048] | None = Field(
        default=None, description="The size of the group for ciphers with finite-field DHE."
    )
    client_certificate: Literal["none", "optional", "required"] = Field(
        default="none", description="Whether it asks for a client's certificate."
    )
    wrong_key: StrictBool = Field(
        default=False, description="Signs the handshake with another key than the certificate's."
    )
    unrecognized_name: StrictBool = Field(
        default=False, description="Warns unrecognized_name, and goes on (RFC 6066 section 3)."
    )
    record_size: StrictInt | None = Field(
        default=None, ge=1, le=16384, description="Octets of a handshake record at most."
    )
    segment_size: StrictInt | None = Field(
        default=None, ge=1, description="Octets of a TCP segment at most."
    )
    close_notify: StrictBool = Field(
        default=True, description="Whether it says that it closes (RFC 8446 section 6.1)."
    )
    renegotiate: StrictBool = Field(
        default=False, description="Asks for a new handshake in the session (TLS 1.2)."
    )
    cut: Literal["close", "stall"] | None = Field(
        default=None, description="Ends in the middle of the Certificate message, and how."
    )
    instead: Instead | None = Field(default=None, description="What comes in place of TLS.")
