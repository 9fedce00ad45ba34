"""Certification authorities: a CA certificate and the key that signs for it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from mitmail.pki import der, extension
from mitmail.pki.certificate import Recipe, make, parse, random_serial
from mitmail.pki.extension import Extension
from mitmail.pki.key import Key, key_id, spki
from mitmail.pki.name import distinguished_name

_LONGEST_COMMON_NAME = 64  # characters; ub-common-name of RFC 5280 appendix A.1


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA: its certificate (DER) and its key."""

    certificate: bytes
    key: Key

    @property
    def subject(self) -> bytes:
        """The raw subject, which is the issuer of what it signs."""
        return parse(self.certificate).subject

    @property
    def key_id(self) -> bytes:
        """What an authorityKeyIdentifier repeats: its subjectKeyIdentifier, else the key's own."""
        found = parse(self.certificate).extension(extension.OID["ski"])
        with suppress(der.DerError):  # a faulty CA may carry anything there
            return der.read(found.value).content if found else key_id(self.key)
        return key_id(self.key)

    def intermediate(
        self,
        subject: bytes,
        key: Key,
        not_before: datetime,
        not_after: datetime,
        path_length: int | None = 0,
    ) -> "Authority":
        """A good CA below this one (RFC 5280 4.2.1); ``path_length`` more may follow it."""
        extensions = (
            extension.basic_constraints(True, path_length),
            extension.key_usage("keyCertSign", "cRLSign"),
            extension.subject_key_identifier(key_id(key)),
            extension.authority_key_identifier(self.key_id),
        )
        return Authority(self.sign(subject, key, not_before, not_after, extensions), key)

    def leaf(
        self,
        key: Key,
        *,
        names: Sequence[str],
        subject: bytes | None = None,
        not_before: datetime,
        not_after: datetime,
    ) -> bytes:
        """A good TLS server certificate (DER) for ``names``; no names, no subjectAltName.

        Without a subject, CN is the first name that fits its 64 characters; when none does the
        subject is empty and the subjectAltName critical (RFC 5280 4.1.2.6). Below a CA bound to
        DNS names give a subject when all names are addresses: OpenSSL takes the address in CN
        for a DNS name then (measured: error 47).
        """
        if subject is None:
            subject = _common_name(names)
        usages = ["digitalSignature"] + ["keyEncipherment"] * isinstance(key, rsa.RSAPrivateKey)
        extensions = [
            extension.key_usage(*usages),
            extension.extended_key_usage("serverAuth"),
            extension.basic_constraints(False),
            extension.subject_key_identifier(key_id(key)),
            extension.authority_key_identifier(self.key_id),
        ]
        if names:
            critical = subject == der.sequence()
            extensions.append(extension.subject_alternative_name(names, critical))
        return self.sign(subject, key, not_before, not_after, tuple(extensions))

    def sign(
        self,
        subject: bytes,
        key: Key,
        not_before: datetime,
        not_after: datetime,
        extensions: tuple[Extension, ...],
    ) -> bytes:
        """The certificate (DER) of a key below this CA, with just these extensions."""
        recipe = Recipe(
            subject=subject,
            issuer=self.subject,
            not_before=not_before,
            not_after=not_after,
            spki=spki(key),
            extensions=extensions,
        )
        return make(recipe, self.key)


def _common_name(names: Sequence[str]) -> bytes:
    fitting = (name for name in map(extension.a_label, names) if len(name) <= _LONGEST_COMMON_NAME)
    return distinguished_name([("CN", name) for name in fitting][:1])


def root_extensions(key: Key) -> tuple[Extension, ...]:
    """Those of a clean modern root: basicConstraints and keyUsage critical, its own key's name."""
    return (
        extension.basic_constraints(True),
        extension.key_usage("keyCertSign", "cRLSign"),
        extension.subject_key_identifier(key_id(key)),
    )


def make_root(
    subject: bytes,
    key: Key,
    not_before: datetime,
    not_after: datetime,
    *,
    extensions: tuple[Extension, ...] | None = None,
    serial: int | bytes | None = None,
    hash: str = "sha256",  # noqa: A002 - as everywhere here
) -> Authority:
    """A self-signed CA; ``extensions`` None means those of ``root_extensions``."""
    recipe = Recipe(
        subject=subject,
        issuer=subject,
        not_before=not_before,
        not_after=not_after,
        spki=spki(key),
        serial=random_serial() if serial is None else serial,
        hash=hash,
        extensions=root_extensions(key) if extensions is None else extensions,
    )
    return Authority(make(recipe, key), key)
