"""What `mitmail trust` reads and writes, and what a real Thunderbird makes of the same profile."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bench import is_root, need
from guard import COPIES
from mitmail.judge.thunderbird import preferences
from mitmail.judge.thunderbird.instance import LISTENING
from mitmail.judge.thunderbird.kept import GoneError, Kept
from mitmail.judge.thunderbird.marionette import Marionette, RefusedError
from mitmail.judge.thunderbird.thunderbird import _program
from serve.program import environment, mitmail

pytestmark = pytest.mark.long  # of its own: `make thunderbird`

START = 60.0  # seconds
PLACE = "mail.customer.test:993"

DATABASE = """
const db = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
const found = db.getCerts().find(
  (one) => one.sha256Fingerprint.replaceAll(":", "").toLowerCase() === arguments[0]);
"""
TRUSTED = f"""{DATABASE}
const {{ CA_CERT }} = Ci.nsIX509Cert;
return found ? db.isCertTrusted(found, CA_CERT, Ci.nsIX509CertDB.TRUSTED_SSL) : null;
"""
IMPORT = f"{DATABASE} db.addCertFromBase64(arguments[1], arguments[2]); return 1;"
SET = f"""{DATABASE}
const {{ TRUSTED_SSL, UNTRUSTED }} = Ci.nsIX509CertDB;
db.setCertTrust(found, Ci.nsIX509Cert.CA_CERT, arguments[1] ? TRUSTED_SSL : UNTRUSTED);
return 1;
"""
EXCEPTIONS = """
const contract = "@mozilla.org/security/certoverride;1";
const kept = Cc[contract].getService(Ci.nsICertOverrideService);
"""
REMEMBER = f"""{DATABASE} {EXCEPTIONS}
const one = db.constructX509FromBase64(arguments[1]);
kept.rememberValidityOverride(arguments[2], arguments[3], {{}}, one, false);
return 1;
"""
REMEMBERED = f"{EXCEPTIONS} return kept.getOverrides().map((one) => one.hostPort);"


class Running:
    """A Thunderbird that has a profile open."""

    def __init__(self, marionette: Marionette) -> None:
        self._marionette = marionette

    def ask(self, script: str, *arguments: object) -> Any:
        return self._marionette.execute(script, time.monotonic() + START, *arguments)

    def quit(self) -> None:
        with suppress(GoneError, RefusedError):
            self.ask("Services.startup.quit(Ci.nsIAppStartup.eForceQuit); return 1;")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile that a Thunderbird has made, and that it has closed."""
    folder = preferences.write(tmp_path)
    with opened(folder):
        pass
    return folder


@contextmanager
def opened(profile: Path) -> Iterator[Running]:
    """Thunderbird with this profile; it has ended, and written all, when the block has."""
    program = str(_program(Path(need("thunderbird"))))
    home = profile.parent / f"run-{time.monotonic_ns()}"
    home.mkdir()
    command = [program, "--headless", "--profile", str(profile), "--no-remote"]
    command += ["--marionette", "--remote-allow-system-access"]
    kept = Kept(command, home, {"HOME": str(home), "MOZ_CRASHREPORTER_DISABLE": "1"})
    deadline = time.monotonic() + START
    with ExitStack() as closing:
        closing.callback(kept.end)
        while not (match := LISTENING.search(kept.line(deadline))):
            pass
        marionette = Marionette(int(match[1]), deadline)
        closing.callback(marionette.close)
        marionette.command("WebDriver:NewSession", deadline)
        marionette.command("Marionette:SetContext", deadline, value="chrome")
        running = Running(marionette)
        yield running
        running.quit()
        with suppress(GoneError):
            while True:
                kept.line(deadline)


def root(home: Path) -> tuple[str, str]:
    """The kept root: its fingerprint, and its DER in base64."""
    pem = mitmail("ca", "export", "-o", "-", home=home).stdout
    said = json.loads(mitmail("trust", "status", "--json", home=home).stdout)
    return said["roots"][0]["sha256"], "".join(pem.splitlines()[1:-1])


def standing(profile: Path, home: Path) -> Any:
    said = mitmail("trust", "status", "--json", "--store", f"nss:{profile}", home=home)
    return json.loads(said.stdout)["stores"][0]


