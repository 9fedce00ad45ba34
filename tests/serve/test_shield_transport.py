"""What clients meet where a simulated antivirus does something else than show its copy."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import need
from serve.program import SECONDS, Program
from serve.serving import NAME, PORTS, ForProgram, Place
from serve.tls_client import clean, curl, fingerprint, foreign_root, openssl, s_client

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

GENERIC = ("--antivirus", "generic")
ENDPOINTS = pytest.mark.parametrize("endpoint", list(PORTS))
PASSED = "the antivirus passed the connection through: what the client did was not seen"
# curl's exit codes: TLS failed, time-out, the certificate was refused, connection reset.
NO_TLS, LATE, REFUSED = 35, 28, 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def switches(*names: str) -> list[str]:
    return [word for name in names for word in ("--switch", name)]


def leaf(place: Place, *options: str) -> bytes:
    """The first certificate (PEM) that openssl was shown."""
    said = s_client(place, *options).stdout
    return said[said.index(b"-----BEGIN") :]


def issuer(pem: bytes) -> str:
    return openssl("x509", "-noout", "-issuer", "-nameopt", "RFC2253", give=pem)


def assert_one_of_each(serving: ForProgram) -> None:
    """Each session has one verdict and one end."""
    assert set(serving.counts().values()) == {1}


class Counted:
    """What is served to several tests, and how many sessions it has had."""

    def __init__(self, serving: ForProgram) -> None:
        self.serving = serving
        self.places = serving.places
        self.password = serving.ready["password"]
        self.sessions = 0

    def root(self, whose: str) -> Path:
        """The file of a root: the server's, or the antivirus'."""
        return Path(
            self.serving.ready["root_file" if whose == "server" else "antivirus_root_file"]
        )

    def meets[T](self, client: Callable[[], T]) -> tuple[T, Any]:
        """A client that connects once; what it made of it, and the record of its verdict."""
        made = client()
        self.sessions += 1
        return made, self.serving.record("verdict", self.sessions)


# -- block ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(home: Path) -> Iterator[Counted]:
    """An expired server behind a shield that blocks it, over IPv4, and drops what is no mail."""
    on = switches("block-faulty", "ipv4-only", "drop-foreign")
    with ForProgram(home, "expired", *GENERIC, *on) as serving:
        yield Counted(serving)


@ENDPOINTS
def test_a_faulty_server_that_is_blocked_is_an_end_of_file_to_clients(
    strict: Counted, endpoint: str
) -> None:
    place, root = strict.places[endpoint], strict.root("antivirus")
    fetched, found = strict.meets(lambda: curl(place, root, strict.password))
    looked, _ = strict.meets(lambda: s_client(place))

    assert fetched.returncode == NO_TLS, fetched.stderr
    assert b"unexpected eof" in looked.stderr
    assert (found["verdict"], found["presented"]) == ("none", None)
    assert found["upstream"] == {"verified": False, "errors": ["expired"]}
    assert found["evidence"].startswith(
        "the antivirus blocked the client by closing the connection"
    )
    ended = strict.serving.record("end", strict.sessions - 1)
    assert ended["outcome"] is None, "nothing of ours has failed"


@pytest.mark.parametrize("endpoint", ["imaps", "imap"])
def test_over_ipv6_the_servers_own_certificate_is_seen(strict: Counted, endpoint: str) -> None:
    place = strict.places[endpoint]
    own, found = strict.meets(lambda: leaf(replace(place, host="::1")))
    blocked, _ = strict.meets(lambda: s_client(place))

    assert b"unexpected eof" in blocked.stderr, "over IPv4"
    assert "mitmail" in issuer(own)
    assert found["presented"]["leaf_sha256"] == fingerprint(own)


@pytest.mark.parametrize("endpoint", ["imaps", "imap"])
def test_what_is_no_mail_is_dropped(strict: Counted, endpoint: str) -> None:
    def asks_for_a_way() -> bytes:
        with talk_no_mail(strict.places[endpoint]) as connection:
            return read_on(connection)

    said, found = strict.meets(asks_for_a_way)

    assert b"BAD" not in said, "no mail server has heard of it"
    assert found["evidence"].startswith(
        "the antivirus dropped the client by closing the connection: the client"
    )


def talk_no_mail(place: Place) -> socket.socket:
    """A client that takes the port for that of an HTTP proxy."""
    connection = socket.create_connection((place.host, place.port), timeout=SECONDS)
    connection.sendall(b"CONNECT vpn.customer.test:443 HTTP/1.1\r\n\r\n")
    return connection


def read_on(connection: socket.socket) -> bytes:
    """All that comes until the end."""
    said = b""
    while octets := connection.recv(4096):
        said += octets
    return said


@pytest.mark.long
def test_a_faulty_server_that_is_blocked_may_be_a_reset(home: Path) -> None:
    with ForProgram(home, "self-signed", *GENERIC, *switches("reset-faulty")) as serving:
        for endpoint in ("imaps", "smtp"):
            place = serving.places[endpoint]
            with pytest.raises(ConnectionResetError):
                begins_tls(place)
            fetched = curl(place, foreign_root(home), serving.ready["password"])
            assert fetched.returncode == NO_TLS
            assert b"eset" in fetched.stderr, fetched.stderr
        found = serving.record("verdict", 1)
        assert found["evidence"].startswith("the antivirus blocked the client by a reset")
        assert_one_of_each(serving)


def begins_tls(place: Place) -> ssl.SSLSocket:
    """Python's ssl begins TLS, behind STARTTLS (SMTP) where that is due."""
    connection = socket.create_connection((place.host, place.port), timeout=SECONDS)
    if not place.implicit:
        for said in (b"EHLO x\r\n", b"STARTTLS\r\n"):
            connection.recv(4096)
            connection.sendall(said)
        assert connection.recv(4096).startswith(b"220 ")
    return ssl.create_default_context().wrap_socket(connection, server_hostname=NAME)


