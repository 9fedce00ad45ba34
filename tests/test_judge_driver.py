"""How a client's own words are read: texts and codes as the programs were seen to give them."""

import asyncio
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mitmail.endpoint import ENDPOINTS, find
from mitmail.errors import MitmailError
from mitmail.judge import described, driver, reading, screen
from mitmail.judge.client import ALL, Client, Job, Said, Target
from mitmail.judge.neomutt import neomutt
from mitmail.judge.program import Ended, environment
from mitmail.judge.python import aiosmtplib, python
from mitmail.judge.tls_tool import gnutls, openssl
from mitmail.scenario import loader

type Maker = Callable[[str, tuple[int, ...]], Client]


def shipped(name: str) -> Maker:
    """What makes the client that a shipped file describes."""
    said = loader.find_client(name)

    def make(path: str, version: tuple[int, ...]) -> Client:
        return described.make(said, (path, *said.command[1:]), version)

    make.__name__ = name
    return make


curl, curl_ssl, msmtp, mbsync, fetchmail, offlineimap = map(
    shipped, ("curl", "curl-ssl", "msmtp", "mbsync", "fetchmail", "offlineimap3")
)
getmail, swaks, perl, ruby = map(shipped, ("getmail6", "swaks", "perl-net-smtp", "ruby-net-imap"))
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
        (64, "curl: (64) STARTTLS not available.", ("reject", "starttls")),
        (64, "curl: (64) STLS not supported.", ("reject", "starttls")),
        (64, "curl: (64) STARTTLS denied, code 454", ("reject", "starttls")),
        (
            35,
            "curl: (35) OpenSSL/3.0.22: error:0A00010B:SSL routines::wrong version number",
            ("reject", None),
        ),
        # The same exit code, but it was the server that went away.
        (
            35,
            "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to x:1",
            ("error", None),
        ),
        (35, "curl: (35) Recv failure: Connection reset by peer", ("error", None)),
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
        (gnutls, b"*** Fatal error: An unexpected TLS packet was received.", "reject"),
        (gnutls, b"*** Fatal error: The TLS connection was non-properly terminated.", "error"),
    ],
)
def test_exit_1_refuses_only_where_tls_failed(client: Maker, said_: bytes, verdict: str) -> None:
    """Both end with 1 for whatever goes wrong, also for a server that is not there."""
    read = client("program", (3, 0, 0)).read

    assert read(TARGET, Ended(1, b"", said_)).verdict == verdict


