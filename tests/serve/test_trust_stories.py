"""The import story with a real NSS client: before a simulated Norton, with a root kept for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from ssl import PEM_cert_to_DER_cert, get_server_certificate

import pytest

import nss
from bench import need
from mitmail.pki.certificate import from_pem
from serve.program import mitmail
from serve.serving import NAME, ForPerson

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Desk:
    """A support desk: a serve that runs, and a profile of a client under test."""

    home: Path
    port: int
    profile: Path

    @property
    def store(self) -> str:
        return f"nss:{self.profile}"

    def do(self, *arguments: str) -> str:
        ended = mitmail(*arguments, home=self.home)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def client(self) -> tuple[bool, str]:
        return nss.accepts(self.profile, self.port, NAME)

    def root(self) -> bytes:
        said = self.do("ca", "export", "norton", "--format", "pem", "-o", "-")
        return from_pem(said.encode())[0]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ForPerson]]:
    need("tstclnt")
    home = tmp_path_factory.mktemp("home")
    # tstclnt, unlike Thunderbird, wants keyEncipherment of an RSA key, which the copy of an EC
    # server's certificate has not.
    with ForPerson(home, "rsa2048", "--antivirus", "norton") as one:
        one.wait()
        yield home, one


@pytest.fixture
def desk(serving: tuple[Path, ForPerson], tmp_path: Path) -> Desk:
    home, one = serving
    return Desk(home, one.places["imaps"].port, nss.database(tmp_path / "profile"))


def test_the_client_accepts_once_the_root_is_in_and_not_after_the_cleanup(desk: Desk) -> None:
    before, listed = desk.client(), nss.listing(desk.profile)

    desk.do("trust", "install", "norton", "--store", desk.store, "--yes")
    after = desk.client()
    desk.do("cleanup", "--yes")
    cleaned = desk.client()

    assert (before[0], after[0], cleaned[0]) == (False, True, False)
    assert "SEC_ERROR_UNTRUSTED_ISSUER" in before[1]  # the root is sent, and is no one's
    assert "SEC_ERROR_UNTRUSTED_ISSUER" in cleaned[1]
    assert nss.listing(desk.profile) == listed == {}


def test_a_root_with_its_box_unticked_is_found_and_ticked(desk: Desk) -> None:
    nss.put(desk.profile, desk.root(), ",,", "Norton")
    assert not desk.client()[0]

    said = desk.do("trust", "status", "--store", desk.store)
    desk.do("trust", "install", "norton", "--store", desk.store, "--yes")

    assert "is not ticked" in said
    assert desk.client()[0]
    desk.do("cleanup", "--yes")
    assert nss.listing(desk.profile) == {"Norton": ",,"}
    assert not desk.client()[0]


def test_a_root_under_servers_is_found(desk: Desk) -> None:
    nss.put(desk.profile, desk.root(), "P,,", "Norton")
    assert not desk.client()[0]

    said = desk.do("trust", "status", "--store", desk.store)

    assert "stands there as a server's certificate (P,,)" in said
    assert "never cures a wrong name" in said


def test_a_servers_own_certificate_in_place_of_the_root_is_found(desk: Desk) -> None:
    leaf = PEM_cert_to_DER_cert(get_server_certificate(("127.0.0.1", desk.port)))
    nss.put(desk.profile, leaf, "CT,,", "mail server")
    assert not desk.client()[0]

    said = desk.do("trust", "status", "--store", desk.store)

    assert "is a server's own certificate" in said
    assert "CN=Norton Web/Mail Shield Root (simulated)" in said
    digits = said.split("mitmail trust uninstall ")[1][:16]
    desk.do("trust", "uninstall", digits, "--store", desk.store, "--yes")
    assert nss.listing(desk.profile) == {}