@pytest.fixture(scope="module")
def silent(home: Path) -> Iterator[Counted]:
    on = switches("stall-faulty", "stall-foreign")
    with ForProgram(home, "expired", *GENERIC, *on) as serving:
        yield Counted(serving)


@pytest.mark.long
@pytest.mark.parametrize("endpoint", ["imaps", "imap"])
def test_a_faulty_server_that_is_blocked_may_be_silence(silent: Counted, endpoint: str) -> None:
    place, root = silent.places[endpoint], silent.root("antivirus")
    short = ("--max-time", "2")
    fetched, found = silent.meets(lambda: curl(place, root, silent.password, *short))

    assert fetched.returncode == LATE, fetched.stderr
    assert (found["verdict"], found["presented"]) == ("none", None)
    assert "by falling silent" in found["evidence"]


@pytest.mark.long
@pytest.mark.parametrize("endpoint", ["imaps", "imap"])
def test_what_is_no_mail_may_also_hang(silent: Counted, endpoint: str) -> None:
    with talk_no_mail(silent.places[endpoint]) as connection:
        _, found = silent.meets(lambda: None)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            read_on(connection)

    assert found["evidence"].startswith("the antivirus dropped the client by falling silent")


# -- ask -----------------------------------------------------------------------------------------

PATIENT = """\
like: generic
title: An antivirus whose dialog closes by itself
brand: Patient
ask: {seconds: 4, then: trusted}
"""


