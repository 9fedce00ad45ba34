"""What a user did wrong is one clear line, exit 2 or 3, and never a traceback."""

import json
import re
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import need
from mitmail.errors import MitmailError
from mitmail.service.orders import Orders, prepare
from serve.program import SECONDS, mitmail
from serve.serving import NAME, ForPerson, ForProgram, Place, free_offset
from serve.tls_client import chain, openssl, s_client

NORTON = ("--antivirus", "norton")


def before(upstream: str, roots: str | None = None, *, plain: bool = False) -> Orders:
    return Orders(
        antivirus="norton", upstreams=(upstream,), upstream_ca=Path(roots) if roots else None,
        plain=plain,
    )  # fmt: skip


def captured(**orders: Any) -> Orders:
    return Orders(antivirus="norton", transparent=True, **orders)


# Orders that cannot be carried out, and what is said of them.
MISTAKES = {
    "an unknown antivirus": (Orders(antivirus="nortn"), r"did you mean 'norton'"),
    "an upstream alone": (Orders(upstreams=("mx.test",)), r"--upstream needs .*norton"),
    "no such endpoint": (before("imapz=mx.test"), r"'imapz': use one of imap"),
    "no such port": (before("imaps=mx.test:70000"), r"70000 is no port"),
    "an unclear port": (before("mx.test:4711"), r"imaps=mx\.test:4711"),
    "an upstream that is no host": (before("a b"), r"'a b': use HOST"),
    "roots that are not there": (before("mx.test", "gone.pem"), r"cannot read gone\.pem"),
    "roots that are none": (before("mx.test", "none.pem"), r"none\.pem: no PEM"),
    "roots for no upstream": (Orders(upstream_ca=Path("x.pem")), r"are for --upstream"),
    "an unknown switch": (
        Orders(antivirus="norton", switches=frozenset("x")), r"untrusted-on-implicit-tls"
    ),
    "switches that contradict each other": (
        Orders(antivirus="generic", switches=frozenset({"block-faulty", "reset-faulty"})),
        r"^--switch block-faulty and --switch reset-faulty contradict each other: .*leave one",
    ),
    "a switch alone": (Orders(switches=frozenset("x")), r"--switch .*--antivirus"),
    "a mode that is none": (before("imaps=mx.test:143/ssl"), r"/ssl: use /tls, /starttls, /plain"),
    "a copy of no certificate": (
        before("imap=localhost/plain"), r"imap=\.\.\./plain: .*no certificate .*: add --plain"
    ),
    "a copy of no certificate at once": (
        before("imaps=localhost/plain", plain=True), r"--plain is for imap, pop3 and smtp"
    ),
    "implicit TLS before a server in clear": (
        before("localhost/plain", plain=True), r"imaps=\.\.\./plain: .*use imap, pop3 or smtp"
    ),
    "passwords in clear to elsewhere": (
        before("imap=mx.test/plain", plain=True), r"mx\.test: /plain sends passwords .*unverified"
    ),
    "clients in clear before nothing": (
        Orders(antivirus="norton", plain=True), r"--plain is for clients before .*--upstream"
    ),
    "clients in clear from elsewhere": (
        replace(before("imap=mx.test", plain=True), listen="192.0.2.1"),
        r"--listen 192\.0\.2\.1: with --plain passwords would cross the network",
    ),
    "all cases in clear": (Orders(everything=True, plain=True), r"leave out --plain"),
    "nothing to capture for": (Orders(transparent=True), r"--transparent is for an antivirus"),
    "captured, but by name": (captured(name="mx.test"), r"--transparent .*: leave out --name$"),
    "captured, but for one server": (captured(upstreams=("mx.test",)), r"leave out --upstream$"),
    "captured, but a case": (captured(scenario="expired"), r"leave out the scenario expired$"),
    "captured, but all cases": (captured(everything=True), r"leave out --all$"),
    "captured in clear": (captured(plain=True), r"leave out --plain$"),
    "captured on loopback": (captured(listen="::1"), r"--listen ::1: .*leave it out"),
    "a name that is none": (Orders(name="foo bar"), r"--name 'foo bar': use a host name"),
    "every IPv6 address": (Orders(listen="::"), r"--listen ::: name the one IP address"),
    "every address in short": (Orders(listen="0"), r"--listen 0: name the one IP address"),
    "every address in hexadecimal": (Orders(listen="0x0"), r"--listen 0x0: name the one"),
    "every address with a star": (Orders(listen="*"), r"--listen \*: name the one"),
}  # fmt: skip