def test_thunderbird_trusts_what_mitmail_installs_and_no_longer_after_the_cleanup(
    profile: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sha256, _ = root(home)

    mitmail("trust", "install", "--store", f"nss:{profile}", "--yes", home=home)
    with opened(profile) as thunderbird:
        assert thunderbird.ask(TRUSTED, sha256) is True

    assert mitmail("cleanup", "--yes", home=home).returncode == 0
    with opened(profile) as thunderbird:
        assert thunderbird.ask(TRUSTED, sha256) is None


def test_what_thunderbird_imports_is_read_as_thunderbird_reads_it(
    profile: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sha256, octets = root(home)

    with opened(profile) as thunderbird:
        thunderbird.ask(IMPORT, sha256, octets, "C,,")
        assert thunderbird.ask(TRUSTED, sha256) is True
        assert standing(profile, home)["roots"][0]["standing"] == "trusted"
        thunderbird.ask(SET, sha256, False)
        assert thunderbird.ask(TRUSTED, sha256) is False
        assert standing(profile, home)["roots"][0]["standing"] == "unticked"


def test_an_unticked_box_is_ticked_by_mitmail_and_unticked_again(
    profile: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sha256, octets = root(home)
    with opened(profile) as thunderbird:
        thunderbird.ask(IMPORT, sha256, octets, ",,")
        assert thunderbird.ask(TRUSTED, sha256) is False

    mitmail("trust", "install", "--store", f"nss:{profile}", "--yes", home=home)
    with opened(profile) as thunderbird:
        assert thunderbird.ask(TRUSTED, sha256) is True

    mitmail("cleanup", "--yes", home=home)
    with opened(profile) as thunderbird:
        assert thunderbird.ask(TRUSTED, sha256) is False


def test_an_exception_is_shown_left_alone_while_thunderbird_runs_and_taken_out_after(
    profile: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sha256, octets = root(home)
    host, port = PLACE.split(":")
    words = ("trust", "uninstall", "--store", f"nss:{profile}", "--exception", PLACE, "--yes")

    with opened(profile) as thunderbird:
        thunderbird.ask(REMEMBER, sha256, octets, host, int(port))
        (exception,) = waited(profile, home)
        assert (exception["place"], exception["sha256"]) == (PLACE, sha256)
        refused = mitmail(*words, home=home)
        assert (refused.returncode, "in use by a running program" in refused.stderr) == (3, True)

    assert mitmail(*words, home=home).returncode == 0
    with opened(profile) as thunderbird:
        assert thunderbird.ask(REMEMBERED) == []


def waited(profile: Path, home: Path) -> Any:
    """The stored exceptions; Thunderbird writes them a moment after they are made."""
    deadline = time.monotonic() + START
    while not (found := standing(profile, home)["exceptions"]):
        assert time.monotonic() < deadline
    return found


NAMESPACE = 'set -eu; mount -t tmpfs none /etc/thunderbird; exec "$@"'
POLICY = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from thunderbird.test_trust import follow_a_policy
follow_a_policy(Path(sys.argv[2]))
"""


@pytest.mark.root
def test_thunderbird_trusts_a_policys_root_and_no_longer_after_the_cleanup(
    profile: Path, tmp_path: Path
) -> None:
    """In a mount namespace: the policies of this machine are not touched."""
    if not is_root():
        pytest.skip("only root has a mount namespace")
    home = tmp_path / "home"
    (home / ".thunderbird").mkdir(parents=True)
    (home / ".thunderbird" / "profiles.ini").write_text(
        f"[Profile0]\nName=one\nIsRelative=0\nPath={profile}\nDefault=1\n"
    )
    before = sorted(Path("/etc/thunderbird").rglob("*"))
    command = [need("unshare"), "-m", "sh", "-c", NAMESPACE, "sh", sys.executable, "-c", POLICY]

    ended = subprocess.run(
        [*command, str(Path(__file__).parents[1]), str(home)],
        env=environment(home, **{COPIES: "/etc/thunderbird"}),
        capture_output=True, text=True, timeout=4 * START, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    assert sorted(Path("/etc/thunderbird").rglob("*")) == before


def follow_a_policy(home: Path) -> None:
    """What the test above does inside its namespace."""
    sha256, _ = root(home)
    (ini,) = (home / ".thunderbird").iterdir()
    profile = Path(ini.read_text().split("Path=")[1].splitlines()[0])
    store = "policies:thunderbird"

    said = mitmail("trust", "install", "--store", store, "--yes", home=home)
    assert said.returncode == 0, said.stderr
    with opened(profile) as thunderbird:
        deadline = time.monotonic() + START
        while not thunderbird.ask(TRUSTED, sha256):
            assert time.monotonic() < deadline
        busy = mitmail("cleanup", "--yes", home=home)
        assert (busy.returncode, "in use by a running program" in busy.stderr) == (3, True)

    cleaned = mitmail("cleanup", "--yes", home=home)
    assert "so are the copies that the program had made" in cleaned.stdout, cleaned.stderr
    assert list(Path("/etc/thunderbird").iterdir()) == []
    with opened(profile) as thunderbird:
        assert thunderbird.ask(TRUSTED, sha256) is None
