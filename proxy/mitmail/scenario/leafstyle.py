"""What a vendor profile may say of the leaf that it shows in place of the server's."""

from typing import Literal

from pydantic import Field, StrictBool

from mitmail.scenario.authority import WEAK_HASHES, WEAK_KEYS, Hash, KeyKind
from mitmail.scenario.offset import Moment
from mitmail.scenario.part import Host, Model

type Serial = Literal["guid", "random16", "random12", "upstream", "reused"]
type Life = Literal["connection", "process", "kept"]


class Validity(Model):
    """A validity of the product's own."""

    not_before: Moment = Field(description="Its start, absolute or relative to now.")
    not_after: Moment = Field(description="Its end, absolute or relative to now.")


class WrongLeaf(Model):
    """Now and then the cache gives away the leaf of another host."""

    every: int = Field(ge=1, description="Of so many connections to an endpoint the last one.")
    host: Host = Field(description="The host whose leaf it is.")


class LeafStyle(Model):
    """How the server's certificate is copied; what is not said here is copied as it is."""

    key: KeyKind = Field(description="The key of every leaf, whatever the server has.")
    key_shared: StrictBool = Field(description="Whether one key serves all leaves.")
    hash: Hash = Field(default="sha256", description="The hash that is signed.")
    serial: Serial = Field(
        description="guid: a version 4 GUID, little-endian; random16, random12: random octets; "
        "upstream: the server's; reused: the same for every leaf of an installation."
    )
    subject: Literal["copied", "requested"] = Field(
        default="copied", description="requested: CN is the host that the client asked for."
    )
    names: Literal["copied", "requested"] = Field(
        default="copied",
        description="The subjectAltName; requested: the host that the client asked for, alone.",
    )
    validity: Validity | None = Field(
        default=None, description="A validity of the product's own; without it, the server's."
    )
    extensions: Literal["copied", "none"] = Field(
        default="copied", description="none: the leaf has no extension at all."
    )
    critical: Literal["copied", "none"] = Field(
        default="copied", description="none: no extension is critical, as it may be upstream."
    )
    subject_key_identifier: Literal["upstream", "new", "none"] = Field(
        description="upstream: the server's, though the key is another; new: of the new key."
    )
    authority_key_identifier: Literal["issuer", "none"] = Field(
        description="issuer: names the signing root; none: left out."
    )
    drop: tuple[Literal["aia", "crldp", "policies", "sct", "tlsfeature"], ...] = Field(
        default=(), description="Extensions of the server's certificate that are not copied."
    )
    life: Life = Field(
        default="kept",
        description="How long a copy lives: connection: each one gets a new copy; process: until "
        "the product is started again; kept: as long as the server's leaf.",
    )
    wrong: WrongLeaf | None = Field(
        default=None, description="Connections that get the leaf of another host."
    )

    @property
    def is_weak(self) -> bool:
        """Whether libraries of today may call it too weak."""
        return self.key in WEAK_KEYS or self.hash in WEAK_HASHES
