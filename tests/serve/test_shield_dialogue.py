"""What a product makes of the mail dialogue, between Dovecot and clients that know nothing of it.

Dovecot's log is the second witness: it says of each login whether it came through TLS.
"""

import imaplib
import poplib
import re
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from bench import need
from clients import dovecot as dovecots
from clients.dovecot import HOST, NAME, PASSWORD, USER, Dovecot
from mitmail.errors import MitmailError
from serve.program import SECONDS
from serve.shielded import OpenHouse, Shielded
from serve.tls_client import clean, trusting

type Behind = Callable[..., Shielded]

OWN_WORDS = {
    "starttls-refused": ("500 Unsupported command.", "BAD Unsupported command.", "-ERR Unsup"),
    "starttls-refused-for-now": (
        "454 4.7.0 TLS not",
        "NO \\[UNAVAILABLE\\]",
        "-ERR \\[SYS/TEMP\\]",
    ),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenHouse]:
    house = OpenHouse(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecots.running(relay=9) as running:
        yield running


@pytest.fixture
def behind(house: OpenHouse, server: Dovecot) -> Behind:
    """The generic product with these behaviours, in front of Dovecot."""
    return lambda *switches: house.shield(*switches, before=server.ports, roots=(server.root,))


def fetched(
    serving: Shielded, endpoint: str, *options: str, user: str = USER, roots: Path | None = None
) -> Any:
    """curl fetches the first mail."""
    place = serving.places[endpoint]
    path = {"imap": "/INBOX;MAILINDEX=1", "pop3": "/1"}[place.protocol]
    command = [need("curl"), "-q", "-sS", "--max-time", "15", *options]
    command += ["--cacert", str(roots or serving.root), "--user", f"{user}:{PASSWORD}"]
    command += [f"{endpoint}://{HOST}:{place.port}{path}"]
    return subprocess.run(command, capture_output=True, text=True, env=clean(), timeout=SECONDS)


def logged(server: Dovecot, since: int, words: str) -> str:
    """The line of Dovecot's log with these words, behind the first ``since`` characters."""
    deadline = monotonic() + SECONDS
    while monotonic() < deadline:
        if found := re.search(f".*{words}.*", server.log.read_text()[since:]):
            return found[0]
    pytest.fail(f"Dovecot said nothing of {words}:\n{server.log.read_text()[since:]}")


def smtp(serving: Shielded, endpoint: str = "smtp") -> smtplib.SMTP:
    place = serving.places[endpoint]
    if not place.implicit:
        return smtplib.SMTP(HOST, place.port, timeout=SECONDS)
    context = trusting(serving.root)
    return smtplib.SMTP_SSL(HOST, place.port, context=context, timeout=SECONDS)


def imap(serving: Shielded, endpoint: str = "imap") -> imaplib.IMAP4:
    place = serving.places[endpoint]
    if not place.implicit:
        return imaplib.IMAP4(HOST, place.port, timeout=SECONDS)
    context = trusting(serving.root)
    return imaplib.IMAP4_SSL(HOST, place.port, ssl_context=context, timeout=SECONDS)


def pop3(serving: Shielded) -> poplib.POP3:
    return poplib.POP3(HOST, serving.places["pop3"].port, timeout=SECONDS)


# -- STARTTLS ------------------------------------------------------------------------------------


def test_starttls_is_relayed_and_both_legs_are_upgraded(server: Dovecot, behind: Behind) -> None:
    serving = behind()
    for endpoint in ("imap", "pop3"):
        since = len(server.log.read_text())
        got = fetched(serving, endpoint, "--ssl-reqd")
        assert "of Dovecot" in got.stdout, got.stderr
        assert ", TLS" in logged(server, since, f"{endpoint}-login: Info: Login:")
    for number in (1, 2):
        session = serving.session(number)
        assert session.verdict is not None
        assert (session.verdict.verdict, session.finding) == ("accept", None)


@pytest.mark.parametrize("switch", OWN_WORDS)
def test_a_refused_starttls_never_reaches_the_server(
    server: Dovecot, behind: Behind, switch: str
) -> None:
    of_smtp, of_imap, of_pop3 = OWN_WORDS[switch]
    serving = behind(switch)
    with smtp(serving) as client:
        assert client.ehlo()[0] == 250
        assert client.has_extn("starttls")
        code, text = client.docmd("STARTTLS")
        assert re.match(of_smtp, f"{code} {text.decode()}")
        assert client.ehlo()[0] == 250  # and the dialogue goes on
    mailbox = imap(serving)
    assert "STARTTLS" in mailbox.capabilities
    mailbox.send(b"x1 STARTTLS\r\n")
    assert re.match(f"x1 {of_imap}", mailbox.readline().decode())
    mailbox.logout()
    post = pop3(serving)
    assert "STLS" in post.capa()
    with pytest.raises(poplib.error_proto, match=of_pop3):
        post.stls()
    post.quit()
    # Who insists on TLS leaves; who does not gives its password away, and Dovecot takes it.
    insisting = fetched(serving, "imap", "--ssl-reqd")
    assert insisting.returncode == 64, insisting.stderr
    since = len(server.log.read_text())
    careless = fetched(serving, "imap", "--ssl")
    assert "of Dovecot" in careless.stdout, careless.stderr
    assert "TLS" not in logged(server, since, "imap-login: Info: Login:")
    assert [serving.finding(each) for each in (4, 5)] == ["aborted", "vulnerable"]


@pytest.mark.parametrize("switch", ["strips-starttls", "masks-starttls"])
def test_without_an_offer_curl_leaves_or_goes_on_in_clear(
    server: Dovecot, behind: Behind, switch: str
) -> None:
    serving = behind(switch)
    with smtp(serving) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.has_extn("xxxxxxxx") is (switch == "masks-starttls")
        assert client.docmd("STARTTLS")[0] == 502
    insisting = fetched(serving, "pop3", "--ssl-reqd")
    assert insisting.returncode == 64, insisting.stderr
    since = len(server.log.read_text())
    careless = fetched(serving, "pop3", "--ssl")
    assert "of Dovecot" in careless.stdout, careless.stderr
    assert "TLS" not in logged(server, since, "pop3-login: Info: Login:")
    assert [serving.finding(each) for each in (2, 3)] == ["aborted", "vulnerable"]


def test_the_client_is_in_clear_and_the_server_in_tls(server: Dovecot, behind: Behind) -> None:
    serving = behind("starttls-towards-server-only")
    since = len(server.log.read_text())
    got = fetched(serving, "imap", "--ssl")
    assert "of Dovecot" in got.stdout, got.stderr
    assert ", TLS" in logged(server, since, "imap-login: Info: Login:")
    assert serving.finding(1) == "vulnerable"


def test_clear_text_goes_to_no_server_elsewhere_unless_that_is_meant(house: OpenHouse) -> None:
    elsewhere = {"imap": 143}
    with pytest.raises(MitmailError, match=r"refuses STARTTLS.* goes to 192\.0\.2\.1 in clear"):
        house.shield("starttls-refused", before=elsewhere, host="192.0.2.1")
    house.shield("starttls-refused", before=elsewhere, host="192.0.2.1", relay_unverified=True)
    # What the product itself secures may go there: an unverified server gets nothing, as ever.
    house.shield("starttls-towards-server-only", before=elsewhere, host="192.0.2.1")


def test_a_clients_settings_are_not_blamed_for_what_the_product_strips(house: OpenHouse) -> None:
    for switches, found in (((), "clear-text"), (("strips-starttls",), None)):
        shield = house.shield(*switches)
        with closing(pop3(shield)) as post, pytest.raises(poplib.error_proto, match="STLS"):
            post._shortcmd("AUTH PLAIN AGEAYg==")  # type: ignore[attr-defined] # any command
        setting = shield.site.served["pop3"].setting(shield.session(1))
        assert (setting and setting.found) == found


def test_norton_2002_scans_in_clear_and_leaves_tls_alone(
    house: OpenHouse, server: Dovecot
) -> None:
    shield = house.shield(antivirus="norton-2002", before=server.ports, roots=(server.root,))
    trusted = house.roots(server.root)
    with smtp(shield) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert client.docmd("STARTTLS") == (500, b"Unsupported command.")
        assert client.quit() == (221, b"2.0.0 Closing connection")
    with closing(pop3(shield)) as post, pytest.raises(poplib.error_proto, match="-ERR Unsupp"):
        post.stls()
    for endpoint in ("imap", "imaps", "pop3s"):  # not scanned: the server's own TLS
        since = len(server.log.read_text())
        got = fetched(shield, endpoint, "--ssl-reqd", roots=trusted)
        assert "of Dovecot" in got.stdout, got.stderr
        assert ", TLS" in logged(server, since, f"{endpoint[:4]}-login: Info: Login:")


# -- capabilities, banner, goodbye ---------------------------------------------------------------


def test_dropped_extensions_are_unknown_and_refused(server: Dovecot, behind: Behind) -> None:
    serving = behind("extensions-dropped")
    for endpoint in ("smtp", "smtps"):
        with smtp(serving, endpoint) as client:
            client.ehlo()
            if endpoint == "smtp":
                client.starttls(context=trusting(serving.root))
                client.ehlo()
            assert client.has_extn("size")
            assert not client.has_extn("chunking")
            assert not client.has_extn("pipelining")
            client.send(b"BDAT 8 LAST\r\nQUIT\r\n12")
            assert client.getreply()[0] == 502
            assert client.docmd("NOOP")[0] == 250
    for name in ("imap", "imaps"):
        mailbox = imap(serving, name)
        assert "IDLE" not in mailbox.capabilities
        mailbox.login(USER, PASSWORD)
        assert b"IDLE" not in mailbox.capability()[1][0].split()
        mailbox.send(b"x1 IDLE\r\n")
        assert mailbox.readline().startswith(b"x1 BAD Unknown")
        mailbox.select()
        assert mailbox.search(None, "ALL")[0] == "OK"
        mailbox.logout()
    post = pop3(serving)
    assert not {"SASL", "PIPELINING"} & set(post.capa())
    assert "UIDL" in post.capa()
    with pytest.raises(poplib.error_proto, match="-ERR Unknown command"):
        post._shortcmd("AUTH PLAIN AGEAYg==")  # type: ignore[attr-defined] # any command
    post.user(USER)
    post.pass_(PASSWORD)
    assert post.stat()[0] == 1
    post.quit()


def test_banner_and_goodbye_are_the_products_own(server: Dovecot, behind: Behind) -> None:
    serving = behind("banner-reworded")
    for endpoint in ("smtp", "smtps"):
        place = serving.places[endpoint]
        client = smtp(serving, endpoint)
        client.close()
        assert client.connect(HOST, place.port) == (220, b"Mail proxy ready")
        assert client.quit() == (221, b"Mail proxy closing connection")
    for name in ("imap", "imaps"):
        mailbox = imap(serving, name)
        assert re.fullmatch(rb"\* OK \[CAPABILITY .*\] Mail proxy ready", mailbox.welcome)
        assert mailbox.logout() == ("BYE", [b"Mail proxy closing connection"])
    post = pop3(serving)
    assert post.welcome == b"+OK Mail proxy ready"
    assert post.quit() == b"+OK Mail proxy closing connection"


def test_id_is_announced_and_rejected_by_the_product(server: Dovecot, behind: Behind) -> None:
    serving = behind("capability-claimed")
    mailbox = imap(serving, "imaps")
    assert "ID" in mailbox.capabilities
    mailbox.send(b'x1 ID ("name" "test")\r\n')
    assert mailbox.readline().startswith(b"x1 BAD Unknown")
    # Dovecot, which knows ID, has not heard of it, and the session goes on.
    mailbox.login(USER, PASSWORD)
    mailbox.logout()


def test_the_user_name_names_the_server(server: Dovecot, behind: Behind) -> None:
    serving = behind("server-in-user-name")
    with closing(pop3(serving)) as post:
        assert "STLS" not in post.capa()
        for name in (USER, f"{USER}/other.test"):
            with pytest.raises(poplib.error_proto, match="-ERR Log in as name/server"):
                post.user(name)
    since = len(server.log.read_text())
    got = fetched(serving, "pop3", user=f"{USER}/{NAME}")
    assert "of Dovecot" in got.stdout, got.stderr
    login = logged(server, since, "pop3-login: Info: Login:")
    assert f"user=<{USER}>" in login
