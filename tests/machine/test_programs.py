"""Programs: which are here, which are not, and what installs them on this system."""

import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import is_root
from mitmail.judge import driver, golang
from mitmail.machine import capturing, client, package, scanner, thunderbird, trusting
from mitmail.machine.check import Check

CI = (Path(__file__).parents[2] / ".ci" / "run").read_text()


def program(folder: Path, name: str, text: str = "#!/bin/sh\n") -> Path:
    """A program that does nothing."""
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(
        package, "find", lambda name: str(folder / name) if (folder / name).exists() else None
    )
    return folder


@pytest.mark.parametrize(
    ("manager", "packages", "command"),
    [
        ("apt-get", "swaks libnss-wrapper", "sudo apt install swaks libnss-wrapper"),
        ("dnf", "swaks libnss-wrapper", "sudo dnf install swaks nss_wrapper"),
        ("brew", "gnutls-bin", "brew install gnutls"),
        # What is not known there is not made up.
        ("brew", "swaks libnss-wrapper", "install swaks libnss-wrapper, as Debian calls it"),
        (None, "curl", "install curl, as Debian calls it"),
        ("apt-get", "aiosmtplib by pip", "pip install aiosmtplib"),
    ],
)
def test_a_package_is_installed_by_the_manager_that_is_here(
    alone: Path, manager: str | None, packages: str, command: str
) -> None:
    if manager is not None:
        program(alone, manager)

    assert package.install(packages) == command


def test_a_library_of_node_goes_where_the_judge_looks_for_it(alone: Path) -> None:
    program(alone, "npm")

    command = package.install("nodemailer-9.0.2 by npm")

    assert command == (
        f"npm install --prefix {sys.prefix}/clients nodemailer-9.0.2@npm:nodemailer@9.0.2"
    )


def test_every_package_of_a_client_is_one_that_ci_installs_by_that_name(alone: Path) -> None:
    """CI runs on Debian: what is not called so there does not install."""
    program(alone, "apt-get")
    program(alone, "npm")
    fixes = [one.fix for one in client.clients() if one.status == "missing"]
    fixes += [one.fix for one in (*trusting.programs(), *thunderbird.display())]
    named = {x for fix in fixes if "apt install" in fix for x in fix.split()[3:]}

    assert len(named) > 12
    assert [x for x in sorted(named) if not re.search(rf"[\s]{re.escape(x)}[\s]", CI)] == []


def test_without_any_program_every_client_but_those_of_python_is_missing(alone: Path) -> None:
    checks = list(client.clients())
    here, missing = checks[0], checks[1:]
    named = {name for one in missing for name in one.words.split(", ")}

    assert here.words.startswith(("1 clients are here: python", "2 clients are here: aiosmtplib"))
    assert {one.status for one in missing} == {"missing"}
    assert all(one.fix for one in missing)
    assert {*driver.KNOWN} - named <= {"python", "aiosmtplib", "thunderbird"}


def test_a_client_that_breaks_down_is_unknown_and_the_others_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = driver.entry

    async def entry(name: str) -> driver.Entry:
        if name == "swaks":
            raise ValueError("odd\nvery odd")
        return await real(name)

    monkeypatch.setattr(driver, "entry", entry)
    here, odd = client.clients(("python", "swaks"))

    assert (here.status, odd.status) == ("ok", "unknown")
    assert odd.words == "swaks could not be looked at, ValueError: odd"


def test_go_is_not_asked_to_compile(alone: Path, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    program(alone, "go", f"#!/bin/sh\necho asked >>{traces}\n")
    (here,) = client.clients(("go-smtp",))

    assert (here.words, traces.exists()) == ("1 clients are here: go-smtp", False)
    assert golang.COMPILED["go-imap"].imports in (
        Path(golang.__file__).with_name("imap.go").read_text()
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('#!/bin/sh\nexec /snap/bin/thunderbird "$@"\n', "snap"),
        ("#!/bin/sh\nexec flatpak run org.mozilla.Thunderbird\n", "flatpak"),
        ("#!/bin/sh\nexec /usr/lib/thunderbird/thunderbird\n", None),
        ("\x7fELF" + "x" * (1 << 17) + "/snap/bin", None),
    ],
)
def test_a_thunderbird_that_sees_its_own_folders_only_is_told_apart(
    alone: Path, text: str, kind: str | None
) -> None:
    assert thunderbird.confined(program(alone, "thunderbird", text)) == kind


@pytest.mark.skipif(sys.platform != "linux", reason="it is asked there")
def test_a_thunderbird_of_snaps_is_broken_with_what_to_do_instead(alone: Path) -> None:
    snap = program(alone, "snap")
    (alone / "thunderbird").symlink_to(snap)
    (found,) = thunderbird.thunderbird()

    assert (found.status, found.fix) == ("broken", thunderbird.OWN)
    assert found.words == "Thunderbird is a snap here, which sees no profile of the judge's"


def words_of(checks: Iterator[Check]) -> list[tuple[str, str]]:
    return [(one.status, one.line) for one in checks]


@pytest.mark.skipif(sys.platform != "linux", reason="it is for Linux")
def test_what_capture_needs_is_named(alone: Path) -> None:
    program(alone, "apt-get")

    assert words_of(capturing.rules()) == [
        ("missing", "nft or iptables: sudo apt install nftables")
    ]
    assert words_of(capturing.namespaces()) == [("missing", "ip netns: sudo apt install iproute2")]
    assert [x.status for x in capturing.right()] == (
        [("ok" if capturing.may_change_network() else "broken")] if is_root() else ["missing"]
    )


@pytest.mark.parametrize(
    ("said", "may"),
    [
        ("CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n", True),
        # What Docker gives its root, unless told otherwise.
        ("CapPrm:\t000001ffffffffff\nCapEff:\t00000000a80425fb\n", False),
        ("CapEff:\t0000000000001000\n", True),
        ("CapEff:\t0000000000000000\n", False),
    ],
)
def test_the_right_to_change_the_network_is_one_bit(tmp_path: Path, said: str, may: bool) -> None:
    (tmp_path / "status").write_text(f"Name:\tx\n{said}")

    assert capturing.may_change_network(tmp_path / "status") is may


def test_a_scanner_that_is_not_here_is_missing(alone: Path, tmp_path: Path) -> None:
    program(alone, "apt-get")
    place = str(tmp_path / "ctl")

    assert words_of(scanner.scanner(place)) == [
        ("missing", "clamd: sudo apt install clamav-daemon")
    ]
    program(alone, "clamd")
    ((status, words),) = words_of(scanner.scanner(place))
    assert status == "missing"
    assert words.startswith(f"clamd is here, and does not listen at {place}: sudo systemctl start")


def test_what_listens_there_and_is_no_clamd_is_broken(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no Unix sockets")
    place = str(tmp_path / "ctl")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"HELLO\0")

        other = threading.Thread(target=answer)
        other.start()
        ((status, words),) = words_of(scanner.scanner(place))
        other.join()

    assert (status, words) == ("broken", f"what answers at {place} is no clamd")
