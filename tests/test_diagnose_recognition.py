"""Antivirus and gateway products are recognised by what they sign, and nobody else for one."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509

import ordinary
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.recognition import Recognition, recognise
from mitmail.diagnose.roots import Roots
from mitmail.interception import Popup
from mitmail.pki import extension
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import Recipe, parse
from mitmail.pki.certificate import make as make_certificate
from mitmail.pki.identity import Identity
from mitmail.pki.key import key_id, spki
from mitmail.pki.name import distinguished_name
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.scenario import loader

# What a shield finds upstream, and which of the product's authorities signs for it then.
OFTEN_MET = [
    ("norton", (), "trusted"), ("norton", ("unknown-issuer",), "untrusted"),
    ("norton", ("self-signed",), "self-signed"), ("avast", (), "trusted"),
    ("eset", (), "trusted"), ("fortinet", (), "trusted"),
    ("fortinet", ("unknown-issuer",), "untrusted"), ("fortinet", ("expired",), "device"),
]  # fmt: skip
OTHERS = [
    ("avast", ("expired",), "untrusted"), ("avg", ("self-signed",), "self-signed"),
    ("kaspersky", (), "trusted"), ("kaspersky-mac-2017", (), "trusted"),
    ("bitdefender", (), "trusted"), ("drweb", (), "trusted"), ("zscaler", (), "trusted"),
]  # fmt: skip
SIGNERS = [*OFTEN_MET, *(pytest.param(*each, marks=pytest.mark.long) for each in OTHERS)]
# Of these only the names are known from evidence: a name alone is never certain.
NAMES_ONLY = {"fortinet", "bitdefender", "drweb", "zscaler"}


@dataclass(frozen=True)
class Found:
    chain: tuple[bytes, ...]
    errors: tuple[str, ...] = ()
    alpn: bytes | None = None


@cache
def plan(vendor: str, *, exact: bool) -> Plan:
    healthy, profile = loader.find("healthy"), loader.find_vendor(vendor)
    return make(healthy, profile, Store(None), exact_names=exact)


def intercepted(
    vendor: str, *errors: str, switches: tuple[str, ...] = (), exact: bool
) -> Presented:
    """What a client is shown behind a product that found these errors."""
    made = plan(vendor, *switches, exact=exact)
    shown = made.choose_shield("imaps")(Found(made.door.chain, errors), made.name)
    shown = shown.then if isinstance(shown, Popup) else shown
    assert isinstance(shown, Identity)
    return presented(shown.chain)


def presented(chain: tuple[bytes, ...], *, only_leaf: bool = False) -> Presented:
    return Presented(
        chain=chain, name=ordinary.HOST, at=ordinary.NOW, source="x", only_leaf=only_leaf
    )


def product(shown: Presented) -> Recognition:
    found = recognise(shown)
    assert found is not None
    return found


@pytest.mark.parametrize(("vendor", "errors", "signer"), SIGNERS)
def test_a_product_is_recognised_by_its_own_names(
    vendor: str, errors: tuple[str, ...], signer: str
) -> None:
    found = product(intercepted(vendor, *errors, exact=True))

    assert (found.id, found.signer, found.simulated) == (vendor, signer, False)
    assert found.sureness == ("likely" if vendor in NAMES_ONLY else "certain")
    assert found.kind == ("gateway" if vendor in {"fortinet", "zscaler"} else "antivirus")


@pytest.mark.long
@pytest.mark.parametrize(("vendor", "errors", "signer"), [*OFTEN_MET, *OTHERS])
def test_mitmails_own_simulation_is_called_that(
    vendor: str, errors: tuple[str, ...], signer: str
) -> None:
    found = product(intercepted(vendor, *errors, exact=False))

    assert (found.id, found.signer) == (vendor, signer)
    assert found.simulated


def test_a_leaf_alone_is_enough_for_the_name() -> None:
    whole = intercepted("norton", exact=True)
    found = product(presented(whole.chain[:1], only_leaf=True))

    assert (found.id, found.sureness) == ("norton", "certain")


# -- certificates that no profile of ours has made, after dumps of real ones ---------------------


def rooted(*subject: str, extensions: tuple[extension.Extension, ...] | None = None) -> Authority:
    """A root of this name, of 2010 to 2040 as the Gen engine has it."""
    written = distinguished_name(ordinary.name(*subject))
    times = datetime(2010, 1, 1, 12, tzinfo=UTC), datetime(2040, 1, 1, 12, tzinfo=UTC)
    return make_root(written, ordinary.key("rsa2048"), *times, extensions=extensions)


def below(authority: Authority, serial: bytes | int) -> bytes:
    """A leaf with nothing of a real issuer in it, as products make them."""
    own = ordinary.key("rsa2048", "copy")
    extensions = (
        extension.key_usage("digitalSignature"),
        extension.extended_key_usage("serverAuth"),
        extension.basic_constraints(False),
        extension.subject_key_identifier(key_id(own)[::-1]),
        extension.authority_key_identifier(authority.key_id),
        extension.subject_alternative_name([ordinary.HOST]),
    )
    recipe = Recipe(
        subject=distinguished_name(ordinary.name(f"CN={ordinary.HOST}")),
        issuer=authority.subject,
        serial=serial,
        spki=spki(own),
        not_before=ordinary.NOW - timedelta(days=30),
        not_after=ordinary.NOW + timedelta(days=60),
        extensions=extensions,
    )
    return make_certificate(recipe, authority.key)


def resigned(leaf: bytes, authority: Authority) -> bytes:
    """The leaf with another issuer, and all else kept."""
    said = parse(leaf)
    recipe = Recipe(
        subject=said.subject,
        issuer=authority.subject,
        not_before=said.not_before,
        not_after=said.not_after,
        spki=said.spki,
        serial=said.serial,
        extensions=said.extensions,
    )
    return make_certificate(recipe, authority.key)


GUID = bytes.fromhex("1caf66b2325e7546a7c06ac5ae01e2b3")  # of the right version and variant


def test_avast_of_a_firmware_is_recognised() -> None:
    root = rooted(
        "OU=generated by Avast Antivirus for SSL/TLS scanning", "O=Avast Web/Mail Shield",
        "CN=Avast Web/Mail Shield Root",
        extensions=(
            extension.basic_constraints(True, critical=False),
            extension.key_usage("keyCertSign", critical=False),
            extension.extended_key_usage("serverAuth"),
            extension.subject_key_identifier(b"k" * 20),
            extension.authority_key_identifier(b"k" * 20),
        ),
    )  # fmt: skip
    found = product(presented((below(root, GUID), root.certificate)))

    assert (found.id, found.sureness, found.differs) == ("avast", "certain", ())


def test_a_shape_that_differs_makes_it_less_sure_and_is_said() -> None:
    root = rooted(
        "OU=generated by Norton Antivirus for SSL/TLS scanning", "O=Norton Web/Mail Shield",
        "CN=Norton Web/Mail Shield Root",
    )  # fmt: skip
    shape = ordinary.renamed(ordinary.ORDINARY["digicert-ov"], id="x")
    odd = ordinary.leaf(shape)
    found = product(presented((resigned(odd, root),)))

    assert found.id == "norton"
    assert found.sureness != "certain"
    assert any("GUID" in words for words in found.differs)
    assert any("aia" in words for words in found.differs)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (("O=Avast Software", "CN=avast! Web/Mail Shield Root"), "Avast"),
        (("O=AO Kaspersky Lab", "CN=Kaspersky Anti-Virus Personal Root"), "Kaspersky"),
        (("OU=IDS", "C=US", "O=Bitdefender", "CN=Bitdefender CA SSL"), "Bitdefender"),
        (("O=Fortinet Ltd.", "CN=FortiGate CA"), "FortiGate"),
        (("C=GB", "O=Sophos", "CN=Sophos SSL CA_S2100AB1CD2EF34"), "Sophos"),
        (("O=Cisco", "CN=Cisco Umbrella Primary SubCA"), "Cisco Umbrella"),
        (("O=mitmproxy", "CN=mitmproxy"), "mitmproxy"),
    ],
)
def test_a_product_without_a_profile_is_possible_by_its_name(
    subject: tuple[str, ...], words: str
) -> None:
    found = product(presented((below(rooted(*subject), 4711),)))

    assert found.sureness == "possible"
    assert found.product.startswith(words)


@pytest.mark.parametrize("serial", ["FGT60E4Q16012345", "FG100FTK20001234", "FWF61E4Q17000001"])
def test_every_fortigate_has_its_own_number_for_a_name(serial: str) -> None:
    root = rooted(
        "C=US", "ST=California", "L=Sunnyvale", "O=Fortinet", "OU=Certificate Authority",
        f"CN={serial}",
    )  # fmt: skip
    found = product(presented((below(root, 4711),)))

    assert (found.id, found.sureness) == ("fortinet", "likely")


# -- and nobody else -----------------------------------------------------------------------------


def test_there_are_fifty_ordinary_chains() -> None:
    assert len(ordinary.ORDINARY) >= 50


@pytest.mark.parametrize("shape", ordinary.ORDINARY.values(), ids=ordinary.ORDINARY)
def test_an_ordinary_chain_is_nobodys_copy(shape: ordinary.Shape) -> None:
    assert recognise(presented(ordinary.chain(shape))) is None


def test_what_a_public_root_vouches_for_is_nobodys_copy() -> None:
    shown = intercepted("norton", exact=True)
    roots = Roots(shown.chain[1:], "the roots", public=True)

    assert recognise(shown, roots) is None
    # Whom this customer trusts says nothing: he may have imported the product's root.
    assert recognise(shown, replace(roots, public=False)) is not None


@pytest.mark.parametrize(
    "scenario", ["healthy", "self-signed", "untrusted-root-sent", "missing-intermediate"]
)
def test_a_scenario_of_ours_is_nobodys_copy(scenario: str) -> None:
    door = make(loader.find(scenario), None, Store(None)).door
    assert recognise(presented(door.chain)) is None


@pytest.mark.parametrize("scenario", ["time-garbage", "der-garbage", "duplicate-extension"])
def test_what_cannot_be_read_is_not_recognised(scenario: str) -> None:
    door = make(loader.find(scenario), None, Store(None)).door
    assert recognise(presented(door.chain)) is None
    assert recognise(presented(())) is None


def test_the_real_bytes_were_made_by_another_library_too() -> None:
    """The fingerprint reads what the reader of certificates says, not what we wrote."""
    shown = intercepted("norton", exact=True)
    leaf = x509.load_der_x509_certificate(shown.chain[0])
    octets = leaf.serial_number.to_bytes(16)

    assert octets[7] >> 4 == 4
    assert octets[8] >> 6 == 2