WORDS: list[tuple[Maker, str, str, tuple[str, str | None]]] = [
    (
        msmtp,
        "smtp",
        "msmtp: the server does not support TLS via the STARTTLS command",
        ("reject", "starttls"),
    ),
    (
        msmtp,
        "smtp",
        "msmtp: command STARTTLS failed\nmsmtp: server message: 454 not now",
        ("reject", "starttls"),
    ),
    (
        msmtp,
        "smtp",
        "msmtp: TLS certificate verification failed: The certificate is NOT trusted. "
        "The certificate chain uses not yet valid certificate.",
        ("reject", "not-yet-valid"),
    ),
    (
        msmtp,
        "smtp",
        "msmtp: TLS handshake failed: An unexpected TLS packet was received.",
        ("reject", None),
    ),
    (
        msmtp,
        "smtp",
        "msmtp: TLS handshake failed: The TLS connection was non-properly terminated.",
        ("error", None),
    ),
    (msmtp, "smtp", "msmtp: the server sent an empty reply", ("error", None)),
    (msmtp, "smtp", "msmtp: authentication failed (method PLAIN)", ("error", None)),
    (mbsync, "imap", "IMAP error: SSL support not available", ("reject", "starttls")),
    (
        mbsync,
        "imap",
        "IMAP command 'STARTTLS' returned an error: NO not now",
        ("reject", "starttls"),
    ),
    (mbsync, "imap", "IMAP command 'LOGIN' returned an error: NO wrong password", ("error", None)),
    (
        mbsync,
        "imap",
        "Error, certificate owner does not match hostname x",
        ("reject", "name-mismatch"),
    ),
    (mbsync, "imaps", "Error, cannot get certificate common name", ("reject", "name-mismatch")),
    (
        offlineimap,
        "imaps",
        "ERROR: Unknown SSL protocol. Could not connect via SSL to host 'x' and non-standard ssl "
        "port 4 configured. Got: [SSL] legacy sigalg disallowed or unsupported (_ssl.c:992)",
        ("reject", None),
    ),
    (
        mbsync,
        "imap",
        "SSL error connecting x (127.0.0.1:1): self-signed certificate in certificate chain",
        ("reject", "unknown-issuer"),
    ),
    (
        mbsync,
        "imap",
        "Socket error: secure connect to x (127.0.0.1:1): error:0A000126:SSL "
        "routines::unexpected eof while reading",
        ("error", None),
    ),
    (
        mbsync,
        "imap",
        "Socket error: secure connect to x (127.0.0.1:1): error:0A00010B:SSL "
        "routines::wrong version number",
        ("reject", None),
    ),
    (
        fetchmail,
        "imap",
        "fetchmail: Server certificate verification error: hostname mismatch\n"
        "fetchmail: OpenSSL reported: error:0A000086:SSL routines::certificate verify failed",
        ("reject", "name-mismatch"),
    ),
    (fetchmail, "imap", "fetchmail: x: upgrade to TLS failed.", ("error", None)),
    (
        offlineimap,
        "imap",
        "ERROR: Failed to start TLS connection: Couldn't establish TLS session: [b'not now']",
        ("reject", "starttls"),
    ),
    (
        offlineimap,
        "imap",
        "ERROR: Failed to start TLS connection: command: STARTTLS => socket "
        "error: <class 'OSError'> - Too many read 0",
        ("error", None),
    ),
    (
        offlineimap,
        "imap",
        "('CA Cert verifying failed:  no matching domain name found in certificate',)",
        ("reject", "name-mismatch"),
    ),
    (offlineimap, "imap", "ERROR: All authentication types failed:", ("error", None)),
    (
        getmail,
        "imaps",
        "getmailrc: operation error (SSLError during connect ([SSL: CERTIFICATE_VERIFY_FAILED] "
        "certificate verify failed: certificate has expired (_ssl.c:992)))",
        ("reject", "expired"),
    ),
    (
        getmail,
        "imaps",
        'getmailrc: operation error (("wildcard can only be present in the leftmost label: '
        "'mail.*.test'.\",))",
        ("reject", "name-mismatch"),
    ),
    (
        getmail,
        "pop3s",
        "getmailrc: socket error ([SSL] legacy sigalg disallowed or unsupported (_ssl.c:992))",
        ("reject", None),
    ),
    (
        getmail,
        "pop3s",
        "getmailrc: socket error ([SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation "
        "of protocol (_ssl.c:992))",
        ("error", None),
    ),
    (getmail, "imaps", "getmailrc: credential/login error (wrong password)", ("error", None)),
    (
        swaks,
        "smtps",
        "*** TLS startup failed (connect(): error:06880006:asn1 encoding routines::EVP lib)",
        ("reject", None),
    ),
    (
        swaks,
        "smtp",
        " -> STARTTLS\n<** 454 not now\n*** STARTTLS attempted but failed",
        ("reject", "starttls"),
    ),
    (
        swaks,
        "smtp",
        "<-  220 2.0.0 Ready\n*** TLS startup failed (connect(): error:0A000126:SSL "
        "routines::unexpected eof while reading)\n*** STARTTLS attempted but failed",
        ("error", None),
    ),
    (perl, "smtp", "starttls: not offered", ("reject", "starttls")),
    (perl, "smtp", "starttls: answer 454", ("reject", "starttls")),
    (perl, "smtp", "starttls: answer 421", ("error", None)),
    (perl, "smtp", "auth: 535 5.7.8 no", ("error", None)),
    (ruby, "imap", "starttls: Net::IMAP::NoResponseError: not now", ("reject", "starttls")),
    (ruby, "imap", "mail: Net::IMAP::NoResponseError: wrong password", ("error", None)),
    (
        ruby,
        "imaps",
        "connect: OpenSSL::SSL::SSLError: SSL_connect returned=1 errno=0 state=error: "
        "certificate verify failed (hostname mismatch)",
        ("reject", "name-mismatch"),
    ),
    (neomutt, "imap", "Encrypted connection unavailable", ("reject", "starttls")),
    (neomutt, "imap", "Connection to x closed", ("error", None)),
    (
        neomutt,
        "smtp",
        "gnutls_handshake: The TLS connection was non-properly terminated.",
        ("error", None),
    ),
    (
        neomutt,
        "smtp",
        "gnutls_handshake: A TLS fatal alert has been received.(Handshake failed)",
        ("reject", None),
    ),
    (neomutt, "smtp", "SMTP session failed: 502 what", ("error", None)),
]


