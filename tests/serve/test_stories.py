"""Support stories with real clients: antivirus or provider, the next day, the exception."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

import isync
from bench import need
from mitmail.judge import command, trial
from mitmail.judge.comparison import Comparison
from mitmail.service.control_file import read
from mitmail.service.remote import Remote
from mitmail.service.schema import DOCUMENTS
from serve.program import MITMAIL, Program, environment, mitmail
from serve.serving import LOOPBACK, NAME, USER, ForPerson, ForProgram
from serve.switching import asked, compare, control_file, led, switched
from serve.terminal import PROMPT, Terminal, neomutt
from serve.tls_client import chain, connected, curl, foreign_root, trusting

CURL = (
    "curl", "-q", "-sS", "--ssl-reqd", "--max-time", "15", "--cacert", "{root}",
    "--capath", "/nowhere", "--user", "{user}:{password}",
    "--connect-to", "{name}:{port}:{host}:{port}",
    "{endpoint}://{name}:{port}/INBOX;MAILINDEX=1",
)  # fmt: skip
OPENSSL = (
    "sh", "-c", "printf 'a LOGIN \"%s\" \"%s\"\\nb LOGOUT\\n' $MITMAIL_USER $MITMAIL_PASSWORD | "
    "openssl s_client -crlf -ign_eof -verify_return_error -CAfile {root} -no-CApath -no-CAstore "
    "-connect {host}:{port} -servername {name} -verify_hostname {name}",
)  # fmt: skip
PYTHON = (
    sys.executable, "-c", """
import imaplib, ssl
class Led(imaplib.IMAP4_SSL):
    def open(self, host, port, timeout=None):
        super().open("{host}", port, timeout)
    def _create_socket(self, timeout):
        plain = imaplib.IMAP4._create_socket(self, timeout)
        return self.ssl_context.wrap_socket(plain, server_hostname="{name}")
client = Led("{name}", {port}, ssl_context=ssl.create_default_context(cafile="{root}"), timeout=15)
client.login("{user}", "{password}")
client.logout()
""",
)  # fmt: skip
FETCHMAIL = """\
poll {name} proto imap port {port} timeout 15
  user '{user}' password '{password}' is root here keep fetchall
  ssl sslproto 'tls1.2+' sslcertck sslcertfile {root} sslcertpath {home}
  mda 'cat >>{home}/mail'
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForProgram]:
    with ForProgram(tmp_path_factory.mktemp("home")) as one:
        yield one


def settings(serving: ForProgram) -> dict[str, object]:
    """What an account of IMAP with SSL/TLS is told."""
    ready = serving.ready
    return {
        "name": NAME, "port": serving.places["imaps"].port, "user": USER,
        "password": ready["password"], "root": ready["root_file"],
    }  # fmt: skip


def held(serving: ForProgram, client: tuple[str, ...], **options: Any) -> Comparison:
    """The comparison with a client's command, behind norton and without."""
    seconds = options.pop("seconds", 30.0)

    async def ask(state: Any) -> Any:
        return await command.ask(client, command.values(state, "imaps"), seconds)

    file = control_file(serving)
    found = asyncio.run(trial.held(Remote(file, read(file)), "norton", ask))
    Draft202012Validator(DOCUMENTS["comparison"]).validate(found.record())
    return found


# -- S4: is it the antivirus, or the provider? ----


@pytest.mark.parametrize(("program", "client"), [("curl", CURL), ("openssl", OPENSSL)])
def test_with_the_antivirus_it_fails_and_without_it_works(
    serving: ForProgram, program: str, client: tuple[str, ...]
) -> None:
    need(program)
    switched(serving, "healthy", antivirus="off")
    ended = compare(serving, "--antivirus", "norton", command=client)

    assert ended.returncode == 1, ended.stderr
    assert "It is the antivirus" in ended.stdout
    assert re.search(r"^with norton +fails \(exit code [1-9]", ended.stdout, re.MULTILINE)
    assert re.search(r"^without +works \(exit code 0\)", ended.stdout, re.MULTILINE)
    assert "norton-trusted-root.pem" in ended.stdout
    assert asked(serving, "served")["antivirus"] == "none", "all is served as before"


