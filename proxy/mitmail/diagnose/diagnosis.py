"""All that is found about what a server showed."""

from dataclasses import replace
from typing import Final

from mitmail.diagnose.absence import absence, holds_no_server
from mitmail.diagnose.authority import authorities
from mitmail.diagnose.case import Case, Findings, case
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.composition import composition
from mitmail.diagnose.coverage import coverage
from mitmail.diagnose.finding import SEVERITIES, Finding, Severity
from mitmail.diagnose.lifetime import lifetimes
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.purpose import purposes
from mitmail.diagnose.recognition import in_short, recognise
from mitmail.diagnose.roots import Roots
from mitmail.diagnose.staple import staples
from mitmail.diagnose.strength import strengths
from mitmail.diagnose.strictness import strictness
from mitmail.diagnose.verification import UNREADABLE

PARTS: Final = (lifetimes, coverage, authorities, purposes, strengths, strictness, composition)
DOUBTS: Final = {"critical", "high", "unknown"}
EVIDENCE: Final = 4  # clauses of it
PLACES: Final = {
    "antivirus": "an antivirus on the customer's computer",
    "gateway": "a gateway on the customer's network",
}
SWITCH_OFF: Final = (
    "Switch its mail scanning off and try again: mitmail check --chain CUSTOMERS --against "
    "HOST:PORT tells whose fault it is."
)
MANY_NAMES: Final = 5000  # GnuTLS, Java and NSS give up somewhere above, each for its own reason
LARGE: Final = 32_000  # octets; Java takes 32768


def diagnose(
    presented: Presented, roots: Roots, *, also: tuple[bytes, ...] = ()
) -> tuple[Finding, ...]:
    """Find what is wrong with what a server showed, the worst first.

    ``also`` are certificates (DER) that a client may have besides those that were sent. Where
    nothing is found that a correct client refuses, and nothing is unknown, the finding ``ok``
    says so.
    """
    found = list(_found(case(presented, roots, also=also)))
    return tuple(sorted(found, key=lambda one: SEVERITIES.index(one.severity)))


def is_grave(finding: Finding) -> bool:
    """Whether most clients refuse for this."""
    return finding.severity in {"critical", "high"} and finding.reason is not None


def _found(one: Case) -> Findings:
    if not one.chain:
        words = "The server sent no certificate."
        fix = "Configure its certificate and key."
        yield one.finding("no-certificate", "critical", words, fix=fix, reason="malformed")
        return
    if holds_no_server(one.presented):
        yield from absence(one)
        return
    found = [finding for part in PARTS for finding in part(one)]
    found += [*_unreadable(one), *staples(one), *_sizes(one), *_intercepted(one)]
    yield from found
    doubted = any(each.severity in DOUBTS or each.reason for each in found)
    if not doubted and not one.verified.anchored:
        words = f"No way was found to any of {one.roots.words}."
        yield one.finding("unknown-issuer", "unknown", words, reason="unknown-issuer")
    elif not doubted:
        ends = [each.not_after for each in one.verified.path if each.not_after]
        until = f" until {min(ends):%Y-%m-%d}" if ends else ""
        words = f"Valid{until}, for {one.presented.name}, and vouched for by {one.roots.words}."
        if one.presented.staple is None:
            words += " Whether it has been revoked was not asked."
        if one.presented.is_saved and any(each.number > 1 for each in _needed(one)):
            words += " Whether the server sends all that it needs, this text does not show."
        yield one.finding("ok", "ok", words)


def _needed(one: Case) -> tuple[Certificate, ...]:
    """What a server has to send: the way up to, and without, what the client has itself."""
    path = one.verified.path
    return path if path[-1].der not in one.roots.certificates else path[:-1]


def _unreadable(one: Case) -> Findings:
    refused = {about for number, about in one.verified.errors if number == UNREADABLE}
    for each in dict.fromkeys((*one.verified.path, *one.chain)):
        problem = each.problem or ("OpenSSL cannot read it" if each in refused else "")
        if not problem:
            continue
        on_the_way = each in one.verified.path
        severity: Severity = "critical" if each.read is None or each in refused else "high"
        words = f"{each.place} is written wrongly: {problem}.".replace("..", ".")
        if not on_the_way:
            severity, words = "medium", f"Number {each.number} of the certificates: {problem}."
        fix = "Have it issued again, by other software."
        reason = "malformed" if on_the_way else None
        yield one.finding("malformed", severity, _line(words), fix=fix, reason=reason)


def _line(words: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def _intercepted(one: Case) -> Findings:
    found = recognise(one.presented, one.roots)
    if found is None:
        return
    what = "This is a copy of the server's certificate"
    if found.sureness == "possible":
        what = "This may be a copy of the server's certificate"
    words = (
        f"{what}, made by {PLACES[found.kind]}: {in_short(found)}. Evidence: "
        f"{'; '.join(found.agrees[:EVIDENCE])}."
    )
    if found.differs:
        words += f" Against it: {'; '.join(found.differs[:EVIDENCE])}."
    severity: Severity = "medium" if found.sureness == "possible" else "high"
    finding = one.finding("intercepted", severity, words, fix=SWITCH_OFF)
    yield replace(finding, antivirus=found.id)


def _sizes(one: Case) -> Findings:
    largest = max(len(der) for der in one.presented.chain)
    if len(one.leaf.names) > MANY_NAMES or largest > LARGE:
        words = f"A certificate of {largest} octets and {len(one.leaf.names)} names is too large."
        fix = "Divide the names among several certificates."
        yield one.finding("too-large", "medium", words, fix=fix, reason="limit")
