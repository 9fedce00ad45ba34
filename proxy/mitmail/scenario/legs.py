"""What a vendor profile may say of TLS: towards the client, and towards the server."""

from typing import Literal, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from mitmail.scenario.part import Model, SetOf
from mitmail.scenario.tls import MODERN, Instead, Version

type ServerGroup = Literal[
    "x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "ffdhe2048", "ffdhe3072",
    "ffdhe4096", "ffdhe6144", "ffdhe8192", "X25519MLKEM768", "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
]  # fmt: skip
type Signature = Literal[
    "rsa_pkcs1_sha1", "ecdsa_sha1", "rsa_pkcs1_sha224", "ecdsa_sha224", "rsa_pkcs1_sha256",
    "ecdsa_secp256r1_sha256", "rsa_pkcs1_sha384", "ecdsa_secp384r1_sha384", "rsa_pkcs1_sha512",
    "ecdsa_secp521r1_sha512", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha512", "rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512",
    "ed25519", "ed448",
]  # fmt: skip
type OpenVersion = Literal["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]


class ClientLeg(Model):
    """TLS between the product and the client. It never resumes, and never staples."""

    versions: SetOf[Version] = Field(
        default=MODERN, min_length=1, description="The versions that the client can have."
    )
    alpn: Literal["drop", "mirror"] = Field(
        default="drop",
        description="Whether the protocol that the server chose is chosen for the client, too.",
    )
    close_notify: StrictBool = Field(
        default=True, description="Whether it says that it closes (RFC 8446 section 6.1)."
    )
    instead: Instead | None = Field(
        default=None, description="What the client gets in place of TLS, once it has spoken."
    )

    @field_validator("instead")
    @classmethod
    def _after_the_client(cls, said: Instead | None) -> Instead | None:
        if said is not None and said.when == "connected":
            raise ValueError("use when: client-hello or secured: the server is asked first")
        if said is not None and "{greeting}" in (said.text or ""):
            raise ValueError("{greeting} is a server's: say the product's own words")
        return said


class ServerLeg(Model):
    """TLS between the product and the server: the ClientHello that it sends.

    ``mirror`` takes the client's own, in its order, as far as OpenSSL knows what is in it.
    """

    versions: SetOf[OpenVersion] | Literal["mirror"] = Field(
        default=("TLSv1.2", "TLSv1.3"), description="The versions that it speaks."
    )
    ciphers: tuple[str, ...] | Literal["mirror"] = Field(
        default=(),
        description="The cipher suites in their order, as OpenSSL names them, those of TLS 1.3 "
        "among them; by default the library's own.",
    )
    groups: SetOf[ServerGroup] | Literal["mirror"] = Field(
        default=(), description="The groups for key exchange; by default the library's own."
    )
    signatures: SetOf[Signature] | Literal["mirror"] = Field(
        default=(), description="The signature schemes; by default the library's own."
    )
    alpn: Literal["drop", "mirror"] = Field(
        default="drop", description="Whether the client's protocols are offered to the server."
    )
    status_request: Literal["drop", "mirror", "ask"] = Field(
        default="drop",
        description="Whether it asks for a stapled OCSP response: never, when the client does, or "
        "always; then it believes a good proof that the certificate is revoked.",
    )

    @field_validator("versions")
    @classmethod
    def _some_version(cls, said: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if not said:
            raise ValueError("name at least one version")
        return said


class Legs(Model):
    """How the product speaks TLS on its two legs; what is not said is as it should be."""

    client: ClientLeg = Field(default=ClientLeg(), description="Towards the client.")
    server: ServerLeg = Field(default=ServerLeg(), description="Towards the server.")

    @model_validator(mode="after")
    def _mirrors_what_is_offered(self) -> Self:
        if self.client.alpn == "mirror" and self.server.alpn != "mirror":
            raise ValueError("client.alpn: mirror needs server.alpn: mirror")
        return self
