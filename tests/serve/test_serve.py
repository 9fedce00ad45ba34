"""``mitmail serve`` at a person's bench: six ports on loopback, settings, and a clean end."""

import re
import signal
import socket
import stat
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from bench import need
from serve.program import SECONDS
from serve.serving import LOOPBACK, NAME, PORTS, USER, ForPerson, ForProgram, Place
from serve.tls_client import chain, connected, curl, openssl, s_client, trusting


def listening(pid: int) -> set[tuple[str, int]]:
    """Where a process listens, as ``ss`` says."""
    command = [need("ss"), "-H", "-l", "-t", "-n", "-p"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout
    rows = [row.split() for row in said.splitlines() if f"pid={pid}," in row]
    places = [row[3].rsplit(":", 1) for row in rows]
    return {(host.strip("[]"), int(port)) for host, port in places}


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with ForPerson(tmp_path_factory.mktemp("home"), "expired") as serving:
        serving.wait()
        yield serving


def test_it_prints_what_an_account_dialog_asks_for(expired: ForPerson) -> None:
    welcome = expired.wait()

    for endpoint, port in PORTS.items():
        protocol = endpoint.removesuffix("s").upper()
        kind = "SSL/TLS" if endpoint.endswith("s") else "STARTTLS"
        row = rf"{protocol} +{re.escape(NAME)} +port {port + expired.offset} +{kind}$"
        assert re.search(row, welcome, re.MULTILINE), endpoint
    assert re.search(rf"user {re.escape(USER)} +password \S{{8,}}$", welcome, re.MULTILINE)
    assert f"{LOOPBACK} {NAME}" in welcome
    assert "/etc/hosts" in welcome


def test_the_root_file_that_it_names_is_a_ca_and_no_key(expired: ForPerson) -> None:
    named = re.search(r"import into the client: +(\S+)", expired.wait())
    assert named is not None
    file = Path(named[1])

    assert "CA:TRUE" in openssl("x509", "-noout", "-text", "-in", str(file))
    assert b"PRIVATE" not in file.read_bytes()


def test_its_ports_are_on_loopback_and_nowhere_else(expired: ForPerson) -> None:
    expired.wait()
    ours = {port + expired.offset for port in PORTS.values()}

    found = listening(expired.pid)
    assert {host for host, _ in found} <= {"127.0.0.1", "::1"}
    assert {(host, port) for host in ("127.0.0.1", "::1") for port in ours} <= found


def test_both_loopback_addresses_show_the_same_certificate(expired: ForPerson) -> None:
    expired.wait()
    four = expired.places["imaps"]
    six = Place("imaps", four.port, "::1")

    assert chain(four) == chain(six) != []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_frees_every_port_and_gives_each_open_session_its_one_verdict(
    number: int, code: int, tmp_path: Path
) -> None:
    with ForProgram(tmp_path, "--antivirus", "norton") as serving:
        root = Path(serving.ready["antivirus_root_file"])
        places = serving.places
        silent = connected(places["imaps"], trusting(root, strict=False))
        working = connected(places["pop3s"], trusting(root, strict=False))
        working.recv(1024)
        working.sendall(f"USER {USER}\r\n".encode())
        serving.line('"verdict": "accept"')
        knocking = socket.create_connection((LOOPBACK, places["smtp"].port), SECONDS)
        with silent, working, knocking:
            assert knocking.recv(1024).startswith(b"220 ")
            assert serving.stop(number) == code
            seen = {one["session"]: one for one in serving.records if one["record"] == "verdict"}
            assert sorted(one["endpoint"] for one in seen.values()) == ["imaps", "pop3s", "smtp"]
            assert {one["endpoint"]: one["verdict"] for one in seen.values()} == {
                "imaps": "none", "pop3s": "accept", "smtp": "none"
            }  # fmt: skip
            assert serving.counts() == {(n, kind): 1 for n in seen for kind in ("verdict", "end")}
        assert serving.err == []
        for place in places.values():
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family) as one:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind((host, place.port))
        assert not root.exists(), "a throw-away root stays behind"


def test_a_person_is_told_one_verdict_of_each_session(tmp_path: Path) -> None:
    with ForPerson(tmp_path, "expired") as serving:
        serving.wait()
        root = tmp_path / "kept" / "server-root.pem"
        refused = curl(serving.places["imaps"], root, serving.password)
        serving.line("session 1: reject")
        looked = s_client(serving.places["imap"])
        serving.line("session 2: ")

        assert refused.returncode == 60
        assert looked.returncode == 0
        assert serving.stop() == 130
        words = ("accept", "reject", "hang", "none")
        told = [
            line for line in serving.out if re.search(rf"session \d+: ({'|'.join(words)})", line)
        ]
        assert len(told) == 2


# -- the same again after a restart ----


def account(serving: ForPerson) -> dict[str, object]:
    """What a client binds its account and its exceptions to."""
    welcome = serving.wait()
    rows = [line for line in welcome.splitlines() if re.search(r"  port |  user ", line)]
    files = re.findall(r"\S+\.pem", welcome)
    return {
        "settings": rows,
        "roots": [(file, Path(file).read_bytes()) for file in files],
        "leaves": {name: chain(serving.places[name]) for name in ("imaps", "smtp")},
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--antivirus", "norton"), "OK"),
        (("expired",), "certificate has expired"),
        (("not-yet-valid",), "certificate is not yet valid"),
    ],
)
def test_after_a_restart_everything_is_as_it_was(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with ForPerson(tmp_path, *arguments, umask=0) as first:
        before = account(first)
        first.stop()
    with ForPerson(tmp_path, *arguments, offset=first.offset) as again:
        assert account(again) == before
        assert words in verified(chain(again.places["imaps"]), again)
        again.stop()

    kept = [tmp_path / "kept", *(tmp_path / "kept").rglob("*")]
    assert {mode(each) for each in kept if each.is_dir()} == {0o700}
    secret = [file for file in kept if file.is_file() and is_secret(file)]
    assert {mode(file) for file in secret} == {0o600}
    assert any(file.suffix == ".secret" for file in secret)
    assert not any(mode(file) & 0o022 for file in kept)


def verified(shown: list[bytes], serving: ForPerson) -> str:
    """What ``openssl verify`` says of a chain, with the last root that was named for import."""
    root = re.findall(r"\S+\.pem", serving.wait())[-1]
    with NamedTemporaryFile() as rest:
        rest.write(b"".join(shown[1:]) or Path(root).read_bytes())
        rest.flush()
        command = [need("openssl"), "verify", "-CAfile", root, "-untrusted", rest.name]
        ended = subprocess.run(command, input=shown[0], capture_output=True, timeout=SECONDS)
    return (ended.stdout + ended.stderr).decode()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def is_secret(file: Path) -> bool:
    return file.suffix == ".secret" or b"PRIVATE KEY" in file.read_bytes()


def test_a_throw_away_run_shares_nothing_with_the_next(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        with ForPerson(tmp_path, "--ephemeral") as serving:
            seen.append(account(serving) | {"password": serving.password})
            assert "with this run." in serving.wait()
            serving.stop()

    assert seen[0]["leaves"] != seen[1]["leaves"]
    assert seen[0]["password"] != seen[1]["password"]
    assert [*tmp_path.iterdir()] == [], "nothing of ours, and no .mitmproxy"
