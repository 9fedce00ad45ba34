"""Ordinary certificates: chains as public and corporate authorities shape them, with own keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from mitmail.pki import der, extension
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import Recipe, make, random_serial
from mitmail.pki.extension import Extension
from mitmail.pki.key import Key, key_id, spki
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import Attribute, distinguished_name
from mitmail.scenario.hostname import kind_of

NOW = datetime.now(UTC).replace(microsecond=0)
HOST = "mail.customer.test"
KEYS = KeyPool()

type Name = tuple[Attribute, ...]


@dataclass(frozen=True)
class Shape:
    """How an authority makes a chain; ``inside`` are the words of what its leaves speak of.

    ``sent``: i the intermediate, r the root. ``serial`` is in octets.
    """

    id: str
    root: Name
    issuer: Name | None
    key: str = "ec256"
    days: int = 90
    inside: tuple[str, ...] = ("aia", "policies", "sct")
    subject: Name = (("CN", HOST),)
    sent: str = "i"
    serial: int = 18
    client: bool = False


def name(*attributes: str) -> Name:
    """``name("C=US", "O=DigiCert Inc")``"""
    pairs = (text.partition("=") for text in attributes)
    return tuple((kind, text) for kind, _, text in pairs)


_ISRG = name("C=US", "O=Internet Security Research Group", "CN=ISRG Root X1")
_DIGICERT = name("C=US", "O=DigiCert Inc", "OU=www.digicert.com", "CN=DigiCert Global Root G2")
_SECTIGO = name("C=US", "ST=New Jersey", "L=Jersey City", "O=The USERTRUST Network",
                "CN=USERTrust RSA Certification Authority")  # fmt: skip
_GLOBALSIGN = name("OU=GlobalSign Root CA - R3", "O=GlobalSign", "CN=GlobalSign")
_AMAZON = name("C=US", "O=Amazon", "CN=Amazon Root CA 1")
_GOOGLE = name("C=US", "O=Google Trust Services LLC", "CN=GTS Root R1")
_ENTRUST = name("C=US", "O=Entrust, Inc.", "CN=Entrust Root Certification Authority - G2")
_TELEKOM = name("C=DE", "O=T-Systems Enterprise Services GmbH", "CN=T-TeleSec GlobalRoot Class 2")
_ACTALIS = name("C=IT", "L=Milan", "O=Actalis S.p.A./03358520967",
                "CN=Actalis Authentication Root CA")  # fmt: skip
_ZEROSSL = name("C=AT", "O=ZeroSSL", "CN=ZeroSSL RSA Domain Secure Site CA")
_HARICA = name("C=GR", "O=Hellenic Academic and Research Institutions CA",
               "CN=HARICA TLS RSA Root CA 2021")  # fmt: skip
_OV = name("C=DE", "ST=Bayern", "L=Nürnberg", "O=Kunde GmbH", f"CN={HOST}")
_CRL = ("aia", "crldp", "policies", "sct")

PUBLIC = (
    *(Shape(f"letsencrypt-{x}", _ISRG, name("C=US", "O=Let's Encrypt", f"CN={x}"), key=key)
      for x, key in (("R10", "rsa2048"), ("R11", "rsa2048"), ("E5", "ec256"), ("E6", "ec384"))),
    Shape("letsencrypt-6-days", _ISRG, name("C=US", "O=Let's Encrypt", "CN=E7"), days=6),
    Shape("letsencrypt-root-sent", _ISRG, name("C=US", "O=Let's Encrypt", "CN=R12"), sent="ir"),
    Shape("digicert-ov", _DIGICERT, name("C=US", "O=DigiCert Inc", "CN=DigiCert Global G2 TLS RSA "
          "SHA256 2020 CA1"), key="rsa2048", days=365, inside=_CRL, subject=_OV, serial=16,
          client=True),
    Shape("digicert-ev", _DIGICERT, name("C=US", "O=DigiCert Inc", "CN=DigiCert EV RSA CA G2"),
          key="rsa2048", days=390, inside=_CRL, subject=_OV, serial=16),
    Shape("digicert-geotrust", _DIGICERT, name("C=US", "O=DigiCert Inc", "CN=GeoTrust TLS RSA CA "
          "G1"), key="rsa2048", days=200, inside=_CRL, serial=16, client=True),
    Shape("digicert-ec", _DIGICERT, name("C=US", "O=DigiCert Inc", "CN=DigiCert TLS Hybrid ECC "
          "SHA384 2020 CA1"), days=365, inside=_CRL, serial=16),
    *(Shape(f"sectigo-{kind}", _SECTIGO, name("C=GB", "ST=Greater Manchester", "L=Salford",
            "O=Sectigo Limited", f"CN=Sectigo {kind} Secure Server CA"), key=key, days=365,
            serial=16, client=True)
      for kind, key in (("RSA Domain Validation", "rsa2048"), ("ECC Domain Validation", "ec256"),
                        ("RSA Organization Validation", "rsa2048"))),
    *(Shape(f"globalsign-{kind}", _GLOBALSIGN, name("C=BE", "O=GlobalSign nv-sa",
            f"CN=GlobalSign {kind}"), key="rsa2048", days=390, inside=_CRL, serial=12, client=True)
      for kind in ("RSA OV SSL CA 2018", "GCC R3 DV TLS CA 2020", "Atlas R3 DV TLS CA 2025 Q1")),
    *(Shape(f"amazon-{x}", _AMAZON, name("C=US", "O=Amazon", f"CN=Amazon RSA 2048 {x}"),
            key="rsa2048", days=394, inside=_CRL, serial=16) for x in ("M01", "M02", "M04")),
    *(Shape(f"google-{x}", _GOOGLE, name("C=US", "O=Google Trust Services", f"CN={x}"),
            days=84, inside=_CRL, serial=17) for x in ("WR2", "WE1", "WE2", "GTS CA 1P5")),
    Shape("entrust", _ENTRUST, name("C=US", "O=Entrust, Inc.", "OU=(c) 2012 Entrust, Inc.",
          "CN=Entrust Certification Authority - L1K"), key="rsa2048", days=395, inside=_CRL,
          subject=_OV, serial=16),
    Shape("telekom", _TELEKOM, name("C=DE", "O=Deutsche Telekom Security GmbH",
          "CN=Telekom Security ServerID OV Class 2 CA"), key="rsa2048", days=365, inside=_CRL,
          subject=_OV, serial=16),
    Shape("actalis", _ACTALIS, name("C=IT", "ST=Bergamo", "L=Ponte San Pietro",
          "O=Actalis S.p.A.", "CN=Actalis Domain Validation Server CA G3"), key="rsa2048",
          days=365, inside=_CRL, serial=16),
    Shape("gandi", _SECTIGO, name("C=FR", "O=Gandi SAS", "CN=GandiCert"), key="rsa2048",
          days=365, serial=16, client=True),
    Shape("positive-ssl", _SECTIGO, name("C=GB", "O=COMODO CA Limited", "CN=COMODO RSA Domain "
          "Validation Secure Server CA"), key="rsa2048", days=365, inside=_CRL, serial=16),
    *(Shape(f"buypass-{key}", name("C=NO", "O=Buypass AS-983163327", "CN=Buypass Class 2 Root CA"),
            name("C=NO", "O=Buypass AS-983163327", "CN=Buypass Class 2 CA 5"), key=key, days=180,
            inside=_CRL, serial=10) for key in ("rsa2048", "ec256")),
    Shape("zerossl", _SECTIGO, _ZEROSSL, key="rsa2048", serial=16),
    Shape("harica", _HARICA, name("C=GR", "O=Hellenic Academic and Research Institutions CA",
          "CN=GEANT TLS RSA 1"), key="rsa2048", days=365, inside=_CRL, subject=_OV, serial=16),
)  # fmt: skip
CORPORATE = (
    *(Shape(f"microsoft-{x}", name("CN=corp-DC01-CA"), None, key="rsa2048",
            days=730, inside=("aia", "crldp"), sent=x, serial=19) for x in ("", "r")),
    *(Shape(f"corporate-bare-{key}", name("C=DE", "O=Kunde GmbH", "CN=Kunde GmbH Root CA"), None,
            key=key, days=825, inside=(), serial=16) for key in ("rsa2048", "ec256")),
    *(Shape(f"corporate-tiered-{x}", name("O=Acme Corp", "CN=Acme Root CA G1"),
            name("O=Acme Corp", f"CN=Acme {x} CA"), key="rsa2048", days=365, inside=("crldp",),
            serial=16) for x in ("Issuing", "Web Proxy", "TLS Inspection Test")),
    Shape("plesk", name("C=CH", "L=Schaffhausen", "O=Plesk", "CN=Plesk"), None, key="rsa2048",
          days=365, inside=(), serial=4),
    Shape("cpanel", name("CN=cPanel, Inc. Certification Authority"), None, key="rsa2048",
          inside=(), serial=16),
    Shape("dovecot", name("OU=IMAP server", "CN=imap.example.com"), None, inside=(), serial=20),
    Shape("synology", name("C=TW", "L=Taipei", "O=Synology Inc.", "CN=Synology Inc. CA"), None,
          key="rsa2048", inside=(), serial=16),
    Shape("zimbra", name("O=CA", "CN=mail.customer.test"), None, key="rsa2048", inside=(),
          serial=6),
    Shape("easy-rsa", name("CN=Easy-RSA CA"), None, key="rsa2048", days=825, inside=(),
          serial=16),
    Shape("step-ca", name("O=Home", "CN=Home Root CA"), name("O=Home", "CN=Home Intermediate CA"),
          days=1, inside=(), serial=16),
    Shape("antivirus-makers-own-mail", _DIGICERT, name("C=US", "O=DigiCert Inc",
          "CN=DigiCert SHA2 Secure Server CA"), key="rsa2048", days=365, inside=_CRL,
          subject=name("C=US", "ST=California", "L=Sunnyvale", "O=Fortinet, Inc.",
                       "CN=mail.fortinet.test"), serial=16),
    Shape("nortons-own-mail", _DIGICERT, name("C=US", "O=DigiCert Inc", "CN=DigiCert EV CA"),
          key="rsa2048", days=365, inside=_CRL, serial=16,
          subject=name("C=US", "O=Gen Digital Inc.", "CN=Norton Web/Mail Shield Support")),
    Shape("a-shield-of-another-kind", name("O=Shield Mutual", "CN=Shield Mutual Mail Root"), None,
          key="rsa2048", inside=(), serial=16),
    Shape("city-of-eset", name("C=SK", "O=Mesto Eset", "CN=Mesto CA"), None, key="rsa2048",
          inside=(), serial=16),
    Shape("fortinet-in-the-unit", name("O=Kunde GmbH", "OU=Fortinet Admins", "CN=Kunde Mail CA"),
          None, key="rsa2048", inside=(), serial=16),
)  # fmt: skip
ORDINARY = {shape.id: shape for shape in (*PUBLIC, *CORPORATE)}


def key(kind: str, slot: str = "shared-leaf") -> Key:
    """A key; those of one slot are the same."""
    return KEYS.get(kind, slot)


@cache
def root(subject: Name) -> Authority:
    """The root of this name, once and for all."""
    written = distinguished_name(subject)
    times = NOW - timedelta(days=3000), NOW + timedelta(days=3000)
    return make_root(written, key("ec256", f"root-{subject}"), *times)


@cache
def issuer(shape: Shape) -> Authority:
    """Who signs a shape's leaves."""
    above = root(shape.root)
    if shape.issuer is None:
        return above
    times = NOW - timedelta(days=1000), NOW + timedelta(days=1000)
    own = key("ec256", f"issuer-{shape.issuer}")
    return above.intermediate(distinguished_name(shape.issuer), own, *times)


