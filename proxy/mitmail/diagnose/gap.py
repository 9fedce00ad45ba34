"""Where the way up ends before a root: what was not sent, and what may have been."""

from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from mitmail.diagnose.ascent import has_signed, is_named
from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.roots import public
from mitmail.diagnose.verification import verify

WHOLE: Final = "Look at the whole chain: openssl s_client -connect HOST:PORT -showcerts"
SEND: Final = (
    "Configure the server to send the whole chain (the authority calls it fullchain or bundle)."
)
UPDATE: Final = "Nothing is wrong with the server: update the client, or its list of authorities."
STALE: Final = (
    "After an antivirus was installed again: remove its old root from the client, and import the "
    "present one."
)
PRIVATE: Final = "If it is the provider's own authority, the client must be given its root."


def without_issuer(case: Case, end: Certificate) -> Findings:
    """Findings about the last certificate of such a way."""
    roots = [Certificate(der) for der in case.roots.certificates]
    namesakes = [x for x in (*case.chain, *roots) if x != end and is_named(x, end)]
    if end.problem:
        return  # OpenSSL finds no issuer for what it cannot read (measured: error 20)
    if any(has_signed(one, end) for one in namesakes):
        words = (
            f'{end.place} was signed by "{end.issuer_title}", and no way was found from there to '
            f"any of {case.roots.words}."
        )
        yield case.finding(
            "unknown-issuer", "critical", words, fix=PRIVATE, reason="unknown-issuer"
        )
    elif namesakes:
        words = (
            f'{end.place} was signed by "{end.issuer_title}", and the one of that name that is at '
            "hand has another key."
        )
        fix = f"{STALE} Else: send the intermediate certificate that did sign."
        yield case.finding("namesake", "critical", words, fix=fix, reason="unknown-issuer")
    elif root := _public_root(case, end):
        words = (
            f'{end.place} was signed by "{root.title}", a public root that is not among '
            f"{case.roots.words}: whoever trusts these alone does not know it."
        )
        yield case.finding(
            "unknown-issuer", "critical", words, fix=UPDATE, reason="unknown-issuer"
        )
    elif not case.presented.is_whole and end.der in case.presented.chain:
        words, fix = _not_shown(case, end)
        yield case.finding("issuer-not-shown", "unknown", words, fix=fix)
    else:
        yield from _missing(case, end)


def _public_root(case: Case, end: Certificate) -> Certificate | None:
    roots = () if case.roots.public else map(Certificate, public().certificates)
    return next((x for x in roots if is_named(x, end) and has_signed(x, end)), None)


def _not_shown(case: Case, end: Certificate) -> tuple[str, str]:
    """Of a text with a gap: what the server sends there is unknown."""
    listed, held = case.presented.listed, len(case.presented.chain)
    signed = f'was signed by "{end.issuer_title}"'
    if case.presented.only_leaf:
        words = (
            f"It {signed}. Whether the server sends that certificate does not show here: this is "
            "the server's own alone."
        )
        return words, WHOLE
    if listed is not None and listed > held:
        words = (
            f"{end.place} {signed}, whose certificate is not in this text. That is no fault of "
            f"the server, for all that is known: its listing shows {listed} certificates, and the "
            f"text holds {held} of them."
        )
        return words, f"Paste all of it again. {WHOLE}"
    words = (
        f"{end.place} {signed}, whose certificate is not in this text. Whether the server sends "
        "it is unknown: a file that was saved may hold less than was sent."
    )
    return words, WHOLE


def _missing(case: Case, end: Certificate) -> Findings:
    words = f'{end.place} was signed by "{end.issuer_title}", whose certificate was not sent'
    if link := _published(end):
        words += f" (its authority publishes it at {link})"
    if _completes(case):
        words += ": it is in this text, and the listing shows that the server does not send it."
        yield case.finding(
            "incomplete-chain", "critical", words, fix=SEND, reason="incomplete-chain"
        )
        return
    logged = end.extension(ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS) is not None
    if end == case.leaf and logged:
        # Authorities that log (RFC 6962) never sign with a root (CA/B BR 6.1.7).
        yield case.finding(
            "incomplete-chain", "critical", f"{words}.", fix=SEND, reason="incomplete-chain"
        )
        return
    words += f"; it is not among {case.roots.words}."
    yield case.finding(
        "unknown-issuer", "critical", words, fix=f"{SEND} {PRIVATE}", reason="unknown-issuer"
    )


def _completes(case: Case) -> bool:
    """Whether what somebody has put beside the server's own makes the way whole."""
    besides = [Certificate(der) for der in case.presented.besides]
    return bool(besides) and verify(case.chain, case.roots, case.at, also=besides).anchored


def _published(one: Certificate) -> str:
    said = one.extension(ExtensionOID.AUTHORITY_INFORMATION_ACCESS)
    if said is None or not isinstance(said.value, x509.AuthorityInformationAccess):
        return ""
    for each in said.value:
        where = each.access_location
        issuer = each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        if issuer and isinstance(where, x509.UniformResourceIdentifier):
            return "".join(c for c in where.value if c.isprintable())
    return ""
