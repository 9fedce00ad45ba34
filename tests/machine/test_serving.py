"""What serving takes: libraries, a folder, ports, a clock, and names."""

import re
import socket
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import metadata
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.machine import folder, port, requirement, setting
from mitmail.machine.check import Check
from mitmail.machine.requirement import Requirement
from mitmail.pki.store import Store
from mitmail.service.control_file import ControlFile

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def only(checks: Iterator[Check]) -> Check:
    (one,) = checks
    return one


@pytest.mark.parametrize("extra", [None, "judge"])
def test_every_requirement_of_the_project_is_understood(extra: str | None) -> None:
    said = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found = [one for one in requirement.requirements() if one.extra == extra]

    assert {(one.name.replace("-", "."), *bounds(one.bounds)) for one in found} == {
        (re.split("[<>]", text)[0].replace("-", "."), *bounds(text)) for text in said
    }


def bounds(text: str) -> list[str]:
    return sorted(re.findall(r"[<>]=?[\d.]+", text))


@pytest.mark.parametrize(
    ("release", "holds"),
    [("12.2.2", False), ("12.2.3", True), ("12.2.10", True), ("12.3", False), ("12.3.1", False)],
)
def test_a_release_of_mitmproxy_is_in_range_or_not(release: str, holds: bool) -> None:
    assert Requirement("mitmproxy", ">=12.2.3,<12.3", None).holds(release) is holds


def test_what_is_here_works() -> None:
    python, *libraries = [*requirement.python(), *requirement.libraries()]

    assert {one.status for one in (python, *libraries)} == {"ok"}
    assert python.words.startswith("Python " + ".".join(map(str, sys.version_info[:3])))
    assert libraries[0].words == f"mitmproxy {metadata.version('mitmproxy')}"


@pytest.mark.parametrize(
    ("release", "status", "words"),
    [("12.3.1", "broken", "mitmproxy 12.3.1 is none that"), (None, "missing", "mitmproxy is not")],
)
def test_another_release_than_those_stands_in_the_way(
    monkeypatch: pytest.MonkeyPatch, release: str | None, status: str, words: str
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "mitmproxy" and release is None:
            raise metadata.PackageNotFoundError(name)
        return release if name == "mitmproxy" and release else real(name)

    monkeypatch.setattr(requirement, "version", version)
    found = next(x for x in requirement.libraries() if x.id == "mitmproxy")

    assert (found.status, found.stands_in_the_way) == (status, True)
    assert found.words.startswith(words)
    assert found.fix == "pip install 'mitmproxy>=12.2.3,<12.3'"


def test_a_folder_that_can_be_made_is_no_fault_and_is_not_made(tmp_path: Path) -> None:
    found = only(folder.writable(tmp_path / "a" / "b"))

    assert (found.status, list(tmp_path.iterdir())) == ("ok", [])


def test_a_file_where_the_folder_should_be_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    found = only(folder.writable(tmp_path / "a" / "b"))

    assert (found.status, found.stands_in_the_way) == ("broken", True)
    assert found.line == (
        f"{tmp_path / 'a'} is a file, and {tmp_path / 'a' / 'b'} has to be a folder: "
        "move it away, or set MITMAIL_HOME to another folder"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="modes say nothing there")
def test_a_key_that_others_can_read_is_said_and_how_to_hide_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.secret("password", lambda: "x")
    store.keys.get("ec256", "leaf")
    before = only(folder.private(tmp_path / "data"))
    (key,) = (tmp_path / "data" / "keys").glob("*.pem")
    key.chmod(0o640)

    after = only(folder.private(tmp_path / "data"))

    assert (before.status, before.words) == (
        "ok", "2 private files in it, which nobody else can read",
    )  # fmt: skip
    assert (after.status, after.fix) == ("broken", f"chmod -R go= {tmp_path / 'data'}")
    assert str(key) in after.words


def free_offset() -> int:
    """An offset at which all six ports are free, above those that people use."""
    hosts = ("127.0.0.1", "::1")
    wanted = [one.bench_port for one in ENDPOINTS.values()]
    return next(
        x
        for x in range(20_000, 28_000, 13)
        if all(port.refused(host, each + x) is None for host in hosts for each in wanted)
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_somebody_has_is_named_with_a_way_around(tmp_path: Path, host: str) -> None:
    offset = free_offset()
    free = only(port.ports(tmp_path, offset))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 3993 + offset), family=family):
        taken = only(port.ports(tmp_path, offset))
    again = only(port.ports(tmp_path, offset))

    assert (free.status, taken.status, again.status) == ("ok", "broken", "ok")
    assert taken.stands_in_the_way
    assert taken.line == (
        f"port {3993 + offset}: another program listens there: end it, or "
        f"mitmail serve --port-offset {offset + 100}"
    )


@pytest.mark.parametrize(("runs", "status"), [(True, "ok"), (False, "broken")])
def test_a_serve_that_runs_may_have_its_ports_and_one_that_was_killed_may_not(
    tmp_path: Path, runs: bool, status: str
) -> None:
    offset = free_offset()
    with (
        socket.create_server(("127.0.0.1", 3143 + offset)),
        closing(socket.create_server(("127.0.0.1", 0))) as control,
    ):
        ControlFile(
            host="127.0.0.1", port=control.getsockname()[1], token="x", pid=1, port_offset=offset
        ).write(tmp_path / "run" / "serve-1.json")
        if not runs:
            control.close()
        found = only(port.ports(tmp_path, offset))

    assert found.status == status


def test_the_loopback_of_this_machine_is_found() -> None:
    found = only(port.loopback())

    assert found.status == ("ok" if socket.has_ipv6 and found.id != "ipv6" else "missing")
    assert "127.0.0.1" in found.words


@pytest.mark.parametrize(
    ("lines", "status", "words"),
    [
        ("127.0.0.1 localhost", "missing", "leads nowhere"),
        ("127.0.0.1 localhost mail.customer.test # ours", "ok", "leads to 127.0.0.1"),
        ("::1\tmail.customer.test", "ok", "leads to ::1"),
        ("#127.0.0.1 mail.customer.test", "missing", "leads nowhere"),
        ("192.0.2.7 mail.customer.test", "broken", "leads to 192.0.2.7 and not to this machine"),
        ("127.0.0.1 x.mail.customer.test", "missing", "leads nowhere"),
    ],
)
def test_where_the_name_leads_is_read_off_the_hosts_file(
    tmp_path: Path, lines: str, status: str, words: str
) -> None:
    (tmp_path / "hosts").write_text(f"{lines}\n")
    found = only(setting.names(tmp_path / "hosts"))

    assert (found.status, found.stands_in_the_way) == (status, False)
    assert words in found.words


def test_a_hosts_file_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    assert only(setting.names(tmp_path / "hosts")).status == "unknown"


def test_a_clock_before_mitmail_was_installed_is_wrong() -> None:
    installed = datetime(2026, 11, 29, tzinfo=UTC)

    assert only(setting.clock(installed - timedelta(days=1), installed)).status == "broken"
    assert only(setting.clock(installed + timedelta(days=1), installed)).status == "ok"
    assert setting.installed() <= datetime.now(UTC)


@pytest.mark.parametrize(("encoding", "status"), [("utf-8", "ok"), ("ascii", "missing")])
def test_a_screen_that_takes_ascii_only_is_said(encoding: str, status: str) -> None:
    stream = TextIOWrapper(BytesIO(), encoding=encoding)

    assert only(setting.screen(stream)).status == status
