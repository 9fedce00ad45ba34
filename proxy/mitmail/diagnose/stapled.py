"""The OCSP response that a server stapled, as a scenario file says it."""

from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from mitmail.diagnose.duration import offsets
from mitmail.diagnose.kinship import holds, signed_by
from mitmail.diagnose.specimen import Specimen, read
from mitmail.errors import MitmailError
from mitmail.pki import der

_STATUS: Final = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


def stapled(
    response: bytes, leaf: Specimen, issuer: bytes | None, at: datetime
) -> dict[str, Any] | None:
    """What a file has to say of a response (DER), where a good one differs; None: unreadable.

    ``issuer`` is the SubjectPublicKeyInfo of the leaf's issuer; without it, nobody can tell who
    signed, and the issuer is taken to have.
    """
    try:
        found = ocsp.load_der_ocsp_response(response)
        if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return {"status": "try-later"}
        return _said(found, leaf, issuer, at)
    except (ValueError, MitmailError):
        return None


def _said(
    found: ocsp.OCSPResponse, leaf: Specimen, issuer: bytes | None, at: datetime
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    status = _STATUS[found.certificate_status]
    if status != "good":
        said["status"] = status
    start, end = found.this_update_utc, found.next_update_utc
    if start > at or (end is not None and end <= at):
        said |= offsets(at, this_update=start, next_update=end)
    if issuer is not None and (signer := _signer(found, issuer)) != "issuer":
        said["signer"] = signer
    if found.serial_number != int.from_bytes(leaf.fields.serial, signed=True):
        said["about"] = "other"
    return said


def _signer(found: ocsp.OCSPResponse, issuer: bytes) -> str:
    algorithm = der.sequence(der.oid(found.signature_algorithm_oid.dotted_string))
    signed, signature = found.tbs_response_bytes, found.signature
    if holds(algorithm, signed, signature, issuer) is not False:
        return "issuer"
    for each in found.certificates:
        responder = read(each.public_bytes(Encoding.DER))
        if not signed_by(responder, issuer):
            continue
        if holds(algorithm, signed, signature, responder.fields.spki):
            return "delegate" if _may_respond(each) else "upstart"
    return "stranger"


def _may_respond(responder: x509.Certificate) -> bool:
    try:
        usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage
