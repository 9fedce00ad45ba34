"""What a user types to have a server looked at."""

import pytest

from mitmail.diagnose.target import Target, parse
from mitmail.errors import MitmailError


@pytest.mark.parametrize(
    ("typed", "host", "port"),
    [
        ("mail.customer.test", "mail.customer.test", None),
        (" Mail.Customer.TEST.:993 ", "mail.customer.test", 993),
        ("mail.customer.test:imaps", "mail.customer.test", 993),
        ("mail.customer.test:submission", "mail.customer.test", 587),
        ("[::1]:993", "::1", 993),
        ("[2001:DB8:0::1]", "2001:db8::1", None),
        ("::1", "::1", None),
        ("192.0.2.1:25", "192.0.2.1", 25),
        ("bücher.test:143", "xn--bcher-kva.test", 143),
        ("post_office.test", "post_office.test", None),
    ],
)
def test_a_host_and_its_port_are_read(typed: str, host: str, port: int | None) -> None:
    assert parse(typed) == Target(host, port)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "no host name"),
        (":993", "no host name"),
        ("mail customer", "no host name"),
        ("mail..test", "no host name"),
        ("-mail.test", "no host name"),
        ("a" * 64 + ".test", "no host name"),
        ("ü" * 300, "no host name"),
        ("mail.test:", "nothing is no port"),
        ("mail.test:0", "0 is no port"),
        ("mail.test:65536", "65536 is no port"),
        ("mail.test:" + "9" * 5000, "is no port"),
        ("mail.test:²", "is no port"),
        ("mail.test:web", "web is no port"),
        ("mail.test:993:1", "no port"),
        ("[::1", "no host"),
        ("[::1]993", "no host"),
        ("[mail.test]:993", "no IP address"),
        ("192.0.2.256", "neither a host name nor an IP address"),
        ("https://mail.test", "address of the web"),
        ("alice@mail.test", "mail address"),
        ("straße.test", "two spellings"),
        ("mail.test/x", "no host name"),
        ("\x00", "no host name"),
    ],
)
def test_what_is_no_host_and_port_is_refused_in_one_line(typed: str, said: str) -> None:
    with pytest.raises(MitmailError, match=said) as refused:
        parse(typed)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_port_is_shown_so_that_it_can_be_typed_again() -> None:
    assert parse("[::1]").at(993) == "[::1]:993"
    assert parse("mail.test").at(993) == "mail.test:993"
