"""What a vendor profile may say: how one antivirus or gateway product re-signs what it finds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from mitmail.scenario.conversation import Conversation
from mitmail.scenario.evidence import Evidence
from mitmail.scenario.legs import Legs
from mitmail.scenario.model import Reasons, Verdict
from mitmail.scenario.offset import Moment
from mitmail.scenario.part import UB_NAME, Misfit, Model, SetOf, Text, misfit
from mitmail.scenario.patch import laid_over
from mitmail.scenario.product import RESULTS, SIGNERS, Result, Signer, Treatment
from mitmail.scenario.screening import Screening
from mitmail.scenario.transport import Transport

type KeyKind = Literal["ec256", "rsa2048"]
type Serial = Literal["guid", "random16", "upstream"]
type AttributeType = Literal["C", "ST", "L", "O", "OU", "CN"]
type Attribute = tuple[AttributeType, Text]


def _every_fault_once(order: tuple[Result, ...]) -> tuple[Result, ...]:
    if sorted(order) != sorted(RESULTS[1:]):
        raise ValueError(f"name each of these once: {', '.join(RESULTS[1:])}")
    return order


def _every_result(policy: dict[Result, Treatment]) -> dict[Result, Treatment]:
    if missing := [result for result in RESULTS if result not in policy]:
        raise ValueError(f"say what is done with: {', '.join(missing)}")
    return policy


class Root(Model):
    """One signing root of the product."""

    subject: tuple[Attribute, ...] = Field(
        min_length=1, description="The subject, in order: [[OU, text], [O, text], [CN, text]]."
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
    hash: Literal["sha256"] = Field(default="sha256", description="The hash that is signed.")
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


class LeafStyle(Model):
    """How the server's certificate is copied; what is not said here is copied as it is."""

    key: KeyKind = Field(description="The key of every leaf, whatever the server has.")
    key_shared: StrictBool = Field(description="Whether one key serves all leaves.")
    serial: Serial = Field(
        description="guid: a version 4 GUID, little-endian; random16: 16 random octets; "
        "upstream: the server's."
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


class ClientException(Model):
    """One client that fails for a reason of its own although it trusts a root."""

    client: Text = Field(description="The client, as the judge names it.")
    since: Text = Field(description='The first version that does so, in quotes: "3.13".')
    trusts: Signer = Field(description="The root that the client was told to trust.")
    verdict: Verdict = Field(description="What the client does nevertheless.")
    reasons: Reasons = Field(default=(), description="The reasons it may give.")
    code: StrictInt | None = Field(
        default=None, description="The OpenSSL verify code (X509_V_ERR), when it has one."
    )
    why: Text = Field(description="What it is that the client dislikes.")
    source: Text = Field(description="How this is known.")


class VendorFile(Model):
    """What one antivirus or gateway product does to mail over TLS."""

    like: Text | None = Field(
        default=None,
        description="The shipped profile that this one is like: only what differs is said here.",
    )
    title: Text = Field(description="The product, in one line.")
    brand: Text = Field(description="The brand, as it stands in message headers.")
    simulated_suffix: str = Field(
        default=" (simulated)",
        description="Added to the CN of each root unless exact names are asked for, so that a "
        "forgotten test root is never taken for the product's.",
    )
    roots: dict[Signer, Root] = Field(
        description="The signing roots. Only the trusted one is ever given to a client."
    )
    root_shape: RootShape = Field(description="What all roots look like.")
    leaf: LeafStyle = Field(description="How the server's certificate is copied.")
    chain: tuple[Literal["leaf", "root"], ...] = Field(
        min_length=1,
        description="What is sent to the client; root is always the trusted root, "
        "even when another one has signed.",
    )
    policy: Annotated[dict[Result, Treatment], AfterValidator(_every_result)] = Field(
        description="What is done, for each result of checking the server's certificate: the root "
        "that signs a copy; mask: the trusted root signs a copy without the fault; device: the "
        "product shows a certificate of its own; pass-through: the client gets the server's own "
        "TLS; close, reset or stall instead of a handshake; ask: a pop-up, and then what it says."
    )
    order: Annotated[tuple[Result, ...], AfterValidator(_every_fault_once)] = Field(
        description="When the server's certificate has several faults, the first one here decides."
    )
    transport: Transport = Field(default=Transport(), description="Connections and TLS.")
    legs: Legs = Field(default=Legs(), description="TLS towards client and server.")
    conversation: Conversation = Field(
        default=Conversation(), description="STARTTLS, capabilities, banner and farewell."
    )
    screening: Screening = Field(default=Screening(), description="What is done with messages.")
    behaviours: SetOf[Text] = Field(
        default=(),
        description="Behaviours (certs/behaviours) that it is reported to have at "
        "times: offered as its switches, and off unless asked for.",
    )
    exceptions: tuple[ClientException, ...] = Field(
        default=(), description="Clients that are known to fail for a reason of their own."
    )
    evidence: dict[Text, Evidence] = Field(
        default={},
        description="How well each part is known, by its path, such as policy.expired.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wrong = [*self._missing_signers(), *self._long_subjects(), *self._evidence_of_nothing()]
        if self.chain[0] != "leaf":
            wrong.append((("chain", 0), "chain must begin with the leaf"))
        if wrong:
            raise ValidationError.from_exception_data("vendor", [misfit(*each) for each in wrong])
        return self

    def _missing_signers(self) -> Iterator[Misfit]:
        if "trusted" not in self.roots:
            yield ("roots",), "has no trusted root"
        for result, treatment in self.policy.items():
            if treatment in SIGNERS and treatment not in self.roots:
                yield ("policy", result), f"roots has no {treatment!r}"

    def _long_subjects(self) -> Iterator[Misfit]:
        for signer in self.roots:
            for index, (kind, text) in enumerate(self.subject(signer)):
                if len(text) > UB_NAME:
                    path = ("roots", signer, "subject", index, 1)
                    yield path, f"{kind} is longer than {UB_NAME} characters, with its suffix"

    def _evidence_of_nothing(self) -> Iterator[Misfit]:
        parts = self.model_dump(exclude={"evidence"})
        for path in self.evidence:
            if not _holds(parts, path.split(".")):
                yield ("evidence", path), "there is no such part in this profile"

    def subject(self, signer: Signer, *, exact: bool = False) -> tuple[Attribute, ...]:
        """Return the subject of a root as (type, text) pairs, CN marked unless ``exact``."""
        suffix = "" if exact else self.simulated_suffix
        return tuple(
            (kind, text + suffix if kind == "CN" else text)
            for kind, text in self.roots[signer].subject
        )


class Vendor(VendorFile):
    """A vendor profile and where it comes from: ``id`` is the stem of ``file``.

    ``said`` is what the file says, laid over the profile that it is like.
    """

    id: str
    file: str
    said: dict[str, Any]

    def also(self, patch: Mapping[str, Any]) -> "Vendor":
        """The same product where ``patch`` says otherwise; raises pydantic's ValidationError."""
        said = laid_over(self.said, patch)
        parts = dict(VendorFile.model_validate(said))
        return Vendor.model_construct(**parts, id=self.id, file=self.file, said=said)


def _holds(part: object, path: Iterable[str]) -> bool:
    for key in path:
        if not isinstance(part, dict) or key not in part:
            return False
        part = part[key]
    return True