def published(shape: Shape) -> str:
    """Where that one's own certificate is published; each has a place of its own."""
    return f"http://ca.authority.test/{issuer(shape).key_id.hex()}.cer"


def leaf(
    shape: Shape,
    *,
    names: Sequence[str] = (HOST,),
    since: timedelta = timedelta(days=-1),
    slot: str = "shared-leaf",
) -> bytes:
    """A leaf of this shape, valid from ``since``."""
    own = key(shape.key, slot)
    recipe = Recipe(
        subject=distinguished_name(shape.subject),
        issuer=issuer(shape).subject,
        not_before=NOW + since,
        not_after=NOW + since + timedelta(days=shape.days) - timedelta(seconds=1),
        spki=spki(own),
        serial=random_serial(shape.serial),
        extensions=tuple(_extensions(shape, own, names)),
    )
    return make(recipe, issuer(shape).key)


def _extensions(shape: Shape, own: Key, names: Sequence[str]) -> Iterator[Extension]:
    yield extension.key_usage("digitalSignature", "keyEncipherment")
    yield extension.extended_key_usage("serverAuth", *["clientAuth"] * shape.client)
    yield extension.basic_constraints(False)
    yield extension.subject_key_identifier(key_id(own))
    yield extension.authority_key_identifier(issuer(shape).key_id)
    if "aia" in shape.inside:
        yield extension.authority_information_access(
            ["http://ocsp.authority.test"],
            [published(shape)],
        )
    yield extension.general_names(map(kind_of, names))
    if "policies" in shape.inside:
        domain_validated = der.sequence(der.sequence(der.oid("2.23.140.1.2.1")))
        yield Extension("2.5.29.32", domain_validated)
    if "crldp" in shape.inside:
        yield extension.crl_distribution_points(["http://crl.authority.test/issuer.crl"])
    if "must-staple" in shape.inside:
        yield extension.tls_feature(5)
    if "sct" in shape.inside:
        yield Extension("1.3.6.1.4.1.11129.2.4.2", der.octet_string(_scts(spki(own))))


