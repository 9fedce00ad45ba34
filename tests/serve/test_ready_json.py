"""``serve --ready-json``: one document a line, each valid, and each says what the client did."""

import base64
import imaplib
import json
import poplib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types
from ruamel.yaml import YAML

from serve.program import SECONDS, mitmail
from serve.serving import LOOPBACK, NAME, PORTS, ForProgram, Place
from serve.tls_client import (
    chain,
    connected,
    curl,
    fingerprint,
    foreign_root,
    openssl,
    s_client,
    trusting,
)

SECRET = "Kw7-Geheim?Wort"
FORMS = (
    SECRET,
    base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"\0boss@customer.test\0{SECRET}".encode()).decode(),
)


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Draft202012Validator]:
    home = tmp_path_factory.mktemp("schemas")
    names = ("ready", "record", "list", "scenario", "vendor")
    rules = {name: json.loads(mitmail("schema", name, home=home).stdout) for name in names}
    for rule in rules.values():
        assert rule["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        Draft202012Validator.check_schema(rule)
    return {name: Draft202012Validator(rule) for name, rule in rules.items()}


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForProgram]:
    with ForProgram(tmp_path_factory.mktemp("home"), "expired", "--antivirus", "norton") as one:
        yield one


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForProgram]:
    with ForProgram(tmp_path_factory.mktemp("home")) as serving:
        yield serving


def root(serving: ForProgram) -> Path:
    return Path(serving.ready["root_file"])


# -- the documents ----


def test_the_first_line_says_where_everything_is(
    expired: ForProgram, schemas: dict[str, Draft202012Validator]
) -> None:
    ready = expired.ready

    schemas["ready"].validate(ready)
    assert (ready["scenario"], ready["antivirus"], ready["name"]) == ("expired", "norton", NAME)
    assert list(ready["endpoints"]) == list(PORTS)
    for file in ("root_file", "antivirus_root_file"):
        assert "CA:TRUE" in openssl("x509", "-noout", "-text", "-in", ready[file])
    for name, one in ready["endpoints"].items():
        assert one["tls"] == ("implicit" if name.endswith("s") else "starttls")
        with socket.create_connection((one["host"], one["port"]), SECONDS):
            pass


