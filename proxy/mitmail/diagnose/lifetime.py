"""Whether the certificates are valid at the time of looking, and how long they will be."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mitmail.diagnose.case import Case, Findings, day, span
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.finding import Severity

# Those who renew by themselves do so at two thirds of the life (RFC 8555's clients): what is this
# near to its end has been forgotten.
SOON: Final = timedelta(days=21)
VERY_SOON: Final = timedelta(days=7)
SHARE: Final = 4  # of a short life, for what lives for days
# What Apple's clients take from an authority that the user installed (HT210176, HT103769).
LONGEST: Final = timedelta(days=825)
# What they take from an authority that the system came with, of certificates that were issued
# since that day; of roots that were added they do not ask it (support.apple.com/102028).
LONGEST_PUBLIC: Final = timedelta(days=398)
SHORTENED: Final = datetime(2020, 9, 1, tzinfo=UTC)

RENEW: Final = "Renew it on the server; every client refuses it until then."
CLOCK: Final = "If the date looks right, look at the clock of the customer's computer."


def lifetimes(case: Case) -> Findings:
    """Findings about the dates of the path's certificates."""
    for one in case.verified.path:
        if one.not_before is None or one.not_after is None:
            continue
        if one.not_before > one.not_after:
            words = f"{one.place} ends before it begins: {day(one.not_after)}."
            yield case.finding("validity-order", "critical", words, fix=RENEW, reason="malformed")
        if case.at > one.not_after:
            yield from _expired(case, one)
        elif case.at < one.not_before:
            yield from _early(case, one)
        else:
            yield from _soon(case, one)
    yield from _long(case)


def _expired(case: Case, one: Certificate) -> Findings:
    assert one.not_after is not None
    words = f"{one.place} expired on {day(one.not_after)}, {span(case.at - one.not_after)} before."
    if one.number == 1:
        yield case.finding("expired", "critical", words, fix=RENEW, reason="expired")
        return
    if case.is_anchor(one):
        words += " It is trusted, and some clients refuse it all the same."
        fix = "Give the client the authority's present root, and remove this one."
        yield case.finding("root-expired", "medium", words, fix=fix, reason="expired")
        return
    fix = "Send the authority's present certificate in its place; the authority publishes it."
    yield case.finding("ca-expired", "critical", words, fix=fix, reason="expired")


def _early(case: Case, one: Certificate) -> Findings:
    assert one.not_before is not None
    words = (
        f"{one.place} is not valid before {day(one.not_before)}, in "
        f"{span(one.not_before - case.at)}."
    )
    id_ = "not-yet-valid" if one.number == 1 else "ca-not-yet-valid"
    severity: Severity = "critical" if one.number == 1 else _weight(case, one)
    yield case.finding(id_, severity, words, fix=CLOCK, reason="not-yet-valid")


def _weight(case: Case, one: Certificate) -> Severity:
    # Whether a trusted certificate's own dates count, clients disagree (RFC 5280 section 6.1).
    return "medium" if case.is_anchor(one) else "critical"


def _soon(case: Case, one: Certificate) -> Findings:
    assert one.not_before is not None
    assert one.not_after is not None
    left, life = one.not_after - case.at, one.not_after - one.not_before
    if left > min(SOON, life / SHARE) or case.is_anchor(one):
        return
    severity: Severity = "medium" if left <= min(VERY_SOON, life / SHARE / 2) else "low"
    words = f"{one.place} expires in {span(left)}, on {day(one.not_after)}."
    yield case.finding("expires-soon", severity, words, fix="Renew it before that.")


def _long(case: Case) -> Findings:
    leaf = case.leaf
    if leaf.not_before is None or leaf.not_after is None or leaf.is_self_issued:
        return
    life = leaf.not_after - leaf.not_before
    public = case.roots.public and case.verified.anchored and leaf.not_before >= SHORTENED
    if public and life > LONGEST_PUBLIC:
        words = (
            f"{leaf.place} is valid for {span(life)}; of a public authority's, Apple's clients "
            f"take at most {LONGEST_PUBLIC.days} days (support.apple.com/102028)."
        )
        fix = "Have it issued for a year or less."
        yield case.finding("long-lived-public", "low", words, fix=fix)
    elif life > LONGEST:
        words = (
            f"{leaf.place} is valid for {span(life)}; Apple's clients take {LONGEST.days} days."
        )
        fix = "Have it issued for a year or less."
        yield case.finding("long-lived", "low", words, fix=fix)
