"""``mitmail check --chain``: what it prints, what programs get, and how it ends."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

import ordinary
from bench import catalogue, clean_environment
from mitmail.cli import main
from mitmail.cli.check import asked
from mitmail.diagnose.client_view import SCENARIOS, VIEWS
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from serve.serving import ForProgram
from serve.switching import switched
from serve.tls_client import s_client

SECONDS = 20
HOST = ordinary.HOST
LETS, PRIVATE = (ordinary.ORDINARY[x] for x in ("letsencrypt-E6", "corporate-tiered-Issuing"))


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


type Written = Callable[..., str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A file with a chain in it."""

    def write(chain: tuple[bytes, ...], name: str = "chain.pem") -> str:
        (tmp_path / name).write_bytes(pem(*chain))
        return str(tmp_path / name)

    return write


@pytest.fixture
def roots(written: Written) -> str:
    return written((ordinary.root(PRIVATE.root).certificate,), "roots.pem")


@pytest.fixture
def good(written: Written) -> str:
    return written(ordinary.chain(PRIVATE))


@pytest.fixture
def expired(written: Written) -> str:
    return written(ordinary.chain(PRIVATE, since=timedelta(days=-370)), "expired.pem")


def check(*words: str) -> Ended:
    """``mitmail check``."""
    return said("check", *words)


