"""Certificate extensions: RFC 5280 4.2."""

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.word import choose

OID = {  # by the short words that vendor profiles use
    "bc": "2.5.29.19",
    "ku": "2.5.29.15",
    "eku": "2.5.29.37",
    "san": "2.5.29.17",
    "ian": "2.5.29.18",
    "ski": "2.5.29.14",
    "aki": "2.5.29.35",
    "nc": "2.5.29.30",
    "policies": "2.5.29.32",
    "policymappings": "2.5.29.33",
    "policyconstraints": "2.5.29.36",
    "anypolicy": "2.5.29.54",
    "crldp": "2.5.29.31",
    "freshestcrl": "2.5.29.46",
    "aia": "1.3.6.1.5.5.7.1.1",
    "sia": "1.3.6.1.5.5.7.1.11",
    "tlsfeature": "1.3.6.1.5.5.7.1.24",  # RFC 7633
    "sct": "1.3.6.1.4.1.11129.2.4.2",  # RFC 6962 3.3
    "poison": "1.3.6.1.4.1.11129.2.4.3",
}

KEY_USAGES = {  # RFC 5280 4.2.1.3, by bit
    "digitalSignature": 0,
    "nonRepudiation": 1,
    "keyEncipherment": 2,
    "dataEncipherment": 3,
    "keyAgreement": 4,
    "keyCertSign": 5,
    "cRLSign": 6,
    "encipherOnly": 7,
    "decipherOnly": 8,
}

EXTENDED_KEY_USAGES = {  # RFC 5280 4.2.1.12
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "anyExtendedKeyUsage": "2.5.29.37.0",
}


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension; ``value`` is the content of extnValue, DER unless a fault hides there."""

    oid: str
    value: bytes
    critical: bool = False

    def der(self) -> bytes:
        """The DER Extension; critical is written only when true, being DEFAULT FALSE."""
        critical = (der.boolean(True),) if self.critical else ()
        return der.sequence(der.oid(self.oid), *critical, der.octet_string(self.value))


def basic_constraints(
    ca: bool, path_length: int | None = None, critical: bool = True
) -> Extension:
    """Say whether the subject is a CA, and how many CAs may follow (RFC 5280 4.2.1.9)."""
    fields = [der.boolean(True)] if ca else []
    if path_length is not None:
        fields.append(der.integer(path_length))
    return Extension(OID["bc"], der.sequence(*fields), critical)


def key_usage(*names: str, critical: bool = True) -> Extension:
    """What the key may do: the standard's words (RFC 5280 4.2.1.3); others raise MitmailError."""
    bits = (choose(KEY_USAGES, name, "the key usage") for name in names)
    return Extension(OID["ku"], der.named_bits(*bits), critical)


def extended_key_usage(*names: str, critical: bool = False) -> Extension:
    """Purposes, by the standard's words (RFC 5280 4.2.1.12); others raise MitmailError."""
    oids = (choose(EXTENDED_KEY_USAGES, name, "the extended key usage") for name in names)
    return Extension(OID["eku"], der.sequence(*map(der.oid, oids)), critical)


def a_label(name: str) -> str:
    """The name in ASCII; ``bücher.test`` becomes ``xn--bcher-kva.test`` (IDNA 2003).

    ASCII passes untouched, however odd it is. Raises MitmailError on what IDNA cannot convert.
    """
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise MitmailError(f"{name!r} has no IDNA form: {error}") from error


def subject_alternative_name(names: Iterable[str], critical: bool = False) -> Extension:
    """The names it is good for (RFC 5280 4.2.1.6): IP texts as iPAddress, others as dNSName."""
    general_names = (_general_name(name, _address) for name in names)
    return Extension(OID["san"], der.sequence(*general_names), critical)


def _general_name(name: str, octets: Callable[[str], bytes]) -> bytes:
    try:
        return der.context(7, octets(name), constructed=False)
    except ValueError:
        return der.context(2, a_label(name).encode("ascii"), constructed=False)


SRV_NAME = "1.3.6.1.5.5.7.8.7"  # RFC 4985


def _other_name(oid: str, value: bytes) -> bytes:
    return der.context(0, der.oid(oid) + der.context(0, value))


