"""The words that profiles and behaviours share: endpoints, results of a check, treatments."""

from typing import Final, Literal, get_args

# A Literal may stand in a Literal (PEP 586), a `type` of it may not.
_Signer = Literal["trusted", "untrusted", "self-signed"]
_Deed = Literal[_Signer, "mask", "device", "pass-through", "close", "reset", "stall"]

type EndpointName = Literal["imap", "pop3", "smtp", "imaps", "pop3s", "smtps"]
type Signer = _Signer
type Deed = _Deed
type Treatment = Literal[_Deed, "ask"]
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

ENDPOINTS: Final[tuple[EndpointName, ...]] = get_args(EndpointName.__value__)
SIGNERS: Final[tuple[Signer, ...]] = get_args(_Signer)
RESULTS: Final[tuple[Result, ...]] = get_args(Result.__value__)
