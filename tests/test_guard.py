"""No test changes a trust store of this machine, whatever is broken in the code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard import TrespassError
from serve.program import mitmail

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no test knows its stores")

ANCHOR = "/usr/local/share/ca-certificates/mitmail-0123.crt"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CACERTS = "/usr/lib/jvm/any/lib/security/cacerts"
WRITE = os.O_WRONLY | os.O_CREAT
EVENTS = (
    ("open", ANCHOR, "wb", WRITE),
    ("open", "/usr/local/share/../share/ca-certificates/one.crt", None, os.O_RDWR),
    ("open", BUNDLE.encode(), "ab", WRITE),
    ("os.rename", "/tmp/one", ANCHOR, -1, -1),
    ("os.remove", ANCHOR, -1),
    ("os.symlink", "/tmp/one", ANCHOR, -1),
    ("open", "/etc/thunderbird/policies/policies.json", "w", WRITE),
    ("subprocess.Popen", "x", ["/usr/sbin/update-ca-certificates"], None, None),
    ("subprocess.Popen", "x", ["update-ca-trust", "extract"], None, None),
    ("subprocess.Popen", "x", ["sh", "-c", "sudo update-ca-certificates"], None, None),
    ("subprocess.Popen", "x", ["keytool", "-importcert", "-keystore", CACERTS], None, None),
    ("subprocess.Popen", "x", ["keytool", "-delete", "-cacerts"], None, None),
    ("os.exec", "x", ["/usr/sbin/update-ca-certificates"], None),
    ("os.system", b"update-ca-certificates"),
)


# The event alone: where nobody stands guard, nothing happens.
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: " ".join(map(str, event[:3])))
def test_who_would_change_a_store_is_stopped(event: tuple[str, object]) -> None:
    with pytest.raises(TrespassError):
        sys.audit(*event)


def test_a_link_is_no_way_round(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/ssl")
    with pytest.raises(TrespassError):
        sys.audit("open", str(tmp_path / "link" / "certs" / "x"), "w", WRITE)


def test_to_look_and_to_change_a_copy_is_free(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "x.crt").write_text("x")
    sys.audit("open", BUNDLE, "rb", os.O_RDONLY)
    for command in (
        ["keytool", "-list", "-keystore", CACERTS],
        ["keytool", "-importcert", "-keystore", str(tmp_path / "cacerts")],
        ["keytool", "-importkeystore", "-srckeystore", CACERTS, "-destkeystore", "own"],
        ["unshare", "-m", "sh", "-c", "update-ca-certificates"],
    ):
        sys.audit("subprocess.Popen", command[0], command, None, None)
    subprocess.run(["/bin/true"], check=True)


def test_the_commands_of_the_forge_are_guarded_too(tmp_path: Path) -> None:
    # Into a folder that is not there: where nobody stands guard, it fails as well.
    path = f"{Path(ANCHOR).parent}/none/of/these.pem"

    ended = mitmail("ca", "export", "-o", path, home=tmp_path)

    assert ended.returncode == 1
    assert f"TrespassError: a test was about to change {path}" in ended.stderr
