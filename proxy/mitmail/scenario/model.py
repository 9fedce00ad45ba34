"""What a scenario file may say: only what is wrong; everything else is a good certificate."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from mitmail.scenario.hostname import NAME, is_hostname
from mitmail.scenario.offset import Offset

type Verdict = Literal["accept", "reject"]
type Level = Literal["must", "should", "may"]
type Reason = Literal[
    "expired",
    "not-yet-valid",
    "name-mismatch",
    "unknown-issuer",
    "self-signed",
    "incomplete-chain",
    "bad-signature",
    "weak",
    "usage",
    "constraint",
    "revoked",
    "malformed",
    "limit",
    "client-certificate",
    "tls-version",
    "starttls",
    "policy",
    "transport",
]
type KeyKind = Literal["ec256", "rsa2048"]


def _printable(text: str) -> str:
    if not text.replace("\n", " ").isprintable():
        raise ValueError("control characters are not allowed here")
    return text


def _hostname(text: str) -> str:
    if not is_hostname(text):
        raise ValueError("use a host name such as mail.customer.test, or an IP address")
    return text


def _template(text: str) -> str:
    for unknown in re.findall(r"\{.*?\}", text.replace(NAME, "")):
        raise ValueError(f"unknown placeholder {unknown}: the only one is {NAME}")
    return text


def _set[T](items: tuple[T, ...]) -> tuple[T, ...]:
    for item in items:
        if items.count(item) > 1:
            raise ValueError(f"{item!r} is named more than once")
    return items


type Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_printable)
]
type Hostname = Annotated[str, AfterValidator(_hostname)]
type NameTemplate = Annotated[str, StringConstraints(min_length=1), AfterValidator(_template)]
type Reasons = Annotated[
    tuple[Reason, ...], AfterValidator(_set), Field(json_schema_extra={"uniqueItems": True})
]


class Model(BaseModel):
    """A part of a file: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Leaf(Model):
    """The server's own certificate. What is not said here is as in a good certificate."""

    names: tuple[NameTemplate, ...] = Field(
        default=(NAME,),
        description="DNS names and IP addresses in the subjectAltName extension; "
        "{name} is the name that the client was told to use. [] leaves the extension out.",
    )
    common_name: NameTemplate | None = Field(
        default=None,
        description="The common name (CN) of the subject; by default the first of the names.",
    )
    not_before: Offset = Field(
        default=timedelta(days=-1),
        description="Start of the validity, relative to now: -1d is yesterday.",
        json_schema_extra={"default": "-1d"},  # pydantic would write ISO 8601
    )
    not_after: Offset = Field(
        default=timedelta(days=90),
        description="End of the validity, relative to now: +90d is in ninety days.",
        json_schema_extra={"default": "+90d"},
    )
    key: KeyKind = Field(
        default="ec256", description="The key: ec256 (ECDSA P-256) or rsa2048 (RSA, 2048 bits)."
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if not self.names and self.common_name is None:
            raise ValueError("without names, say a common_name")
        if self.not_before >= self.not_after:
            raise ValueError("not_before must be earlier than not_after: say both")
        return self


class Server(Model):
    """What the server presents."""

    leaf: Leaf = Field(default=Leaf(), description="The server's own certificate.")
    chain: tuple[Literal["leaf", "intermediate", "root"], ...] = Field(
        default=("leaf", "intermediate"),
        min_length=1,
        description="The certificates that are sent, in this order, the leaf first. "
        "By default leaf and intermediate, or the leaf alone when it is self-signed.",
    )
    issuer: Literal["intermediate", "untrusted", "self"] = Field(
        default="intermediate",
        description="Who signed the leaf: the intermediate below the root that the client "
        "trusts; an intermediate below another, untrusted root; or the leaf's own key (self).",
    )

    @model_validator(mode="before")
    @classmethod
    def _self_signed_stands_alone(cls, said: Any) -> Any:
        if isinstance(said, dict) and said.get("issuer") == "self":
            return {"chain": ("leaf",), **said}
        return said

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.chain[:1] != ("leaf",):
            raise ValueError("chain must begin with the leaf")
        if self.issuer == "self" and self.chain != ("leaf",):
            raise ValueError("a self-signed certificate has no chain: leave chain out")
        return self


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

    connect_as: Hostname = Field(
        description="The name under which the same server must be accepted."
    )


class ScenarioFile(Model):
    """One way in which a mail server's TLS is broken, or is as it should be."""

    title: Text = Field(description="The case in one line, for lists and reports.")
    why: Text = Field(
        description="What an attacker gains or what the customer suffers, in a sentence or two."
    )
    rule: Text = Field(description="The rule that is broken, such as RFC 9525 section 6.3.")
    server: Server = Field(default=Server(), description="What the server presents.")
    connect_as: Hostname | None = Field(
        default=None,
        description="The name that the client is told to use, when it is not the usual one.",
    )
    expect: Expect = Field(description="What a correct client does.")
    control: Control | None = Field(
        default=None,
        description="Another name under which the same server must be accepted.",
    )


class Scenario(ScenarioFile):
    """A scenario and where it comes from.

    ``id`` is the stem of the file, ``group`` its folder, ``file`` its path as it was given.
    """

    id: str
    group: str
    file: str