@pytest.mark.long
def test_python_and_mbsync_say_the_same(serving: ForProgram, tmp_path: Path) -> None:
    need("mbsync")
    copying = isync.command(tmp_path, **settings(serving))
    to_us = [f"{key}={value}" for key, value in led(tmp_path, LOOPBACK, NAME).items()]
    mbsync = ("env", f"HOME={tmp_path}", *to_us, "mbsync", *copying)
    switched(serving, "healthy", antivirus="off")

    assert {held(serving, client).blame for client in (PYTHON, mbsync)} == {"antivirus"}
    assert any((tmp_path / "mail" / "INBOX").glob("*/*"))


def test_with_its_root_imported_it_works_in_both(serving: ForProgram, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    importing = f'cat "{{root}}" "{{antivirus_root}}" >{both} 2>/dev/null; '
    line = " ".join(f"'{word}'" for word in CURL).replace("{root}", str(both))
    switched(serving, "healthy", antivirus="norton")

    found = held(serving, ("sh", "-c", importing + line))
    assert (found.blame, found.exit_code) == ("nobody", 0)
    assert asked(serving, "served")["antivirus"] == "norton", "all is served as before"


@pytest.mark.parametrize(
    ("scenario", "changed", "blame"),
    [
        ("healthy", ("{password}", "another"), "account"),
        # It does not know the server's root either: nothing proves a fault of the provider's.
        ("healthy", ("{root}", "{foreign}"), "account"),
        ("expired", ("", ""), "provider"),
        # curl sends no alert for a wrong name: what it has refused is not proven.
        ("wrong-host", ("", ""), "account"),
    ],
)
def test_what_fails_in_both_is_not_the_antivirus_alone(
    serving: ForProgram, scenario: str, changed: tuple[str, str], blame: str, tmp_path: Path
) -> None:
    switched(serving, scenario, antivirus="off")
    old, new = changed[0], changed[1].replace("{foreign}", str(foreign_root(tmp_path)))
    found = held(serving, tuple(word.replace(old, new) if old else word for word in CURL))

    assert (found.blame, found.exit_code) == (blame, 1)
    assert found.shielded.fate == found.bare.fate == "fails"
    assert found.bare.refused or changed[1] == "another"
    # curl knows the server's root, and not that of Norton.
    assert ("another reason, too (unknown-issuer)" in found.words) is (scenario == "expired")


@pytest.mark.long
def test_where_the_witnesses_disagree_or_are_silent_it_could_not_judge(
    serving: ForProgram,
) -> None:
    switched(serving, "healthy", antivirus="off")
    liar = ("sh", "-c", " ".join(f"'{word}'" for word in CURL) + " || true")
    for client, words in (
        (liar, "with norton, the client says that all is well, but refused imaps"),
        (("true",), "the client did not connect"),
    ):
        found = held(serving, client)
        assert (found.blame, found.exit_code) == ("undecided", 3)
        assert words in found.words
    found = held(serving, ("sleep", "60"), seconds=0.3)
    assert (found.blame, found.exit_code) == ("undecided", 3)
    assert "did not end in 0.3 s" in found.words


@pytest.mark.long
def test_a_person_at_a_mail_program_is_asked_what_it_said(
    serving: ForProgram, tmp_path: Path
) -> None:
    place, password = serving.places["imaps"], serving.ready["password"]
    switched(serving, "healthy", antivirus="off")
    control = ("--control", str(control_file(serving)))
    words = [*MITMAIL, "compare", "--antivirus", "norton", *control]
    terminal = Terminal(words, environment(tmp_path))
    try:
        for half, code, answer in (
            ("With norton", 60, "n\n"),
            ("Without the antivirus", 0, "y\n"),
        ):
            terminal.shows(f"{half}: start the client anew")
            assert curl(place, Path(serving.ready["root_file"]), password).returncode == code
            terminal.shows(r"complaint\? \[y/N\]: $")
            terminal.press(answer)
        terminal.shows("It is the antivirus: the client fails with norton, and works without")
    finally:
        terminal.close()


PINNING = (
    sys.executable, "-c", """
import hashlib, socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
client = context.wrap_socket(socket.create_connection(("{host}", {port}), 15))
leaf = hashlib.sha256(client.getpeercert(binary_form=True)).hexdigest()
if leaf not in %r:
    raise SystemExit("another certificate")
client.sendall(b'a LOGIN "{user}" "{password}"\\r\\nb LOGOUT\\r\\n')
answers = b"".join(iter(lambda: client.recv(4096), b""))
raise SystemExit(b"a OK" not in answers)
""",
)  # fmt: skip


@pytest.mark.long
def test_an_exception_that_was_stored_before_is_good_in_the_half_that_is_on(
    serving: ForProgram,
) -> None:
    leaves = []
    for antivirus, switches in (("off", []), ("norton", ["leaf-per-process"])):
        switched(serving, "healthy", antivirus=antivirus, switches=switches)
        leaf = x509.load_pem_x509_certificate(chain(serving.places["imaps"])[0])
        leaves.append(leaf.fingerprint(hashes.SHA256()).hex())

    found = held(serving, (*PINNING[:2], PINNING[2] % leaves))
    assert found.blame == "nobody", found.words


@pytest.mark.long
@pytest.mark.parametrize("other", ["expired", "--reinstall", "--switch shared-key"])
def test_who_switches_meanwhile_is_noticed(serving: ForProgram, other: str) -> None:
    switched(serving, "healthy", antivirus="off")
    line = " ".join(f"'{word}'" for word in CURL)
    meddling = f"{sys.executable} -m mitmail switch {other} --control {control_file(serving)}"
    found = held(serving, ("sh", "-c", f"{meddling} >/dev/null; {line}"))

    assert found.blame == "undecided"
    assert "somebody else has switched meanwhile" in found.words


def test_without_a_client_or_an_antivirus_there_is_nothing_to_compare(
    serving: ForProgram, tmp_path: Path
) -> None:
    switched(serving, "healthy", antivirus="off")
    nobody = mitmail("compare", "--control", str(control_file(serving)), home=tmp_path)
    assert nobody.returncode == 2
    assert "mitmail compare -- COMMAND" in nobody.stderr
    for arguments, client, code, words in (
        ((), CURL, 2, "no antivirus is on"),
        (("--antivirus", "none"), CURL, 2, "one half is without an antivirus anyway"),
        (("--antivirus", "norton"), ("no-such-client",), 3, "cannot run no-such-client"),
        (("--antivirus", "norton", "--endpoint", "imapz"), CURL, 2, "no endpoint 'imapz'"),
    ):
        ended = compare(serving, *arguments, command=client)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (code, 1)
        assert words in ended.stderr
    assert asked(serving, "served")["antivirus"] == "none"


# -- S8: the next day it worked by itself ----


def test_once_the_provider_has_repaired_it_curl_works_with_the_same_settings(
    serving: ForProgram,
) -> None:
    root, password = Path(serving.ready["root_file"]), serving.ready["password"]
    for endpoint in ("imaps", "smtp"):
        place = serving.places[endpoint]
        switched(serving, "expired", antivirus="off")
        assert curl(place, root, password).returncode == 60
        switched(serving, "healthy")
        assert curl(place, root, password).returncode == 0


def test_a_client_that_never_stops_recovers_without_a_restart(
    serving: ForProgram, tmp_path: Path
) -> None:
    need("fetchmail")
    config = tmp_path / "rc"
    config.touch(0o600)
    config.write_text(FETCHMAIL.format(**settings(serving), home=tmp_path))
    daemon = [need("fetchmail"), "-f", str(config), "-v", "-N", "--nosyslog", "-d", "1"]
    daemon += ["--pidfile", str(tmp_path / "pid"), "-i", str(tmp_path / "ids")]
    since = switched(serving, "expired", antivirus="off")["last_session"]

    with Program(daemon, environment(tmp_path) | led(tmp_path, LOOPBACK, NAME)) as fetchmail:
        refused = json.loads(serving.line(rf'"verdict", "session": {since + 1},'))
        assert (refused["verdict"], refused["reason"]) == ("reject", "expired")
        assert not (tmp_path / "mail").exists()
        repaired = switched(serving, "healthy")["last_session"]
        accepted = json.loads(serving.line(
            rf'"verdict", "session": ({"|".join(str(repaired + n) for n in range(1, 9))}),'
            '.*"verdict": "accept"'
        ))  # fmt: skip
        serving.record("end", accepted["session"])
        assert fetchmail.running, "it was never restarted"
        assert accepted["client"]["fingerprint"] == refused["client"]["fingerprint"]
        assert b"Subject: " in (tmp_path / "mail").read_bytes()


# -- S9: the exception that is forgotten ----


def test_an_exception_for_one_run_is_forgotten_or_the_certificate_is_another_one(
    tmp_path: Path,
) -> None:
    """neomutt accepts once, and is started anew: the same certificate, then one of a new root."""
    home = tmp_path / "home"
    with ForPerson(home, "--antivirus", "norton") as serving:
        serving.wait()
        place, root = serving.places["imaps"], home / "kept" / "server-root.pem"
        with neomutt(tmp_path / "one", place, serving.password, root) as client:
            client.shows(PROMPT)
            client.press("o")
            serving.line(r"^imaps +session 1: accept")
        with neomutt(tmp_path / "two", place, serving.password, root) as client:
            client.shows(PROMPT)
            client.press("r")
            same = serving.line(r"^imaps +session 2: reject")
        assert mitmail("switch", "--reinstall", home=home).returncode == 0
        with neomutt(tmp_path / "three", place, serving.password, root) as client:
            client.shows(PROMPT)
            client.press("r")
            changed = serving.line(r"^imaps +session 3: reject")
        assert serving.stop() == 130

    # It leaves behind the handshake, as others do with a connection to spare.
    assert "this same certificate in session 1. If it refused this one, the client forgot" in (
        after(serving, same)
    )
    assert "in session 1. If it refused this one, the certificate changed" in (
        after(serving, changed)
    )
    assert "Suspected" in after(serving, same)


def after(serving: ForPerson, line: str) -> str:
    """The lines of a verdict that follow its first."""
    rest = serving.out[serving.out.index(line) + 1 :]
    count = next((n for n, x in enumerate(rest) if not x.startswith("      ")), len(rest))
    return "\n".join(rest[:count])


def test_the_record_of_a_refusal_says_what_was_accepted_before(serving: ForProgram) -> None:
    root, password = Path(serving.ready["root_file"]), serving.ready["password"]
    place = serving.places["pop3s"]
    known = switched(serving, "expired", antivirus="off")["last_session"]
    assert curl(place, root, password, "-k").returncode == 0
    assert curl(place, root, password).returncode == 60
    switched(serving, "healthy", antivirus="norton")
    assert curl(place, root, password).returncode == 60
    # Another client at the same place has accepted nothing.
    with pytest.raises(OSError, match="certificate verify failed"):
        connected(place, trusting(root))
    sessions = [serving.record("verdict", known + n) for n in (1, 2, 3, 4)]

    accepted, forgot, changed, stranger = sessions
    for one in sessions:
        Draft202012Validator(DOCUMENTS["record"]).validate(one)
    assert accepted["earlier"] is None
    assert forgot["earlier"] == {
        "session": accepted["session"],
        "leaf_sha256": accepted["presented"]["leaf_sha256"],
        "certificate": "same",
        "same_client": "suspected",
    }
    assert changed["earlier"] == forgot["earlier"] | {"certificate": "changed"}
    assert changed["presented"]["leaf_sha256"] != accepted["presented"]["leaf_sha256"]
    assert stranger["verdict"] == "reject"
    assert stranger["earlier"] is None
    assert stranger["client"]["fingerprint"] != accepted["client"]["fingerprint"]
