"""What a scenario file may say: only what is wrong; everything else is a good certificate."""

from typing import Any, Self

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from mitmail.scenario import dialogue
from mitmail.scenario.exception import KnownClient
from mitmail.scenario.part import Host, Model, SetOf, Text, misfit
from mitmail.scenario.product import EndpointName
from mitmail.scenario.server import Server
from mitmail.scenario.spoken import PROTOCOLS
from mitmail.scenario.verdict import Level, Reasons, Verdict


class Expect(Model):
    """What a correct client does."""

    verdict: Verdict = Field(description="What a correct client does: accept or reject.")
    reasons: Reasons = Field(
        default=(),
        description="Why it rejects. A set: a client that names any of them is right.",
    )
    level: Level = Field(
        default="must",
        description="How binding the rule is: must, should or may, as in RFC 2119.",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"verdict": {"const": "reject"}}},
            "then": {"properties": {"reasons": {"minItems": 1}}, "required": ["reasons"]},
            "else": {"properties": {"reasons": {"maxItems": 0}}},
        }
    )

    @model_validator(mode="after")
    def _reasons_fit_the_verdict(self) -> Self:
        if self.verdict == "reject" and not self.reasons:
            raise ValueError("reject needs at least one reason")
        if self.verdict == "accept" and self.reasons:
            raise ValueError("accept has no reasons: remove them, or expect reject")
        return self


class Control(Model):
    """The proof that nothing else is wrong: the same server, by another name, is accepted."""

    connect_as: Host = Field(description="The name under which the same server must be accepted.")


class ScenarioFile(Model):
    """One way in which a mail server's TLS is broken, or is as it should be."""

    title: Text = Field(description="The case in one line, for lists and reports.")
    why: Text = Field(
        description="What an attacker gains or what the customer suffers, in a sentence or two."
    )
    sees: Text | None = Field(
        default=None, description="What the user sees of it, in a sentence or two."
    )
    rule: Text = Field(description="The rule that is broken, such as RFC 9525 section 6.3.")
    catches: SetOf[Text] = Field(
        default=(),
        description="Faults of clients that this case would have caught: CVE ids, issues.",
    )
    aka: SetOf[Text] = Field(default=(), description="What others call it, such as NDSS 2025 T1.")
    server: Server = Field(default=Server(), description="What the server presents.")
    connect_as: Host | None = Field(
        default=None,
        description="The name that the client is told to use, when it is not the usual one.",
    )
    endpoints: SetOf[EndpointName] = Field(
        default=("imap", "pop3", "smtp", "imaps", "pop3s", "smtps"),
        min_length=1,
        description="Where the case can be shown; by default everywhere, and where it has a "
        "dialogue on imap, pop3 and smtp.",
    )
    expect: Expect = Field(description="What a correct client does.")
    control: Control | None = Field(
        default=None,
        description="Another name under which the same server must be accepted.",
    )
    exceptions: dict[Text, KnownClient] = Field(
        default={},
        description="Clients that are known not to do so for a reason of their own, each by a "
        "word.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _dialogue_fits(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        said = validate(_on_starttls_only(data))
        if said.server.dialogue is None:
            return said
        found = dialogue.misfits(said.server.dialogue, said.endpoints)
        wrong = [misfit(("server", "dialogue", *path), words) for path, words in found]
        wrong += [
            misfit(("endpoints", index), f"{name} has no dialogue before TLS: leave it out")
            for index, name in enumerate(said.endpoints)
            if name not in PROTOCOLS
        ]
        if wrong:
            raise ValidationError.from_exception_data("scenario", wrong)
        return said


def _on_starttls_only(data: Any) -> Any:
    if not isinstance(data, dict) or "endpoints" in data:
        return data
    server = data.get("server")
    if isinstance(server, dict) and server.get("dialogue") is not None:
        return data | {"endpoints": PROTOCOLS}
    return data


class Scenario(ScenarioFile):
    """A scenario and where it comes from.

    ``id`` is the stem of the file, ``group`` its folder, ``file`` its path as it was given.
    """

    id: str
    group: str
    file: str
