"""Settings that do not fit the server: `serve` names the right port, to a person and in JSON."""

import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import need
from serve.program import SECONDS, mitmail
from serve.serving import PORTS, USER, ForPerson, ForProgram, Place
from serve.tls_client import clean, connected

# A mail client waits for a greeting for longer than this.
PATIENCE = 1.2
SPOKEN = {"imap": b"a1 CAPABILITY", "pop3": b"CAPA", "smtp": b"EHLO [127.0.0.1]"}
# The connection request of a remote desktop client (MS-RDPBCGR 2.2.1.1).
RDP = bytes.fromhex("030000130ee000000000000100080003000000")

type Client = Callable[[Place, Path], None]


def told(command: list[str], give: bytes = b"", seconds: float = SECONDS) -> None:
    """Run a client that is set up wrongly: it has to fail, or it is not what it seems."""
    run = subprocess.run(command, input=give, capture_output=True, env=clean(), timeout=seconds)
    assert run.returncode != 0, run.stdout


def s_client(*options: str, seconds: float = SECONDS) -> Client:
    """``openssl s_client``, hung up on where it waits for an answer that its protocol has."""

    def go(place: Place, home: Path) -> None:
        command = [need("openssl"), "s_client", "-connect", f"{place.host}:{place.port}", *options]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean(),
        )
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        finally:
            process.kill()
            process.wait()

    return go


def curl(scheme: str, *options: str) -> Client:
    def go(place: Place, home: Path) -> None:
        where = f"{scheme}://{place.host}:{place.port}"
        limit = ["--max-time", str(PATIENCE), "--user", f"{USER}:wrong", *options]
        told([need("curl"), "-q", "-sS", "-k", *limit, where])

    return go


def msmtp(*, starttls: bool) -> Client:
    def go(place: Place, home: Path) -> None:
        config = home / f"msmtprc-{place.port}"
        kind = "on" if starttls else "off"
        config.write_text(
            f"account default\nhost {place.host}\nport {place.port}\nfrom {USER}\ntls on\n"
            f"tls_starttls {kind}\ntls_certcheck off\ntimeout 2\n"
        )
        config.chmod(0o600)
        told([need("msmtp"), "-C", str(config), USER], b"Subject: x\n\nx\n")

    return go


def python(*, at_once: bool) -> Client:
    """imaplib, poplib and smtplib; in clear they wait for a greeting."""
    make = {"imap": "imaplib.IMAP4", "pop3": "poplib.POP3", "smtp": "smtplib.SMTP"}

    def go(place: Place, home: Path) -> None:
        what = make[place.protocol] + ("_SSL" if at_once else "")
        words = f"{what}({place.host!r}, {place.port}, timeout={PATIENCE})"
        told([sys.executable, "-I", "-c", f"import {what.partition('.')[0]}; {words}"])

    return go


def says(octets: bytes) -> Client:
    """A client that says this, once it has heard a greeting where there is one, and leaves."""

    def go(place: Place, home: Path) -> None:
        with (
            socket.create_connection((place.host, place.port), SECONDS) as client,
            suppress(ConnectionResetError),
        ):
            assert place.implicit or client.recv(4096)
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass

    return go


def logs_in_in_clear(place: Place, home: Path) -> None:
    words = {"imap": "a LOGIN x y", "pop3": "USER x", "smtp": "AUTH PLAIN AHgAeQ=="}
    with socket.create_connection((place.host, place.port), SECONDS) as client:
        for word in (words[place.protocol], "QUIT"):
            assert client.recv(4096)
            client.sendall(f"{word}\r\n".encode())


def asks_for_starttls_inside_tls(place: Place, home: Path) -> None:
    words = {"imap": "a STARTTLS", "pop3": "STLS", "smtp": "STARTTLS"}
    with connected(place, insecure()) as client:
        assert client.recv(4096)
        client.sendall(f"{words[place.protocol]}\r\n".encode())
        assert client.recv(4096)


def says_inside_tls(word: str) -> Client:
    def go(place: Place, home: Path) -> None:
        with connected(place, insecure()) as client:
            assert client.recv(4096)
            client.sendall(f"{word}\r\n".encode())
            client.recv(4096)

    return go


