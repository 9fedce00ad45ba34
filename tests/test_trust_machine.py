"""The stores of a whole machine: Debian's in a mount namespace, Java's as a copy."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import clean_environment, is_root, need
from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.trust import java, system
from mitmail.trust.java import JavaStore
from mitmail.trust.root import Root, admit
from trusting import keeper, leaf, root

STORE = Path("/etc/ssl")

# Its own copies of what update-ca-certificates writes to, in a mount namespace of its own.
INSIDE = """
set -eu
for folder in /etc/ssl /usr/local/share /etc/ca-certificates; do
  cp -a "$folder" "$1/copy"
  mount -t tmpfs none "$folder"
  cp -a "$1/copy/." "$folder/"
  rm -rf "$1/copy"
done
mkdir -p /usr/local/share/ca-certificates
mkdir -p /etc/ca-certificates/update.d
rm -f /etc/ca-certificates/update.d/*
shift
exec "$@"
"""
STORY = """
import hashlib, json, subprocess, sys
from pathlib import Path
mitmail = [sys.executable, "-m", "mitmail"]
def do(*words):
    ended = subprocess.run([*mitmail, *words], capture_output=True, text=True, timeout=60)
    return [ended.returncode, ended.stdout, ended.stderr]
def state():
    folders = [Path("/etc/ssl/certs"), Path("/usr/local/share/ca-certificates")]
    files = sorted(x for folder in folders for x in folder.iterdir() if x.is_file())
    return {str(x): hashlib.sha256(x.read_bytes()).hexdigest() for x in files}
def openssl():
    root = do("ca", "export", "-o", sys.argv[1])
    # By its own certificate, for OpenSSL trusts what is in the folder.
    command = ["openssl", "verify", "-CApath", "/etc/ssl/certs", sys.argv[1]]
    return subprocess.run(command, capture_output=True).returncode
said = {"before": state(), "openssl": [openssl()]}
said["norton"] = do("trust", "install", "norton", "--store", "system", "--yes")
said["dry"] = do("trust", "install", "--store", "system", "--dry-run")
said["untouched"] = state()
said["install"] = do("trust", "install", "--store", "system", "--yes")
said["openssl"].append(openssl())
said["again"] = do("trust", "install", "--store", "system", "--yes")
said["status"] = do("trust", "status", "--store", "system", "--store", "nss:" + sys.argv[2])
said["cleanup"] = do("cleanup", "--yes")
said["openssl"].append(openssl())
said["after"] = state()
print(json.dumps(said))
"""


@pytest.mark.long
@pytest.mark.root
def test_the_systems_store_is_as_before_after_install_use_and_cleanup(tmp_path: Path) -> None:
    need("update-ca-certificates")
    if not is_root():
        pytest.skip("only root has a mount namespace")
    profile = tmp_path / "profile"
    profile.mkdir()
    subprocess.run(
        [need("certutil"), "-N", "--empty-password", "-d", f"sql:{profile}"], check=True
    )
    outside = digest(STORE)
    command = [need("unshare"), "-m", "sh", "-c", INSIDE, "sh", str(tmp_path)]
    ended = subprocess.run(
        [*command, sys.executable, "-c", STORY, str(tmp_path / "root.pem"), str(profile)],
        env=clean_environment(MITMAIL_HOME=str(tmp_path / "kept"), HOME=str(tmp_path)),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)

    assert digest(STORE) == outside
    assert said["norton"][0] == 2
    assert "can sign for any name, and the whole machine would trust it" in said["norton"][2]
    assert (said["dry"][0], said["untouched"]) == (0, said["before"])
    assert (said["install"][0], said["cleanup"][0]) == (0, 0), said
    assert "trusts it already" in said["again"][1]
    assert (
        "is in the system's store, which Thunderbird and Firefox on Linux do not read"
        in (said["status"][1])
    )
    assert [code == 0 for code in said["openssl"]] == [False, True, False]
    assert said["after"] == said["before"]


def digest(folder: Path) -> str:
    files = sorted(x for x in folder.rglob("*") if x.is_file() and os.access(x, os.R_OK))
    return hashlib.sha256(b"".join(x.read_bytes() for x in files)).hexdigest()


@pytest.fixture
def cacerts(tmp_path: Path) -> Path:
    need("keytool")
    path = tmp_path / "cacerts"
    shutil.copyfile(java.here().path, path)
    path.chmod(0o640)
    return path


def listed(path: Path, *password: str) -> list[str]:
    """What keytool lists, in its own short form."""
    command = [java.keytool(), "-J-Duser.language=en", "-list", "-keystore", str(path), *password]
    ended = subprocess.run(command, input="\n", capture_output=True, text=True, check=True)
    lines = ended.stdout.splitlines()
    return sorted(line for line in lines if line.startswith("Certificate fingerprint"))


@pytest.mark.long
def test_javas_store_is_as_before_after_install_and_cleanup(cacerts: Path, tmp_path: Path) -> None:
    before, kind = listed(cacerts), cacerts.read_bytes()[:4]

    assert keeper(tmp_path).install(root(), JavaStore(cacerts))
    between = listed(cacerts)
    assert not keeper(tmp_path).install(root(), JavaStore(cacerts))
    (undone,) = keeper(tmp_path).cleanup()

    (added,) = set(between) - set(before)
    assert added.replace(":", "").lower().endswith(root().sha256)
    assert (undone.words, listed(cacerts)) == ("taken out", before)
    assert (cacerts.stat().st_mode & 0o777, cacerts.read_bytes()[:4]) == (0o640, kind)


@pytest.mark.long
def test_a_store_without_a_password_still_opens_without_one(cacerts: Path, tmp_path: Path) -> None:
    """Java reads such a one with no password: encrypted, it would trust nobody."""
    bare = tmp_path / "bare"
    command = [java.keytool(), "-J-Dkeystore.pkcs12.macAlgorithm=NONE"]
    command += ["-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE", "-importkeystore"]
    command += ["-srckeystore", str(cacerts), "-srcstorepass", "changeit", "-noprompt"]
    command += ["-destkeystore", str(bare), "-deststoretype", "pkcs12", "-deststorepass"]
    subprocess.run([*command, "changeit"], capture_output=True, check=True)
    before = listed(bare)

    keeper(tmp_path).install(root(), JavaStore(bare))

    assert len(listed(bare)) == len(before) + 1
    list(keeper(tmp_path).cleanup())
    assert listed(bare) == before


def test_what_is_no_key_store_is_said_and_left_alone(tmp_path: Path) -> None:
    need("keytool")
    path = tmp_path / "cacerts"
    with pytest.raises(MitmailError, match="no such file; name a cacerts"):
        JavaStore(path)
    path.write_text("no key store")
    with pytest.raises(MitmailError, match="Unrecognized keystore format"):
        keeper(tmp_path).install(root(), JavaStore(path))
    assert path.read_text() == "no key store"


def test_a_program_that_hangs_is_ended() -> None:
    from mitmail.trust import program

    with pytest.raises(CannotJudgeError, match=r"sleep has not ended in 0 s"):
        program.run(["sleep", "60"], seconds=0.1)
    with pytest.raises(CannotJudgeError, match="No such file"):
        program.run(["/no/such/program"])


@pytest.mark.parametrize("kind", ["antivirus", "file"])
def test_only_the_constrained_root_of_the_mail_server_goes_into_a_whole_machine(
    kind: Any,
) -> None:
    admit(root(), "machine", "system")
    one = Root(certificate=root().certificate, word="norton", kind=kind)
    with pytest.raises(MitmailError, match="can sign for any name"):
        admit(one, "machine", "system")
    admit(one, "client", "nss:here")
    bare = Root(certificate=leaf(), word="server", kind="server")
    with pytest.raises(MitmailError, match="can sign for any name"):
        admit(bare, "machine", "java")


def test_every_family_names_a_program_that_is_known_where_to_get() -> None:
    from mitmail.trust import program

    for family in system.FAMILIES:
        assert family.command[0] in program._BROUGHT_BY
