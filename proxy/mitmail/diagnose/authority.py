"""Whether somebody whom the client trusts vouches for the server, and why not."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.ascent import (
    SELF_SIGNED_LEAF,
    SELF_SIGNED_ROOT,
    has_signed,
    is_named,
    names_another_key,
)
from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.finding import Severity
from mitmail.diagnose.gap import PRIVATE, STALE, without_issuer
from mitmail.diagnose.verification import (
    BAD_SIGNATURE,
    UNREADABLE,
    UNTRUSTED,
)
from mitmail.engine.verify_error import verify_word


class _Said(NamedTuple):
    id: str
    severity: Severity
    words: str
    fix: str = ""
    reason: str | None = None  # the engine's word for the number


REPLACE: Final = "The authority must replace this certificate."
# What OpenSSL says of a way whose steps are all there; {place} is the certificate it is about.
ERRORS: Final[Mapping[int, _Said]] = {
    25: _Said(
        "path-length", "critical", "{place} lets fewer authorities follow than do.", REPLACE
    ),
    32: _Said(
        "not-a-ca", "critical",
        "{place} signed another one, and its keyUsage does not let it.", REPLACE,
    ),
    34: _Said(
        "critical-extension", "critical",
        "{place} has a critical extension that OpenSSL does not know or does not take.",
        "Have it issued without that extension.", "policy",
    ),
    47: _Said(
        "name-constraint", "critical",
        "An authority above may not sign for a name of the server (nameConstraints).",
        "Have it issued by an authority that may.",
    ),
    79: _Said("not-a-ca", "critical", "{place} signed another one, and is no authority.", REPLACE),
    94: _Said(
        "explicit-curve", "high", "{place} spells its curve out in place of naming it.",
        "Make a new key on a named curve.", "malformed",
    ),
}  # fmt: skip
ERRORS_TOO: Final = {48: 47, 49: 47, 51: 47, 52: 47, 53: 47}


def authorities(case: Case) -> Findings:
    """Findings about signatures, trust and what authorities may do."""
    for number, about in case.verified.errors:
        if number in UNTRUSTED:
            yield from _untrusted(case, number, about)
        elif number == BAD_SIGNATURE:
            yield from _bad_signature(case, about)
        elif number != UNREADABLE:  # what cannot be read is said once, elsewhere
            yield from _said(case, number, about)
    if case.verified.anchored and len(case.verified.path) == 1 and case.leaf.is_self_issued:
        words = "The server's own self-signed certificate is trusted; some clients refuse it so."
        fix = "Trust an authority, and have it sign the server's certificate."
        yield case.finding("self-signed-trusted", "low", words, fix=fix)
    if case.verified.partial is not None:
        yield from _no_root(case, case.verified.partial[0])
    if case.verified.lost is not None:
        yield from _lost(case)
    if case.verified.confused is not None:
        yield from _confused(case, case.verified.confused[1])


def _no_root(case: Case, number: int) -> Findings:
    end = case.verified.end
    what, others = f'"{end.title}"', "GnuTLS takes it"
    if end == case.leaf:
        what, others = "The server's certificate itself", "GnuTLS always does"
    words = (
        f'{what} is trusted and is no root: "{end.issuer_title}" signed it, which is not among '
        f"{case.roots.words}. OpenSSL refuses that (its error {number}) unless a program allows "
        f"partial chains; {others}."
    )
    fix = f'Give the client the root, too: "{end.issuer_title}", or the one above that.'
    yield case.finding("no-root", "medium", words, fix=fix, reason="unknown-issuer")


def _lost(case: Case) -> Findings:
    path, lost = case.verified.path, case.verified.lost
    assert lost is not None
    steps = list(_steps(case))
    yield from steps
    ambiguous = next((one for one in path[:-1] if _is_ambiguous(case, one)), None)
    if not any(one.reason for one in steps) and (ambiguous or not steps):
        yield from _misled(case, ambiguous or lost[1])
    for one in path[1:]:
        if one.extension(ExtensionOID.NAME_CONSTRAINTS) is not None:
            words = (
                f"{one.place} limits the names that it signs for (nameConstraints), and whether "
                "they are kept to could not be judged on this way."
            )
            yield case.finding("constraints-not-judged", "unknown", words)


def _steps(case: Case) -> Findings:
    for below, above in pairwise(case.verified.path):
        if names_another_key(below, above):
            words = (
                f'{below.place} was signed by "{below.issuer_title}", but names another key of it '
                "(authorityKeyIdentifier); some clients refuse that."
            )
            yield case.finding(
                "key-identifier", "medium", words, fix=REPLACE, reason="unknown-issuer"
            )
        if not below.is_self_issued or below.is_self_signed:
            continue
        words = (
            f"{below.place} has its issuer's name and another key, as when an authority changes "
            "keys; "
        )
        if names_another_key(below, below):
            words += "OpenSSL 4.0 takes it for self-signed and refuses, 3.0 and others do not."
            yield case.finding("self-issued", "low", words)
        else:
            words += "OpenSSL takes it for self-signed and refuses, GnuTLS does not."
            yield case.finding(
                "self-issued", "medium", words, fix=REPLACE, reason="unknown-issuer"
            )


def _is_ambiguous(case: Case, below: Certificate) -> bool:
    """Whether another one than the signer fits, too, before its signature is looked at."""
    at_hand = (*case.chain, *map(Certificate, case.roots.certificates))
    fitting = (x for x in at_hand if is_named(x, below) and not names_another_key(below, x))
    return any(not has_signed(one, below) for one in fitting)


def _misled(case: Case, about: Certificate) -> Findings:
    words = (
        f"Several certificates at hand fit as the issuer of {about.place[0].lower()}"
        f"{about.place[1:]}: OpenSSL may take a wrong one, and refuse; clients that try each do "
        "not."
    )
    fix = "Send the certificates that lead to the root, and no others."
    yield case.finding("misleading", "medium", words, fix=fix, reason="unknown-issuer")


def _confused(case: Case, about: Certificate) -> Findings:
    words = (
        f'Two authorities called "{about.issuer_title}" are at hand, and only one of them signed '
        f"{about.place[0].lower()}{about.place[1:]}: some clients take the wrong one and give up."
    )
    fix = "Remove the old one from the client."
    yield case.finding("two-namesakes", "medium", words, fix=fix)


def _said(case: Case, number: int, about: Certificate) -> Findings:
    known = ERRORS.get(ERRORS_TOO.get(number, number))
    if known is None:
        words = f"OpenSSL refuses {about.place[0].lower()}{about.place[1:]} (its error {number})."
        yield case.finding("refused", "high", words, reason=verify_word(number))
        return
    severity = known.severity
    if case.is_anchor(about) and severity == "critical":
        severity = "high"
    words = known.words.format(place=about.place)
    reason = known.reason or verify_word(number)
    yield case.finding(known.id, severity, words, fix=known.fix, reason=reason)


def _bad_signature(case: Case, about: Certificate) -> Findings:
    words = (
        f'{about.place} was not signed with the key of "{about.issuer_title}" that is at hand: it '
        "was altered, or that is an older or another authority of the same name."
    )
    fix = f"{STALE} Else: put the right issuer's certificate on the server."
    yield case.finding("bad-signature", "critical", words, fix=fix, reason="bad-signature")


def _untrusted(case: Case, number: int, end: Certificate) -> Findings:
    if number == SELF_SIGNED_LEAF:
        words = "The server's certificate is self-signed: nobody vouches for it."
        fix = "Have it signed by an authority that clients know."
        yield case.finding("self-signed", "critical", words, fix=fix, reason="self-signed")
    elif number == SELF_SIGNED_ROOT:
        words = f'The root "{end.title}" is not among {case.roots.words}.'
        yield case.finding(
            "untrusted-root", "critical", words, fix=PRIVATE, reason="unknown-issuer"
        )
    else:
        yield from without_issuer(case, end)