def insecure() -> ssl.SSLContext:
    """Any certificate will do here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True)
class Wrong:
    """A client, where it came to, and what that is: found, due, use, certainty."""

    endpoint: str
    what: str
    client: Client
    found: str
    due: str
    use: str | None
    certainty: str = "sure"

    def __str__(self) -> str:
        return f"{self.endpoint}-{self.what}"


def every() -> Iterator[Wrong]:
    for protocol in ("imap", "pop3", "smtp"):
        clear, tls = protocol, f"{protocol}s"
        at_once = ("implicit-tls", "starttls", tls)
        yield Wrong(clear, "openssl", s_client(), *at_once)
        yield Wrong(clear, "curl", curl(tls), *at_once)
        yield Wrong(clear, "python", python(at_once=True), *at_once)
        yield Wrong(clear, "login", logs_in_in_clear, "clear-text", "starttls", clear)
        inside = ("starttls", "implicit-tls", tls)
        yield Wrong(tls, "starttls-inside", asks_for_starttls_inside_tls, *inside)
        for name, octets in (("ssh", b"SSH-2.0-OpenSSH_9.9\r\n"), ("rdp", RDP)):
            yield Wrong(tls, name, says(octets), name, protocol, None)
        http = says(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        yield Wrong(tls, "http", http, "http", protocol, None)
        yield Wrong(tls, "text", says(b"hello?\r\n"), "clear-text", "implicit-tls", clear)
        for other, word in SPOKEN.items():
            words = says(word + b"\r\n")
            yield Wrong(tls, other, words, "clear-text", "implicit-tls", other)
            if other != protocol:
                through = says_inside_tls(word.decode())
                yield Wrong(tls, f"{other}-inside", through, other, protocol, f"{other}s")
                in_clear = says(word + b"\r\n")
                yield Wrong(clear, other, in_clear, other, protocol, other)
    # OpenSSL speaks the protocol that it was told, whatever the greeting was.
    yield Wrong(
        "imap", "openssl-smtp", s_client("-starttls", "smtp", seconds=1), "smtp", "imap", "smtp"
    )
    yield Wrong(
        "pop3", "openssl-imap", s_client("-starttls", "imap", seconds=1), "imap", "pop3", "imap"
    )
    yield Wrong(
        "smtp", "openssl-pop3", s_client("-starttls", "pop3", seconds=1), "pop3", "smtp", "pop3"
    )
    yield Wrong("smtp", "msmtp", msmtp(starttls=False), "implicit-tls", "starttls", "smtps")
    # They wait for a greeting until their patience is at its end, so each waits at one port.
    silence, guess = ("silence", "implicit-tls"), "suspected"
    yield Wrong("imaps", "curl", curl("imap"), *silence, "imap", guess)
    yield Wrong("pop3s", "python", python(at_once=False), *silence, "pop3", guess)
    yield Wrong("smtps", "msmtp", msmtp(starttls=True), *silence, "smtp", guess)


WRONG = list(every())


@dataclass(frozen=True)
class Run:
    """A server that all of these clients came to, and the verdict of each."""

    places: dict[str, Place]
    records: dict[Wrong, Any]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForProgram]:
    with ForProgram(tmp_path_factory.mktemp("home"), "expired") as serving:
        yield serving


@pytest.fixture(scope="module")
def run(person: ForPerson, serving: ForProgram, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The clients of one endpoint come one after the other, so that each has its record."""
    home = tmp_path_factory.mktemp("clients")
    places = serving.places
    found: dict[Wrong, Any] = {}

    def visit(endpoint: str) -> None:
        mine: list[int] = []
        for wrong in (x for x in WRONG if x.endpoint == endpoint):
            wrong.client(places[endpoint], home)
            found[wrong] = next_verdict(serving, endpoint, mine)
            mine.append(found[wrong]["session"])

    with ThreadPoolExecutor(len(PORTS)) as clients:
        list(clients.map(visit, PORTS))
    assert serving.err == []
    return Run(places, found)


def next_verdict(serving: ForProgram, endpoint: str, had: list[int]) -> Any:
    """The verdict on this endpoint that no client has had yet."""
    new = "".join(f"(?!{number},)" for number in had)
    pattern = rf'"verdict", "session": {new}\d+, "scenario": "[^"]+", "endpoint": "{endpoint}"'
    return json.loads(serving.line(pattern))


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_the_record_names_the_setting_that_fits(run: Run, wrong: Wrong) -> None:
    use = wrong.use and {
        "endpoint": wrong.use,
        "port": run.places[wrong.use].port,
        "tls": "implicit" if wrong.use.endswith("s") else "starttls",
    }

    assert run.records[wrong]["setting"] == {
        "found": wrong.found,
        "due": wrong.due,
        "certainty": wrong.certainty,
        "use": use,
    }


def test_every_record_is_valid(run: Run, tmp_path: Path) -> None:
    schema = json.loads(mitmail("schema", "record", home=tmp_path).stdout)
    for record in run.records.values():
        Draft202012Validator(schema).validate(record)


# -- what is no wrong setting ----


