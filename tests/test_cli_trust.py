"""``mitmail trust``, ``mitmail cleanup`` and ``mitmail ca new``, as their user types them."""

import base64
import json
import re
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

import nss
from mitmail.cli.standing import DOCUMENTS
from mitmail.pki import key
from mitmail.pki.certificate import from_pem, pem, sha256
from mitmail.trust import override
from serve.program import environment, mitmail
from trusting import authority, leaf

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Thunderbird's only profile, below the home folder that every command here has."""
    base = tmp_path / ".thunderbird"
    folder = nss.database(base / "one.default")
    (base / "profiles.ini").write_text("[Profile0]\nName=default\nPath=one.default\nDefault=1\n")
    return folder


def do(home: Path, *words: str, code: int = 0) -> Ended:
    ended = mitmail(*words, home=home, cwd=home)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended


def kept_root(home: Path, name: str = "server") -> bytes:
    said = do(home, "ca", "export", name, "--format", "pem", "-o", "-").stdout
    return from_pem(said.encode())[0]


def test_a_root_goes_into_thunderbird_and_out_again(profile: Path, tmp_path: Path) -> None:
    said = do(tmp_path, "trust", "install", "--store", "thunderbird", "--yes").stdout
    assert f"nss:{profile} trusts it now, read back." in said
    assert set(nss.listing(profile).values()) == {"C,,"}

    said = do(tmp_path, "cleanup", "--yes").stdout
    assert said.rstrip().endswith("taken out")
    assert nss.listing(profile) == {}
    assert "Nothing to undo" in do(tmp_path, "cleanup").stdout


def test_nothing_is_done_on_a_dry_run_or_without_a_yes(profile: Path, tmp_path: Path) -> None:
    install = ("trust", "install", "--store", "thunderbird")

    dry = do(tmp_path, *install, "--dry-run").stdout
    nobody = do(tmp_path, *install, code=2)
    assert "certutil: into the database in" in dry
    assert dry.rstrip().endswith("Nothing was done: --dry-run.")
    assert nobody.stderr == (
        "ERROR: nobody is here to say yes: add --yes to do this without a question\n"
    )
    assert nss.listing(profile) == {}

    do(tmp_path, *install, "--yes")
    do(tmp_path, "cleanup", "--dry-run")
    do(tmp_path, "cleanup", code=2)
    assert set(nss.listing(profile).values()) == {"C,,"}


def test_the_journal_is_for_its_owner_alone(profile: Path, tmp_path: Path) -> None:
    do(tmp_path, "trust", "install", "--store", "thunderbird", "--yes")
    journal = tmp_path / "kept" / "trust-journal.json"

    (change,) = json.loads(journal.read_text())["changes"]

    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert change["sha256"] == sha256(kept_root(tmp_path))


def test_the_root_of_a_file_is_shown_as_long_as_it_is_on_record(
    profile: Path, tmp_path: Path
) -> None:
    (tmp_path / "gateway.pem").write_bytes(pem(root := authority("Gateway Root").certificate))
    status = ("trust", "status", "--store", f"nss:{profile}")
    do(tmp_path, "trust", "install", "gateway.pem", "--store", "thunderbird", "--yes")

    shown = do(tmp_path, *status).stdout
    assert "put in by mitmail: Gateway Root (SHA-256 " in shown
    assert "): trusted (C,,); mitmail cleanup undoes it\n" in shown
    said = json.loads(do(tmp_path, *status, "--json").stdout)
    Draft202012Validator(DOCUMENTS["trust-status"]).validate(said)
    (row,) = [x for x in said["stores"][0]["roots"] if x["sha256"] == sha256(root)]
    assert row["standing"] == "trusted"

    journal = tmp_path / "kept" / "trust-journal.json"
    kept = journal.read_text()
    journal.write_text("{")
    assert f"ERROR: {journal}: damaged" in do(tmp_path, *status).stderr
    journal.write_text(kept)
    do(tmp_path, "cleanup", "--yes")
    assert "Gateway" not in do(tmp_path, *status).stdout


@pytest.mark.parametrize("content", ["{", "[" * 200_000], ids=["cut", "deep"])
def test_a_damaged_journal_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kept" / "trust-journal.json"
    path.parent.mkdir()
    path.write_text(content)

    (line,) = do(tmp_path, "cleanup", "--yes", code=2).stderr.splitlines()

    assert line.startswith(f"ERROR: {path}: damaged (")
    assert path.read_text() == content


@pytest.mark.long
def test_what_vanished_is_said_and_holds_up_none(profile: Path, tmp_path: Path) -> None:
    other = nss.database(tmp_path / "other")
    for store in ("thunderbird", f"nss:{other}"):
        do(tmp_path, "trust", "install", "--store", store, "--yes")
    other.rename(tmp_path / "elsewhere")

    said = do(tmp_path, "cleanup", "--yes", code=3)
    assert f"{other} is gone" in said.stderr
    assert "mitmail cleanup --forget" in said.stderr
    assert nss.listing(profile) == {}

    do(tmp_path, "cleanup", "--yes", "--forget")
    assert "Nothing to undo" in do(tmp_path, "cleanup").stdout


@pytest.mark.parametrize("store", ["system", "java"])
def test_a_simulated_products_root_never_goes_into_a_whole_machine(
    tmp_path: Path, store: str
) -> None:
    java = tmp_path / "cacerts"
    java.touch()
    word = f"java:{java}" if store == "java" else store

    # Were it admitted, nothing would be done.
    said = do(tmp_path, "trust", "install", "norton", "--store", word, "--dry-run", code=2).stderr

    assert "can sign for any name, and the whole machine would trust it" in said


def test_bad_files_get_a_line_each(profile: Path, tmp_path: Path) -> None:
    secret = key.pem(key.generate("ec256"))
    files = {
        "text.txt": (b"no certificate", "not an X.509 certificate"),
        "empty.der": (b"", "not an X.509 certificate"),
        "page.html": (b"<html>-----BEGIN CERTIFICATE-----</html>", "no PEM certificate"),
        "leaf.pem": (pem(leaf()), "is a server's own, not an authority's; give the root"),
        "two.pem": (pem(leaf(), leaf()), "2 certificates; give the root alone"),
        "key.pem": (secret, "holds a private key; give the certificate alone"),
        "large.der": (b"\x30" * (2 << 20), "too large to be ours"),
    }
    for name, (content, said) in files.items():
        (tmp_path / name).write_bytes(content)
        ended = do(tmp_path, "trust", "install", name, "--store", "thunderbird", "--yes", code=2)
        assert ended.stderr.startswith(f"ERROR: {name}: ")
        assert said in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        assert secret.decode().splitlines()[1] not in ended.stderr
    missing = do(tmp_path, "trust", "install", "no.pem", "--store", "thunderbird", code=2)
    assert missing.stderr == "ERROR: no.pem: no such file\n"
    assert nss.listing(profile) == {}


@pytest.mark.long
def test_a_new_root_says_which_was_the_old_one_and_where_it_is_left(
    profile: Path, tmp_path: Path
) -> None:
    old = kept_root(tmp_path, "norton")
    do(tmp_path, "trust", "install", "norton", "--store", "thunderbird", "--yes")

    said = do(tmp_path, "ca", "new", "norton").stdout
    new = kept_root(tmp_path, "norton")

    assert sha256(old) != sha256(new)
    subjects = {x509.load_der_x509_certificate(one).subject for one in (old, new)}
    assert len(subjects) == 1
    assert f"Its SHA-256: {sha256(new)}" in said
    assert f"The old one's: {sha256(old)}" in said
    assert f"The old one is still trusted by nss:{profile}" in said

    status = do(tmp_path, "trust", "status", "--store", "thunderbird").stdout
    assert "left behind when it was installed again" in status
    do(tmp_path, "trust", "uninstall", sha256(old)[:16], "--store", "thunderbird", "--yes")
    assert nss.listing(profile) == {}


@pytest.mark.long
def test_a_new_root_of_the_mail_server_has_another_key(tmp_path: Path) -> None:
    old = [kept_root(tmp_path)]
    (tmp_path / "other").mkdir()
    assert "There was none before." in do(tmp_path / "other", "ca", "new").stdout
    for _ in range(3):  # also within one second
        said = do(tmp_path, "ca", "new").stdout
        assert f"The old one's: {sha256(old[-1])}" in said
        old.append(kept_root(tmp_path))

    keys = {
        x509.load_der_x509_certificate(one).public_key().public_numbers()  # type: ignore[union-attr]
        for one in old
    }
    assert len(keys) == len(old)
    assert len(list((tmp_path / "kept" / "keys").glob("server-root-*"))) == 1
    assert do(tmp_path, "ca", "new", "nortn", code=2).stderr.startswith("ERROR: no vendor")


def test_a_stale_exception_is_shown_as_the_reason_and_taken_out(
    profile: Path, tmp_path: Path
) -> None:
    """The exception is for the certificate of before; the server has another one since."""
    before, now = leaf(0), leaf(1)
    for name, one in (("before", before), ("now", now)):
        (tmp_path / f"{name}.pem").write_bytes(pem(one))
    digits = ":".join(re.findall("..", sha256(before).upper()))
    line = f"mail.customer.test:993:\tOID.2.16.840.1.101.3.4.2.1\t{digits}\t\n"
    (profile / override.FILE).write_text(line)
    status = ("trust", "status", "--store", "thunderbird", "--seen")

    assert "the one that the server shows now" in do(tmp_path, *status, "before.pem").stdout
    said = do(tmp_path, *status, "now.pem").stdout
    assert f"STALE, the server shows {sha256(now)[:16]} now." in said
    assert "It covers up a wrong name and does not cure it" in said

    words = said.split("Take it out: mitmail ")[1].splitlines()[0].split()
    assert do(tmp_path, *words, "--yes").stdout.endswith("mitmail cleanup puts it back.\n")
    assert (profile / override.FILE).read_text() == ""
    do(tmp_path, "cleanup", "--yes")
    assert (profile / override.FILE).read_text() == line