def said(*words: str) -> Ended:
    """A command in this process, from the words to the exit code; a new one takes a second."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["mitmail", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, out.getvalue(), err.getvalue())


def document(*words: str) -> Any:
    return json.loads(check(*words, "--json").stdout)


def ids(found: Any) -> list[str]:
    return [one["id"] for one in found["findings"]]


def test_a_good_chain_is_said_to_be_good(good: str, roots: str) -> None:
    ended = check("--chain", good, "--name", HOST, "--roots", roots)

    assert ended.returncode == 0
    assert re.search(rf"^OK +Valid until .* for {HOST}, and vouched for by", ended.stdout, re.M)
    assert f"Trusted: {roots}" in ended.stdout
    assert ended.stderr == ""


def test_a_fault_comes_with_its_fix_what_clients_say_and_where_to_see_it(
    expired: str, roots: str
) -> None:
    ended = check("--chain", expired, "--name", HOST, "--roots", roots)

    assert "CRITICAL  The server's certificate expired on" in ended.stdout
    assert "Fix: Renew it on the server" in ended.stdout
    assert "Thunderbird: SEC_ERROR_EXPIRED_CERTIFICATE" in ended.stdout
    assert "Outlook: 0x80090328" in ended.stdout
    assert "Reproduce it: mitmail serve expired\n" in ended.stdout
    assert "\nOK " not in ended.stdout


def test_the_worst_comes_first(written: Written, roots: str) -> None:
    root = ordinary.root(PRIVATE.root).certificate
    chain = (*ordinary.chain(PRIVATE, names=("other.hoster.test",)), root)
    ended = check("--chain", written(chain), "--name", HOST, "--roots", roots)
    severities = re.findall(r"^([A-Z]{2,}) ", ended.stdout, re.M)

    assert severities == ["CRITICAL", "INFO"]


def test_the_public_roots_are_trusted_unless_others_are_said(good: str) -> None:
    ended = check("--chain", good, "--name", HOST)

    assert "Trusted: the public roots (Mozilla's, certifi" in ended.stdout
    assert 'signed by "Acme Root CA G1"' in ended.stdout


@pytest.mark.parametrize(
    ("severity", "code"), [(None, 0), ("critical", 1), ("high", 1), ("info", 1)]
)
def test_fail_on_decides_how_it_ends(
    severity: str | None, code: int, expired: str, roots: str
) -> None:
    words = ["--chain", expired, "--name", HOST, "--roots", roots]
    words += ["--fail-on", severity] if severity else []
    assert check(*words).returncode == code


def test_what_is_less_bad_does_not_fail(written: Written, roots: str) -> None:
    chain = (*ordinary.chain(PRIVATE), ordinary.root(PRIVATE.root).certificate)
    words = ("--chain", written(chain), "--name", HOST, "--roots", roots, "--fail-on")

    assert check(*words, "medium").returncode == 0
    assert check(*words, "info").returncode == 1


def test_the_time_is_the_one_that_is_said(good: str, roots: str) -> None:
    words = ("--chain", good, "--name", HOST, "--roots", roots)

    assert "ok" in ids(document(*words))
    later = document(*words, "--at", "2040-01-01T12:00Z")
    assert "expired" in ids(later)
    assert later["presented"][0]["at"] == "2040-01-01T12:00:00Z"


def test_without_a_name_the_names_are_told(good: str, roots: str) -> None:
    found = document("--chain", good, "--roots", roots)
    (one,) = [each for each in found["findings"] if each["id"] == "name-unknown"]

    assert one["severity"] == "unknown"
    assert HOST in one["words"]
    assert "--name" in one["fix"]


def test_what_programs_get_keeps_to_its_schema(
    good: str, expired: str, roots: str, tmp_path: Path
) -> None:
    schema = json.loads(said("schema", "check").stdout)
    Draft202012Validator.check_schema(schema)
    broken = make(loader.find("time-garbage"), None, Store(None)).door
    (tmp_path / "broken.pem").write_bytes(pem(*broken.chain))
    for words in (
        ("--chain", good, "--name", HOST, "--roots", roots),
        ("--chain", expired, "--against", good),
        ("--chain", str(tmp_path / "broken.pem")),
    ):
        Draft202012Validator(schema).validate(document(*words))


@pytest.mark.long
def test_a_paste_may_come_by_standard_input(good: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mitmail", "check", "--chain", "-", "--json"]
    ended = subprocess.run(
        command, input=Path(good).read_bytes(), capture_output=True, timeout=SECONDS, check=True,
        env=clean_environment(MITMAIL_HOME=str(tmp_path)),
    )  # fmt: skip

    assert json.loads(ended.stdout)["presented"][0]["source"] == "the pasted text"


# -- who is to blame -----------------------------------------------------------------------------


def test_the_provider_is_blamed_for_his_own(written: Written) -> None:
    old = written((ordinary.leaf(LETS, since=timedelta(days=-100)),))
    ended = check("--chain", old, "--against", old)

    assert re.search(r"^BLAME +the provider$", ended.stdout, re.M)
    assert "nobody has re-signed it" in " ".join(ended.stdout.split())
    assert "Next: Tell the provider" in ended.stdout


def test_the_name_is_that_of_the_server_to_compare_with_unless_it_is_an_address() -> None:
    assert asked(("mail.customer.test:993",)) == "mail.customer.test"
    assert asked(("mail.customer.test:993", "mail.customer.test:465")) == "mail.customer.test"
    assert asked(("192.0.2.1:993",)) is None
    assert asked(("[2001:db8::1]:993", "./chain.pem")) is None
    assert asked(("a.customer.test", "b.customer.test")) is None
    assert asked(("no-such-file.PEM",)) is None


def test_a_file_to_compare_with_that_is_not_there_is_no_server(good: str) -> None:
    ended = check("--chain", good, "--against", "no-such-file.pem")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "ERROR: cannot read no-such-file.pem: No such file or directory\n"


def test_an_address_may_stand_in_brackets(good: str) -> None:
    found = document("--chain", good, "--name", "[2001:DB8::7]")
    assert found["presented"][0]["name"] == "2001:db8::7"


@pytest.mark.long
def test_a_real_interception_on_the_wire_is_blamed_on_the_antivirus(tmp_path: Path) -> None:
    """openssl s_client behind the shield is the customer; the provider is asked without it."""
    with ForProgram(tmp_path, "healthy", "--antivirus", "norton") as serving:
        place, trusted = serving.places["imaps"], serving.ready["root_file"]
        shown = s_client(place, "-showcerts").stdout
        quoted = b"".join(b"> " + line for line in shown.splitlines(keepends=True))
        (tmp_path / "customer.txt").write_bytes(quoted)
        switched(serving, antivirus="off")
        found = document(
            "--chain", str(tmp_path / "customer.txt"), "--against", f"{place.host}:{place.port}",
            "--name", HOST, "--roots", trusted, "--starttls", "none",
        )  # fmt: skip

    assert (found["blame"]["who"], found["blame"]["antivirus"]) == ("antivirus", "norton")
    assert any("to the second" in words for words in found["blame"]["evidence"])
    assert "intercepted" in ids(found)


# -- what is wrong ------------------------------------------------------------------------------


def test_a_private_key_is_never_shown(tmp_path: Path) -> None:
    key = ordinary.key("ec256", "secret")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(secret)
    before = sorted(tmp_path.rglob("*"))
    ended = check("--chain", str(tmp_path / "key.pem"), "--json")

    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"ERROR: {tmp_path}/key.pem:1: this is a private key")
    assert secret.splitlines()[1].decode() not in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ((), "say HOST[:PORT] or --chain FILE"),
        (("mail.customer.test", "--chain", "x"), "say HOST[:PORT] or --chain FILE"),
        (("mail.customer.test", "--against", "x"), "--against is for what a customer sent"),
        (("--chain", "no-such-file"), "cannot read no-such-file"),
        (("--chain", "{}"), "empty"),
        (("--chain", "{}", "--at", "yesterday"), "'yesterday' is no time"),
        (("--chain", "{}", "--at", "99999999999999"), "is no time"),
        (("--chain", "{}", "--roots", "no-such-file"), "cannot read no-such-file"),
        (("--chain", "{}", "--name", "no host"), "no host name"),
        (("--chain", "{}", "--name", ""), "--name ''"),
        (("--chain", "{}", "--name", "mail.customer.test:993"), "type the name alone"),
        (("--chain", "{}", "--name", "[2001:db8::x]"), "type the name alone"),
        (("--chain", "{}", "--fail-on", "bad"), "'bad' is not one of"),
    ],
)
def test_bad_words_are_answered_in_a_line(
    words: tuple[str, ...], answer: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    ended = check(*(x.format(tmp_path / "empty.pem") for x in words))

    assert ended.returncode == 2
    assert answer in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_ten_megabytes_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"A" * 10_000_000)
    ended = check("--chain", str(tmp_path / "big"))

    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "more than 1 MB" in line


# -- what a text proves of what was sent ---------------------------------------------------------


def listing(sent: tuple[bytes, ...], held: tuple[int, ...]) -> str:
    """The output of openssl s_client -showcerts for these, with some of the blocks lost."""
    entries = (
        f" {n} s:CN = {n}\n   i:CN = {n + 1}\n{pem(der).decode() if n in held else ''}"
        for n, der in enumerate(sent)
    )
    return f"CONNECTED(3)\n---\nCertificate chain\n{''.join(entries)}---\nServer certificate\n"


def test_a_paste_that_lost_a_certificate_accuses_nobody(tmp_path: Path, roots: str) -> None:
    file = tmp_path / "paste.txt"
    file.write_text(listing(ordinary.chain(ordinary.renamed(PRIVATE, sent="ir")), (0, 2)))
    found = document("--chain", str(file), "--name", HOST, "--roots", roots)

    assert ids(found) == ["issuer-not-shown"]
    assert "listing shows 3 certificates, and the text holds 2" in found["findings"][0]["words"]
    assert found["presented"][0]["whole"] is False


def test_what_was_added_by_hand_is_not_taken_for_sent(tmp_path: Path, roots: str) -> None:
    leaf, above = ordinary.chain(PRIVATE)
    file = tmp_path / "paste.txt"
    file.write_text(listing((leaf,), (0,)) + pem(above).decode())
    found = document("--chain", str(file), "--name", HOST, "--roots", roots)

    assert ids(found) == ["incomplete-chain", "not-sent"]
    assert len(found["presented"][0]["certificates"]) == 1


def test_an_exported_file_tells_no_order(written: Written, roots: str) -> None:
    leaf, above = ordinary.chain(PRIVATE)
    root = ordinary.root(PRIVATE.root).certificate
    moved = document("--chain", written((root, above, leaf)), "--name", HOST, "--roots", roots)

    assert "leaf-moved" in ids(moved)
    assert "chain-order" not in ids(moved)


# -- the tables ---------------------------------------------------------------------------------


def test_every_scenario_that_is_named_is_there() -> None:
    assert set(SCENARIOS.values()) <= catalogue().keys()
    assert VIEWS.keys() <= SCENARIOS.keys()
