"""A running ``mitmail serve`` shows something else on the same ports."""

import imaplib
import json
import re
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import need
from mitmail.errors import MitmailError
from mitmail.service.schema import DOCUMENTS
from serve.program import SECONDS, mitmail
from serve.serving import LOOPBACK, NAME, PORTS, USER, ForPerson, ForProgram
from serve.switching import control_file, switch, switched, token
from serve.tls_client import chain, curl, openssl, s_client, trusting

SETTINGS = ("name", "user", "password", "root_file")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForProgram]:
    with ForProgram(tmp_path_factory.mktemp("home"), "expired") as one:
        yield one


@pytest.fixture(scope="module")
def validators() -> dict[str, Any]:
    return {name: Draft202012Validator(rule) for name, rule in DOCUMENTS.items()}


def root(serving: ForProgram) -> Path:
    return Path(serving.ready["root_file"])


def verify_code(serving: ForProgram, roots: Path, endpoint: str = "imaps") -> int:
    """What openssl says of the certificate that an endpoint shows."""
    said = s_client(serving.places[endpoint], "-CAfile", str(roots), "-no-CApath", "-no-CAstore")
    match = re.search(rb"Verify return code: (\d+)", said.stdout)
    assert match is not None, said.stderr
    return int(match[1])


# -- what changes, and what stays ----


def test_another_scenario_is_shown_on_the_same_ports_to_an_account_that_stays_as_it_is(
    serving: ForProgram, validators: dict[str, Any]
) -> None:
    switched(serving, "expired", antivirus="off")
    expired = {name: verify_code(serving, root(serving), name) for name in PORTS}
    answer = switched(serving, "healthy")
    healthy = {name: verify_code(serving, root(serving), name) for name in PORTS}

    assert set(expired.values()) == {10}  # X509_V_ERR_CERT_HAS_EXPIRED
    assert set(healthy.values()) == {0}
    validators["control-answer"].validate(answer)
    assert answer["endpoints"] == serving.ready["endpoints"]
    assert {key: answer[key] for key in SETTINGS} == {key: serving.ready[key] for key in SETTINGS}
    assert curl(serving.places["imap"], root(serving), answer["password"]).returncode == 0
    assert (answer["new_root"], answer["closed"]) == (False, [])


def test_a_name_that_no_kept_root_may_sign_needs_no_other_root_where_none_is_kept(
    serving: ForProgram,
) -> None:
    switched(serving, "healthy", antivirus="off")
    answer = switched(serving, "wildcard-double")

    assert not answer["new_root"]
    assert Path(answer["root_file"]).read_bytes() == root(serving).read_bytes()
    assert verify_code(serving, root(serving)) == 0, "the chain is as it should be"


def test_an_antivirus_comes_and_goes_and_its_root_is_the_same_one(serving: ForProgram) -> None:
    switched(serving, "healthy", antivirus="norton")
    own = Path(switched(serving)["antivirus_root_file"])
    kept = own.read_bytes()
    assert verify_code(serving, own, "smtp") == 0
    assert "Norton" in openssl("x509", "-noout", "-issuer", give=chain(serving.places["smtp"])[0])

    assert switched(serving, antivirus="off")["antivirus"] == "none"
    assert verify_code(serving, root(serving), "smtp") == 0
    assert verify_code(serving, own, "smtp") != 0

    again = switched(serving, antivirus="norton")
    assert own.read_bytes() == kept
    assert not again["new_antivirus_root"]
    assert verify_code(serving, own, "smtp") == 0