def test_the_status_is_a_document_by_its_schema(profile: Path, tmp_path: Path) -> None:
    root = kept_root(tmp_path)
    nss.put(profile, root, "P,,", "under Servers")
    nss.put(profile, authority("mitmail server test root 00dead").certificate, "C,,", "older")
    (profile / override.FILE).write_text(f"a.test:993:\tOID.2\t{'AB:' * 31}AB\t\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cert9.db").write_text("no database")
    stores = ("--store", "thunderbird", "--store", f"nss:{tmp_path / 'other'}")

    document = json.loads(do(tmp_path, "trust", "status", *stores, "--json", code=3).stdout)

    Draft202012Validator.check_schema(DOCUMENTS["trust-status"])
    Draft202012Validator(DOCUMENTS["trust-status"]).validate(document)
    printed = json.loads(do(tmp_path, "schema", "trust-status").stdout)
    assert printed == DOCUMENTS["trust-status"]
    one, broken = document["stores"]
    assert one["roots"] == [
        {"root": "server", "sha256": sha256(root), "standing": "server", "flags": "P,,"}
    ]
    assert [each["place"] for each in one["exceptions"]] == ["a.test:993"]
    assert {each["id"] for each in one["mistakes"]} == {"server-store", "stale-root"}
    assert "not a database of NSS" in broken["error"]


def test_only_what_has_to_do_with_mitmail_is_taken_out(profile: Path, tmp_path: Path) -> None:
    theirs = authority("Some other root").certificate
    nss.put(profile, theirs, "C,,", "theirs")

    ended = do(
        tmp_path, "trust", "uninstall", sha256(theirs), "--store", "thunderbird", "--yes", code=2
    )
    assert "none of mitmail's has this SHA-256" in ended.stderr
    no_root = do(tmp_path, "trust", "uninstall", "--store", "thunderbird", "--yes", code=2)
    assert "no root of server is kept" in no_root.stderr
    assert nss.listing(profile) == {"theirs": "C,,"}


def test_a_store_is_never_named_by_the_environment(profile: Path, tmp_path: Path) -> None:
    ended = mitmail(
        "trust", "install", home=tmp_path,
        MITMAIL_TRUST_INSTALL_STORE="thunderbird", MITMAIL_TRUST_INSTALL_YES="1",
    )  # fmt: skip

    assert (ended.returncode, "--store" in ended.stderr) == (2, True)
    assert nss.listing(profile) == {}


def test_the_commands_for_every_system_are_printed(profile: Path, tmp_path: Path) -> None:
    root = kept_root(tmp_path)
    said = do(tmp_path, "trust", "print").stdout

    (octets,) = re.findall(r"FromBase64String\('([A-Za-z0-9+/=]+)'\)", said)
    assert base64.b64decode(octets) == root
    for word in ("update-ca-certificates", "update-ca-trust", "keytool", "security add-trusted"):
        assert word in said
    assert sha256(root).upper() in said
    assert "PRIVATE KEY" not in said
    norton = do(tmp_path, "trust", "print", "norton", "--store", "windows").stdout
    assert "WARNING: it can sign for any name" in norton
    assert "keytool" not in norton


def test_the_printed_certutil_command_does_what_it_says(profile: Path, tmp_path: Path) -> None:
    said = do(tmp_path, "trust", "print", "norton", "--store", "nss").stdout
    for start, bits in (("certutil -A", {"C,,"}), ("certutil -D", set())):
        (line,) = [x for x in said.splitlines() if x.startswith(start)]
        subprocess.run(
            ["/bin/sh", "-c", line.replace("PROFILE", str(profile))],
            env=environment(tmp_path), check=True, timeout=20,
        )  # fmt: skip
        assert set(nss.listing(profile).values()) == bits


def test_the_printed_policy_is_one(tmp_path: Path) -> None:
    said = do(tmp_path, "trust", "print", "--store", "policies").stdout
    (line,) = [x for x in said.splitlines() if x.startswith("{")]

    (path,) = json.loads(line)["policies"]["Certificates"]["Install"]

    assert from_pem(Path(path).read_bytes())[0] == kept_root(tmp_path)
