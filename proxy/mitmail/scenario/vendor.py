"""What a vendor profile may say: how one antivirus or gateway product re-signs what it finds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from mitmail.scenario.authority import Attribute, Device, Intermediate, Root, RootShape, Subject
from mitmail.scenario.conversation import Conversation
from mitmail.scenario.evidence import Evidence
from mitmail.scenario.exception import ClientException
from mitmail.scenario.leafstyle import LeafStyle
from mitmail.scenario.legs import Legs
from mitmail.scenario.part import UB_NAME, Keys, Misfit, Model, SetOf, Text, misfit
from mitmail.scenario.patch import laid_over
from mitmail.scenario.popup import Ask, PopupWords, filled
from mitmail.scenario.product import RESULTS, SIGNERS, Result, Signer, Treatment
from mitmail.scenario.screening import Screening
from mitmail.scenario.transport import Transport


def _every_fault_once(order: tuple[Result, ...]) -> tuple[Result, ...]:
    if sorted(order) != sorted(RESULTS[1:]):
        raise ValueError(f"name each of these once: {', '.join(RESULTS[1:])}")
    return order


def _every_result(policy: dict[Result, Treatment]) -> dict[Result, Treatment]:
    if missing := [result for result in RESULTS if result not in policy]:
        raise ValueError(f"say what is done with: {', '.join(missing)}")
    return policy


type ChainPart = Literal["leaf", "issuer", "root", "signer", "unrelated"]


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
        description="The signing roots. Only the trusted one is ever given to a client. {} for a "
        "product that never signs."
    )
    root_shape: RootShape = Field(description="What all roots look like.")
    root_given: Literal["current", "previous"] = Field(
        default="current",
        description="previous: the product was installed again, and clients know the root of "
        "before, which has the same name.",
    )
    intermediate: Intermediate | None = Field(
        default=None, description="Signs in place of the trusted root, where there is one."
    )
    device: Device | None = Field(
        default=None, description="The certificate that policy calls device."
    )
    leaf: LeafStyle = Field(description="How the server's certificate is copied.")
    chain: tuple[ChainPart, ...] = Field(
        min_length=1,
        description="What is sent to the client: leaf; issuer: the intermediate, where it has "
        "signed; root: the trusted root, even when another one has signed; signer: the root that "
        "has; unrelated: a root that signs nothing.",
    )
    trust_list: Literal["system", "stale", "extra"] = Field(
        default="system",
        description="Whom the product trusts: as the system does; stale: it lacks the server's "
        "root; extra: it knows private authorities, too.",
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
    popups: dict[Result, PopupWords] = Field(
        default={},
        description="What the product says on the screen about a result, in our words; {brand}, "
        "{server} and {issuer} (of the server's certificate) are filled in.",
    )
    ask: Ask = Field(default=Ask(), description="What becomes of a pop-up that asks.")
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
    exceptions: dict[Text, ClientException] = Field(
        default={},
        description="Clients that are known to fail for a reason of their own, each by a word.",
    )
    evidence: dict[Text, Evidence] = Field(
        default={},
        description="How well each part is known, by its path, such as policy.expired.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wrong = [*self._missing_signers(), *self._silent_popups()]
        wrong += [*self._long_subjects(), *self._evidence_of_nothing()]
        if self.chain[0] != "leaf":
            wrong.append((("chain", 0), "chain must begin with the leaf"))
        if wrong:
            raise ValidationError.from_exception_data("vendor", [misfit(*each) for each in wrong])
        return self

    def _missing_signers(self) -> Iterator[Misfit]:
        if self.roots and "trusted" not in self.roots:
            yield ("roots",), "has no trusted root"
        for result, treatment in self.policy.items():
            deed = self.ask.then if treatment == "ask" else treatment
            signer = "trusted" if deed == "mask" else deed
            if signer in SIGNERS and signer not in self.roots:
                yield ("policy", result), f"roots has no {signer!r}"
            if deed == "device" and self.device is None:
                yield ("policy", result), "there is no device"

    def _silent_popups(self) -> Iterator[Misfit]:
        for result, treatment in self.policy.items():
            if treatment == "ask" and result not in self.popups:
                yield ("policy", result), "popups does not say what is asked"

    def _long_subjects(self) -> Iterator[Misfit]:
        for path, subject in self._subjects():
            for index, (kind, text) in enumerate(self.named(subject)):
                if len(text) > UB_NAME:
                    where = (*path, index, 1)
                    yield where, f"{kind} is longer than {UB_NAME} characters, with its suffix"

    def _subjects(self) -> Iterator[tuple[Keys, Subject]]:
        for signer, root in self.roots.items():
            yield ("roots", signer, "subject"), root.subject
        if self.intermediate is not None:
            yield ("intermediate", "subject"), self.intermediate.subject
        if self.device is not None:
            yield ("device", "subject"), self.device.subject
            yield ("device", "issuer"), self.device.issuer

    def _evidence_of_nothing(self) -> Iterator[Misfit]:
        parts = self.model_dump(exclude={"evidence"})
        for path in self.evidence:
            if not _holds(parts, path.split(".")):
                yield ("evidence", path), "there is no such part in this profile"

    def known(self, path: str) -> Evidence | None:
        """How a part is known: what is said of it, else of what it is a part of."""
        keys = path.split(".")
        above = (".".join(keys[:count]) for count in range(len(keys), 0, -1))
        return next((self.evidence[one] for one in above if one in self.evidence), None)

    def popup(self, result: Result, *, server: str, issuer: str) -> str | None:
        """The words on the screen for a result, if there are any."""
        words = self.popups.get(result)
        return words and filled(words, brand=self.brand, server=server, issuer=issuer)

    def subject(self, signer: Signer, *, exact: bool = False) -> tuple[Attribute, ...]:
        """Return the subject of a root as ``named`` does."""
        return self.named(self.roots[signer].subject, exact=exact)

    def named(self, subject: Subject, *, exact: bool = False) -> tuple[Attribute, ...]:
        """Return (type, text) pairs, the brand filled in, and CN marked unless ``exact``."""
        suffix = "" if exact else self.simulated_suffix
        branded = ((kind, text.replace("{brand}", self.brand)) for kind, text in subject)
        return tuple((kind, text + suffix if kind == "CN" else text) for kind, text in branded)


class Vendor(VendorFile):
    """A vendor profile and where it comes from: ``id`` is the stem of ``file``.

    ``said`` is what the file says, laid over the profile that it is like; ``base`` is the product
    without a switch.
    """

    id: str
    file: str
    said: dict[str, Any]
    base: VendorFile

    def also(self, patch: Mapping[str, Any]) -> "Vendor":
        """The same product where ``patch`` says otherwise; raises pydantic's ValidationError."""
        said = laid_over(self.said, patch)
        parts = dict(VendorFile.model_validate(said))
        return Vendor.model_construct(
            **parts, id=self.id, file=self.file, said=said, base=self.base
        )


def _holds(part: object, path: Iterable[str]) -> bool:
    for key in path:
        if not isinstance(part, dict) or key not in part:
            return False
        part = part[key]
    return True
