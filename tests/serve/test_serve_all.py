"""``mitmail serve --all``: every case by its own name, and never another case."""

import json
import re
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import need
from mitmail.errors import MitmailError
from mitmail.service import gallery
from mitmail.service.orders import Orders, prepare
from serve.program import SECONDS, mitmail
from serve.serving import (
    LOOPBACK,
    PORTS,
    USER,
    ForPerson,
    ForProgram,
    Place,
    free_offset,
    soon_made,
)  # fmt: skip
from serve.tls_client import LETTER, clean, fingerprint, s_client, trusting

HIGHEST = 15_000  # 10 000 and more above it are the ports of cases that no name leads to
WRAPPERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
GREETINGS = {"imaps": b"* OK ", "pop3s": b"+OK ", "smtps": b"220 "}
MINE = """\
title: Only for IMAP
why: It is mine.
rule: none
endpoints: [imap, imaps]
expect: {verdict: accept}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that all of these share: keys that take long are made once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def mine(home: Path) -> Path:
    """A folder with a scenario and a set of the user's own."""
    folder = home / "mine"
    folder.mkdir()
    (folder / "only-imap.yaml").write_text(MINE)
    small = ("healthy", "expired", "self-signed-trusted", "rsa-1024", "wildcard-multi-level",
             "close-on-connect", "plaintext-banner-on-tls-port", "only-imap",
             "starttls-refused-454")  # fmt: skip
    (folder / "small.set").write_text("\n".join(small))
    (folder / "most.set").write_text("\n".join(soon_made()))
    return folder


@pytest.fixture(scope="module")
def small(home: Path, mine: Path) -> Iterator[ForProgram]:
    arguments = ("--all", "--scenarios", str(mine), "--set", str(mine / "small.set"))
    with ForProgram(home, *arguments, "--hosts", str(home / "hosts")) as serving:
        yield serving


def place(serving: ForProgram, scenario: str, endpoint: str) -> Place:
    one = serving.ready["scenarios"][scenario]["endpoints"][endpoint]
    return Place(endpoint, one["port"], one["host"])


def codes(place: Place, name: str, roots: str) -> set[int]:
    """The X509_V_ERR codes that ``openssl s_client`` finds, who trusts these roots only."""
    trusted = ("-no-CApath", "-no-CAstore", "-CAfile", roots, "-verify_hostname", name)
    said = s_client(place, *trusted, name=name).stderr
    assert b"Certificate chain" in s_client(place, name=name).stdout
    return {int(code) for code in re.findall(rb"verify error:num=(\d+)", said)}


def refused(serving: ForProgram, place: Place, *sni: str) -> str:
    """The error of a session in which no certificate was shown to openssl."""
    starttls = [] if place.implicit else ["-starttls", place.protocol]
    command = [need("openssl"), "s_client", "-connect", f"{place.host}:{place.port}", *starttls]
    ended = subprocess.run(
        [*command, *sni], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS
    )
    assert b"no peer certificate available" in ended.stdout
    name = json.dumps(sni[1] if len(sni) > 1 else None)
    said = serving.line(f'"record": "verdict".*"endpoint": "{place.endpoint}".*"sni": {name}')
    verdict = json.loads(said)
    end = serving.record("end", verdict["session"])
    assert (verdict["verdict"], verdict["presented"]) == ("none", None)
    assert (end["outcome"], end["verdict"]) == ("error", "none")
    assert end["error"] in verdict["evidence"]
    return f"{end['scenario']}: {end['error']}"


# -- the ready line ----


@pytest.fixture(scope="module")
def most(home: Path, mine: Path) -> Iterator[ForProgram]:
    """Almost the whole catalogue."""
    with ForProgram(home, "--all", "--set", str(mine / "most.set")) as serving:
        yield serving


@pytest.mark.long  # all cases at once
def test_the_ready_line_is_valid_by_its_schema(
    small: ForProgram, most: ForProgram, home: Path
) -> None:
    rule = json.loads(mitmail("schema", "ready-all", home=home).stdout)
    Draft202012Validator.check_schema(rule)

    Draft202012Validator(rule).validate(small.ready)
    Draft202012Validator(rule).validate(most.ready)
    assert not Draft202012Validator(rule).is_valid({"schema": 1, "ready": True, "all": True})