def test_whoever_does_what_is_due_or_only_knocks_is_told_nothing(tmp_path: Path) -> None:
    with ForProgram(tmp_path, "expired") as serving:
        places = serving.places
        s_client()(places["imaps"], tmp_path)
        s_client("-starttls", "imap")(places["imap"], tmp_path)
        for endpoint in ("pop3", "pop3s"):
            with socket.create_connection((places[endpoint].host, places[endpoint].port)):
                pass
        verdicts = [
            json.loads(serving.line(f'"record": "verdict".*"endpoint": "{endpoint}"'))
            for endpoint in ("imaps", "imap", "pop3", "pop3s")
        ]

    assert [one["setting"] for one in verdicts] == [None] * 4


def test_what_a_client_does_where_the_server_breaks_tls_off_is_no_setting(tmp_path: Path) -> None:
    with ForProgram(tmp_path, "plaintext-banner-on-tls-port") as serving:
        with socket.create_connection(
            (serving.places["smtps"].host, serving.places["smtps"].port)
        ) as client:
            assert client.recv(4096).startswith(b"220")
            client.sendall(b"EHLO x\r\nQUIT\r\n")
        record = json.loads(serving.line('"record": "verdict"'))

    assert record["setting"] is None


# -- the same, to a person ----

ADVICE = [
    ("imap", s_client(), "The client spoke TLS at once; this port expects STARTTLS; use SSL/TLS "
     "on {imaps} (imaps), or STARTTLS on {imap} (imap)."),
    ("smtps", says(b"EHLO x\r\n"), "The client spoke SMTP in clear; this port expects SSL/TLS; "
     "use STARTTLS on {smtp} (smtp), or SSL/TLS on {smtps} (smtps)."),
    ("pop3s", says_inside_tls("EHLO x"), "The client spoke SMTP; this port expects POP3; use "
     "SSL/TLS on {smtps} (smtps)."),
    ("smtp", s_client("-starttls", "imap", seconds=1), "The client spoke IMAP; this port "
     "expects SMTP; use STARTTLS on {imap} (imap)."),
    ("pop3", logs_in_in_clear, "The client gave credentials without TLS; this port expects "
     "STARTTLS; use STARTTLS on {pop3} (pop3)."),
]  # fmt: skip


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForPerson]:
    """A server that somebody came to and says nothing, since before the other tests."""
    with ForPerson(tmp_path_factory.mktemp("home"), "expired") as serving:
        serving.wait()
        place = serving.places["imaps"]
        with socket.create_connection((place.host, place.port), SECONDS):
            yield serving


def ports(serving: ForPerson) -> dict[str, int]:
    return {name: place.port for name, place in serving.places.items()}


def test_a_person_is_told_in_one_sentence(person: ForPerson, tmp_path: Path) -> None:
    for endpoint, client, sentence in ADVICE:
        client(person.places[endpoint], tmp_path)
        told = person.line("^ {6}" + re.escape(sentence.format(**ports(person))) + "$")
        verdict = person.out[person.out.index(told) - 1]
        assert re.match(rf"{endpoint} +session \d+: none: ", verdict)


def test_a_person_is_told_what_a_client_that_says_nothing_may_wait_for(person: ForPerson) -> None:
    waiting = person.line(r"^imaps +session 1: waiting: ")

    assert waiting.partition("waiting: ")[2] == (
        "the client said nothing, as if it waited for a greeting in clear; this port expects "
        "SSL/TLS; use STARTTLS on {imap} (imap), or SSL/TLS on {imaps} (imaps)"
    ).format(**ports(person))


def test_a_person_is_told_what_a_session_was_found_to_be(person: ForPerson) -> None:
    logs_in_in_clear(person.places["imap"], Path())
    said = person.line(r"^ {6}It said: a LOGIN \*{3}$")

    found = person.out[person.out.index(said) - 1]
    assert re.match(r"imap +session \d+: vulnerable: ", found)


def test_the_end_record_says_what_a_session_was_found_to_be(run: Run, serving: ForProgram) -> None:
    wrong = next(x for x in WRONG if str(x) == "imap-login")
    end = serving.record("end", run.records[wrong]["session"])

    assert end["finding"]["finding"] == "vulnerable"
    assert end["finding"]["certainty"] == "sure"
    assert end["finding"]["trace"] == "a LOGIN ***"


def test_among_many_cases_it_is_told_before_one_was_chosen(tmp_path: Path) -> None:
    chosen = tmp_path / "mine.set"
    chosen.write_text("expired\n")
    with ForPerson(tmp_path, "--all", "--set", str(chosen)) as serving:
        serving.wait()
        for endpoint, client, sentence in ADVICE[:2]:
            client(serving.places[endpoint], tmp_path)
            serving.line("^ {6}" + re.escape(sentence.format(**ports(serving))) + "$")
