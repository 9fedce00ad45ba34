"""Evidence for the record: what was presented, and the sessions as ``serve`` tells them."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mitmail.errors import MitmailError
from mitmail.judge.attack import ORDER
from mitmail.judge.bench import Hearing
from mitmail.pki import name
from mitmail.pki.certificate import Parsed, parse, sha256
from mitmail.service import record

# What cryptography says of a certificate that is broken on purpose.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, OverflowError)


def sessions(hearing: Hearing) -> list[Mapping[str, Any]]:
    """The records of the sessions that came to a verdict."""
    return [
        record.verdict(hearing.served, number, session)
        for number, session in enumerate(hearing.sessions, 1)
        if session.verdict is not None
    ]


def finding(hearing: Hearing) -> dict[str, Any] | None:
    """What an attack on the dialogue came to, what decides first; None where there was none."""
    findings = [x.finding for x in hearing.sessions if x.finding is not None]
    found = min(findings, key=lambda x: ORDER.index(x.finding), default=None)
    if found is None:
        return None
    return {
        "finding": found.finding,
        "certainty": found.certainty,
        "evidence": found.evidence,
        "trace": found.trace,
    }


def chain(hearing: Hearing) -> list[Mapping[str, Any]]:
    """What the client was shown, leaf first; the last session that showed something counts."""
    shown = [x.presented.identity for x in hearing.sessions if x.presented.identity is not None]
    return [_described(each) for each in shown[-1].chain] if shown else []


def _described(certificate: bytes) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(
        ("subject", "issuer", "not_before", "not_after", "key", "signature")
    )
    found |= {"names": [], "sha256": sha256(certificate)}
    with suppress(MitmailError):  # a certificate may be broken on purpose
        found |= _fields(parse(certificate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for field, read in _READ.items():
            with suppress(*UNREADABLE):
                found[field] = read(certificate)
    return found


def _fields(said: Parsed) -> dict[str, Any]:
    return {
        "subject": name.text(said.subject),
        "issuer": name.text(said.issuer),
        "not_before": _moment(said.not_before),
        "not_after": _moment(said.not_after),
        "key": _key(said.spki),
    }


def _moment(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def _key(spki: bytes) -> str | None:
    with suppress(*UNREADABLE):
        key = load_der_public_key(spki)
        match key:
            case rsa.RSAPublicKey():
                return f"RSA {key.key_size}"
            case ec.EllipticCurvePublicKey():
                return f"EC {key.curve.name}"
            case _:
                return type(key).__name__.lstrip("_").removesuffix("PublicKey")
    return None


def _signature(certificate: bytes) -> str:
    said = x509.load_der_x509_certificate(certificate).signature_algorithm_oid
    return said._name if said._name != "Unknown OID" else said.dotted_string


def _names(certificate: bytes) -> list[str]:
    extensions = x509.load_der_x509_certificate(certificate).extensions
    try:
        said = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(each.value) for each in said]


_READ: Mapping[str, Callable[[bytes], Any]] = {"signature": _signature, "names": _names}