@pytest.mark.long  # all cases at once
def test_the_ready_line_says_of_each_case_where_and_by_what_name(most: ForProgram) -> None:
    ready = most.ready
    common = {name: one["port"] for name, one in ready["endpoints"].items()}
    seen: dict[int, str] = {}

    assert list(common) == list(PORTS)
    assert len(ready["scenarios"]) > 200
    assert ready["unsupported"] == {}
    for scenario_id, case in ready["scenarios"].items():
        assert x509.load_pem_x509_certificates(Path(case["root_file"]).read_bytes())
        ports = {name: one["port"] for name, one in case["endpoints"].items()}
        if case["name"] == f"{scenario_id}.mitmail.test":
            assert ports.items() <= common.items()
        else:
            assert not {*ports.values()} & ({*common.values()} | {*seen})
            seen |= dict.fromkeys(ports.values(), scenario_id)
    assert {"wildcard-multi-level", "ip-san-ok", "close-on-connect"} <= {*seen.values()}


# -- each case by its name ----


@pytest.mark.parametrize("endpoint", list(PORTS))
def test_openssl_gets_the_case_that_it_names(endpoint: str, small: ForProgram) -> None:
    root = small.ready["root_file"]
    found = {
        scenario: codes(place(small, scenario, endpoint), f"{scenario}.mitmail.test", root)
        for scenario in ("healthy", "expired")
    }

    assert found == {"healthy": set(), "expired": {10}}  # X509_V_ERR_CERT_HAS_EXPIRED


def test_a_case_with_a_root_of_its_own_is_right_with_that_root_only(small: ForProgram) -> None:
    case, name = (
        small.ready["scenarios"]["self-signed-trusted"],
        "self-signed-trusted.mitmail.test",
    )
    at = place(small, "self-signed-trusted", "imaps")

    assert codes(at, name, case["root_file"]) == set()
    assert codes(at, name, small.ready["root_file"]) == {18}  # self-signed


