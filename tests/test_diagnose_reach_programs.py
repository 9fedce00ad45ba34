"""Servers that others wrote, as ``mitmail check`` finds them: Dovecot, OpenSSL's, Python's."""

import asyncio
import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench import need
from clients import dovecot
from clients.dovecot import Dovecot
from dnsmasq import answering, pointing
from far_host import LOOPBACK, PATIENT
from mitmail.diagnose.reach import Errand, Starttls, reach
from mitmail.diagnose.reached import Reached
from mitmail.diagnose.target import Target
from mitmail.pki.certificate import from_pem, pem
from serve.program import Program, mitmail
from serve.serving import NAME, ForProgram
from serve.tls_client import clean, openssl, s_client

type Serve = Callable[..., tuple[int, Program]]

ANNOUNCED = "Connecting to 127.0.0.1:{} as a mail client would; no password is sent."


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot.running(relay=9) as running:
        yield running


def checked(home: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """``mitmail check --json``, and its document."""
    ended = mitmail("check", *words, "--json", home=home)
    return ended, json.loads(ended.stdout) if ended.returncode in (0, 1) else None


@pytest.mark.parametrize("endpoint", ["imap", "imaps", "pop3", "pop3s", "smtp", "smtps"])
def test_each_port_of_a_dovecot_is_found_good(endpoint: str, server: Dovecot) -> None:
    reached = looked(server.ports[endpoint], roots=(server.root,))
    (one,) = reached.seen
    assert one.presented.chain == (server.leaf,)
    assert one.presented.tls == ("implicit" if endpoint.endswith("s") else "starttls")
    assert (one.protocol, one.errors) == (endpoint.removesuffix("s"), ())
    assert reached.findings == ()


def test_the_command_says_where_it_goes_and_what_it_found(server: Dovecot, tmp_path: Path) -> None:
    roots = tmp_path / "root.pem"
    roots.write_bytes(pem(server.root))
    port = server.ports["smtp"]
    where = f"{LOOPBACK}:{port}"
    words = (where, "--name", NAME, "--roots", str(roots))
    ended, found = checked(tmp_path, *words, "--fail-on", "medium")
    assert (ended.returncode, ended.stderr.strip()) == (0, ANNOUNCED.format(port))
    (one,) = found["presented"]
    assert (one["source"], one["tls"], one["port"]) == (where, "starttls", port)
    (certificate,) = one["certificates"]
    assert certificate["sha256"] == hashlib.sha256(server.leaf).hexdigest()
    assert "ok" in [finding["id"] for finding in found["findings"]]


def test_a_dovecot_has_seen_no_attempt_to_log_in(server: Dovecot) -> None:
    port = server.ports["imap"]
    looked(port)
    log = server.log.read_text()
    assert "auth failed" not in log
    assert "Login:" not in log
    assert "SSL_accept() failed" not in log


def looked(port: int, starttls: Starttls = "auto", roots: tuple[bytes, ...] = ()) -> Reached:
    errand = Errand(name=NAME, starttls=starttls, roots=roots, system=False, deadlines=PATIENT)
    return asyncio.run(reach(Target(LOOPBACK, port), errand))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("served")
    leaf, key = folder / "leaf.pem", folder / "leaf.key"
    make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}"]
    make += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(leaf)]
    openssl(*make)
    return leaf, key


@pytest.fixture
def serve(files: tuple[Path, Path]) -> Iterator[Serve]:
    """``openssl s_server`` with options; it never greets."""
    running = ExitStack()

    def start(*options: str, certificate: bool = True) -> tuple[int, Program]:
        leaf, key = map(str, files)
        command = [need("openssl"), "s_server", "-accept", f"{LOOPBACK}:0", "-rev", *options]
        command += ["-cert", leaf, "-key", key] if certificate else ["-nocert"]
        program = running.enter_context(Program(command, clean()))
        return int(program.line(r"^ACCEPT [\d.:]+$").rsplit(":", 1)[1]), program

    with running:
        yield start


def ids(reached: Reached) -> list[str]:
    return [finding.id for finding in reached.findings]


@pytest.mark.parametrize(
    ("version", "words"), [("-tls1", "TLS 1.0 (RFC 8996)"), ("-tls1_1", "TLS 1.1 (RFC 8996)")]
)
def test_a_server_of_an_old_version_is_looked_at_and_told(
    serve: Serve, files: tuple[Path, Path], version: str, words: str
) -> None:
    port, _ = serve(version, "-cipher", "DEFAULT:@SECLEVEL=0")
    reached = looked(port, starttls="none")
    assert ids(reached)[0] == "old-tls"
    assert words in reached.findings[0].words
    assert reached.seen[0].presented.chain == from_pem(files[0].read_bytes())