@pytest.mark.long
def test_a_client_waits_while_the_dialog_is_open(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vendors"
    folder.mkdir()
    (folder / "patient.yaml").write_text(PATIENT)
    product = ("--antivirus", str(folder / "patient.yaml"), *switches("ask-first"))
    with ForProgram(home, "self-signed", *product) as serving:
        password, root = serving.ready["password"], Path(serving.ready["antivirus_root_file"])
        for number, endpoint in ((1, "imaps"), (2, "imap")):
            place = serving.places[endpoint]
            late = curl(place, root, password, "--max-time", "2")
            left = serving.record("verdict", number)
            assert late.returncode == LATE, late.stderr
            assert (left["verdict"], left["presented"]) == ("none", None)
            assert "while the antivirus' dialog was open" in left["evidence"]

        began = time.monotonic()
        patient = curl(serving.places["imaps"], root, password)
        assert patient.returncode == 0, patient.stderr
        assert time.monotonic() - began >= 4
        found = serving.record("verdict", 3)
        assert found["verdict"] == "accept"
        shown = next(fact for fact in found["facts"] if fact["fact"] == "popup")
        assert shown["words"] == f"Patient: the certificate of {NAME} is faulty. Go on?"


# -- pass through --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lenient(home: Path) -> Iterator[Counted]:
    with ForProgram(home, "expired", *GENERIC, *switches("pass-faulty")) as serving:
        yield Counted(serving)


@ENDPOINTS
def test_a_faulty_server_that_is_passed_through_is_judged_by_its_own_certificate(
    lenient: Counted, endpoint: str
) -> None:
    place, root = lenient.places[endpoint], lenient.root("server")
    own, _ = lenient.meets(lambda: leaf(place))
    fetched, refused = lenient.meets(lambda: curl(place, root, lenient.password))
    blindly, accepted = lenient.meets(lambda: curl(place, root, lenient.password, "--insecure"))

    assert fetched.returncode == REFUSED, fetched.stderr
    assert b"expired" in fetched.stderr
    assert blindly.returncode == 0, blindly.stderr
    assert "Generic" not in issuer(own)
    assert (refused["verdict"], refused["reason"]) == ("reject", "expired")
    assert accepted["verdict"] == "accept"
    for found in (refused, accepted):
        assert found["presented"]["leaf_sha256"] == fingerprint(own)
        assert found["upstream"] == {"verified": False, "errors": ["expired"]}
        assert "passed-through" in {fact["fact"] for fact in found["facts"]}
    lenient.serving.record("end", lenient.sessions)
    assert_one_of_each(lenient.serving)


def test_a_server_works_on_the_second_try(home: Path) -> None:
    with ForProgram(home, *GENERIC, *switches("fail-then-bypass")) as serving:
        password, root = serving.ready["password"], Path(serving.ready["root_file"])
        tries = [curl(serving.places[x], root, password) for x in ("imaps", "imaps", "smtp")]

        assert [one.returncode for one in tries] == [NO_TLS, 0, 0]
        verdicts = [serving.record("verdict", number)["verdict"] for number in (1, 2, 3)]
        assert verdicts == ["none", "accept", "accept"]


@pytest.mark.long
def test_every_other_connection_is_intercepted(home: Path) -> None:
    with ForProgram(home, *GENERIC, *switches("every-other")) as serving:
        issuers = [issuer(leaf(serving.places["pop3s"])) for _ in range(4)]

        assert ["Generic" in one for one in issuers] == [True, False, True, False]
        assert len(set(issuers)) == 2


# -- servers that are not ours -------------------------------------------------------------------


def write_identity(folder: Path, stem: str, name: str) -> tuple[str, str]:
    """A self-signed identity of openssl's; its certificate and its key."""
    certificate, key = f"{folder}/{stem}.pem", f"{folder}/{stem}.key"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(
        *make, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "9",
        "-out", certificate, "-keyout", key,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """openssl s_server, which has a certificate for localhost, and one for who names no host."""
    folder = tmp_path_factory.mktemp("named")
    default, default_key = write_identity(folder, "default", "invalid2.invalid")
    good, good_key = write_identity(folder, "good", "localhost")
    command = [
        need("openssl"), "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", default,
        "-key", default_key, "-servername", "localhost", "-cert2", good, "-key2", good_key,
    ]  # fmt: skip
    with Program(command, clean()) as server:
        port = int(server.line(r"^ACCEPT [\d.:]+$").rsplit(":", 1)[1])
        yield Path(good), port


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def before(home: Path, named: tuple[Path, int]) -> Iterator[ForProgram]:
    """Norton before that server, and before one that is down."""
    good, port = named
    upstreams = ["--upstream", f"imaps=localhost:{port}", "--upstream-ca", str(good)]
    upstreams += ["--upstream", f"pop3s=localhost:{closed_port()}"]
    with ForProgram(home, "--antivirus", "norton", *upstreams) as serving:
        yield serving


def subject(pem: bytes) -> str:
    return openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", give=pem).strip()


def test_a_server_on_loopback_is_intercepted_and_asked_for_the_clients_name(
    before: ForProgram,
) -> None:
    shown = leaf(before.places["imaps"], "-servername", "localhost")

    assert subject(shown) == "subject=CN=localhost"
    assert "Norton Web/Mail Shield Root" in issuer(shown)


def test_a_client_that_names_no_host_gets_a_copy_of_the_servers_default(
    before: ForProgram,
) -> None:
    place = before.places["imaps"]
    command = [need("openssl"), "s_client", "-connect", f"{place.host}:{place.port}"]
    looked = subprocess.run(
        [*command, "-noservername", "-showcerts"], stdin=subprocess.DEVNULL, env=clean(),
        capture_output=True, timeout=SECONDS,
    )  # fmt: skip
    shown = looked.stdout[looked.stdout.index(b"-----BEGIN") :]

    assert subject(shown) == "subject=CN=invalid2.invalid"
    assert "Norton Web/Mail Shield Self-signed Root" in issuer(shown)


def test_a_server_that_is_down_is_connected_and_then_closed(before: ForProgram) -> None:
    place = before.places["pop3s"]
    with socket.create_connection((place.host, place.port), timeout=SECONDS) as connection:
        assert connection.recv(1) == b""


def test_of_a_server_that_is_not_ours_nothing_is_seen_once_it_is_passed_through(
    home: Path, named: tuple[Path, int]
) -> None:
    upstream = ("--upstream", f"imaps=localhost:{named[1]}")
    with ForProgram(home, *GENERIC, *upstream, *switches("pass-faulty")) as serving:
        shown = leaf(serving.places["imaps"], "-servername", "localhost")
        found = serving.record("verdict", 1)

        assert fingerprint(shown) == fingerprint(named[0].read_bytes())
        assert (found["verdict"], found["evidence"]) == ("none", PASSED)
        assert found["presented"] is None, "not by us"
        assert serving.record("end", 1)["outcome"] is None
        assert_one_of_each(serving)
