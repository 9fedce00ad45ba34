"""How a user names a real mail server."""

from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.service import upstream
from mitmail.service.place import is_loopback

HOST = "imap.example.com"


@pytest.mark.parametrize(
    ("specs", "servers"),
    [
        (
            [HOST],
            {
                "imap": (HOST, 143), "imaps": (HOST, 993), "pop3": (HOST, 110),
                "pop3s": (HOST, 995), "smtp": (HOST, 587), "smtps": (HOST, 465),
            },
        ),
        ([f"{HOST}:993"], {"imaps": (HOST, 993)}),
        ([f"{HOST}:25"], {"smtp": (HOST, 25)}),
        ([f"imaps={HOST}:10993"], {"imaps": (HOST, 10993)}),
        ([f"submission={HOST}"], {"smtp": (HOST, 587)}),
        ([f"@465={HOST}:4650"], {"smtps": (HOST, 4650)}),
        (["imaps=[::1]:993"], {"imaps": ("::1", 993)}),
        (["imap=a.test", "pop3=b.test"], {"imap": ("a.test", 143), "pop3": ("b.test", 110)}),
    ],
)  # fmt: skip
def test_what_is_understood(specs: list[str], servers: dict[str, tuple[str, int]]) -> None:
    assert upstream.servers(specs) == servers


@pytest.mark.parametrize(
    ("spec", "advice"),
    [
        (f"{HOST}:10993", "imaps="),
        (f"nntp={HOST}", "use one of"),
        ("a:b:c", "use HOST"),
        ("", "use HOST"),
        (f"imaps={HOST}:99999", "no port"),
    ],
)
def test_what_is_not_says_what_to_type(spec: str, advice: str) -> None:
    with pytest.raises(MitmailError, match=advice):
        upstream.servers([spec])


def test_a_missing_file_of_roots_is_named(tmp_path: Path) -> None:
    with pytest.raises(MitmailError, match=r"nowhere\.pem"):
        upstream.roots(tmp_path / "nowhere.pem")


def test_a_file_that_is_only_called_a_certificate_is_named(tmp_path: Path) -> None:
    """It would break every session, long after the start."""
    file = tmp_path / "none.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    with pytest.raises(MitmailError, match=r"none\.pem: not an X\.509 certificate"):
        upstream.roots(file)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True),
        ("192.0.2.1", False), ("mail.example.com", False), ("localhost.example.com", False),
    ],
)  # fmt: skip
def test_only_what_is_loopback_by_its_name_counts_as_such(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
