"""The OCSP response that the server sends along, and whether it has to."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.case import Case, Findings, day
from mitmail.engine.certificate import UNREADABLE
from mitmail.engine.revocation import is_authentic, is_revoked

REFRESH = "Have the server fetch a new response; it does so by itself where stapling is set up."


def staples(case: Case) -> Findings:
    """Findings about the stapled response."""
    staple = case.presented.staple
    if staple is None:
        yield from _missing(case)
        return
    issuers = (*case.presented.chain[1:], *(one.der for one in case.verified.path[1:]))
    if is_revoked(staple, case.leaf.der, issuers):
        words = "The server's certificate has been revoked, says its stapled OCSP response."
        fix = "Install the certificate that the authority issued in its place."
        yield case.finding("revoked", "critical", words, fix=fix, reason="revoked")
    elif why := _unfit(case, staple, issuers):
        words = f"The stapled OCSP response is of no use: {why}; Thunderbird refuses that."
        yield case.finding("bad-staple", "high", words, fix=REFRESH, reason="policy")


def _missing(case: Case) -> Findings:
    said = case.leaf.extension(ExtensionOID.TLS_FEATURE)
    if said is None or not isinstance(said.value, x509.TLSFeature):
        return
    words = "The certificate demands a stapled OCSP response (must-staple)"
    if case.presented.port is None:
        words += "; whether the server sends one does not show here."
        fix = "Ask the server itself: mitmail check HOST:PORT"
        yield case.finding("must-staple", "unknown", words, fix=fix)
        return
    fix = "Switch OCSP stapling on, or have it issued without must-staple."
    words += ", and none came."
    yield case.finding("must-staple", "high", words, fix=fix, reason="policy")


def _unfit(case: Case, staple: bytes, issuers: tuple[bytes, ...]) -> str:
    try:
        found = ocsp.load_der_ocsp_response(staple)
        if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return f"it says {found.response_status.name.lower().replace('_', ' ')}"
        of_ours = [x for x in found.responses if case.leaf.read and x.serial_number
                   == case.leaf.read.serial_number]  # fmt: skip
        if not of_ours:
            return "it is about another certificate"
        one = of_ours[0]
        if one.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            return "the authority does not know the certificate"
        if one.next_update_utc is not None and one.next_update_utc < case.at:
            return f"it was good until {day(one.next_update_utc)}"
        if one.this_update_utc > case.at:
            return f"it is good from {day(one.this_update_utc)} on"
        if is_authentic(staple, case.leaf.der, issuers) is False:
            return "neither the authority nor anybody in its charge signed it"
    except (UnsupportedAlgorithm, *UNREADABLE):
        return "it cannot be read"
    return ""
