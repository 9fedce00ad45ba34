"""``serve --transparent``: clients keep their settings, and the kernel leads them to mitmail."""

import contextlib
import json
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import clean_environment, need
from clients import dovecot
from serve.program import mitmail
from serve.serving import ForProgram
from transparent.conftest import OTHER_PORT, Town
from transparent.namespace import SECONDS, Namespace

pytestmark = pytest.mark.root

NAME = dovecot.NAME
GROUP = 4711
V4, V6, BY_ROUTER = "10.77.1.2", "fd77:1::2", "10.77.2.2"
TOOLS = ("nft", "iptables")
PORTS = {
    **{25: "smtp", 587: "smtp", 110: "pop3", 143: "imap"},
    **{465: "smtps", 993: "imaps", 995: "pop3s"},
}
STARTTLS = {"smtp": ["-starttls", "smtp"], "pop3": ["-starttls", "pop3"]}
STARTTLS["imap"] = ["-starttls", "imap"]
LETTER = b"From: a@customer.test\r\nTo: b@customer.test\r\nSubject: captured\r\n\r\nhello\r\n"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


class Shield(ForProgram):
    """``mitmail serve --transparent`` in a namespace, with a group of its own."""

    def __init__(self, town: Town, at: Namespace, home: Path, *arguments: str) -> None:
        own_group = (need("setpriv"), f"--regid={GROUP}", "--clear-groups")
        self._at = at
        self._sessions = 0
        super().__init__(
            home,
            *("--antivirus", "norton", "--transparent", "--upstream-ca", str(town.roots)),
            *arguments,
            through=at.command(*own_group),
        )

    @contextlib.contextmanager
    def leading(self, tool: str = "nft") -> Iterator[None]:
        """The lines that the ready line holds for a tool are set, then undone."""
        lines = self.ready["redirection"][tool]
        with _typed(self._at, lines["do"], lines["undo"]):
            yield

    @property
    def root(self) -> Path:
        """The antivirus' own root."""
        return Path(self.ready["antivirus_root_file"])

    def next(self, kind: str = "verdict") -> Any:
        """The record of the next session: each connection to a port of mail's has one."""
        self._sessions += 1
        return self.record(kind, self._sessions)

    def all_ended(self) -> list[Any]:
        """The end of each session behind the last one, once none is left open."""
        first = self._sessions + 1
        while self._sessions < max(one["session"] for one in self.records):
            self.next("end")
        return [self.record("end", number) for number in range(first, self._sessions + 1)]


@contextlib.contextmanager
def _typed(at: Namespace, do: Sequence[str], undo: Sequence[str]) -> Iterator[None]:
    try:
        for line in do:
            at.run("sh", "-c", line)
        yield
    finally:
        for line in undo:
            at.run("sh", "-c", line)


@pytest.fixture(scope="module")
def shield(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shield]:
    with Shield(town, town.desk, tmp_path_factory.mktemp("desk")) as shield:
        yield shield


@pytest.fixture(params=["nft", pytest.param("iptables", marks=pytest.mark.long)])
def led(request: pytest.FixtureRequest, shield: Shield) -> Iterator[Shield]:
    """The shield, with the kernel's rules of one tool set."""
    with shield.leading(request.param):
        yield shield


@dataclass(frozen=True)
class Shown:
    """What openssl was shown."""

    leaf: x509.Certificate

    def is_signed_by(self, root: Path) -> bool:
        signer = x509.load_pem_x509_certificate(root.read_bytes())
        try:
            self.leaf.verify_directly_issued_by(signer)
        except Exception:  # its own error for each way to fail
            return False
        return True


