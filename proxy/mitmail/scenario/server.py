"""What a scenario file may say about the server: its certificates, and how it speaks."""

from functools import cached_property
from typing import Annotated, Any, Final, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    StrictInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from mitmail.scenario.certificate import Certificate
from mitmail.scenario.dialogue import Dialogue
from mitmail.scenario.hostname import NAME
from mitmail.scenario.part import Model, SetOf, Text, misfit
from mitmail.scenario.reference import (
    INTERMEDIATE,
    LEAF,
    ROOT,
    SELF,
    UNRELATED,
    dangling,
)
from mitmail.scenario.tls import Staple, Tls

type CertificateName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]

MAX_DEPTH: Final = 100


class Server(Model):
    """What the server presents.

    Certificates have names: ``leaf``, ``intermediate``, ``root``, those of ``more``, and
    ``unrelated``, a good root that has signed nothing here.
    """

    leaf: Certificate = Field(default=Certificate(), description="The server's own certificate.")
    intermediate: Certificate = Field(
        default=Certificate(), description="The CA that signs the leaf."
    )
    root: Certificate = Field(default=Certificate(), description="The CA above it.")
    more: dict[CertificateName, Certificate] = Field(
        default={}, description="Further CA certificates, by a name of your choice."
    )
    depth: StrictInt = Field(
        default=1,
        ge=1,
        le=MAX_DEPTH,
        description="So many intermediate CAs between leaf and root, each like intermediate.",
    )
    chain: tuple[Text, ...] | None = Field(
        default=None,
        description="The certificates that are sent, in this order; [] sends none. By default the "
        "leaf and every CA above it up to the root, which is left out.",
    )
    trust: SetOf[Text] = Field(
        default=(ROOT,),
        min_length=1,
        description="The certificates that the client is told to trust. [unrelated] means that "
        "it knows nothing of this chain.",
    )
    tls: Tls = Field(default=Tls(), description="How the server speaks TLS.")
    staple: Staple | None = Field(
        default=None, description="The OCSP response that it staples; by default none."
    )
    dialogue: Dialogue | None = Field(
        default=None,
        description="How it conducts the dialogue around STARTTLS; by default as it should.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _references(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        wrong = [misfit(*each) for each in dangling(data)] if isinstance(data, dict) else []
        try:
            server = validate(data)
        except ValidationError as error:
            if not wrong:
                raise
            wrong += [_again(each) for each in error.errors()]
        if wrong:
            raise ValidationError.from_exception_data("server", wrong)
        return server

    @cached_property
    def certificates(self) -> dict[str, Certificate]:
        """Every certificate by its name, with all said that a good one says in its place.

        ``intermediate`` is the one that signs the leaf, ``intermediate-2`` the one above it.
        """
        names = [INTERMEDIATE, *(f"{INTERMEDIATE}-{n}" for n in range(2, self.depth + 1))]
        found = {LEAF: _good(self.leaf, _leaf(self.leaf))}
        # A CA that the author put below these needs room in their path lengths.
        alone = not any(said.issuer in names for said in self.more.values())
        for length, (name, above) in enumerate(zip(names, [*names[1:], ROOT], strict=True)):
            room = {"path_length": length} if alone and self.intermediate.ca is not False else {}
            found[name] = _good(self.intermediate, CA | {"issuer": above} | room)
        ours = {ROOT: self.root} | self.more | {UNRELATED: Certificate()}
        return found | {name: _good(said, CA | {"issuer": SELF}) for name, said in ours.items()}

    @cached_property
    def sent(self) -> tuple[str, ...]:
        """The names of the certificates that are sent, in their order."""
        if self.chain is not None:
            return self.chain
        names = [LEAF]
        while (above := self.certificates[names[-1]].issuer) not in (None, SELF):
            names.append(str(above))
        return tuple(names[:-1]) if len(names) > 1 else (LEAF,)

    @cached_property
    def used(self) -> frozenset[str]:
        """The names of the certificates that are sent or trusted, and of those above them."""
        names = {*self.sent, *self.trust}
        while above := {self.issuer_of(name) for name in names} - names:
            names |= above
        return frozenset(names)

    def subject_of(self, name: str) -> str:
        """The certificate whose subject this one carries: itself, or the one it is namesake of."""
        while (other := self.certificates[name].namesake) is not None:
            name = other
        return name

    def key_of(self, name: str) -> str:
        """The certificate whose key this one certifies: itself, or another one."""
        while (other := self.certificates[name].same_key) is not None:
            name = other
        return name

    def issuer_of(self, name: str) -> str:
        """The certificate whose key signs this one."""
        above = self.certificates[name].issuer
        return name if above in (None, SELF) else str(above)


CA: Final = {"names": (), "ca": True, "key_usage": ("keyCertSign", "cRLSign")}


def _leaf(said: Certificate) -> dict[str, object]:
    usages = ["digitalSignature"] + ["keyEncipherment"] * said.key.startswith("rsa")
    return {
        "issuer": INTERMEDIATE,
        "names": (NAME,),
        "ca": False,
        "key_usage": tuple(usages),
        "extended_key_usage": ("serverAuth",),
    }


def _good(said: Certificate, good: dict[str, object]) -> Certificate:
    left_out = {field: value for field, value in good.items() if getattr(said, field) is None}
    return said.model_copy(update=left_out)


def _again(details: ErrorDetails) -> InitErrorDetails:
    # pydantic takes its own errors back only as the sentences that they became.
    if details["type"] in {"misfit", "value_error"}:
        return misfit(details["loc"], details["msg"].removeprefix("Value error, "))
    return InitErrorDetails(
        type=details["type"],
        loc=details["loc"],
        input=details["input"],
        ctx=details.get("ctx", {}),
    )