@pytest.mark.parametrize("endpoint", list(PORTS))
def test_a_record_agrees_with_what_openssl_saw_and_did(
    endpoint: str, healthy: ForProgram, schemas: dict[str, Draft202012Validator]
) -> None:
    place = healthy.places[endpoint]
    roots = ("-no-CApath", "-no-CAstore", "-no-CAfile", "-verify_return_error")
    refused = s_client(place, "-tls1_2", *roots, name=f"{endpoint}.customer.test")
    leaf, *rest = chain(place)
    verdict = json.loads(healthy.line(f'"record": "verdict".*"{endpoint}.customer.test"'))
    end = healthy.record("end", verdict["session"])

    schemas["record"].validate(verdict)
    schemas["record"].validate(end)
    assert refused.returncode == 1
    assert verdict["client"]["sni"] == f"{endpoint}.customer.test"
    assert verdict["client"]["offered"] == ["TLSv1.2"]
    assert verdict["presented"]["leaf_sha256"] == fingerprint(leaf)
    assert verdict["presented"]["chain"] == 1 + len(rest)
    issuer = openssl("x509", "-noout", "-issuer", "-nameopt", "RFC2253", give=leaf)
    common_name = re.search(r"CN=([^,\n]+)", issuer)
    assert common_name is not None
    assert common_name[1] in verdict["presented"]["issuer"]
    sent = re.search(rb"verify error:num=(\d+)", refused.stderr)
    assert sent is not None
    assert (verdict["verdict"], verdict["certainty"]) == ("reject", "sure")
    # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OpenSSL says unknown_ca.
    assert (sent[1], verdict["alert"], verdict["reason"]) == (b"20", 48, "unknown-issuer")
    assert verdict["endpoint"] == end["endpoint"] == endpoint
    assert (end["verdict"], end["outcome"], end["error"]) == ("reject", None, None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_negotiated_version_is_the_clients(
    version: ssl.TLSVersion, healthy: ForProgram
) -> None:
    context = trusting(root(healthy))
    context.minimum_version = context.maximum_version = version
    with connected(healthy.places["imaps"], context) as client:
        client.recv(1024)
        client.sendall(b"a LOGOUT\r\n")
        negotiated = client.version()

    healthy.line(f'"offered": ."{negotiated}".*"negotiated": "{negotiated}"')


def test_behind_a_shield_a_record_says_what_was_wrong_upstream(expired: ForProgram) -> None:
    s_client(expired.places["smtps"])
    record = json.loads(expired.line('"endpoint": "smtps".*"presented": {'))

    assert record["upstream"] == {"verified": False, "errors": ["expired"]}
    assert "Norton" in record["presented"]["issuer"]


@pytest.mark.parametrize("antivirus", ["none", "norton"])
def test_every_session_has_one_verdict_and_one_end_and_all_are_valid(
    antivirus: str, tmp_path: Path, schemas: dict[str, Draft202012Validator]
) -> None:
    with ForProgram(tmp_path, "--antivirus", antivirus) as serving:
        ready = serving.ready
        file = Path(ready["antivirus_root_file"] or ready["root_file"])
        foreign = foreign_root(tmp_path)

        def visit(place: Place) -> None:
            assert curl(place, file, ready["password"]).returncode == 0
            assert curl(place, foreign, ready["password"]).returncode == 60
            s_client(place)
            curl(place, file, SECRET)
            with socket.create_connection((LOOPBACK, place.port), SECONDS) as rude:
                rude.sendall(b"\x16\x03\x01\xff\xff GET / HTTP/1.1\r\n\r\n")

        with ThreadPoolExecutor() as clients:
            list(clients.map(visit, serving.places.values()))
        assert serving.stop() == 130
        records = serving.records
        password = ready["password"]

        for one in records:
            schemas["record"].validate(one)
        counts = serving.counts()
        assert set(counts.values()) == {1}
        assert {n for n, _ in counts} == set(range(1, len(counts) // 2 + 1))
        assert len(counts) >= 2 * 6 * 4
        assert password not in "\n".join(serving.out[1:] + serving.err)
        assert serving.err == []
        accepted = [one["endpoint"] for one in records if one.get("certainty") == "sure"
                    and one["verdict"] == "accept"]  # fmt: skip
        assert sorted(accepted) == sorted([*PORTS, *PORTS])


# -- a user's own secret ----


def imap_secrets(place: Place, context: ssl.SSLContext) -> None:
    client = imaplib.IMAP4(place.host, place.port, timeout=SECONDS)
    client.starttls(context)
    with pytest.raises(imaplib.IMAP4.error):
        client.login("boss@customer.test", SECRET)
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate("PLAIN", lambda _: f"\0boss@customer.test\0{SECRET}".encode())
    client.send(f'x LOGIN "boss" "{SECRET}\r\n'.encode())
    client.send(f"y LOGIN boss {{{len(SECRET)}+}}\r\n{SECRET}\r\n".encode())
    client.readline()
    client.shutdown()


def pop3_secrets(place: Place, context: ssl.SSLContext) -> None:
    client = poplib.POP3(place.host, place.port, timeout=SECONDS)
    client.stls(context)
    client.user("boss@customer.test")
    with pytest.raises(poplib.error_proto):
        client.pass_(SECRET)
    for command in (f"PASS  {SECRET}", f"AUTH PLAIN {FORMS[2]}", f"pass\t{SECRET}"):
        with pytest.raises(poplib.error_proto):
            client._shortcmd(command)  # type: ignore[attr-defined] # typeshed leaves it out
    client.close()


def smtp_secrets(place: Place, context: ssl.SSLContext) -> None:
    client = smtplib.SMTP(place.host, place.port, timeout=SECONDS)
    client.starttls(context=context)
    client.ehlo()
    client.user, client.password = "boss@customer.test", SECRET
    for mechanism in ("PLAIN", "LOGIN"):
        client.docmd("AUTH", mechanism)
        answer = {"PLAIN": [FORMS[2]], "LOGIN": ["Ym9zcw==", FORMS[1]]}[mechanism]
        for each in answer:
            client.docmd(each)
    client.docmd("AUTH", f"PLAIN {FORMS[2]}")
    client.close()


def in_clear(place: Place) -> None:
    """A client that logs in before STARTTLS."""
    words = {
        "imap": [f"a LOGIN boss {SECRET}", "b LOGOUT"],
        "pop3": ["USER boss", f"PASS {SECRET}", "QUIT"],
        "smtp": ["EHLO x", f"AUTH PLAIN {FORMS[2]}", "AUTH LOGIN", FORMS[1], "QUIT"],
    }[place.protocol]
    with socket.create_connection((place.host, place.port), SECONDS) as client:
        for word in words:
            assert client.recv(4096)
            client.sendall(word.encode() + b"\r\n")
        while client.recv(4096):
            pass


@pytest.mark.parametrize("antivirus", ["none", "generic"])
def test_a_users_secret_is_printed_nowhere(antivirus: str, tmp_path: Path) -> None:
    with ForProgram(tmp_path, "--antivirus", antivirus) as serving:
        ready = serving.ready
        context = trusting(Path(ready["antivirus_root_file"] or ready["root_file"]), strict=False)
        places = serving.places
        context.check_hostname = False
        imap_secrets(places["imap"], context)
        pop3_secrets(places["pop3"], context)
        smtp_secrets(places["smtp"], context)
        for endpoint in ("imap", "pop3", "smtp"):
            in_clear(places[endpoint])
        for session in range(1, 7):
            serving.record("end", session)
        serving.stop()

        assert not [form for form in FORMS if form in serving.said]
        assert "Geheim" not in serving.said


# -- the other documents ----


def test_list_is_valid_and_names_every_scenario_file(
    checkout: Path, tmp_path: Path, schemas: dict[str, Draft202012Validator]
) -> None:
    listed = json.loads(mitmail("list", "--json", home=tmp_path).stdout)

    schemas["list"].validate(listed)
    files = {file.stem: file.parent.name for file in (checkout / "scenarios").rglob("*.yaml")}
    assert {one["id"]: one["group"] for one in listed["scenarios"]} == files


@pytest.mark.parametrize(
    ("kind", "folder"), [("scenario", "scenarios"), ("vendor", "certs/vendors")]
)
def test_the_shipped_files_are_valid_by_the_published_schema(
    kind: str, folder: str, checkout: Path, schemas: dict[str, Draft202012Validator]
) -> None:
    files = list((checkout / folder).rglob("*.yaml"))

    assert files
    for file in files:
        content: Any = YAML(typ="safe", pure=True).load(file)
        # A schema's validator takes JSON: a time that YAML reads as one is a string there.
        plain = json.loads(json.dumps(content, default=lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}"))
        schemas[kind].validate(plain)


def test_the_schema_refuses_a_word_that_is_none(schemas: dict[str, Draft202012Validator]) -> None:
    ready = {"schema": 1, "ready": True}

    assert not schemas["ready"].is_valid(ready)
    assert not schemas["scenario"].is_valid({"title": "x", "serverr": {}})