def test_a_server_of_weak_parameters_alone_is_looked_at_and_told(serve: Serve) -> None:
    port, _ = serve("-tls1_2", "-cipher", "DEFAULT:@SECLEVEL=0", "-sigalgs", "RSA+SHA1")
    reached = looked(port, starttls="none")
    assert ids(reached)[0] == "weak-tls"
    assert "alert 40" in reached.findings[0].words
    assert reached.seen[0].presented.version == "TLSv1.2"


def test_a_server_without_any_certificate_is_told(serve: Serve) -> None:
    port, _ = serve("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0", certificate=False)
    reached = looked(port, starttls="none")
    assert (ids(reached), reached.seen) == (["anonymous"], ())


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_server_that_wants_a_certificate_of_ours_is_looked_at(
    serve: Serve, version: str
) -> None:
    port, _ = serve(version, "-Verify", "1")
    reached = looked(port, starttls="none")
    assert reached.seen
    assert set(ids(reached)) & {"client-certificate", "tls-refused"}


def test_it_ends_with_close_notify(serve: Serve) -> None:
    port, program = serve("-tls1_3", "-msg")
    looked(port, starttls="none")
    assert program.line("^<<< .*warning close_notify")


def test_a_stapled_response_is_asked_for(serve: Serve, files: tuple[Path, Path]) -> None:
    folder = files[0].parent
    leaf, key, staple = *map(str, files), folder / "staple.der"
    (folder / "index").write_text("")
    openssl(
        "ocsp", "-index", str(folder / "index"), "-CA", leaf, "-rsigner", leaf, "-rkey", key,
        "-issuer", leaf, "-cert", leaf, "-respout", str(staple), "-ndays", "1",
    )  # fmt: skip
    port, _ = serve("-status_file", str(staple))
    assert looked(port, starttls="none").seen[0].presented.staple == staple.read_bytes()


class Quiet(BaseHTTPRequestHandler):
    """A web server that keeps no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its base's name
        """Say nothing."""


def test_a_port_of_a_web_server_gets_one_clear_line(tmp_path: Path) -> None:
    with HTTPServer((LOOPBACK, 0), Quiet) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        where = f"{LOOPBACK}:{web.server_port}"
        for words in ((), ("--starttls", "none")):
            ended = mitmail("check", where, *words, home=tmp_path)
            assert ended.returncode == 3
            (_, line) = ended.stderr.splitlines()
            assert line.startswith(f"ERROR: {where}: it speaks HTTP")
        web.shutdown()


def test_what_we_serve_is_found_to_be_what_its_scenario_says(tmp_path: Path) -> None:
    with (
        ForProgram(tmp_path, "hosting-wildcard") as program,
        answering("address=/srv07.hoster.test/127.0.0.1", pointing(LOOPBACK, "srv07.hoster.test"))
        as dns,
    ):  # fmt: skip
        roots = program.ready["root_file"]
        for name in ("imaps", "smtp"):
            place = program.places[name]
            protocol = "none" if place.implicit else place.protocol
            ended, found = checked(
                tmp_path, f"{LOOPBACK}:{place.port}", "--name", NAME, "--roots", roots,
                "--starttls", protocol, "--fail-on", "critical", "--dns", f"{LOOPBACK}:{dns.port}",
            )  # fmt: skip
            assert ended.returncode == 1
            by_id = {finding["id"]: finding for finding in found["findings"]}
            assert by_id["name-mismatch"]["severity"] == "critical"
            assert by_id["name-suggested"]["fix"].startswith("Type srv07.hoster.test as")


def test_an_antivirus_before_a_real_server_is_told_from_the_provider(
    server: Dovecot, tmp_path: Path
) -> None:
    roots, chain = tmp_path / "root.pem", tmp_path / "chain.txt"
    roots.write_bytes(pem(server.root))
    provider = f"{LOOPBACK}:{server.ports['imap']}"
    upstream = ("--upstream", f"imap={provider}", "--upstream-ca", str(roots), "--name", NAME)
    with ForProgram(tmp_path, "--antivirus", "norton", *upstream) as shield:
        chain.write_bytes(s_client(shield.places["imap"], "-showcerts").stdout)
        against = ("--against", provider, "--roots", str(roots), "--name", NAME)
        ended, found = checked(tmp_path, "--chain", str(chain), *against)
        ended_too, _ = checked(tmp_path, provider, *against[2:], "--fail-on", "medium")
    assert ended.stderr.strip() == ANNOUNCED.format(server.ports["imap"])
    assert (found["blame"]["who"], found["blame"]["antivirus"]) == ("antivirus", "norton")
    assert ended_too.returncode == 0


@pytest.mark.parametrize(
    "words", [("mail.test:99999",), ("mail.test", "--dns", "dns.test", "--name", "mail.test")]
)
def test_bad_input_is_one_line_and_nothing_is_asked(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    ended = mitmail("check", *words, home=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ERROR: ")
    assert ended.stdout == ""