def test_reinstalled_it_has_new_keys_under_the_old_names(
    serving: ForProgram, tmp_path: Path
) -> None:
    before = switched(serving, "healthy", antivirus="norton")
    old = tmp_path / "old.pem"
    shutil.copy(before["antivirus_root_file"], old)
    old_leaf = chain(serving.places["imaps"])[0]
    assert verify_code(serving, old) == 0

    after = switched(serving, reinstall=True)
    new = Path(after["antivirus_root_file"])
    first, second = (
        x509.load_pem_x509_certificate(file.read_bytes()) for file in (old, new)
    )  # fmt: skip
    assert first.subject == second.subject
    assert first.public_key() != second.public_key()
    assert first.serial_number != second.serial_number
    new_leaf = x509.load_pem_x509_certificate(chain(serving.places["imaps"])[0])
    copied = x509.load_pem_x509_certificate(old_leaf)
    assert copied.public_key() != new_leaf.public_key()
    assert copied.issuer == new_leaf.issuer

    # 19 and 20: the issuer is not known; 7: it is, and its signature is wrong.
    assert verify_code(serving, old) in {7, 19, 20}
    assert curl(serving.places["imaps"], old, after["password"]).returncode == 60
    assert verify_code(serving, new) == 0
    assert curl(serving.places["imaps"], new, after["password"]).returncode == 0
    assert after["new_antivirus_root"]
    assert after["new_root"] is False


def test_an_open_session_keeps_what_it_has_and_the_next_one_gets_the_new(
    serving: ForProgram,
) -> None:
    before = switched(serving, "healthy", antivirus="norton")
    own = Path(before["antivirus_root_file"])
    place = serving.places["imaps"]
    context = trusting(own, strict=False)
    context.check_hostname = False
    client = imaplib.IMAP4_SSL(place.host, place.port, ssl_context=context, timeout=SECONDS)
    client.login(USER, before["password"])

    answer = switched(serving, "expired", antivirus="off")
    assert answer["running"] == 1
    assert client.select()[0] == "OK"
    assert client.noop()[0] == "OK"
    assert verify_code(serving, root(serving)) == 10
    client.logout()

    first = answer["last_session"]
    old, new = serving.record("end", first), serving.record("verdict", first + 1)
    assert (old["scenario"], old["antivirus"]) == ("healthy", "norton")
    assert (new["scenario"], new["antivirus"]) == ("expired", "none")


def test_an_open_session_is_not_intercepted_when_the_shield_is_switched_on(
    serving: ForProgram,
) -> None:
    """Until the client connects again all seems well, and then it meets another signer."""
    before = switched(serving, "healthy", antivirus="off")
    place, own = serving.places["imaps"], Path(before["root_file"])
    client = imaplib.IMAP4_SSL(place.host, place.port, ssl_context=named(own), timeout=SECONDS)
    client.login(USER, before["password"])
    answer = switched(serving, antivirus="drweb")
    assert client.select()[0] == "OK"
    client.logout()

    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(place.host, place.port, ssl_context=named(own), timeout=SECONDS)
    first = answer["last_session"]
    old, new = serving.record("end", first), serving.record("verdict", first + 1)
    assert (old["antivirus"], old["verdict"]) == ("none", "accept")
    assert (new["antivirus"], new["verdict"]) == ("drweb", "reject")


def named(own: Path) -> ssl.SSLContext:
    """A client that connects by address, and so asks for no name."""
    context = trusting(own, strict=False)
    context.check_hostname = False
    return context


# -- endpoints that only one of the two has ----


def test_where_the_new_scenario_has_nothing_clients_are_turned_away_and_not_judged(
    serving: ForProgram,
) -> None:
    answer = switched(serving, "starttls-stripped", antivirus="off")
    assert list(answer["endpoints"]) == ["imap", "pop3", "smtp"]
    assert answer["closed"] == ["imaps", "pop3s", "smtps"]

    refused = curl(serving.places["pop3s"], root(serving), answer["password"])
    assert refused.returncode not in {0, 60}
    session = answer["last_session"] + 1
    end = serving.record("end", session)
    assert serving.record("verdict", session)["verdict"] == "none"
    assert (end["outcome"], end["endpoint"]) == ("error", "pop3s")
    assert end["error"] == "starttls-stripped has nothing on pop3s"

    back = switched(serving, "healthy")
    assert back["endpoints"] == serving.ready["endpoints"]
    assert curl(serving.places["pop3s"], root(serving), answer["password"]).returncode == 0


# -- who is asked, and who may ask ----


MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"scenario": "expird"}, r"'expird' \(did you mean 'expired'\?\)"),
    ({"antivirus": "nortn"}, r"did you mean 'norton'"),
    ({"antivirus": "off", "reinstall": True}, r"--reinstall needs an antivirus"),
    ({"scenario": "expired", "reinstall": True, "switches": ["x"]}, r"no switch 'x'"),
    ({"switches": ["drop-foreign", "stall-foreign"]}, r"drop-foreign and --switch stall-foreign"),
    ({"scenario": "wildcard-multi-level"}, rf"to imap\.mail\.customer\.test, .* to {NAME}: stop"),
]


@pytest.mark.parametrize(("change", "words"), MISTAKES)
def test_a_mistake_changes_nothing(
    serving: ForProgram, change: dict[str, Any], words: str
) -> None:
    before = switched(serving, "expired", antivirus="norton")
    own = Path(before["antivirus_root_file"]).read_bytes()
    with pytest.raises(MitmailError, match=words) as raised:
        switched(serving, **change)

    assert raised.value.exit_code == 2
    now = switched(serving)
    assert now["named"] == before["named"]
    assert Path(now["antivirus_root_file"]).read_bytes() == own


def test_the_command_says_a_mistake_in_one_line(serving: ForProgram) -> None:
    ended = switch(serving, "/nonexistent/mine.yaml")

    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "/nonexistent/mine.yaml" in line


def test_a_scenario_with_no_endpoint_left_is_refused(
    serving: ForProgram, tmp_path: Path, checkout: Path
) -> None:
    switched(serving, "healthy")
    text = (checkout / "scenarios" / "tls" / "close-on-connect.yaml").read_text()
    (tmp_path / "nobody.yaml").write_text(re.sub(r"endpoints: .*", "endpoints: [imap]", text))
    ended = switch(serving, str(tmp_path / "nobody.yaml"))

    assert ended.returncode == 2
    assert "endpoint" in ended.stderr
    assert switched(serving)["scenario"] == "healthy"