# RFC 5280 4.2.1.6, each as its author says; "hex" is a GeneralName as it is to stand there.
GENERAL_NAMES: dict[str, Callable[[str], bytes]] = {
    "dns": lambda text: der.context(2, a_label(text).encode("ascii"), constructed=False),
    "utf8": lambda text: der.context(2, text.encode(), constructed=False),
    "ip": lambda text: der.context(7, _address(text), constructed=False),
    "email": lambda text: der.context(1, text.encode("ascii"), constructed=False),
    "uri": lambda text: der.context(6, text.encode("ascii"), constructed=False),
    "srv": lambda text: _other_name(SRV_NAME, der.ia5(text)),
    "hex": bytes.fromhex,
}


def general_names(names: Iterable[tuple[str, str]], critical: bool = False) -> Extension:
    """A subjectAltName of names whose kind is said: ``("dns", "mail.customer.test")``.

    Kinds: dns, utf8 (a DNS name in raw UTF-8, which is wrong), ip, email, uri, srv (RFC 4985), hex
    (the DER GeneralName). Raises MitmailError on a kind or a text that cannot be written.
    """
    return Extension(OID["san"], der.sequence(*(_written(*name) for name in names)), critical)


def _written(kind: str, text: str) -> bytes:
    try:
        return choose(GENERAL_NAMES, kind, "the kind of name")(text)
    except ValueError as error:
        raise MitmailError(f"{text!r} cannot be written as {kind}: {error}") from error


def _address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def _network(text: str) -> bytes:
    network = ipaddress.ip_network(text, strict=False)
    return network.network_address.packed + network.netmask.packed


def subject_key_identifier(identifier: bytes) -> Extension:
    """Name the subject's key (RFC 5280 4.2.1.2)."""
    return Extension(OID["ski"], der.octet_string(identifier))


def authority_key_identifier(identifier: bytes) -> Extension:
    """Name the issuer's key, by keyIdentifier alone (RFC 5280 4.2.1.1)."""
    key_identifier = der.context(0, identifier, constructed=False)
    return Extension(OID["aki"], der.sequence(key_identifier))


def name_constraints(
    permitted: Iterable[str] = (), excluded: Iterable[str] = (), critical: bool = True
) -> Extension:
    """Bind a CA to names and networks: ``customer.test``, ``127.0.0.0/8`` (RFC 5280 4.2.1.10).

    A kind of name that is not listed stays unbound.
    """
    fields = (_subtrees(0, permitted), _subtrees(1, excluded))
    return Extension(OID["nc"], der.sequence(*fields), critical)


def _subtrees(number: int, bases: Iterable[str]) -> bytes:
    subtrees = b"".join(der.sequence(_general_name(base, _network)) for base in bases)
    return der.context(number, subtrees) if subtrees else b""


_OCSP = "1.3.6.1.5.5.7.48.1"  # the access methods of RFC 5280 4.2.2.1
_CA_ISSUERS = "1.3.6.1.5.5.7.48.2"


def tls_feature(*features: int) -> Extension:
    """What the server promises to do in TLS; 5 is must-staple (RFC 7633 4.1, RFC 6066 1.1)."""
    return Extension(OID["tlsfeature"], der.sequence(*map(der.integer, features)))


def crl_distribution_points(urls: Iterable[str]) -> Extension:
    """Where the issuer's one list lies, at each of these URLs (RFC 5280 4.2.1.13).

    Raises MitmailError when a URL is not ASCII.
    """
    full_name = der.context(0, b"".join(map(_uri, urls)))
    return Extension(OID["crldp"], der.sequence(der.sequence(der.context(0, full_name))))


def authority_information_access(
    ocsp: Iterable[str] = (), issuers: Iterable[str] = ()
) -> Extension:
    """URLs of the OCSP responders and of the issuer's certificate (RFC 5280 4.2.2.1).

    Raises MitmailError when a URL is not ASCII.
    """
    descriptions = (
        der.sequence(der.oid(method), _uri(url))
        for method, urls in ((_OCSP, ocsp), (_CA_ISSUERS, issuers))
        for url in urls
    )
    return Extension(OID["aia"], der.sequence(*descriptions))


def _uri(url: str) -> bytes:
    try:
        return der.context(6, url.encode("ascii"), constructed=False)
    except UnicodeError as error:
        raise MitmailError(f"the URL {url!r} is not ASCII; write it percent-encoded") from error