def ask(at: Namespace, host: str, port: int, *options: str) -> Shown:
    """``openssl s_client`` shakes hands, and leaves; it names NAME (SNI) unless told not to."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    name = [] if "-noservername" in options else ["-servername", NAME]
    command = [need("openssl"), "s_client", "-connect", where, *name, "-showcerts"]
    ended = subprocess.run(
        at.command(*command, *STARTTLS.get(PORTS.get(port, ""), []), *options),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=clean_environment(),
        timeout=SECONDS,
    )
    chain = _PEM.findall(ended.stdout)
    assert chain, ended.stderr.decode()
    return Shown(x509.load_pem_x509_certificate(chain[0]))


def curl(
    at: Namespace, url: str, roots: Path, *options: str, host: str = V4, name: str = NAME
) -> subprocess.CompletedProcess[bytes]:
    """curl as it is: the name, the port and the server's address are the real ones."""
    found = re.search(r":(\d+)", url)
    usual = {"imap": 143, "imaps": 993, "smtp": 25, "pop3": 110}
    port = found[1] if found else usual[url.partition(":")[0]]
    sending = ["--mail-from", "a@customer.test", "--mail-rcpt", "b@customer.test", "-T", "-"]
    command = [
        *(need("curl"), "-q", "-sS", "--max-time", "10", "--ssl-reqd", "--cacert", str(roots)),
        *("--user", f"{dovecot.USER}:{dovecot.PASSWORD}"),
        *("--resolve", f"{name}:{port}:{host}", *options, url.format(name=name)),
        *(sending if url.startswith("smtp") else ()),
    ]
    return subprocess.run(
        at.command(*command),
        input=LETTER,
        capture_output=True,
        env=clean_environment(),
        timeout=SECONDS,
    )


INBOX = "imaps://{name}/INBOX;MAILINDEX=1"
FETCHES = (INBOX, "imap://{name}/INBOX;MAILINDEX=1", "pop3://{name}/1")


def test_without_the_rules_clients_see_their_server(town: Town, shield: Shield) -> None:
    for host in (V4, V6):
        for port in PORTS:
            assert ask(town.desk, host, port).is_signed_by(town.roots)
    assert curl(town.desk, INBOX, shield.root).returncode == 60
    assert not shield.records


@pytest.mark.parametrize("host", [V4, V6])
def test_with_the_rules_a_client_sees_the_antivirus(town: Town, led: Shield, host: str) -> None:
    for port, endpoint in PORTS.items():
        assert ask(town.desk, host, port).is_signed_by(led.root)
        record = led.next()
        assert record["destination"] == {"host": host, "port": port}
        assert record["endpoint"] == endpoint
        assert record["client"]["sni"] == NAME
        assert record["upstream"] == {"verified": True, "errors": []}


@pytest.mark.parametrize("url", FETCHES)
def test_curl_fetches_its_mail_through_the_antivirus(town: Town, led: Shield, url: str) -> None:
    fetched = curl(town.desk, url, led.root)
    assert fetched.returncode == 0, fetched.stderr
    assert b"of Dovecot" in fetched.stdout
    accepted = led.next()
    assert (accepted["verdict"], accepted["certainty"]) == ("accept", "sure")
    assert curl(town.desk, url, town.roots).returncode == 60
    assert led.next()["reason"] == "unknown-issuer"


@pytest.mark.parametrize("url", ["smtp://{name}", "smtp://{name}:587"])
def test_curl_sends_its_mail_through_the_antivirus(town: Town, led: Shield, url: str) -> None:
    before = len(town.sink.mails)
    sent = curl(town.desk, url, led.root)
    assert sent.returncode == 0, sent.stderr
    assert [b"Subject: captured" in mail for mail in town.sink.mails[before:]] == [True]
    assert led.next()["verdict"] == "accept"
    assert curl(town.desk, url, town.roots).returncode == 60
    assert led.next()["reason"] == "unknown-issuer"


def test_a_port_that_is_none_of_mails_is_not_touched(town: Town, led: Shield) -> None:
    since = len(led.records)
    assert ask(town.desk, V4, OTHER_PORT).is_signed_by(town.roots)
    assert len(led.records) == since


@pytest.mark.parametrize("tool", ["nft", pytest.param("iptables", marks=pytest.mark.long)])
def test_the_lines_to_undo_leave_no_rule(town: Town, shield: Shield, tool: str) -> None:
    with shield.leading(tool):
        assert f"redirect to :{shield.ready['transparent']['port']}" in _rules(town.desk)
    assert "redirect" not in _rules(town.desk)
    assert ask(town.desk, V4, 993).is_signed_by(town.roots)


def test_what_somebody_leads_here_beside_mail_passes_untouched(town: Town, shield: Shield) -> None:
    since, port = len(shield.records), shield.ready["transparent"]["port"]
    with _redirecting(town.desk, f"meta skgid != {GROUP} tcp dport {OTHER_PORT}", port):
        assert ask(town.desk, V4, OTHER_PORT).is_signed_by(town.roots)
    assert f"port {OTHER_PORT} is none of mail's" in shield.said
    assert len(shield.records) == since


# -- what is at stake ----------------------------------------------------------------------------


