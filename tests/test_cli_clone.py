"""``mitmail clone``: from what a customer pasted to a file that lint and serve take."""

from pathlib import Path

import pytest

from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import plan
from mitmail.scenario import loader
from serve.program import mitmail
from serve.serving import ForProgram

NAME = "mail.customer.test"


@pytest.fixture(scope="module")
def pasted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain of a server whose certificate has expired."""
    made = plan.make(loader.find("expired"), None, Store(None))
    file = tmp_path_factory.mktemp("pasted") / "chain.txt"
    file.write_bytes(pem(*made.door.chain))
    return file


def test_the_file_of_a_clone_is_linted_and_served(pasted: Path, tmp_path: Path) -> None:
    file = tmp_path / "my-clone.yaml"
    made = mitmail("clone", "--chain", str(pasted), "--name", NAME, "-o", str(file), home=tmp_path)
    assert made.returncode == 0, made.stderr
    assert f"mitmail serve {file}" in made.stderr
    assert mitmail("lint", str(file), home=tmp_path).stdout == "Nothing to mend.\n"
    with ForProgram(tmp_path, str(file)) as serving:
        assert serving.ready["scenario"] == "my-clone"


def test_without_a_file_it_goes_to_standard_output(pasted: Path, tmp_path: Path) -> None:
    made = mitmail("clone", "--chain", str(pasted), "--name", NAME, home=tmp_path)
    assert "leaf: {not_before: -398d, not_after: -1d}" in made.stdout
    assert "expect: {verdict: reject, reasons: [expired]}" in made.stdout


def test_the_time_that_is_said_counts(pasted: Path, tmp_path: Path) -> None:
    made = mitmail(
        *("clone", "--chain", str(pasted), "--name", NAME, "--at", "2020-01-01T00:00Z"),
        home=tmp_path,
    )
    assert "reasons: [not-yet-valid]" in made.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say HOST[:PORT] or --chain FILE"),
        (("a.test", "--chain", "x"), "say HOST[:PORT] or --chain FILE"),
        (("--chain", "nowhere.pem"), "cannot read nowhere.pem: No such file"),
        (("--chain", "{pasted}", "-o", "expired.yaml"), "ships with mitmail"),
        (("--chain", "{pasted}", "-o", "clone.txt"), "ends in .yaml: -o clone.yaml"),
        (("--chain", "{pasted}", "-o", "My Clone.yaml"), "lower-case words joined by hyphens"),
        (("--chain", "{pasted}", "-o", "nowhere/clone.yaml"), "cannot be written"),
        (("--chain", "{pasted}", "-o", "there.yaml"), "already there"),
        (("--chain", "{pasted}", "--at", "yesterday"), "is no time"),
        (("--chain", "{pasted}", "--name", "not a host"), "is no host name"),
        (("--chain", "{pasted}", "--name", ""), "no host name: type the name alone"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    pasted: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "there.yaml").write_text("mine", encoding="utf-8")
    filled = [each.replace("{pasted}", str(pasted)) for each in arguments]
    made = mitmail("clone", *filled, home=tmp_path, cwd=tmp_path)
    assert made.returncode == 2
    assert words in made.stderr
    assert "Traceback" not in made.stderr
    assert (tmp_path / "there.yaml").read_text(encoding="utf-8") == "mine"


def test_a_private_key_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
    label = "PRIVATE KEY-----"  # apart: no file of ours looks as if it held one
    key.write_text(f"-----BEGIN {label}\n{body}\n-----END {label}\n", encoding="utf-8")
    file = tmp_path / "clone.yaml"
    made = mitmail("clone", "--chain", str(key), "-o", str(file), home=tmp_path)
    assert made.returncode == 2
    assert body not in made.stdout + made.stderr
    assert not file.exists()
