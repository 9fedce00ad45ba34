"""What a correct client does with what it is shown, behind a shield too."""

from dataclasses import dataclass
from typing import Literal

from mitmail.plan.shield import Shield
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.model import Level, Scenario
from mitmail.scenario.reference import ROOT
from mitmail.scenario.server import Server
from mitmail.scenario.vendor import ClientException

type Trusted = Literal["server-root", "antivirus-root"]

# Defects of the server's leaf that a copy of it carries on; a defect of the chain ends at the
# shield, which sees it and answers with another signer.
COPIED = frozenset({"expired", "not-yet-valid", "name-mismatch"})
# What a shield makes of a scenario's reasons, the first that fits: a self-signed certificate is
# also one of an unknown issuer.
SEEN_AS = (
    ("self-signed", "self-signed"),
    ("incomplete-chain", "unknown-issuer"),
    ("unknown-issuer", "unknown-issuer"),
)

# What may be said of the leaf without making it odd to a shield.
UNDERSTOOD = ("names", "common_name", "not_before", "not_after", "issuer")


@dataclass(frozen=True, slots=True)
class Expectation:
    """``reasons`` is a set: a client that names any of them is right; empty for accept."""

    verdict: Literal["accept", "reject"]
    reasons: frozenset[str]
    level: Level


def expect(
    scenario: Scenario, shield: Shield | None, endpoint: str, trusted: frozenset[Trusted]
) -> Expectation:
    """What a correct client that trusts these roots does on this endpoint.

    Behind a shield that is not understood the level is ``may``, which no client fails.
    """
    said = scenario.expect
    if shield is None:
        if "server-root" in trusted:
            return Expectation(said.verdict, frozenset(said.reasons), said.level)
        return Expectation("reject", frozenset({*said.reasons, "unknown-issuer"}), "must")
    if not is_understood(scenario):
        return Expectation("reject", frozenset({*said.reasons, "unknown-issuer"}), "may")
    copied = COPIED & set(said.reasons)
    treatment = shield.treatment(endpoint, found(scenario))
    if treatment != "trusted" or "antivirus-root" not in trusted:
        return Expectation("reject", frozenset({*copied, "unknown-issuer"}), "must")
    if copied:
        return Expectation("reject", frozenset(copied), said.level)
    return Expectation("accept", frozenset(), "must")


def is_understood(scenario: Scenario) -> bool:
    """Whether it is known what a shield makes of this scenario's server.

    Of names, times and who signed, it is. What its copy does with anything else that is odd, and
    whether its own verification minds, differs from product to product: nothing is claimed.
    """
    if not set(scenario.expect.reasons) <= COPIED | {reason for reason, _ in SEEN_AS}:
        return False
    server = scenario.server
    leaf = server.leaf.model_copy(update=dict.fromkeys(UNDERSTOOD))
    plain = Certificate().model_copy(update=dict.fromkeys(UNDERSTOOD))
    rest = server.model_copy(update={"leaf": leaf, "chain": None, "trust": (ROOT,)})
    return rest == Server().model_copy(update={"leaf": plain}) and len(server.trust) == 1


def found(scenario: Scenario) -> tuple[str, ...]:
    """What a shield finds wrong with this scenario's server."""
    reasons = set(scenario.expect.reasons)
    chain = next((seen for reason, seen in SEEN_AS if reason in reasons), None)
    return (*sorted(COPIED & reasons), *([chain] if chain else []))


def exception(
    scenario: Scenario,
    shield: Shield | None,
    endpoint: str,
    trusted: frozenset[Trusted],
    client: tuple[str, tuple[int, ...]],
) -> ClientException | None:
    """The known reason why this client (name, version) fails although it trusts the signer."""
    if shield is None or "antivirus-root" not in trusted:
        return None
    name, version = client
    treatment = shield.treatment(endpoint, found(scenario))
    for known in shield.vendor.exceptions:
        since = tuple(int(part) for part in known.since.split("."))
        if known.client == name and version >= since and known.trusts == treatment:
            return known
    return None
