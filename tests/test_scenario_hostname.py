"""Host names for tests, and what a certificate's name covers."""

import pytest

from mitmail.scenario.hostname import covers, is_hostname, is_test_name


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
