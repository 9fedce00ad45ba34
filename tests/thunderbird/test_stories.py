"""Support stories in Thunderbird, before a ``mitmail serve`` that is switched as it runs."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench import need
from mitmail.endpoint import ENDPOINTS
from mitmail.judge.client import Said, Target
from mitmail.judge.thunderbird.job import Wish
from mitmail.judge.thunderbird.warm import Warm
from serve.program import mitmail
from serve.serving import NAME, USER, ForPerson, ForProgram, Place
from serve.switching import switched

pytestmark = pytest.mark.long  # of its own: `make thunderbird`
SIX = tuple(ENDPOINTS)
UNTRUSTED, OTHER_NAME = "SEC_ERROR_UNKNOWN_ISSUER", "SSL_ERROR_BAD_CERT_DOMAIN"


def target_of(place: Place, password: str, roots: Path, name: str = NAME) -> Target:
    return Target(
        endpoint=ENDPOINTS[place.endpoint], host=place.host, port=place.port, name=name,
        user=USER, password=password, roots=roots,
    )  # fmt: skip


@dataclass
class Bench:
    """A running serve, and somebody at Thunderbird; pictures go into ``folder``."""

    serving: ForProgram
    client: Warm
    folder: Path
    root: Path
    last: int = 0

    def switch(self, scenario: str, antivirus: str = "off", **said: object) -> Any:
        state = switched(self.serving, scenario, antivirus=antivirus, **said)
        self.last = state["last_session"]
        self.root = Path(state["root_file"])
        return state

    def check(self, endpoint: str, picture: str = "", *, name: str = NAME, **wish: Any) -> Said:
        """Check mail, or send one: what Thunderbird says, with which the server agrees."""
        place, password = self.serving.places[endpoint], self.serving.ready["password"]
        target = target_of(place, password, self.root, name)
        said = asyncio.run(self.client.check(target, Wish(**wish)))
        if picture and said.screenshot:
            (self.folder / f"{picture}.png").write_bytes(said.screenshot)
        self.last += 1
        seen = self.serving.record("verdict", self.last)
        assert (seen["endpoint"], seen["verdict"]) == (endpoint, said.verdict), said
        return said

    def dialog(self, endpoint: str, picture: str, **wish: Any) -> Said:
        """As ``check``, where a dialog is due."""
        said = self.check(endpoint, picture, **wish)
        for _ in range(2):
            # Once in fifty times POP3 takes a refusal for a connection that was refused to it.
            if endpoint.startswith("pop3") and said.details["dialog"] is None:
                said = self.check(endpoint, picture, **wish)
        assert said.details["dialog"] is not None, said
        return said

    def pid(self) -> int:
        assert self.client.instance is not None
        return self.client.instance.pid


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForProgram]:
    with ForProgram(tmp_path_factory.mktemp("home")) as one:
        yield one


@pytest.fixture
def bench(serving: ForProgram, client: Warm, tmp_path: Path) -> Bench:
    return Bench(serving, client, tmp_path, Path(serving.ready["root_file"]))


def error(said: Said) -> str | None:
    found: str | None = said.details.get("nss_error")
    return found


# -- S1: "since I installed Norton, the certificate is invalid, receiving and sending" ----


def test_behind_the_antivirus_all_six_are_untrusted_and_without_it_none(bench: Bench) -> None:
    bench.switch("healthy", "norton")
    for endpoint in SIX:
        said = bench.dialog(endpoint, f"s1-{endpoint}", compose=endpoint.startswith("smtp"))
        assert (error(said), said.reason) == (UNTRUSTED, "unknown-issuer")
        assert said.details["dialog"]["texts"][1] == "Unknown Identity"
        assert said.screenshot is not None

    bench.switch("healthy")
    assert {bench.check(endpoint).verdict for endpoint in SIX} == {"accept"}


# -- S2: "I exported wscert.der and imported it, now it works" ----


def test_with_the_exported_root_imported_it_works_and_only_then(
    client: Warm, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with ForPerson(home, "--antivirus", "norton") as serving:
        serving.wait()
        assert mitmail("ca", "export", "norton", home=home, cwd=tmp_path).returncode == 0
        imported = as_pem(tmp_path / "wscert.der")
        number = 0
        for endpoint in SIX:
            for roots, verdict in (
                (home / "kept" / "server-root.pem", "reject"),
                # The antivirus has verified the server itself: its own root is all it takes.
                (imported, "accept"),
                (home / "kept" / "server-root.pem", "reject"),
            ):
                target = target_of(serving.places[endpoint], serving.password, roots)
                said = asyncio.run(client.ask(target))
                assert said.verdict == verdict, said
                assert error(said) == (UNTRUSTED if verdict == "reject" else None)
                number += 1
                serving.line(rf"^{endpoint} +session {number}: {verdict}")


def as_pem(der: Path) -> Path:
    """The same certificate as openssl writes it."""
    pem = der.with_suffix(".pem")
    openssl = need("openssl")
    subprocess.run(
        [openssl, "x509", "-inform", "DER", "-in", str(der), "-out", str(pem)], check=True
    )
    return pem


# -- S5: "Thunderbird wants a security exception" ----


@pytest.mark.parametrize(
    ("scenario", "nss", "reason", "heading"),
    [
        ("expired", "SEC_ERROR_EXPIRED_CERTIFICATE", "expired", "Outdated Information"),
        ("wrong-host", OTHER_NAME, "name-mismatch", "Wrong Site"),
        ("untrusted-root", UNTRUSTED, "unknown-issuer", "Unknown Identity"),
        (
            "self-signed", "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", "self-signed",
            "Unknown Identity",
        ),
    ],
)  # fmt: skip
def test_what_wants_an_exception_is_said_on_all_six(
    bench: Bench, scenario: str, nss: str, reason: str, heading: str
) -> None:
    bench.switch(scenario)
    for endpoint in SIX:
        said = bench.dialog(endpoint, f"s5-{scenario}-{endpoint}")
        assert (error(said), said.reason) == (nss, reason)
        assert said.details["dialog"]["texts"][1] == heading
        assert said.details["dialog"]["location"].startswith(f"{NAME}:")


# -- S6: "I added the exception, but it asks again for sending" ----


def test_an_exception_is_for_one_host_and_port(bench: Bench) -> None:
    bench.switch("untrusted-root")
    receiving, sending = (bench.serving.places[x].port for x in ("imaps", "smtps"))

    confirmed = bench.check("imaps", "s6-receiving", confirm="permanent")
    assert confirmed.details["dialog"]["pressed"] == "Confirm Security Exception"
    assert confirmed.details["exceptions"] == [{"host": NAME, "port": receiving}]
    assert bench.check("imaps", keep=True).verdict == "accept"

    again = bench.check("smtps", "s6-sending", keep=True, compose=True, confirm="permanent")
    assert error(again) == UNTRUSTED
    assert again.details["dialog"]["location"] == f"{NAME}:{sending}"
    assert again.details["exceptions"] == [
        {"host": NAME, "port": port} for port in sorted((receiving, sending))
    ]
    assert bench.check("smtps", keep=True, compose=True).verdict == "accept"
    assert bench.check("imaps", keep=True).verdict == "accept"
    # The same server's other door is another one, too.
    assert error(bench.check("imap", keep=True)) == UNTRUSTED


def test_another_certificate_at_the_same_port_needs_another_exception(bench: Bench) -> None:
    bench.switch("untrusted-root")
    bench.check("imaps", confirm="permanent")
    assert bench.check("imaps", keep=True).verdict == "accept"

    bench.switch("self-signed")
    said = bench.check("imaps", keep=True, confirm="permanent")
    assert error(said) == "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT"
    assert said.details["dialog"]["pressed"] == "Confirm Security Exception"
    assert len(said.details["exceptions"]) == 1, "the newer replaces the older"
    bench.switch("untrusted-root")
    assert error(bench.check("imaps", keep=True)) == UNTRUSTED


# -- S8: "the next day it worked by itself" ----


@pytest.mark.parametrize("endpoint", SIX)
def test_once_the_provider_has_repaired_it_the_same_account_works(
    bench: Bench, endpoint: str
) -> None:
    bench.switch("expired")
    assert error(bench.check(endpoint, stay=True)) == "SEC_ERROR_EXPIRED_CERTIFICATE"
    before = bench.pid()
    bench.switch("healthy")
    assert bench.check(endpoint).verdict == "accept"
    assert bench.pid() == before, "it was never restarted"


# -- S10: "the certificate is a wildcard of the hosting company" ----


def test_the_hosting_companys_wildcard_is_for_its_own_host_name(bench: Bench) -> None:
    bench.switch("hosting-wildcard")
    for endpoint in SIX:
        said = bench.check(endpoint, f"s10-{endpoint}")
        assert (error(said), said.reason) == (OTHER_NAME, "name-mismatch")
        assert said.details["dialog"]["texts"][1] == "Wrong Site"
        assert bench.check(endpoint, name="srv07.hoster.test").verdict == "accept"
