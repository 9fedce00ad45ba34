"""The words that profiles and behaviours share: endpoints, results of a check, treatments."""

from typing import Final, Literal

type EndpointName = Literal["imap", "pop3", "smtp", "imaps", "pop3s", "smtps"]
type Signer = Literal["trusted", "untrusted", "self-signed"]
type Deed = Literal[
    "trusted",
    "untrusted",
    "self-signed",
    "mask",
    "device",
    "pass-through",
    "close",
    "reset",
    "stall",
]
type Treatment = Literal[
    "trusted",
    "untrusted",
    "self-signed",
    "mask",
    "device",
    "pass-through",
    "close",
    "reset",
    "stall",
    "ask",
]
type Result = Literal[
    "valid",
    "expired",
    "not-yet-valid",
    "name-mismatch",
    "unknown-issuer",
    "self-signed",
    "revoked",
    "other",
]

ENDPOINTS: Final[tuple[EndpointName, ...]] = ("imap", "pop3", "smtp", "imaps", "pop3s", "smtps")
SIGNERS: Final[tuple[Signer, ...]] = ("trusted", "untrusted", "self-signed")
RESULTS: Final[tuple[Result, ...]] = (
    "valid",
    "expired",
    "not-yet-valid",
    "name-mismatch",
    "unknown-issuer",
    "self-signed",
    "revoked",
    "other",
)