@pytest.mark.parametrize(("client", "endpoint", "words", "gist_"), WORDS)
def test_a_client_refuses_only_in_words_of_its_own(
    client: Maker,
    endpoint: str,
    words: str,
    gist_: tuple[str, str | None],
) -> None:
    """Texts of real runs: where STARTTLS is missing or refused, and where the server left."""
    target = replace(TARGET, endpoint=ENDPOINTS[endpoint])

    code = 29 if client is swaks else 1
    assert gist(client("program", (1,)).read(target, Ended(code, b"", words.encode()))) == gist_


@pytest.mark.parametrize(
    ("dialogue", "gist_"),
    [
        (
            b"fetchmail: IMAP> A0002 STARTTLS\nfetchmail: IMAP< A0002 NO not now\n",
            ("reject", "starttls"),
        ),
        (b"fetchmail: POP3> STLS\nfetchmail: POP3< -ERR what\n", ("reject", "starttls")),
        (
            b"fetchmail: IMAP> A0002 STARTTLS\nfetchmail: 6.4.37 querying x: poll completed\n",
            ("error", None),
        ),
    ],
)
def test_fetchmail_tells_a_refusal_from_the_end_by_its_dialogue(
    dialogue: bytes, gist_: tuple[str, str | None]
) -> None:
    said = fetchmail("fetchmail", (6, 4, 37)).read(
        TARGET, Ended(2, dialogue, b"fetchmail: x: upgrade to TLS failed.\n")
    )

    assert gist(said) == gist_


@pytest.mark.parametrize(
    ("log", "gist_"),
    [
        (
            b"<2> mutt_socket_write_d() 5> STARTTLS\n"
            b"[2026-11-22 00:29:45]<2> mutt_socket_readln_d() 5< 454 not now\n",
            ("reject", "starttls"),
        ),
        (b"<5> menu_repaint() repaint done\n", ("reject", None)),
        (
            b"<2> mutt_socket_write_d() 5> EHLO vm\n"
            b"[2026-11-22 00:29:45]<2> mutt_socket_readln_d() 5< 554 no\n",
            ("error", None),
        ),
    ],
)
def test_neomutt_sends_in_silence_and_its_log_tells(
    log: bytes, gist_: tuple[str, str | None]
) -> None:
    target = replace(TARGET, endpoint=ENDPOINTS["smtp"])
    said = neomutt("neomutt", (2022,)).read(target, Ended(1, b"", b"", log))

    assert gist(said) == gist_


@pytest.mark.parametrize(
    ("painted", "gist_"),
    [
        (b"NeoMutt: imaps://qa@x:1/INBOX [Msgs:5 New:5 3.1K]", ("accept", None)),
        (b"NeoMutt: imaps://qa@x:1/INBOX [Msgs:0]", ("error", None)),
        (
            b"WARNING: Server certificate has expired\x1b[50;1H(r)eject, accept (o)nce",
            ("reject", "expired"),
        ),
        (b"\x1b[50;1H(r)eject, accept (o)nce, (a)ccept always", ("reject", None)),
    ],
)
def test_neomutt_is_read_by_what_it_paints(painted: bytes, gist_: tuple[str, str | None]) -> None:
    assert gist(neomutt("neomutt", (2022,)).read(TARGET, Ended(-9, painted, b""))) == gist_


@pytest.mark.parametrize("client", [mbsync, fetchmail, offlineimap])
def test_who_ends_well_without_a_mail_has_fetched_none(
    client: Maker,
) -> None:
    read = client("program", (1,)).read

    assert read(TARGET, Ended(0, b"", b"")).verdict == "error"
    assert read(TARGET, Ended(0, b"", b"", b"Subject: x\r\n")).verdict == "accept"


MUST: dict[Maker, str] = {
    curl: "--ssl-reqd", msmtp: "tls_starttls on", mbsync: "SSLType STARTTLS",
    fetchmail: "sslproto 'tls1.2+'", offlineimap: "starttls = yes",
    neomutt: "set ssl_force_tls=yes",
}  # fmt: skip


@pytest.mark.parametrize("client", MUST)
def test_starttls_is_a_must_in_each_clients_own_setting(client: Maker, tmp_path: Path) -> None:
    target = replace(TARGET, endpoint=ENDPOINTS["imap"], patience=3.0)
    job = client("program", (1,)).prepare(target, tmp_path)
    written = [x.read_text() for x in tmp_path.iterdir() if x.name.endswith("rc")]

    assert MUST[client] in "\n".join([*job.command, *written])
    assert re.search(r"\b3(\.0)?\b", "\n".join([*job.command, *written]))