COMMANDS = [
    (2, ("expird",), r"'expird' \(did you mean 'expired'\?\)"),
    (2, ("--listen", "0.0.0.0"), r"--listen 0\.0\.0\.0: name the one IP address"),
    (2, ("--port-offset", "62000"), r"--port-offset 62000 leads"),
    (3, ("--listen", "203.0.113.9"), r"203\.0\.113\.9 port \d+: [A-Z][a-z ]+$"),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, words = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.pem").write_text("no certificate")

    with pytest.raises(MitmailError, match=words) as raised:
        prepare(orders, tmp_path)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_connections_are_captured_on_linux_only(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)

    with pytest.raises(MitmailError, match=r"--transparent needs Linux, .*--upstream") as raised:
        prepare(captured(), tmp_path)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(("code", "arguments", "words"), COMMANDS)
def test_the_command_prints_that_line_and_nothing_else(
    code: int, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    offset = () if "--port-offset" in arguments else ("--port-offset", str(free_offset()))

    ended = mitmail("serve", *arguments, *offset, home=tmp_path)
    assert ended.returncode == code
    (line,) = ended.stderr.splitlines()
    assert re.search(words, line)
    assert ended.stdout == ""


def test_a_broken_scenario_file_says_every_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "title: x\n"
        "why: y\n"
        "server:\n"
        "  leaf: {not_after: soon}\n"
        "expect: {verdict: reject, reasons: [expird], levl: must}\n"
    )

    ended = mitmail("serve", "./mine.yaml", home=tmp_path, cwd=tmp_path)
    assert ended.returncode == 2
    places = re.findall(r"^(?:\./)?mine\.yaml:(\d+):(\d+): (\S+):", ended.stderr, re.MULTILINE)
    # The columns were counted by hand.
    assert places == [
        ("1", "1", "rule"), ("4", "21", "server.leaf.not_after"), ("5", "37", "expect.reasons[0]"),
        ("5", "46", "expect.levl"),
    ]  # fmt: skip
    assert len(ended.stderr.splitlines()) == 4
    assert "did you mean 'level'?" in ended.stderr


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    offset = free_offset()
    with socket.create_server(("127.0.0.1", 3465 + offset)):
        ended = mitmail("serve", "--port-offset", str(offset), home=tmp_path)

    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    assert f"port {3465 + offset}" in line
    assert "--port-offset" in line


def test_a_damaged_key_file_is_named_and_left_alone(tmp_path: Path) -> None:
    assert mitmail("ca", "export", "norton", home=tmp_path, cwd=tmp_path).returncode == 0
    file = tmp_path / "kept" / "norton-trusted-root.key"
    file.write_text("damaged")

    ended = mitmail("serve", *NORTON, "--port-offset", str(free_offset()), home=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert str(file) in line
    assert file.read_text() == "damaged"


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file, and no folder")

    ended = mitmail("serve", "--port-offset", str(free_offset()), home=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert str(tmp_path / "kept") in line


def test_an_upstream_that_is_down_is_no_word_about_the_client(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        down = held.getsockname()[1]
    with ForProgram(tmp_path, *NORTON, "--upstream", f"imaps=127.0.0.1:{down}") as serving:
        place = serving.places["imaps"]
        for session in (1, 2):  # and it goes on
            assert s_client(place).returncode != 0
            verdict, end = (serving.record(kind, session) for kind in ("verdict", "end"))
            assert (verdict["verdict"], verdict["presented"]) == ("none", None)
            assert end["outcome"] == "error"
            assert "\n" not in end["error"]
            assert "could not be reached" in end["error"]
        assert serving.stop() == 130
        assert serving.err == []


def test_a_person_is_told_of_an_upstream_that_is_down(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        down = held.getsockname()[1]
    with ForPerson(tmp_path, *NORTON, "--upstream", f"imaps=127.0.0.1:{down}") as serving:
        serving.wait()
        s_client(serving.places["imaps"])
        said = serving.line("session 1: none")
        assert "could not be reached" in said
        assert serving.stop() == 130
        assert serving.err == []


def test_an_output_that_nobody_reads_any_more_ends_it_in_order(tmp_path: Path) -> None:
    with ForProgram(tmp_path) as serving:
        place = serving.places["imaps"]
        serving.deafen()
        # The pipe closes only when the read that is under way returns, with one more record.
        for _ in range(5):
            if serving.running:
                s_client(place)

        assert serving.ended() == 143
        assert serving.err == []
        with socket.create_server((place.host, place.port)):
            pass


# -- a client on another machine ----


@pytest.fixture
def address() -> str:
    """An IPv4 address of this machine that other machines might reach."""
    said = subprocess.run(
        [need("ip"), "-j", "-4", "addr", "show", "scope", "global"],
        capture_output=True, timeout=SECONDS,
    ).stdout  # fmt: skip
    found = [info["local"] for link in json.loads(said) for info in link["addr_info"]]
    if not found:
        pytest.skip("this machine has no address but loopback")
    return str(found[0])


def test_listening_for_another_machine_is_said_loudly(address: str, tmp_path: Path) -> None:
    with ForPerson(tmp_path, "--listen", address) as serving:
        welcome = serving.wait()
        port = serving.places["imaps"].port
        leaf, *_ = chain(Place("imaps", port, address))
        names = openssl("x509", "-noout", "-ext", "subjectAltName", give=leaf)

        assert f"WARNING: {address} is reachable from other machines." in welcome
        assert f"{address} {NAME}" in welcome
        assert f"IP Address:{address}" in names
        assert f"DNS:{NAME}" in names
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), SECONDS)


def test_on_loopback_there_is_no_warning(tmp_path: Path) -> None:
    with ForPerson(tmp_path) as serving:
        assert "WARNING" not in serving.wait()
