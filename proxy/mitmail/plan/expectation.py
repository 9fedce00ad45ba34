"""What a correct client does with what it is shown, behind a shield too."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from mitmail.plan.installation import moment
from mitmail.plan.shield import ENDINGS, SIGNED_BY, Shield
from mitmail.scenario.authority import RootShape
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.exception import ClientException
from mitmail.scenario.hostname import CUSTOMER, NAME, ascii_name, is_hostname, kind_of
from mitmail.scenario.leafstyle import Validity
from mitmail.scenario.legs import ServerLeg
from mitmail.scenario.model import Scenario
from mitmail.scenario.reference import ROOT
from mitmail.scenario.server import Server
from mitmail.scenario.spoken import PROTOCOLS
from mitmail.scenario.tls import MODERN
from mitmail.scenario.vendor import Vendor
from mitmail.scenario.verdict import Level

type Trusted = Literal["server-root", "antivirus-root"]
type Fault = tuple[frozenset[str], Level]

LEVELS: Final[tuple[Level, ...]] = ("must", "should", "may")  # the most binding one first
UNKNOWN: Final[Fault] = (frozenset({"unknown-issuer"}), "must")
# Apple's platforms refuse longer ones under some roots (825 days under those of a user's own).
LONGEST: Final = timedelta(days=398)

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

    Where the shield leaves a protocol alone, it is as without one. Behind a shield that is not
    understood the level is ``may``, which no client fails.
    """
    said = scenario.expect
    if shield is None or is_bare(shield, endpoint):
        if "server-root" in trusted:
            return Expectation(said.verdict, frozenset(said.reasons), said.level)
        return Expectation("reject", frozenset({*said.reasons, "unknown-issuer"}), "must")
    if not is_understood(scenario):
        return Expectation("reject", frozenset({*said.reasons, "unknown-issuer"}), "may")
    return _behind(scenario, shield, endpoint, trusted)


def is_bare(shield: Shield | None, endpoint: str) -> bool:
    """Whether clients see the server itself there: no product looks into this protocol."""
    return shield is None or not shield.profiles[endpoint].transport.covers(endpoint)


def _behind(
    scenario: Scenario, shield: Shield, endpoint: str, trusted: frozenset[Trusted]
) -> Expectation:
    said, errors = scenario.expect, found(scenario)
    profile = shield.profiles[endpoint]
    if (unsecured := _without_tls(profile, endpoint)) is not None:
        return unsecured
    deed = shield.treatment(endpoint, errors)
    if deed in ENDINGS:
        expected = Expectation("reject", frozenset({"transport"}), "must")
    elif deed == "pass-through":
        expected = expect(scenario, None, endpoint, trusted)
    elif deed == "device":
        expected = Expectation("reject", frozenset({"name-mismatch", "unknown-issuer"}), "must")
    else:
        masked = deed == "mask"
        faults = list(_copied(scenario, profile, masked=masked))
        known = SIGNED_BY[deed] == "trusted" and "antivirus-root" in trusted
        faults += _of_signer(shield, endpoint) if known else [UNKNOWN]
        faults += _also_named(shield, endpoint) if faults else []
        expected = _summed(faults, _doubt(profile))
        left_open = said.level == "may" and COPIED & set(said.reasons)
        if known and (left_open or (masked and _has_odd_names(scenario))):
            expected = replace(expected, level="may")
    # While a pop-up is open the client waits, or does not.
    asked = profile.policy[shield.result(endpoint, errors)] == "ask"
    return replace(expected, level="may") if asked or _is_open(profile) else expected


def _has_odd_names(scenario: Scenario) -> bool:
    # A mended copy keeps the server's names beside the right one. Some verifiers stop at one that
    # is badly written (service-identity does), others pass it over.
    played = scenario.connect_as or CUSTOMER
    return any(_is_odd(name.replace(NAME, played)) for name in scenario.server.leaf.names or ())


def _is_odd(name: str) -> bool:
    kind, text = kind_of(name)
    host = ascii_name(text).removeprefix("*.")
    # Nothing below a numeric top-level domain is a name (RFC 1123 section 2.1).
    written = "*" not in host and is_hostname(host) and not host.rpartition(".")[2].isdigit()
    return not written if kind == "dns" else kind != "ip"


def _without_tls(profile: Vendor, endpoint: str) -> Expectation | None:
    """Where the client never sees a certificate, or not in TLS as it should be."""
    # imaps, pop3s, smtps: TLS is there from the start.
    starttls = next((x for x in PROTOCOLS if x == endpoint), None)
    if starttls is not None and profile.conversation.refuses_tls(starttls):
        # A login that names its server is how clients of an explicit proxy are set up.
        named = profile.conversation.names_server
        return Expectation("reject", frozenset({"starttls"}), "may" if named else "must")
    client = profile.legs.client
    if client.instead is not None or not {*MODERN} & {*client.versions}:
        return Expectation("reject", frozenset({"transport", "tls-version", "starttls"}), "may")
    return None


def _is_open(profile: Vendor) -> bool:
    """Whether it differs by connection or client what comes of a product's way with them."""
    transport, client = profile.transport, profile.legs.client
    return (
        transport.intercepted != 100
        or not transport.ipv6
        or transport.fails_first is not None
        or not {*MODERN} <= {*client.versions}
        or not client.close_notify
        or not _reaches_server(profile.legs.server)
        or profile.conversation.claim is not None
        or bool(profile.conversation.refuse)
    )