def test_curl_ssl_takes_what_it_gets(tmp_path: Path) -> None:
    command = curl_ssl("curl", (7, 88, 1)).prepare(TARGET, tmp_path).command

    assert "--ssl" in command
    assert "--ssl-reqd" not in command


def probe(program: str, **job: object) -> Client:
    """A client that is a few lines of Python."""

    def prepare(target: Target, home: Path) -> Job:
        return Job(command=[sys.executable, "-c", program], **job)  # type: ignore[arg-type] # as named

    def read(target: Target, ended: Ended) -> Said:
        return Said("accept", None, ended.code, (ended.out + ended.left).decode())

    return Client("probe", (1,), ALL, prepare, read)


def test_a_client_lives_in_a_folder_of_its_own_that_vanishes() -> None:
    program = "import os; h = os.environ['HOME']; print(h); open(h + '/mail', 'w').write('kept')"
    said = asyncio.run(probe(program, leaves="mail").ask(TARGET))

    home, left = said.text.split()
    assert left == "kept"
    assert Path(home) != Path.home()
    assert not Path(home).exists()


def test_a_client_that_outlives_its_patience_is_killed() -> None:
    said = asyncio.run(
        probe("import time; time.sleep(60)", grace=0).ask(replace(TARGET, patience=0.2))
    )

    assert gist(said) == ("error", None)
    assert said.exit_code is None


def test_a_client_is_not_asked_in_a_tongue_that_it_does_not_speak() -> None:
    with pytest.raises(ValueError, match="msmtp does not speak imap"):
        asyncio.run(msmtp("msmtp", (1,)).ask(TARGET))


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_on_a_terminal_a_client_is_hung_up_on_as_soon_as_it_asks() -> None:
    program = "import sys, time; assert sys.stdin.isatty(); print('accept?'); time.sleep(60)"
    ended = asyncio.run(
        screen.show(
            [sys.executable, "-uc", program], until=re.compile(rb"accept\?"), seconds=30, extra={}
        )
    )

    assert ended.code not in {0, None}
    assert b"accept?" in ended.out


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_on_a_terminal_a_client_that_leaves_is_read_to_its_last_word() -> None:
    program = "import sys; print('painted'); sys.stderr.write('said'); sys.exit(7)"
    ended = asyncio.run(
        screen.show(
            [sys.executable, "-c", program], until=re.compile(b"x{9}"), seconds=30, extra={}
        )
    )

    assert (ended.code, ended.out.strip(), ended.err) == (7, b"painted", b"said")


def test_python_is_always_found_and_only_once() -> None:
    names = [client.name for client in asyncio.run(driver.found(("python", "aiosmtplib")))]

    assert names == ["python", "aiosmtplib"]


def test_a_name_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(MitmailError, match=r"no client .outlook."):
        asyncio.run(driver.found(("outlook",)))


def test_a_library_says_its_own_version() -> None:
    client = aiosmtplib()

    assert client is not None
    assert client.version >= (5, 1)
    assert client.protocols == {"smtp"}


@pytest.mark.parametrize("client", [python, aiosmtplib])
def test_roots_that_cannot_be_read_refuse_nobody(
    client: Callable[[], Client | None], tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("")
    asked = client()
    assert asked is not None
    target = replace(TARGET, endpoint=ENDPOINTS["smtps"], roots=roots)

    assert gist(asyncio.run(asked.ask(target))) == ("error", None)


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


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        (
            "validity check failed; CertificateExpiredException",
            "expired",
        ),
        (
            "validity check failed; CertificateNotYetValidException",
            "not-yet-valid",
        ),
        (
            "Can't verify identity of server: mail.customer.test",
            "name-mismatch",
        ),
        (
            "STARTTLS failure; unable to find valid certification path to requested target",
            "unknown-issuer",
        ),
        ("MessagingException: 454 not now; STARTTLS was refused", "starttls"),
        ("STARTTLS failure; SSLHandshakeException: Received fatal alert: internal_error", None),
    ],
)
def test_javamail_names_its_reason_in_a_chain_of_exceptions(
    detail: str, reason: str | None
) -> None:
    answer = {"id": 1, "verdict": "reject", "detail": detail}

    assert reading.answered(loader.find_client("javamail"), answer, None).reason == reason
