"""How a client's own words are read: texts and codes as the programs were seen to give them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mitmail.endpoint import ENDPOINTS, find
from mitmail.errors import MitmailError
from mitmail.judge.client import Client, Said, Target
from mitmail.judge.curl import curl
from mitmail.judge.program import Ended, environment
from mitmail.judge.python import python
from mitmail.judge.tls_tool import gnutls, openssl

TARGET = Target(
    endpoint=ENDPOINTS["imaps"],
    host="127.0.0.1",
    port=3993,
    name="mail.customer.test",
    user="qa@customer.test",
    password="secret",
    roots=Path("root.pem"),
)


def gist(said: Said) -> tuple[str, str | None]:
    return said.verdict, said.reason


@pytest.mark.parametrize(
    ("code", "text", "gist_"),
    [
        (0, "", ("accept", None)),
        (60, "SSL certificate problem: certificate has expired", ("reject", "expired")),
        (
            60,
            "SSL: no alternative certificate subject name matches target host name 'x'",
            ("reject", "name-mismatch"),
        ),
        (
            60,
            "SSL certificate problem: self-signed certificate in certificate chain",
            ("reject", "unknown-issuer"),
        ),
        (60, "SSL certificate problem: self-signed certificate", ("reject", "self-signed")),
        # Not about TLS at all: connection refused, login denied, no CA file, time is up.
        (7, "Failed to connect", ("error", None)),
        (67, "Login denied", ("error", None)),
        (77, "error setting certificate verify locations", ("error", None)),
        (28, "Operation timed out", ("error", None)),
    ],
)
def test_curl(code: int, text: str, gist_: tuple[str, str | None]) -> None:
    client = curl("curl", (7, 88, 1))

    assert gist(client.read(TARGET, Ended(code, b"", text.encode()))) == gist_


@pytest.mark.parametrize(
    ("code", "out", "err", "gist_"),
    [
        (0, b"* OK\r\nc OK FETCH completed\r\n", b"", ("accept", None)),
        (1, b"", b"verify error:num=10:certificate has expired\n", ("reject", "expired")),
        (1, b"", b"verify error:num=62:hostname mismatch\n", ("reject", "name-mismatch")),
        (
            1,
            b"",
            b"verify error:num=20:unable to get local issuer\n",
            ("reject", "unknown-issuer"),
        ),
        # TLS was fine, the mail was not: that is no word about the certificate.
        (0, b"* OK\r\na NO wrong password\r\n", b"", ("error", None)),
    ],
)
def test_openssl(code: int, out: bytes, err: bytes, gist_: tuple[str, str | None]) -> None:
    client = openssl("openssl", (3, 0, 19))

    assert gist(client.read(TARGET, Ended(code, out, err))) == gist_


def test_gnutls_names_its_reasons_on_standard_output() -> None:
    out = b"- Status: The certificate is NOT trusted. The certificate issuer is unknown. \n"

    said = gnutls("gnutls-cli", (3, 7, 9)).read(TARGET, Ended(1, out, b""))

    assert gist(said) == ("reject", "unknown-issuer")


@pytest.mark.parametrize(
    ("client", "said_", "verdict"),
    [
        (openssl, b"connect:errno=111", "error"),
        (openssl, b"s_client: Unknown option: -verify_ip", "error"),
        (openssl, b"0A000126:SSL routines::unexpected eof while reading", "error"),
        (openssl, b"000:error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert", "reject"),
        (gnutls, b"Connecting to '127.0.0.1:1'...\nCould not connect", "error"),
        (gnutls, b"*** Fatal error: Error in the certificate.", "reject"),
    ],
)
def test_exit_1_refuses_only_where_tls_failed(
    client: Callable[[str, tuple[int, ...]], Client], said_: bytes, verdict: str
) -> None:
    """Both end with 1 for whatever goes wrong, also for a server that is not there."""
    read = client("program", (3, 0, 0)).read

    assert read(TARGET, Ended(1, b"", said_)).verdict == verdict


def test_python_that_breaks_is_no_verdict() -> None:
    said = python().read(TARGET, Ended(1, b"", b"Traceback ..."))

    assert gist(said) == ("error", None)


def test_the_environment_of_a_client_is_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NODE_EXTRA_CA_CERTS set, Node accepted what it should not (measured)."""
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "LD_PRELOAD"):
        monkeypatch.setenv(name, "/somewhere")

    assert "/somewhere" not in environment().values()


@pytest.mark.parametrize(
    ("word", "name"),
    [("@993", "imaps"), ("465", "smtps"), ("submission", "smtp"), ("IMAP", "imap")],
)
def test_an_endpoint_by_whatever_a_user_calls_it(word: str, name: str) -> None:
    assert find(word).name == name


def test_what_is_no_endpoint_says_what_is() -> None:
    with pytest.raises(MitmailError, match="imap, imaps"):
        find("nntp")
