"""How a user names a real mail server."""

from pathlib import Path

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.service import upstream
from mitmail.service.place import is_loopback
from mitmail.service.upstream import Server, Upstream

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
    assert upstream.servers(specs) == {name: Server(*where) for name, where in servers.items()}


@pytest.mark.parametrize(
    ("spec", "servers"),
    [
        (f"imaps={HOST}:143/starttls", {"imaps": Server(HOST, 143, "starttls")}),
        (f"imaps={HOST}/starttls", {"imaps": Server(HOST, 143, "starttls")}),
        (f"smtp={HOST}/tls", {"smtp": Server(HOST, 465, "implicit")}),
        (f"pop3s={HOST}/plain", {"pop3s": Server(HOST, 110, "plain")}),
        (f"{HOST}:143/tls", {"imap": Server(HOST, 143, "implicit")}),
        ("pop3=[::1]:1110/plain", {"pop3": Server("::1", 1110, "plain")}),
        (
            f"{HOST}/starttls",
            {
                name: Server(HOST, port, "starttls")
                for name, port in {
                    "imap": 143, "imaps": 143, "pop3": 110, "pop3s": 110, "smtp": 587,
                    "smtps": 587,
                }.items()
            },
        ),
    ],
)  # fmt: skip
def test_a_server_may_have_a_mode_of_its_own(spec: str, servers: dict[str, Server]) -> None:
    assert upstream.servers([spec]) == servers


def test_without_a_word_the_server_has_the_mode_of_its_endpoint() -> None:
    behind = Upstream(servers=upstream.servers([HOST]))
    modes = {name: behind.server_mode(one) for name, one in ENDPOINTS.items()}
    assert modes == {
        "imap": "starttls", "imaps": "implicit", "pop3": "starttls", "pop3s": "implicit",
        "smtp": "starttls", "smtps": "implicit",
    }  # fmt: skip


def test_with_plain_the_clients_of_the_starttls_endpoints_are_offered_no_tls() -> None:
    behind = Upstream(servers=upstream.servers([HOST]), in_clear=True)
    modes = {name: behind.shown(one).tls for name, one in ENDPOINTS.items()}
    assert modes == {
        "imap": "plain", "imaps": "implicit", "pop3": "plain", "pop3s": "implicit",
        "smtp": "plain", "smtps": "implicit",
    }  # fmt: skip
    assert behind.in_clear_at == ["imap", "pop3", "smtp"]


@pytest.mark.parametrize(
    ("spec", "advice"),
    [
        (f"{HOST}:10993", "imaps="),
        (f"nntp={HOST}", "use one of"),
        ("a:b:c", "use HOST"),
        ("", "use HOST"),
        (f"imaps={HOST}:99999", "no port"),
        (f"imaps={HOST}/ssl", "/ssl: use /tls, /starttls, /plain"),
        (f"imaps={HOST}/", "/: use /tls, /starttls, /plain"),
        (f"imaps={HOST}:143/starttls/x", "/starttls/x: use"),
        (f"imaps://{HOST}", "use HOST"),
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
