"""What a client is known to do otherwise than a correct one: it verifies less, or more."""

from dataclasses import dataclass
from typing import Final, Literal

from mitmail.endpoint import Endpoint
from mitmail.judge.client import Client, Said
from mitmail.plan import Expectation
from mitmail.scenario.exception import KnownClient
from mitmail.scenario.model import Scenario

# What verifying a certificate finds out. What breaks TLS or the dialogue before it, every client
# has to refuse, whatever it verifies.
CERTIFICATE: Final = frozenset(
    {
        "expired", "not-yet-valid", "name-mismatch", "unknown-issuer", "self-signed",
        "incomplete-chain", "bad-signature", "weak", "usage", "constraint", "revoked", "policy",
    }
)  # fmt: skip
EXCUSED: Final = {
    "full": frozenset[str](),
    "chain": frozenset({"name-mismatch"}),
    "none": CERTIFICATE,
}
WHY: Final = {
    "chain": "as it is asked here, it verifies the chain and no name",
    "none": "as it is asked here, it verifies nothing",
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """What the client does: it accepts, ``why`` in one clause."""

    why: str
    verdict: Literal["accept", "reject"] = "accept"
    reasons: tuple[str, ...] = ()


def deviation(
    client: Client, endpoint: Endpoint, expected: Expectation, said: Said
) -> Deviation | None:
    """The known reason why this client accepts what a correct one refuses.

    None for a client that does right, and where anything else is expected of it than what it is
    known not to verify.
    """
    verifies = client.verifies_on(endpoint)
    if said.verdict != "accept" or expected.verdict != "reject" or expected.level == "may":
        return None
    if not expected.reasons <= EXCUSED[verifies]:
        return None
    return Deviation(WHY[verifies])


def known_of(
    client: Client, scenario: Scenario, expected: Expectation, said: Said
) -> KnownClient | None:
    """The exception that a scenario knows of this client, where it shows.

    None for a client that does right after all: one library may stand on an older other one.
    """
    if said.verdict == expected.verdict:
        return None
    known = scenario.exceptions.values()
    return next((x for x in known if x.is_of(client.name, client.version)), None)
