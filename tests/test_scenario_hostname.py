"""Host names for tests, and what a certificate's name covers."""

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from bench import need
from mitmail.pki import extension, key
from mitmail.pki.authority import make_root, root_extensions
from mitmail.pki.certificate import Recipe, make, pem
from mitmail.pki.name import distinguished_name
from mitmail.scenario.hostname import (
    KINDS,
    ascii_name,
    covers,
    is_harmless,
    is_host,
    is_hostname,
    is_permitted,
    is_public_suffix_wildcard,
    is_test_name,
    is_well_written,
    kind_of,
)

NOW = datetime.now(UTC).replace(microsecond=0)
LIFE = (NOW - timedelta(days=1), NOW + timedelta(days=90))
KEY = key.generate("ec256")
ROOT_NAME = distinguished_name([("CN", "Root")])


def certificate(*names: str) -> bytes:
    """A leaf with these names and no other."""
    written = extension.general_names(map(kind_of, names), critical=True)
    recipe = Recipe(
        subject=distinguished_name([]),
        issuer=ROOT_NAME,
        not_before=LIFE[0],
        not_after=LIFE[1],
        spki=key.spki(KEY),
        extensions=(written,),
    )
    return make(recipe, KEY)


@pytest.mark.parametrize(
    "name",
    [
        "mail.customer.test",
        "customer.test",
        "*.hoster.test",
        "a.b.mitmail.test",
        "MAIL.Customer.Test",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
    ],
)
def test_test_domains_and_loopback_are_test_names(name: str) -> None:
    assert is_test_name(name)


@pytest.mark.parametrize(
    "name",
    ["example.com", "evilcustomer.test", "*", "*.test", "test", "customer.test.evil.org",
     "10.0.0.1", "localhost", "", "*.*"],
)  # fmt: skip
def test_nothing_else_is_a_test_name(name: str) -> None:
    assert not is_test_name(name)


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("mail.customer.test", "MAIL.customer.test", True),
        ("*.customer.test", "mail.customer.test", True),
        ("*.customer.test", "imap.mail.customer.test", False),
        ("*.customer.test", "customer.test", False),
        ("ma*.customer.test", "mail.customer.test", False),
        ("mail.*.test", "mail.customer.test", False),
        ("*", "mail", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("*.0.0.1", "127.0.0.1", False),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.1", "mail.customer.test", False),
    ],
)
def test_a_wildcard_is_one_whole_left_most_label(pattern: str, host: str, expected: bool) -> None:
    """RFC 9525 sections 6.3 and 6.4."""
    assert covers(pattern, host) is expected


def test_a_host_name_has_labels_of_letters_digits_and_hyphens() -> None:
    assert is_hostname("xn--bcher-kva.customer.test")
    assert is_hostname("::1")
    for wrong in (
        "",
        ".",
        "a..b",
        "*.customer.test",
        "a b",
        "-a.test",
        "x" * 64,
        "a." * 127 + "a",
    ):
        assert not is_hostname(wrong), wrong


# -- what somebody may type ----


@pytest.mark.parametrize(
    "text",
    ["mail.customer.test", "mail.customer.test.", "my_mail.customer.test", "127.0.0.1", "::1",
     "bücher.customer.test", "BÜCHER.test.", "localhost"],
)  # fmt: skip
def test_a_host_may_end_in_a_dot_and_hold_underscores_and_letters_of_any_script(
    text: str,
) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a..b", "a b", "*.customer.test", "bücher..test", "ü" * 64, "a.test..", "-a",
     "_imap.customer.test", "a:143", "imap://a", "a\0b", "a\n"],
)  # fmt: skip
def test_nothing_else_can_be_typed_as_a_host(text: str) -> None:
    assert not is_host(text)


# -- the kinds of names in a certificate ----


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.customer.test", ("dns", "mail.customer.test")),
        ("127.0.0.1", ("ip", "127.0.0.1")),
        ("::1", ("ip", "::1")),
        ("dns:127.0.0.1", ("dns", "127.0.0.1")),
        ("ip:::1", ("ip", "::1")),
        ("email:qa@customer.test", ("email", "qa@customer.test")),
        ("uri:imap://customer.test", ("uri", "imap://customer.test")),
        ("srv:_imaps.customer.test", ("srv", "_imaps.customer.test")),
        ("utf8:bücher.test", ("utf8", "bücher.test")),
        ("hex:8700", ("hex", "8700")),
        ("dns:", ("dns", "")),
        ("", ("dns", "")),
        ("DNS:a", ("dns", "DNS:a")),
        ("imap://a", ("dns", "imap://a")),
    ],
)
def test_a_kind_stands_before_a_colon_or_follows_from_the_text(
    name: str, expected: tuple[str, str]
) -> None:
    assert kind_of(name) == expected