# One of each is enough to come to terms with an ordinary server of ours.
COMMON: Final[Mapping[str, frozenset[str]]] = {
    "versions": frozenset(MODERN),
    "ciphers": frozenset(
        {
            "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
        }
    ),
    "groups": frozenset({"x25519", "secp256r1"}),
    "signatures": frozenset({"ecdsa_secp256r1_sha256"}),
}  # fmt: skip


def _reaches_server(leg: ServerLeg) -> bool:
    """Whether the hello that a product sends surely finds an answer.

    Where it is the client's, the client would have had its answer from the server itself.
    """
    said = {field: getattr(leg, field) for field in COMMON}
    return all(
        list_ == "mirror" or not list_ or COMMON[field] & {*list_} for field, list_ in said.items()
    )


def _copied(scenario: Scenario, profile: Vendor, *, masked: bool) -> Iterator[Fault]:
    """What is wrong with the copy because it is with the server's leaf, or is made wrong."""
    leaf, said = profile.leaf, scenario.expect
    copied = COPIED & set(said.reasons)
    if masked or leaf.names == "requested":
        copied -= {"name-mismatch"}
    if masked or leaf.validity is not None:
        copied -= {"expired", "not-yet-valid"}
    if copied:
        yield frozenset(copied), said.level
    if leaf.extensions == "none":
        # Only should, as of a name that is in the common name alone (RFC 7817 section 3).
        yield frozenset({"name-mismatch", "constraint"}), "should"
    if leaf.wrong is not None and leaf.wrong.every == 1:
        yield frozenset({"name-mismatch"}), "must"


def _of_signer(shield: Shield, endpoint: str) -> Iterator[Fault]:
    """What is wrong above the leaf for a client that knows the product's root."""
    profile = shield.profiles[endpoint]
    if shield.vendor.root_given == "previous":
        yield frozenset({"bad-signature", "unknown-issuer"}), "must"
    if shield.vendor.intermediate is not None and "issuer" not in profile.chain:
        yield frozenset({"incomplete-chain", "unknown-issuer"}), "must"
    if _has_ended(shield):
        # A trusted root is a name and a key in RFC 5280 section 6.1; its dates are no input.
        yield frozenset({"expired"}), "may"


def _also_named(shield: Shield, endpoint: str) -> Iterator[Fault]:
    """What a client that refuses may name instead, though it need not refuse for it."""
    profile = shield.profiles[endpoint]
    if _has_ended(shield):
        yield frozenset({"expired"}), "may"
    if profile.root_shape.is_weak or profile.leaf.is_weak:
        yield frozenset({"weak"}), "may"


def _has_ended(shield: Shield) -> bool:
    return moment(shield.vendor.root_shape.not_after, shield.now) <= shield.now


def _doubt(profile: Vendor) -> Level:
    """How binding it is to accept what has no fault, but is made in a way that some refuse."""
    leaf, above = profile.leaf, profile.chain[1:]
    if profile.root_shape.is_weak or leaf.is_weak:
        return "may"
    if leaf.wrong is not None or leaf.serial == "reused":
        return "may"
    if leaf.serial == "upstream" and leaf.life == "connection":
        return "may"  # NSS: two certificates of one issuer and serial
    if leaf.validity is not None and _span(leaf.validity) > LONGEST:
        return "may"
    # RFC 8446 section 4.4.2: clients SHOULD be prepared for any order.
    in_order = above in {(), ("issuer",), ("root",), ("signer",), ("issuer", "root")}
    return "must" if in_order and _is_conforming(profile.root_shape) else "should"


def _is_conforming(root: RootShape) -> bool:
    """Whether the root is as RFC 5280 section 4.2.1 demands of authorities.

    What does not conform is no input to path validation (section 6.1), but strict verifiers mind.
    """
    usage = root.key_usage is not None and "keyCertSign" in root.key_usage.usages
    return root.basic_constraints.critical and root.subject_key_identifier and usage


def _span(validity: Validity) -> timedelta:
    start, ends = validity.not_before, validity.not_after
    if isinstance(start, datetime) and isinstance(ends, datetime):
        return ends - start
    if isinstance(start, timedelta) and isinstance(ends, timedelta):
        return ends - start
    return timedelta.max


def _summed(faults: Sequence[Fault], doubt: Level) -> Expectation:
    if not faults:
        return Expectation("accept", frozenset(), doubt)
    reasons = frozenset(reason for reasons, _ in faults for reason in reasons)
    return Expectation("reject", reasons, min((x for _, x in faults), key=LEVELS.index))


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
    deed = shield.treatment(endpoint, found(scenario))
    known = [
        one
        for one in shield.profiles[endpoint].exceptions.values()
        if one.is_of(name, version) and one.trusts == SIGNED_BY.get(deed)
    ]
    if not known:
        return None
    # It may just as well name what is wrong for every client.
    reasons = {*expect(scenario, shield, endpoint, trusted).reasons}
    reasons |= {reason for one in known for reason in one.reasons}
    return known[0].model_copy(update={"reasons": tuple(sorted(reasons))})
