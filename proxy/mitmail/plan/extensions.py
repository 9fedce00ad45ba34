"""The extensions of one certificate: those of a good one in its place, but for what is said."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mitmail.pki import extension
from mitmail.pki.extension import OID, Extension
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.hostname import kind_of

# Private enterprise number 32473 is kept for documentation (RFC 5612).
PADDING = "1.3.6.1.4.1.32473.1"
STATUS_REQUEST = 5  # the TLS extension that must-staple certificates name (RFC 7633 section 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the extensions of a certificate speak of.

    ``names`` are those of subjectAltName, filled in; ``issuer_key_id`` is None where the
    certificate is signed by its own key.
    """

    names: tuple[str, ...]
    empty: bool
    key_id: bytes
    issuer_key_id: bytes | None


def extensions(said: Certificate, subject: Subject) -> tuple[Extension, ...]:
    """The extensions, in the usual order; raises MitmailError on a name that cannot be written."""
    good = {word: make(said, subject) for word, make in _MAKERS.items() if word not in said.omit}
    found = [_as_said(said, word, made) for word, made in good.items() if made is not None]
    found += [_as_said(said, w, Extension(OID[w], b"")) for w in said.raw if not good.get(w)]
    found += [Extension(x.oid, bytes.fromhex(x.value), x.critical) for x in said.add]
    if said.padding:
        found.append(Extension(PADDING, bytes(said.padding)))
    return tuple(found)


def _as_said(said: Certificate, word: str, made: Extension) -> Extension:
    if word in said.raw:
        made = replace(made, value=bytes.fromhex(said.raw[word]))
    if word in said.critical or word in said.not_critical:
        made = replace(made, critical=word in said.critical)
    return made


def _key_usage(said: Certificate, subject: Subject) -> Extension | None:
    return None if said.key_usage is None else extension.key_usage(*said.key_usage)


def _extended_key_usage(said: Certificate, subject: Subject) -> Extension | None:
    purposes = said.extended_key_usage
    return None if purposes is None else extension.extended_key_usage(*purposes)


def _basic_constraints(said: Certificate, subject: Subject) -> Extension | None:
    return extension.basic_constraints(bool(said.ca), said.path_length)


def _name_constraints(said: Certificate, subject: Subject) -> Extension | None:
    limits = said.name_constraints
    if limits is None:
        return None
    return extension.name_constraints(limits.permitted, limits.excluded, limits.critical)


def _tls_feature(said: Certificate, subject: Subject) -> Extension | None:
    return extension.tls_feature(STATUS_REQUEST) if said.must_staple else None


def _authority(said: Certificate, subject: Subject) -> Extension | None:
    identifier = subject.issuer_key_id
    return None if identifier is None else extension.authority_key_identifier(identifier)


def _names(said: Certificate, subject: Subject) -> Extension | None:
    if not subject.names:
        return None
    return extension.general_names(map(kind_of, subject.names), critical=subject.empty)


_MAKERS: dict[str, Callable[[Certificate, Subject], Extension | None]] = {
    "ku": _key_usage,
    "eku": _extended_key_usage,
    "bc": _basic_constraints,
    "ski": lambda said, subject: extension.subject_key_identifier(subject.key_id),
    "aki": _authority,
    "nc": _name_constraints,
    "tlsfeature": _tls_feature,
    "san": _names,
}
