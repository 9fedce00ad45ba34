"""The customer typed his own domain, and the certificate is the hosting company's: which name?"""

import asyncio
import ssl
from pathlib import Path

import pytest

from dnsmasq import answering, pointing
from far_host import ISSUER, Mail, Shop, leaf, looked_at, opened, serving
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.lookup import name_server
from mitmail.diagnose.rename import Candidate, Tried, candidates, is_confirmed
from mitmail.errors import CannotJudgeError, MitmailError
from talk import NAME, trusting

HERE, THERE = "127.0.0.2", "127.0.0.9"
SERVER = "srv07.hoster.test"
WILDCARD = ("*.hoster.test", "hoster.test")
TYPED = f"address=/{NAME}/{HERE}"
FORWARD = f"address=/{SERVER}/{HERE}"
POINTING = pointing(HERE, SERVER)


def told(context: ssl.SSLContext, *records: str) -> Finding:
    """What is said of the server's name, under these records."""
    with answering(TYPED, *records) as dns:
        shop = Shop(Mail().serve, context, HERE)
        reached = looked_at(shop, host=NAME, name=None, starttls="none", dns=dns)
    assert reached.seen[0].errors[-1] == "name-mismatch"
    (finding,) = [one for one in reached.findings if one.id.startswith("name-")]
    return finding


@pytest.fixture
def hosting(tmp_path: Path) -> ssl.SSLContext:
    return serving(tmp_path, leaf(*WILDCARD))


def test_a_name_that_leads_back_and_verifies_is_told_with_a_caution(
    hosting: ssl.SSLContext,
) -> None:
    finding = told(hosting, FORWARD, POINTING)
    assert finding.id == "name-suggested"
    assert f"Type {SERVER} as the server's name" in finding.fix
    assert "confirm with your provider before typing a password" in finding.fix


def test_the_name_that_is_told_satisfies_an_independent_client(hosting: ssl.SSLContext) -> None:
    async def ask() -> None:
        async with opened(Shop(Mail().serve, hosting, HERE)) as port:
            for name, accepted in ((SERVER, True), (NAME, False)):
                try:
                    _, writer = await asyncio.open_connection(
                        HERE, port, ssl=trusting(), server_hostname=name
                    )
                    writer.close()
                    assert accepted
                except ssl.SSLCertVerificationError:
                    assert not accepted

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ((FORWARD,), f"{HERE} has no name in the reverse DNS"),
        (
            (pointing(HERE, "static-2.isp.test"), f"address=/static-2.isp.test/{HERE}"),
            f"the reverse DNS of {HERE} names static-2.isp.test, and the certificate is not for",
        ),
        (
            (POINTING, f"address=/{SERVER}/{THERE}"),
            f"names {SERVER}, and that name leads elsewhere ({THERE})",
        ),
        ((POINTING,), f"names {SERVER}, and that name has no address"),
        ((pointing(HERE, NAME),), f"names {NAME}, and the certificate is not for that name"),
    ],
    ids=["no PTR", "PTR not covered", "PTR elsewhere", "PTR leads nowhere", "PTR as typed"],
)
def test_a_name_that_is_not_confirmed_is_not_told_and_why(
    records: tuple[str, ...], why: str, hosting: ssl.SSLContext
) -> None:
    finding = told(hosting, *records)
    assert finding.id == "name-not-found"
    assert why in finding.words
    assert "do not accept the certificate" in finding.fix
    assert SERVER not in finding.fix


@pytest.mark.parametrize(
    ("until", "issuer", "reason"),
    [(-1, ISSUER, "expired"), (30, "another root", "unknown-issuer")],
)
def test_a_name_whose_certificate_is_not_valid_is_not_told(
    tmp_path: Path, until: int, issuer: str, reason: str
) -> None:
    context = serving(tmp_path, leaf(*WILDCARD, until=until, issuer=issuer))
    finding = told(context, FORWARD, POINTING)
    assert finding.id == "name-not-found"
    assert f"the certificate shown for it is not valid: {reason}" in finding.words


def test_a_name_is_judged_by_what_is_shown_to_those_who_ask_for_it(
    tmp_path: Path, hosting: ssl.SSLContext
) -> None:
    expired = serving(tmp_path, leaf(SERVER, until=-1))

    def by_name(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name == SERVER:
            connection.context = expired

    hosting.sni_callback = by_name
    assert "is not valid: expired" in told(hosting, FORWARD, POINTING).words


def test_a_name_of_the_certificate_that_leads_here_is_told_without_reverse_dns(
    tmp_path: Path,
) -> None:
    context = serving(tmp_path, leaf(*WILDCARD, SERVER))
    finding = told(context, FORWARD)
    assert finding.id == "name-suggested"
    assert "the certificate names it" in finding.words


def test_a_wildcard_is_no_name_to_type_and_a_strange_pointer_is_none_either() -> None:
    found, uncovered = candidates(NAME, ["a b\x1b.hoster.test", "x" * 300], WILDCARD[:1])
    assert (found, uncovered) == ([], [])


@pytest.mark.parametrize(
    ("addresses", "errors", "confirmed"),
    [((HERE,), (), True), ((THERE,), (), False), ((), (), False), ((HERE,), None, False)],
)
def test_a_name_is_confirmed_by_both_its_address_and_its_certificate(
    addresses: tuple[str, ...], errors: tuple[str, ...] | None, *, confirmed: bool
) -> None:
    tried = Tried(Candidate(SERVER, "ptr"), addresses, errors)
    assert is_confirmed(tried, HERE) is confirmed


def test_a_host_that_is_not_there_is_told_from_a_dns_that_does_not_answer(
    hosting: ssl.SSLContext,
) -> None:
    shop = Shop(Mail().serve, hosting, HERE)
    with answering(TYPED) as dns, pytest.raises(CannotJudgeError, match="no such host"):
        looked_at(shop, host="gone.customer.test", dns=dns)
    with pytest.raises(CannotJudgeError, match="the DNS does not answer"):
        looked_at(shop, host=NAME)
    # A server that knows nothing refuses (RCODE 5): no word about the name either.
    with answering() as dns, pytest.raises(CannotJudgeError, match="the DNS does not answer"):
        looked_at(shop, host="mail.example", dns=dns)


def test_a_dns_server_is_named_by_its_address() -> None:
    assert name_server("127.0.0.1:5353") == ("127.0.0.1", 5353)
    assert name_server("[::1]:5353") == ("::1", 5353)
    assert name_server("192.0.2.53") == ("192.0.2.53", 53)
    for wrong in ("dns.test", "192.0.2.53:0", ""):
        with pytest.raises(MitmailError):
            name_server(wrong)
