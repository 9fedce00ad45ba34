"""The words for what a correct client does, and why."""

from typing import Annotated, Literal

from pydantic import Field

from mitmail.scenario.part import SetOf

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
type Reasons = Annotated[SetOf[Reason], Field(json_schema_extra={"uniqueItems": True})]