def test_a_record_names_the_case_that_the_session_chose(small: ForProgram) -> None:
    name = "EXPIRED.mitmail.test"
    leaf = s_client(place(small, "expired", "smtps"), "-showcerts", name=name)
    record = json.loads(small.line(f'"record": "verdict".*"smtps".*"sni": "{name}"'))

    assert (record["scenario"], record["antivirus"]) == ("expired", "none")
    pem = re.search(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", leaf.stdout, re.DOTALL)
    assert pem is not None
    assert record["presented"]["leaf_sha256"] == fingerprint(pem[0])
    assert small.record("end", record["session"])["scenario"] == "expired"


def test_python_logs_in_to_a_good_case_and_refuses_a_bad_one(small: ForProgram) -> None:
    context = trusting(Path(small.ready["root_file"]))

    def visit(scenario: str) -> bytes:
        at = place(small, scenario, "imaps")
        plain = socket.create_connection((at.host, at.port), timeout=SECONDS)
        with context.wrap_socket(plain, server_hostname=f"{scenario}.mitmail.test") as client:
            client.recv(1024)
            client.sendall(f"a LOGIN {USER} {small.ready['password']}\r\n".encode())
            return client.recv(1024)

    assert b"a OK" in visit("healthy")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        visit("expired")


def curl(serving: ForProgram, scenario: str, *options: str, **environ: str) -> int:
    """The exit code of curl, which sends a letter to a case."""
    case = serving.ready["scenarios"][scenario]
    command = [
        *(need("curl"), "-q", "-sS", "--max-time", "15", "--ssl-reqd"),
        *("--cacert", case["root_file"], "--user", f"{USER}:{serving.ready['password']}"),
        *("--mail-from", USER, "--mail-rcpt", USER, "--upload-file", "-", *options),
        f"smtp://{case['name']}:{case['endpoints']['smtp']['port']}",
    ]
    return subprocess.run(
        command, input=LETTER, capture_output=True, env=clean() | environ, timeout=SECONDS
    ).returncode


@pytest.mark.parametrize(("scenario", "code"), [("healthy", 0), ("rsa-1024", 0), ("expired", 60)])
def test_curl_finds_a_case_by_resolving_its_name(
    scenario: str, code: int, small: ForProgram
) -> None:
    case = small.ready["scenarios"][scenario]
    port = case["endpoints"]["smtp"]["port"]
    # curl's OpenSSL takes keys of 1024 bits below security level 2.
    weak = ("--ciphers", "DEFAULT@SECLEVEL=0") if scenario == "rsa-1024" else ()

    assert curl(small, scenario, "--resolve", f"{case['name']}:{port}:{LOOPBACK}", *weak) == code


# -- never another case ----


@pytest.mark.parametrize("endpoint", ["imaps", "smtp"])
@pytest.mark.parametrize(
    ("sni", "words"),
    [
        (
            ("-servername", "foo.mitmail.test"),
            "no case is named foo.mitmail.test: connect to <id>",
        ),
        (
            ("-servername", "expird.mitmail.test"),
            r"no case is named expird.mitmail.test (did you mean 'expired'?): connect to",
        ),
        (("-servername", "mail.customer.test"), "no case is named mail.customer.test: connect to"),
        (("-noservername",), "the client named no host (SNI): connect to <id>.mitmail.test"),
    ],
    ids=["unknown", "misspelt", "the customer's", "none"],
)
def test_another_name_gets_no_certificate_but_words_that_help(
    endpoint: str, sni: tuple[str, ...], words: str, small: ForProgram
) -> None:
    said = refused(small, place(small, "healthy", endpoint), *sni)

    assert said.startswith(f"None: {words}")


def test_a_case_with_ports_of_its_own_is_not_shown_by_a_name(small: ForProgram) -> None:
    said = refused(
        small, place(small, "healthy", "imaps"), "-servername", "wildcard-multi-level.mitmail.test"
    )
    port = place(small, "wildcard-multi-level", "imaps").port

    assert said == (
        "wildcard-multi-level: wildcard-multi-level cannot be chosen by name: "
        f"connect to imap.mail.customer.test, imaps on port {port}"
    )


def test_a_case_is_not_shown_at_an_endpoint_that_it_is_not_for(small: ForProgram) -> None:
    said = refused(
        small, place(small, "healthy", "pop3s"), "-servername", "only-imap.mitmail.test"
    )

    assert list(small.ready["scenarios"]["only-imap"]["endpoints"]) == ["imap", "imaps"]
    assert said == "only-imap: only-imap is not for pop3s: connect to imap, imaps"
    root = small.ready["root_file"]
    assert codes(place(small, "only-imap", "imap"), "only-imap.mitmail.test", root) == set()


# -- ports of their own ----


def test_on_its_own_port_a_case_is_the_one_of_a_single_serve(small: ForProgram) -> None:
    at, root = place(small, "wildcard-multi-level", "imaps"), small.ready["root_file"]

    assert small.ready["scenarios"]["wildcard-multi-level"]["name"] == "imap.mail.customer.test"
    assert codes(at, "imap.mail.customer.test", root) == {62}  # X509_V_ERR_HOSTNAME_MISMATCH
    assert codes(at, "mail.customer.test", root) == set()


@pytest.mark.parametrize("endpoint", list(GREETINGS))
def test_what_comes_in_place_of_tls_comes_in_the_words_of_the_protocol(
    endpoint: str, small: ForProgram
) -> None:
    at = place(small, "plaintext-banner-on-tls-port", endpoint)
    with socket.create_connection((at.host, at.port), SECONDS) as client:
        said = client.recv(1024)

    assert said.startswith(GREETINGS[endpoint])
    assert said.endswith(b"\r\n")
    assert b"greeting" not in said


def test_a_case_about_starttls_is_shown_on_its_own_port_and_nowhere_else(
    small: ForProgram,
) -> None:
    """What is said before TLS comes before any name."""
    case = small.ready["scenarios"]["starttls-refused-454"]
    answers = []
    for scenario in ("starttls-refused-454", "healthy"):
        at = place(small, scenario, "smtp")
        with smtplib.SMTP(at.host, at.port, timeout=SECONDS) as client:
            client.ehlo()
            answers.append(client.docmd("STARTTLS")[0])
            client.close()

    assert answers == [454, 220]
    assert case["name"] == "mail.customer.test"
    assert list(case["endpoints"]) == ["smtp"]


def test_a_case_apart_opens_the_endpoints_that_it_is_for(small: ForProgram) -> None:
    endpoints = small.ready["scenarios"]["close-on-connect"]["endpoints"]

    assert list(endpoints) == ["imaps", "pop3s", "smtps"]
    for one in endpoints.values():
        with socket.create_connection((one["host"], one["port"]), SECONDS) as client:
            assert client.recv(1024) == b""


def test_a_single_serve_opens_the_endpoints_that_its_scenario_is_for(
    home: Path, mine: Path
) -> None:
    with ForProgram(home, str(mine / "only-imap.yaml")) as serving:
        assert list(serving.ready["endpoints"]) == ["imap", "imaps"]


def test_what_comes_at_once_is_for_implicit_tls_alone(home: Path, tmp_path: Path) -> None:
    """Before STARTTLS a server that closes at once is no TLS case."""
    text = (
        MINE.replace("[imap, imaps]", "[{}]")
        + "server: {{tls: {{instead: {{when: connected}}}}}}\n"
    )
    reject = text.replace("{verdict: accept}", "{{verdict: reject, reasons: [transport]}}")
    file = tmp_path / "at-once.yaml"
    file.write_text(reject.format("pop3, pop3s"))
    with ForProgram(home, str(file)) as serving:
        assert list(serving.ready["endpoints"]) == ["pop3s"]
    file.write_text(reject.format("imap"))
    ended = mitmail("serve", str(file), home=home)

    assert ended.returncode == 2
    assert "no endpoint is left" in ended.stderr


# -- hosts files ----


def wrapper() -> str:
    """libnss_wrapper, which makes a name lead to an address for one program."""
    found = [x for folder in WRAPPERS for x in Path(folder).glob("**/libnss_wrapper.so")]
    return str(found[0]) if found else need("libnss_wrapper.so")


def test_the_hosts_file_leads_one_program_here(small: ForProgram, home: Path) -> None:
    leading = {"LD_PRELOAD": wrapper(), "NSS_WRAPPER_HOSTS": str(home / "hosts")}

    assert small.ready["hosts_file"] == str(home / "hosts")
    assert curl(small, "healthy", **leading) == 0
    assert curl(small, "expired", **leading) == 60
    assert curl(small, "wildcard-multi-level", **leading) == 60
    assert curl(small, "healthy") == 6  # could not resolve the host


def test_the_hosts_file_has_every_name_once(small: ForProgram, home: Path) -> None:
    lines = (home / "hosts").read_text().splitlines()
    names = {case["name"] for case in small.ready["scenarios"].values()}

    assert sorted(lines) == sorted(f"127.0.0.1 {name}" for name in names)


def test_a_hosts_file_of_somebody_elses_is_left_alone(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n")
    ended = mitmail("serve", "--all", "--set", "quick", "--hosts", str(file), home=home)

    assert ended.returncode == 2
    assert "holds other lines: name a file of its own" in ended.stderr
    assert file.read_text() == "127.0.0.1 localhost\n"


# -- for a person ----


def person(home: Path, mine: Path, offset: int | None = None) -> ForPerson:
    arguments = ("--all", "--scenarios", str(mine), "--set", str(mine / "small.set"))
    while offset is None or offset > HIGHEST:
        offset = free_offset()
    return ForPerson(home, *arguments, offset=offset)


def test_a_person_finds_the_same_ports_and_root_after_a_restart(home: Path, mine: Path) -> None:
    def seen(serving: ForPerson) -> list[Any]:
        said = re.sub(r"/[^ ]*/mitmail-\w+/", "", serving.wait())
        at = serving.places["imaps"]
        leaf = s_client(at, "-showcerts", name="expired.mitmail.test").stdout
        return [said, re.findall(rb"-----BEGIN.*?-----END", leaf, re.DOTALL)]

    with person(home, mine) as first:
        before = seen(first)
        offset = first.offset
    with person(home, mine, offset) as second:
        assert seen(second) == before


def test_the_welcome_says_how_to_reach_every_case(home: Path, mine: Path) -> None:
    with person(home, mine) as serving:
        said = serving.wait()
        offset = serving.offset

        assert "Serving 5 cases by name: the client connects to <id>.mitmail.test." in said
        assert f"<id>.mitmail.test  port {3993 + offset}" in said
        assert re.search(r"user qa@customer\.test +password \S{10,}", said)
        assert str(home / "kept" / "server-root.pem") in said
        assert "  self-signed-trusted\n" in said
        assert "--hosts FILE" in said
        own = re.search(r"wildcard-multi-level +imap\.mail\.customer\.test +(.*)", said)
        assert own is not None
        ports = dict(zip(PORTS, map(int, own[1].split()), strict=True))
        name = "imap.mail.customer.test"
        for endpoint, port in ports.items():
            leaf = s_client(Place(endpoint, port), name=name).stdout
            assert b"Certificate chain" in leaf
        assert re.search(r"close-on-connect +mail\.customer\.test +- +\d+ +- +\d+ +- +\d+", said)


def test_a_notice_names_the_case_and_what_to_do(home: Path, mine: Path) -> None:
    with person(home, mine) as serving:
        serving.wait()
        root = str(home / "kept" / "server-root.pem")
        at = serving.places["imaps"]
        verifying = ("-no-CApath", "-no-CAstore", "-CAfile", root, "-verify_return_error")
        s_client(at, *verifying, name="expired.mitmail.test")
        s_client(at, name="foo.mitmail.test")

        serving.line(r"imaps expired session 1: reject \(expired\): ")
        serving.line(r"As a correct client does\.")
        serving.line(r"imaps session 2: none: .*no case is named foo\.mitmail\.test: connect to")
        serving.line(r"This is no word about the client\.$")


# -- what cannot be ----

ALL = Orders(everything=True)
MISTAKES = {
    "a name": (replace(ALL, name="mx.test"), r"leave out --name$"),
    "an upstream": (replace(ALL, upstreams=("mx.test",)), r"leave out --upstream$"),
    "roots of one": (replace(ALL, upstream_ca=Path("x.pem")), r"leave out --upstream$"),
    "an antivirus": (replace(ALL, antivirus="norton"), r"--all has no antivirus yet"),
    "a switch": (replace(ALL, switches=frozenset("x")), r"--all has no antivirus yet"),
    "an unknown set": (replace(ALL, chosen="quik"), r"no set 'quik' \(did you mean 'quick'\?\)"),
    "every address": (replace(ALL, listen="::"), r"--listen ::: name the one"),
    "hosts without all": (Orders(hosts=Path("x")), r"--set and --hosts are for --all"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_orders_that_make_no_sense_are_one_line(mistake: str, tmp_path: Path) -> None:
    orders, words = MISTAKES[mistake]

    with pytest.raises(MitmailError, match=words) as raised:
        (gallery.prepare if orders.everything else without)(orders, tmp_path, lambda words: None)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)


def without(orders: Orders, folder: Path, say: Callable[[str], None]) -> object:
    return prepare(orders, folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--all", "expired"), r"leave out the scenario expired$"),
        (("--set", "quick"), r"--set and --hosts are for --all"),
        (("--all", "--set", "quick", "--hosts", "/nonexistent/x"), r"x: cannot be written: No"),
        (("--all", "--set", "quick", "--port-offset", "62000"), r"--port-offset 62000 leads"),
    ],
)
def test_the_command_prints_that_line_and_nothing_else(
    arguments: tuple[str, ...], words: str, home: Path
) -> None:
    ended = mitmail("serve", *arguments, home=home)

    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert re.search(words, line)


def test_a_set_that_names_a_wrong_file_is_refused(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(MINE.replace("rule", "rul"))
    (tmp_path / "mine.set").write_text("healthy\nbroken\n")
    ours = ("--scenarios", str(tmp_path), "--set", str(tmp_path / "mine.set"))
    ended = mitmail("serve", "--all", *ours, home=home)

    assert ended.returncode == 2
    assert f"{broken}:3:1: rul: unknown key" in ended.stderr