def _scts(of: bytes) -> bytes:
    """A list with one SCT (RFC 6962, 3.2 and 3.3) that no log has signed."""
    log, signed = sha256(b"a log").digest(), sha256(of).digest()
    when = int(NOW.timestamp() * 1000).to_bytes(8)
    sct = b"\0" + log + when + b"\0\0" + b"\4\3" + len(signed).to_bytes(2) + signed
    listed = len(sct).to_bytes(2) + sct
    return len(listed).to_bytes(2) + listed


def above(shape: Shape) -> tuple[bytes, ...]:
    """What is sent above a leaf of this shape."""
    sent = []
    if "i" in shape.sent and shape.issuer is not None:
        sent.append(issuer(shape).certificate)
    if "r" in shape.sent:
        sent.append(root(shape.root).certificate)
    return tuple(sent)


def chain(shape: Shape, **changes: object) -> tuple[bytes, ...]:
    """A chain as it is sent; ``changes`` are those of ``leaf``."""
    return (leaf(shape, **changes), *above(shape))  # type: ignore[arg-type] # passed on


def public_roots() -> tuple[bytes, ...]:
    """The roots of all public shapes."""
    return tuple(dict.fromkeys(root(shape.root).certificate for shape in PUBLIC))


def renamed(shape: Shape, **changes: object) -> Shape:
    """The shape with something else in it."""
    return replace(shape, **changes)  # type: ignore[arg-type] # passed on
