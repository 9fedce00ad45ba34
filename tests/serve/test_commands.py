"""The commands that serve nothing: lint, list, show, ca, and what other tools read of them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from bench import need
from serve.program import MITMAIL, SECONDS, environment, mitmail
from serve.tls_client import fingerprint, openssl


def test_everything_that_ships_is_without_a_mistake(tmp_path: Path) -> None:
    ended = mitmail("lint", home=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_lint_says_the_same_in_json(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("title: x\ncolour: red\n")
    assert mitmail("new", "good", home=tmp_path, cwd=tmp_path).returncode == 0
    for code, file in ((0, "good.yaml"), (2, "mine.yaml")):
        ended = mitmail("lint", "--json", file, home=tmp_path, cwd=tmp_path)
        document = json.loads(ended.stdout)
        assert ended.returncode == code
        assert document["schema"] == 1
        assert bool(document["problems"]) is bool(code)
    places = {(one["file"], one["line"], one["path"]) for one in document["problems"]}
    assert ("mine.yaml", 2, "colour") in places


def test_list_and_show_agree(tmp_path: Path) -> None:
    listed = json.loads(mitmail("list", "--json", home=tmp_path).stdout)["scenarios"]
    words = mitmail("list", home=tmp_path).stdout
    expired = next(one for one in listed if one["id"] == "expired")
    shown = json.loads(mitmail("show", "expired", "--json", home=tmp_path).stdout)

    assert shown.items() >= expired.items()
    assert shown["schema"] == 1
    assert shown["rule"].startswith("RFC ")
    for one in listed:
        assert re.search(rf"^  {one['id']} .*{re.escape(one['title'])}$", words, re.MULTILINE)


def test_show_explains_a_scenario_and_an_antivirus(tmp_path: Path) -> None:
    scenario = mitmail("show", "hosting-wildcard", home=tmp_path).stdout
    antivirus = mitmail("show", "norton", home=tmp_path).stdout

    assert "must reject (name-mismatch)" in scenario
    assert "CN=Norton Web/Mail Shield Root" in antivirus
    assert "untrusted-on-implicit-tls: " in antivirus


def test_show_of_an_unknown_id_guesses(tmp_path: Path) -> None:
    ended = mitmail("show", "expird", home=tmp_path)

    assert ended.returncode == 2
    assert "did you mean 'expired'?" in ended.stderr


def test_the_path_is_the_data_folder(tmp_path: Path) -> None:
    assert mitmail("ca", "path", home=tmp_path).stdout == f"{tmp_path / 'kept'}\n"


@pytest.mark.parametrize(
    ("name", "file", "form", "words"),
    [
        ("server", "mitmail-server-root.pem", "PEM", "mitmail server test root"),
        ("norton", "wscert.der", "DER", "CN = Norton Web/Mail Shield Root"),
        ("generic", "mitmail-generic-root.der", "DER", ""),
    ],
)
def test_an_exported_root_is_read_by_openssl_and_is_no_key(
    name: str, file: str, form: str, words: str, tmp_path: Path
) -> None:
    ended = mitmail("ca", "export", name, home=tmp_path, cwd=tmp_path)
    written = tmp_path / file
    text = openssl("x509", "-inform", form, "-noout", "-text", "-in", str(written))

    assert ended.returncode == 0
    assert file in ended.stdout
    assert "CA:TRUE" in text
    assert words in text
    assert b"PRIVATE" not in written.read_bytes()
    # Nothing follows the certificate: openssl writes the same octets again.
    again = ["x509", "-inform", form, "-outform", form, "-in", str(written)]
    copied = subprocess.run([need("openssl"), *again], capture_output=True, timeout=SECONDS)
    assert copied.stdout == written.read_bytes()


def test_both_forms_are_one_certificate_and_stay_it(tmp_path: Path) -> None:
    prints = set()
    for form in ("pem", "der", "pem"):
        options = ("--format", form, "-o", f"root.{form}")
        mitmail("ca", "export", "norton", *options, home=tmp_path, cwd=tmp_path)
        read = ["x509", "-inform", form, "-in", str(tmp_path / f"root.{form}")]
        prints.add(fingerprint(openssl(*read).encode()))

    assert len(prints) == 1


def test_an_export_to_standard_output_is_the_certificate_alone(tmp_path: Path) -> None:
    command = [*MITMAIL, "ca", "export", "norton", "-o", "-"]
    ended = subprocess.run(
        command, capture_output=True, env=environment(tmp_path), timeout=SECONDS
    )

    assert "Norton" in openssl("x509", "-inform", "DER", "-noout", "-subject", give=ended.stdout)
    assert ended.stderr == b""


def test_an_export_of_nothing_known_is_one_line(tmp_path: Path) -> None:
    for arguments in (("nortn",), ("server", "-o", "/nonexistent/root.pem")):
        ended = mitmail("ca", "export", *arguments, home=tmp_path, cwd=tmp_path)
        assert ended.returncode == 2
        assert len(ended.stderr.splitlines()) == 1