def test_every_kind_can_be_written_into_a_certificate() -> None:
    """What a file may say and what is minted are two tables."""
    assert set(KINDS) == set(extension.GENERAL_NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MAIL.Customer.Test", "mail.customer.test"),
        ("Bücher.TEST", "xn--bcher-kva.test"),
        ("straße.test", "strasse.test"),  # IDNA 2003
        ("XN--BCHER-KVA.test", "xn--bcher-kva.test"),
        ("Ü..test", "ü..test"),  # cannot be converted
        ("", ""),
    ],
)
def test_a_name_in_ascii_is_in_lower_case_and_as_idna_has_it(text: str, expected: str) -> None:
    assert ascii_name(text) == expected


# -- what covers what: service_identity, which knows no file of ours, is the judge ----


def covered(name: str, host: str) -> bool:
    """Whether service_identity takes a certificate of this one name for this host."""
    read = x509.load_der_x509_certificate(certificate(name))
    try:
        try:
            address = ip_address(host)
        except ValueError:
            verify_certificate_hostname(read, ascii_name(host))
        else:
            verify_certificate_ip_address(read, str(address))
    except (VerificationError, CertificateError):
        return False
    return True


COVERING = [
    ("mail.customer.test", "mail.customer.test", True),
    ("MAIL.customer.test", "mail.CUSTOMER.test", True),
    ("*.customer.test", "mail.customer.test", True),
    ("*.customer.test", "a.mail.customer.test", False),
    ("*.customer.test", "customer.test", False),
    ("m*.customer.test", "mail.customer.test", False),
    ("*l.customer.test", "mail.customer.test", False),
    ("m*l.customer.test", "mail.customer.test", False),
    ("mail.*.test", "mail.customer.test", False),
    ("*.*.test", "mail.customer.test", False),
    ("xn--*-kva.customer.test", "xn--bcher-kva.customer.test", False),
    ("*", "localhost", False),
    ("bücher.customer.test", "xn--bcher-kva.customer.test", True),
    ("xn--bcher-kva.customer.test", "bücher.customer.test", True),
    ("dns:127.0.0.1", "127.0.0.1", False),
    ("127.0.0.1", "127.0.0.1", True),
    ("127.0.0.2", "127.0.0.1", False),
    ("ip:::1", "0:0:0:0:0:0:0:1", True),
    ("::1", "127.0.0.1", False),
    ("127.0.0.1", "mail.customer.test", False),
    ("email:mail.customer.test", "mail.customer.test", False),
    ("uri:imap://mail.customer.test", "mail.customer.test", False),
    ("srv:_imaps.mail.customer.test", "mail.customer.test", False),
    ("hex:820161", "mail.customer.test", False),
    (".customer.test", "mail.customer.test", False),
    ("mail.customer.test\0.evil.test", "mail.customer.test", False),
    ("my_mail.customer.test", "my_mail.customer.test", True),
]


@pytest.mark.parametrize(("name", "host", "expected"), COVERING)
def test_a_name_covers_a_host_as_service_identity_says(
    name: str, host: str, expected: bool
) -> None:
    assert covered(name, host) is expected
    assert covers(name, host) is expected


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        # Some matchers strip the final dot of a host before they compare, none that of a name.
        ("mail.customer.test", "mail.customer.test.", True),
        ("*.customer.test", "mail.customer.test.", True),
        ("mail.customer.test.", "mail.customer.test", False),
        # service_identity takes no wildcard for an A-label, and strips blanks (measured, 26.1).
        ("*.customer.test", "xn--bcher-kva.customer.test", True),
        (" mail.customer.test", "mail.customer.test", False),
        # It refuses such a wildcard at once; what it says is a rule of its own.
        ("*.test", "customer.test", True),
        ("*.test", "mail.customer.test", False),
        ("*.", "mail", False),
        ("utf8:bücher.customer.test", "xn--bcher-kva.customer.test", False),
        ("dns:", "mail.customer.test", False),
        ("ip:no address", "127.0.0.1", False),
    ],
)
def test_what_that_judge_has_no_say_in_follows_the_rfcs(
    name: str, host: str, expected: bool
) -> None:
    assert covers(name, host) is expected


@pytest.mark.parametrize("name", ["*.test", "dns:*.test", "*.com", "*.co"])
def test_a_wildcard_for_a_top_level_domain_is_one_for_a_public_suffix(name: str) -> None:
    assert is_public_suffix_wildcard(name)


@pytest.mark.parametrize(
    "name", ["*.customer.test", "*", "test", "m*.test", "utf8:*.test", "email:*.test", "127.0.0.1"]
)
def test_no_other_name_is_one_for_a_public_suffix(name: str) -> None:
    assert not is_public_suffix_wildcard(name)


# -- how a name is written ----


@pytest.mark.parametrize(
    "name",
    ["mail.customer.test", "*.customer.test", "m*l.customer.test", "*", "*.*.test",
     "dns:127.0.0.1", "127.0.0.1", "bücher.test", "MAIL.test", "email:qa@customer.test",
     "uri:imap://a", "hex:00"],
)  # fmt: skip
def test_a_name_in_the_syntax_of_its_kind_is_well_written(name: str) -> None:
    assert is_well_written(name)