def test_a_scenario_of_ones_own_is_found_from_another_folder(
    serving: ForProgram, tmp_path: Path, checkout: Path
) -> None:
    shutil.copy(checkout / "scenarios" / "validity" / "expired.yaml", tmp_path / "mine.yaml")
    control = ("--control", str(control_file(serving)))
    ended = mitmail("switch", "mine.yaml", *control, home=tmp_path, cwd=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert "Now serving mine" in ended.stdout


# -- a program's run, and a person's ----


def test_a_switch_is_a_record_among_the_others(
    serving: ForProgram, validators: dict[str, Any]
) -> None:
    validators["ready"].validate(serving.ready)
    answer = switched(serving, "wrong-host", antivirus="off")
    record = json.loads(serving.line('"record": "switch", "scenario": "wrong-host"'))

    validators["record"].validate(record)
    both = record.keys() & answer.keys()
    assert {"scenario", "antivirus", "endpoints", "running", "expect"} <= both
    same = both - {"new_root", "new_antivirus_root", "last_session", "running"}
    assert {key: record[key] for key in same} == {key: answer[key] for key in same}
    assert record["expect"]["pop3"]["reasons"] == ["name-mismatch"]
    assert answer["password"] not in "\n".join(serving.out[1:])


def test_a_programs_run_is_not_come_upon_by_chance_and_keeps_its_token_to_itself(
    serving: ForProgram, tmp_path: Path
) -> None:
    alone = mitmail("switch", "healthy", home=tmp_path)
    assert alone.returncode == 3
    assert "start one in another terminal" in alone.stderr

    file, port = control_file(serving), serving.ready["control"]["port"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token(file) not in serving.said
    said = subprocess.run(
        [need("ss"), "-H", "-l", "-t", "-n", f"sport = :{port}"],
        capture_output=True, text=True, timeout=SECONDS,
    ).stdout  # fmt: skip
    assert [row.split()[3] for row in said.splitlines()] == [f"127.0.0.1:{port}"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def person(home: Path) -> Iterator[ForPerson]:
    with ForPerson(home, "close-on-connect", umask=0) as one:
        one.wait()
        yield one


def runs(home: Path) -> list[Path]:
    return sorted((home / "kept" / "run").glob("*"))


def test_the_control_file_is_its_users_alone(person: ForPerson, home: Path) -> None:
    ways = "mitmail switch ID, mitmail switch --antivirus NAME|off"
    assert f"{ways}. This one is --port-offset {person.offset}." in person.wait()
    (file,) = runs(home)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert token(file) not in person.said


def test_an_endpoint_that_was_not_there_is_opened_where_its_port_is_free(
    person: ForPerson, home: Path
) -> None:
    place = person.places["imap"]
    with socket.create_server((LOOPBACK, place.port)):
        ended = mitmail("switch", "healthy", home=home)
    assert ended.returncode == 3
    assert f"port {place.port}" in ended.stderr
    now = mitmail("switch", "--json", home=home)
    assert json.loads(now.stdout)["scenario"] == "close-on-connect"

    assert mitmail("switch", "healthy", home=home).returncode == 0
    said = person.line("Switched. Serving healthy")
    assert "accept" in person.out[person.out.index(said) + 1]
    assert len(chain(place)) == len(chain(person.places["imaps"])) > 0


def test_no_copy_and_no_key_of_the_old_installation_stays_behind(
    person: ForPerson, home: Path
) -> None:
    kept = home / "kept"
    assert mitmail("switch", "healthy", "--antivirus", "norton", home=home).returncode == 0
    chain(person.places["imaps"])
    before = {x.name: x.read_bytes() for x in kept.rglob("*") if x.is_file()}
    assert mitmail("switch", "--reinstall", home=home).returncode == 0
    after = {x.name: x.read_bytes() for x in kept.rglob("*") if x.is_file()}

    of_norton = {x for x in before if x.startswith("norton") and not x.endswith(".lock")}
    assert any("-copy-" in name for name in of_norton)
    assert any(name.startswith("norton-leaf") for name in of_norton)
    assert [name for name in of_norton if after.get(name) == before[name]] == []
    assert before["server-root.key"] == after["server-root.key"]


def test_with_several_it_says_what_to_type_and_a_killed_one_is_none_of_them(
    person: ForPerson, home: Path
) -> None:
    with ForPerson(home) as second:
        second.wait()
        several = mitmail("switch", "expired", home=home)
        assert several.returncode == 2
        assert several.stderr.count("\n") == 1
        for one in (person, second):
            assert f"--port-offset {one.offset}" in several.stderr
        chosen = ("--port-offset", str(second.offset))
        assert mitmail("switch", "expired", *chosen, home=home).returncode == 0
        second.line("Switched. Serving expired")
        wrong = mitmail("switch", "expired", "--port-offset", "1", home=home)
        assert wrong.returncode == 3
        assert "no mitmail serve has --port-offset 1" in wrong.stderr
        (file,) = (x for x in runs(home) if f"serve-{second.pid}-" in x.name)
        second.kill()

    named = mitmail("switch", "--control", str(file), home=home)
    assert named.returncode == 3
    assert "has ended" in named.stderr
    assert mitmail("switch", "wrong-host", home=home).returncode == 0
    person.line("Switched. Serving wrong-host")
    assert not file.exists()


def test_a_pop_up_is_answered_from_another_terminal(person: ForPerson, home: Path) -> None:
    asking = ("--antivirus", "generic", "--switch", "ask-first")
    assert mitmail("switch", "self-signed", *asking, home=home).returncode == 0
    own, place = home / "kept" / "generic-trusted-root.pem", person.places["imaps"]
    with ThreadPoolExecutor() as beside:
        client = beside.submit(curl, place, own, person.password)
        how = person.line("Answer it: mitmail answer")
        (number,) = re.findall(r"answer (\d+) ", how)
        wrong = mitmail("answer", number, "maybe", home=home)
        assert wrong.returncode == 2
        assert "block, pass-through" in wrong.stderr
        assert mitmail("answer", number, "block", home=home).returncode == 0
        assert client.result(SECONDS).returncode not in {0, 60}
    gone = mitmail("answer", number, "block", home=home)
    assert gone.returncode == 2
    assert len(gone.stderr.splitlines()) == 1


def test_nothing_is_left_to_be_asked_once_it_has_ended(person: ForPerson, home: Path) -> None:
    assert person.stop() == 130
    assert runs(home) == []
    assert not (home / "kept" / "run").exists()
    assert mitmail("switch", home=home).returncode == 3
    assert person.err == []
