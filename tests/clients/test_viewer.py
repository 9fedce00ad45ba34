"""A certificate viewer speaks HTTP through TLS; whatever it does, it is no accept."""

from itertools import product

import pytest

from bench import need
from clients.house import House, Site
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.judge.client import Target
from mitmail.judge.program import run

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

PLACES = list(product(("none", "norton", "generic"), ENDPOINTS))
REQUEST = b"GET / HTTP/1.1\r\nHost: mail.customer.test\r\nConnection: close\r\n\r\n"
# A page's form may hold any line; what follows an HTTP request is no mail command.
COMMANDS = b"a LOGIN x y\r\nUSER x\r\nMAIL FROM:<x@y.test>\r\nNOOP\r\n"

OCTETS = {
    "http/1.1": REQUEST,
    "with-commands": REQUEST + COMMANDS,
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def curl(target: Target) -> list[list[str]]:
    """Programs that look at the certificate of a port as a browser would."""
    url = f"https://{target.host}:{target.port}/"
    base = [need("curl"), "-q", "-sS", "-k", "--max-time", "5"]
    posted = ["--data-binary", COMMANDS.decode()]
    return [
        [*base, "--http1.1", url],
        [*base, "--http2", url],
        [*base, "--http2-prior-knowledge", url],
        [*base, "--http1.0", *posted, url],
    ]


def openssl(target: Target) -> list[str]:
    starttls = ("-starttls", target.endpoint.protocol)
    return [
        *(
            need("openssl"),
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-connect",
            f"{target.host}:{target.port}",
        ),
        *(starttls if target.endpoint.tls == "starttls" else ()),
    ]


def words(sessions: list[Session]) -> list[str | None]:
    return [x.verdict.verdict if x.verdict else None for x in sessions]


@pytest.fixture(scope="module")
def sites(house: House) -> dict[str, Site]:
    return {
        name: house.open(house.plan("healthy", name)) for name in ("none", "norton", "generic")
    }


@pytest.mark.parametrize(("antivirus", "endpoint"), PLACES)
def test_https_is_never_an_accept(
    house: House, sites: dict[str, Site], antivirus: str, endpoint: str
) -> None:
    site = sites[antivirus]
    target = site.target(endpoint, house.roots())

    async def look() -> None:
        for command in curl(target):
            ended = await run(command, seconds=8)
            assert ended.code not in {None, 0}
            sessions = await site.settled(endpoint)
            assert words(sessions) == ["none"], (command, ended.err)
            facts = {fact.fact for fact in sessions[0].facts}
            expected = {"certificate-viewer", "tls-on-starttls-port"}
            assert len(facts & expected) == 1, facts

    house.run(look())


@pytest.mark.parametrize(("antivirus", "endpoint"), PLACES)
@pytest.mark.parametrize("octets", OCTETS.values(), ids=OCTETS)
def test_http_octets_behind_tls_are_never_an_accept(
    house: House, sites: dict[str, Site], antivirus: str, endpoint: str, octets: bytes
) -> None:
    site = sites[antivirus]
    target = site.target(endpoint, house.roots())
    house.run(run(openssl(target), give=octets, seconds=8))
    (session,) = house.run(site.settled(endpoint))
    assert words([session]) == ["none"]
    assert "certificate-viewer" in {fact.fact for fact in session.facts}


def test_http_without_tls_is_never_an_accept(house: House, sites: dict[str, Site]) -> None:
    roots, program = house.roots(), need("curl")

    async def look(antivirus: str, endpoint: str) -> list[str | None]:
        site = sites[antivirus]
        target = site.target(endpoint, roots)
        url = f"http://{target.host}:{target.port}/"
        command = [program, "-q", "-sS", "--http0.9", "--max-time", "1", url]
        await run([*command, "--data-binary", COMMANDS.decode()], seconds=8)
        return words(await site.settled(endpoint))

    assert house.each(look, PLACES) == [["none"]] * len(PLACES)


@pytest.mark.parametrize(
    "line",
    ["get / HTTP/1.1", "VERSION-CONTROL / HTTP/1.1", "GET /a b HTTP/1.1", "HTTP/1.1 400 No"],
)
def test_unusual_http_is_no_accept_either(house: House, sites: dict[str, Site], line: str) -> None:
    target = sites["none"].target("imaps", house.roots())
    octets = f"{line}\r\nHost: mail.customer.test\r\nConnection: close\r\n\r\n".encode()
    house.run(run(openssl(target), give=octets, seconds=8))
    assert words(house.run(sites["none"].settled("imaps"))) == ["none"]