@pytest.mark.parametrize(
    "name",
    [" mail.customer.test", "mail.customer.test.", ".customer.test", "a..test", "", "dns:",
     "my mail.test", "a\0.test", "-a.test", "utf8:bücher.test", "utf8:mail.test", "a" * 64],
)  # fmt: skip
def test_what_is_no_preferred_name_syntax_is_not(name: str) -> None:
    """RFC 5280 section 4.2.1.6, RFC 1034 section 3.5."""
    assert not is_well_written(name)


# -- whose a name is ----


@pytest.mark.parametrize(
    "name",
    ["mail.customer.test", "*.customer.test", "*.test", "evil.test", "a.test.", "127.0.0.1",
     "127.9.9.9", "::1", "*", "*.*", "dns:10.0.0.1", "*.0.0.1", "email:ceo@example.com",
     "uri:imap://example.com", "example.com\0.customer.test", "bücher.test", "", "MAIL.TEST"],
)  # fmt: skip
def test_names_below_test_and_what_is_no_dns_name_are_harmless(name: str) -> None:
    """RFC 6761 section 6.2."""
    assert is_harmless(name)


@pytest.mark.parametrize(
    "name",
    ["example.com", "*.example.com", "customer.test.example.com", "dns:example.com",
     "example.com.", "test", "notest", "10.0.0.1", "ip:8.8.8.8", "2001:db8::1",
     "bücher.example", "*.com", "example.com.."],
)  # fmt: skip
def test_names_that_somebody_may_own_are_not_harmless(name: str) -> None:
    assert not is_harmless(name)


@pytest.mark.parametrize(
    "name", ["email:qa@customer.test", "ip:10.0.0.1", "dns:127.0.0.1", "hex:820161", "utf8:ü.test"]
)
def test_a_name_that_the_kept_root_is_not_made_for_is_no_test_name(name: str) -> None:
    assert not is_test_name(name)


# -- name constraints: openssl is the judge ----

MAIL = "mail.customer.test"
LIMITS = [
    ([MAIL], ["customer.test"], [], True),
    ([MAIL], ["mail.customer.test"], [], True),
    ([MAIL], ["corp.test"], [], False),
    ([MAIL], ["corp.test", "customer.test"], [], True),
    ([MAIL], ["ail.customer.test"], [], False),
    ([MAIL], ["CUSTOMER.test"], [], True),
    ([MAIL], [], ["customer.test"], False),
    ([MAIL], [], ["corp.test"], True),
    ([MAIL], ["customer.test"], [MAIL], False),
    ([MAIL], ["10.0.0.0/8"], [], True),
    ([MAIL], ["bücher.test"], [], False),
    (["bücher.test"], ["xn--bcher-kva.test"], [], True),
    (["*.customer.test"], ["customer.test"], [], True),
    (["*.customer.test"], ["mail.customer.test"], [], False),
    (["127.0.0.1"], ["127.0.0.0/8"], [], True),
    (["127.0.0.1"], ["127.0.0.1"], [], True),
    (["127.0.0.1"], ["10.0.0.0/8"], [], False),
    (["127.0.0.1"], [], ["127.0.0.0/8"], False),
    (["127.0.0.1"], ["customer.test"], [], True),
    (["::1"], ["127.0.0.0/8"], [], False),
    (["::1"], ["::/64"], [], True),
    (["::1"], [], ["0.0.0.0/0"], True),
    (["email:qa@corp.test"], ["customer.test"], [], True),
    (["uri:imap://corp.test"], ["customer.test"], [], True),
    ([MAIL, "a.corp.test"], ["customer.test"], [], False),
]


def permitted(names: list[str], allowed: list[str], excluded: list[str], folder: Path) -> bool:
    """Whether openssl verifies a leaf with these names below a root with these limits."""
    limits = extension.name_constraints(allowed, excluded)
    root = make_root(ROOT_NAME, KEY, *LIFE, extensions=(*root_extensions(KEY), limits))
    (folder / "root.pem").write_bytes(pem(root.certificate))
    (folder / "leaf.pem").write_bytes(pem(certificate(*names)))
    command = [need("openssl"), "verify", "-no-CApath", "-no-CAstore", "-CAfile", "root.pem"]
    run = subprocess.run(
        [*command, "leaf.pem"], cwd=folder, capture_output=True, text=True, timeout=20
    )
    assert run.returncode == 0 or "subtree violation" in run.stderr, run.stderr
    return run.returncode == 0


@pytest.mark.parametrize(("names", "allowed", "excluded", "expected"), LIMITS)
def test_a_ca_may_sign_for_a_name_as_openssl_says(
    names: list[str], allowed: list[str], excluded: list[str], expected: bool, tmp_path: Path
) -> None:
    assert permitted(names, allowed, excluded, tmp_path) is expected
    assert all(is_permitted(name, allowed, excluded) for name in names) is expected


def test_a_dot_before_a_domain_counts_for_nothing() -> None:
    """RFC 5280 section 4.2.1.10 has it for URIs only; libraries differ."""
    assert is_permitted(MAIL, [".customer.test"], [])
    assert is_permitted("customer.test", [".customer.test"], [])
    assert not is_permitted(MAIL, [".corp.test"], [])