def test_a_client_that_names_no_host_meets_the_address(town: Town, shield: Shield) -> None:
    """Dovecot's certificate is for its IPv4 address, and not for the other one."""
    with shield.leading():
        for host, errors in ((V4, []), (V6, ["name-mismatch"])):
            assert ask(town.desk, host, 993, "-noservername")
            record = shield.next()
            assert record["client"]["sni"] is None
            assert record["upstream"]["errors"] == errors
            words = [x["words"] for x in record["facts"] if x["fact"] == "no-sni"]
            assert words == [f"the server is verified as {host}"]


def test_no_password_goes_to_a_server_whose_certificate_failed(town: Town, shield: Shield) -> None:
    logged = town.dovecot.log.read_text().count("Login: user=")
    with shield.leading():
        ended = curl(town.desk, INBOX, shield.root, "-k", name="mail.elsewhere.test")
    assert ended.returncode != 0
    record = shield.next()
    assert record["upstream"] == {"verified": False, "errors": ["name-mismatch"]}
    end = shield.record("end", record["session"])
    assert "not-relayed" in [fact["fact"] for fact in end["facts"]]
    assert town.dovecot.log.read_text().count("Login: user=") == logged


def test_a_circle_is_found_and_ended(town: Town, shield: Shield) -> None:
    """The rule leaves out another group: mitmail's own connections come back to it."""
    port = shield.ready["transparent"]["port"]
    with _redirecting(town.desk, "meta skgid != 1 tcp dport 993", port):
        assert curl(town.desk, INBOX, shield.root).returncode != 0
    shield.line(r'"record": "end", .*led back to it: the redirection must leave out its group')
    ends = shield.all_ended()
    assert len(ends) == 2
    assert {one["outcome"] for one in ends} == {"error"}
    assert {one["verdict"] for one in ends} == {"none"}
    assert shield.warning("the redirection must leave out its group")
    with shield.leading():
        assert curl(town.desk, INBOX, shield.root).returncode == 0
    assert shield.next()["verdict"] == "accept"


def test_who_comes_straight_to_the_port_is_turned_away(town: Town, shield: Shield) -> None:
    place = shield.ready["transparent"]
    connection = town.desk.call(
        lambda: socket.create_connection((place["host"], place["port"]), timeout=SECONDS)
    )
    with connection:
        assert connection.recv(1) == b""
    assert shield.warning("came straight to this port")


def test_a_router_stands_before_the_servers_of_others(town: Town, tmp_path: Path) -> None:
    assert ask(town.lan, BY_ROUTER, 993).is_signed_by(town.roots)
    with Shield(town, town.router, tmp_path, "--listen", "10.77.3.2") as shield:
        for tool in TOOLS:
            with shield.leading(tool):
                assert ask(town.lan, BY_ROUTER, 993).is_signed_by(shield.root)
                fetched = curl(town.lan, FETCHES[1], shield.root, host=BY_ROUTER)
                assert fetched.returncode == 0, fetched.stderr
                assert ask(town.lan, BY_ROUTER, OTHER_PORT).is_signed_by(town.roots)
            assert "dnat" not in _rules(town.router)
            assert ask(town.lan, BY_ROUTER, 993).is_signed_by(town.roots)


def test_what_is_printed_keeps_to_the_schemas(town: Town, shield: Shield, tmp_path: Path) -> None:
    def rule(name: str) -> Any:
        return json.loads(mitmail("schema", name, home=tmp_path).stdout)

    with shield.leading():
        assert curl(town.desk, INBOX, shield.root).returncode == 0
    verdict = shield.next()
    record = Draft202012Validator(rule("record"))
    for printed in (verdict, shield.record("end", verdict["session"])):
        assert printed["destination"] == {"host": V4, "port": 993}
        record.validate(printed)
    Draft202012Validator(rule("ready-transparent")).validate(shield.ready)


@contextlib.contextmanager
def _redirecting(at: Namespace, what: str, port: int) -> Iterator[None]:
    """A rule of somebody who knows better."""
    with _typed(
        at,
        (
            "nft add table inet own",
            "nft add chain inet own output '{ type nat hook output priority -100; }'",
            f"nft add rule inet own output oifname != lo {what} redirect to :{port}",
        ),
        ("nft delete table inet own",),
    ):
        yield


def _rules(at: Namespace) -> str:
    return at.run(need("nft"), "list", "ruleset")
