"""The addon inside somebody's own mitmdump: mail by STARTTLS, and flows."""

import base64
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serve.program import SECONDS, Program, environment, mitmail
from serve.serving import LOOPBACK, NAME, PORTS, USER, WAITING, Place, free_offset
from serve.tls_client import LETTER, chain, curl, fingerprint, openssl

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

SECRET = "Kw7-Geheim?Wort"
LARGE = LETTER + b"".join(b"%069d\r\n" % number for number in range(4000))
LIMIT = 65_536
NOOPS = 5000

# mitmproxy is read in a process of its own: what it imports stays out of the tests.
READ = """
import json, sys
from mitmproxy.io import FlowReader
with open(sys.argv[1], "rb") as file:
    for flow in FlowReader(file).stream():
        client = flow.client_conn
        print(json.dumps({
            "type": type(flow).__name__, "comment": flow.comment, "sni": client.sni,
            "version": client.tls_version, "cipher": client.cipher,
            "leaf": client.mitmcert and client.mitmcert.fingerprint().hex(),
            "said": "".join(message.content.decode("latin-1") for message in flow.messages),
            "size": sum(len(message.content) for message in flow.messages),
        }))
"""


class Mitmdump(Program):
    """mitmdump with the addon, at ports of its own."""

    def __init__(self, home: Path, flows: Path) -> None:
        offset = free_offset()
        self.places = {name: Place(name, port + offset) for name, port in PORTS.items()}
        addon = mitmail("addon", home=home).stdout.strip()
        settings = (
            "mitmail_scenario=expired", "mitmail_antivirus=norton",
            f"mitmail_port_offset={offset}",
        )  # fmt: skip
        command = [
            *(str(Path(sys.executable).with_name("mitmdump")), "-s", addon, "-w", str(flows)),
            *("--listen-host", LOOPBACK, "--listen-port", "0"),
            *(part for setting in settings for part in ("--set", setting)),
        ]
        super().__init__(command, environment(home))
        self.line(WAITING)

    @property
    def password(self) -> str:
        match = re.search(r"password (\S+)", self.said)
        assert match is not None
        return match[1]


@dataclass(frozen=True)
class Dumped:
    """What was done through a mitmdump that has ended since, and the flows that it wrote."""

    running: Mitmdump
    fetched: dict[str, subprocess.CompletedProcess[bytes]]
    leaf: bytes
    code: int
    flows: list[Any]

    def flow(self, endpoint: str) -> Any:
        """The first flow of an endpoint's front."""
        return next(flow for flow in self.flows if f"front-1-{endpoint}:" in flow["comment"])


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumped]:
    home = tmp_path_factory.mktemp("home")
    root = home / "kept" / "norton-trusted-root.pem"
    with Mitmdump(home, home / "flows") as running:
        places = running.places
        fetched = {  # the certificate has expired: curl goes on because it is told to
            name: curl(places[name], root, running.password, "--insecure", give=LARGE)
            for name in ("smtp", "imap", "pop3")
        }
        curl(places["imaps"], root, SECRET, "--insecure")
        flood(places["pop3s"])
        leaf = chain(places["imap"])[0]
        code = running.stop()
        command = [sys.executable, "-c", READ, str(home / "flows")]
        read = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        assert read.returncode == 0, read.stderr
        yield Dumped(running, fetched, leaf, code, [*map(json.loads, read.stdout.splitlines())])


def flood(place: Place) -> None:
    """A client that says more than a flow keeps, and gets every answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((place.host, place.port), SECONDS) as plain,
        context.wrap_socket(plain) as client,
        client.makefile("rwb") as lines,
    ):
        lines.readline()
        for _ in range(NOOPS // 100):
            lines.write(b"NOOP\r\n" * 100)
            lines.flush()
            for _ in range(100):
                assert lines.readline()


def test_mail_is_sent_and_fetched_by_starttls(dumped: Dumped) -> None:
    for name, ended in dumped.fetched.items():
        assert ended.returncode == 0, (name, ended.stderr)
    for name in ("imap", "pop3"):
        assert b"Subject: " in dumped.fetched[name].stdout


def test_the_options_were_heard(dumped: Dumped) -> None:
    said = openssl("x509", "-noout", "-issuer", "-checkend", "0", give=dumped.leaf, code=1)

    assert "Norton Web/Mail Shield Untrusted Root" in said
    assert "Certificate will expire" in said


def test_the_end_frees_the_ports(dumped: Dumped) -> None:
    assert dumped.code == 0
    assert "Traceback" not in dumped.running.said
    for place in dumped.running.places.values():
        for family, host in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
            with socket.create_server((host, place.port), family=family):
                pass


@pytest.mark.parametrize("endpoint", ["imap", "pop3", "smtp"])
def test_a_saved_flow_is_read_by_a_mitmproxy_without_us(dumped: Dumped, endpoint: str) -> None:
    flow = dumped.flow(endpoint)

    assert flow["type"] == "TCPFlow"
    assert flow["sni"] == NAME
    assert flow["version"] == "TLSv1.3"
    assert flow["cipher"].startswith("TLS_")
    assert flow["leaf"] == fingerprint(dumped.leaf)
    assert ": accept (" in flow["comment"]


def test_no_flow_shows_a_secret(dumped: Dumped) -> None:
    for word in (SECRET, dumped.running.password):
        plain = base64.b64encode(f"\0{USER}\0{word}".encode()).decode()
        for form in (word, plain, base64.b64encode(word.encode()).decode()):
            assert not [flow["comment"] for flow in dumped.flows if form in flow["said"]]
    assert re.search(r"AUTHENTICATE PLAIN \*+", dumped.flow("imaps")["said"])
    assert SECRET not in dumped.running.said


def test_a_flow_keeps_the_beginning_of_a_long_session(dumped: Dumped) -> None:
    flow = dumped.flow("pop3s")

    assert flow["size"] < LIMIT + 100
    assert flow["said"].count("NOOP") < NOOPS
    assert flow["said"].endswith("[mitmail keeps no more of this session]\n")


def test_a_mistake_in_an_option_ends_mitmdump_with_a_line(tmp_path: Path) -> None:
    addon = mitmail("addon", home=tmp_path).stdout.strip()
    mitmdump = str(Path(sys.executable).with_name("mitmdump"))
    command = [mitmdump, "-s", addon, "--listen-host", LOOPBACK, "--listen-port", "0"]
    with Program([*command, "--set", "mitmail_scenario=expird"], environment(tmp_path)) as one:
        assert one.ended() in {0, 1}
        assert "did you mean 'expired'?" in one.said
        assert "Traceback" not in one.said
