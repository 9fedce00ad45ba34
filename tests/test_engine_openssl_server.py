"""What OpenSSL serves itself; real clients say what they got."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from OpenSSL import SSL

from mitmail.engine import openssl_server
from mitmail.engine.leg import LegEvent, Plaintext
from mitmail.engine.openssl_leg import OpenSslLeg
from mitmail.manner import Manner, Version
from mitmail.pki.identity import Identity
from mitmail.pki.key import generate
from plain_driver import LOGIN, Served, ask_gnutls, ask_openssl
from talk import DAY, NAME, NOW, identity, root

ACCEPT = ("accept", "sure", None, None)
TLS12: tuple[Version, ...] = ("TLSv1.2",)
TLS13: tuple[Version, ...] = ("TLSv1.3",)
BOTH = pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["TLSv1.2", "TLSv1.3"])
CLIENTS = pytest.mark.parametrize("ask", [ask_openssl, ask_gnutls], ids=["openssl", "gnutls"])
LEVEL_0 = ("-cipher", "ALL:@SECLEVEL=0")

type Ask = Callable[..., Served]


def like(**manner: Any) -> Identity:
    return replace(identity(), manner=Manner(**manner))


def of_kind(kind: str, **manner: Any) -> Identity:
    own = generate(kind)
    leaf = root().leaf(own, names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    return Identity((leaf,), own, Manner(**manner))


@pytest.mark.parametrize("version", ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
@CLIENTS
def test_only_this_version_is_spoken(ask: Ask, version: Version) -> None:
    words = {
        ask_openssl: LEVEL_0,
        ask_gnutls: ("--priority", "NORMAL:+VERS-TLS1.0:+VERS-TLS1.1:+SHA1"),
    }[ask]
    served = ask(like(versions=(version,)), *words)
    assert served.verdict == ACCEPT
    assert served.session.presented.version == version.removesuffix(".0")


def test_a_version_between_two_others_is_left_out() -> None:
    presented = like(versions=("TLSv1.1", "TLSv1.3"))
    assert ask_openssl(presented).session.presented.version == "TLSv1.3"
    served = ask_openssl(presented, "-no_tls1_3", "-no_tls1_1")
    assert served.verdict == ("reject", "sure", "tls-version", None)
    assert ask_openssl(presented, "-no_tls1_3", *LEVEL_0).session.presented.version == "TLSv1.1"


@pytest.mark.parametrize(
    "cipher", ["AES128-SHA", "NULL-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"]
)
def test_only_this_cipher_is_spoken(cipher: str) -> None:
    presented = of_kind("rsa2048", versions=TLS12, ciphers=(cipher,))
    served = ask_openssl(presented, "-cipher", "ALL:eNULL:@SECLEVEL=0")
    assert served.verdict == ACCEPT
    assert b"Cipher is " + cipher.encode() in served.said
    refused = ask_openssl(presented, "-cipher", "ECDHE-RSA-AES256-GCM-SHA384")
    assert refused.verdict == ("reject", "sure", "tls-version", None)


@BOTH
@pytest.mark.parametrize("group", ["secp256r1", "secp384r1", "secp521r1"])
def test_only_this_group_is_taken(group: str, versions: tuple[Version, ...]) -> None:
    served = ask_gnutls(like(groups=(group,), versions=versions))
    assert served.verdict == ACCEPT
    assert f"(ECDHE-{group.upper()})".encode() in served.said
    refused = ask_openssl(like(groups=(group,), versions=versions), "-groups", "X25519")
    assert refused.verdict == ("reject", "sure", "tls-version", None)


STAPLE = bytes.fromhex("30030a0103")  # an OCSPResponse that says tryLater


@BOTH
def test_a_staple_comes_to_who_asks_for_it(versions: tuple[Version, ...]) -> None:
    served = ask_openssl(like(versions=versions, staple=STAPLE), "-status")
    assert served.verdict == ACCEPT
    assert b"OCSP Response Status: trylater (0x3)" in served.said
    served = ask_openssl(like(versions=versions, staple=STAPLE), "-msg")
    assert served.verdict == ACCEPT
    assert b"CertificateStatus" not in served.said


@BOTH
@CLIENTS
def test_a_client_without_a_certificate_is_let_in_or_refused(
    ask: Ask, versions: tuple[Version, ...]
) -> None:
    assert ask(like(versions=versions, client_certificate="optional")).verdict == ACCEPT
    served = ask(like(versions=versions, client_certificate="required"))
    assert served.verdict == ("reject", "sure", "client-certificate", None)
    assert served.session.verdict is not None
    assert served.session.verdict.evidence == (
        "the server insisted on a client certificate, the client sent none"
    )
    sent = {f.details["code"] for f in served.session.facts if f.fact == "alert-sent"}
    assert sent == {116 if versions == TLS13 else 40}


@BOTH
@pytest.mark.parametrize("said", [True, False])
def test_close_notify_is_said_or_not(said: bool, versions: tuple[Version, ...]) -> None:
    served = ask_openssl(like(versions=versions, close_notify=said))
    assert served.verdict == ACCEPT
    assert (b"unexpected eof" in served.said) is not said


def test_a_client_is_asked_to_renegotiate_once_it_has_spoken() -> None:
    """What it says meanwhile may meet our question on the way; the test below has both in turn."""
    served = ask_openssl(like(versions=TLS12, renegotiate=True), "-msg")
    assert served.verdict == ACCEPT
    asked = served.said.index(b"HelloRequest")
    assert served.said.index(b"ClientHello", asked) > asked


def test_words_of_the_server_wait_for_the_end_of_a_renegotiation() -> None:
    server = openssl_server.leg(like(versions=TLS12, renegotiate=True))
    client = OpenSslLeg(SSL.Context(SSL.TLS_CLIENT_METHOD), accepting=False)
    client.start()
    while not (server.up and client.up):
        server.receive(client.output())
        client.receive(server.output())
    client.send(b"a NOOP\r\n")
    assert Plaintext(b"a NOOP\r\n") in server.receive(client.output())
    client.receive(server.output())  # HelloRequest
    server.receive(client.output())  # ClientHello
    server.send(b"a OK done\r\n")
    heard: list[LegEvent] = []
    for _ in range(3):
        heard += client.receive(server.output())
        server.receive(client.output())
    assert client.connection.total_renegotiations() == 1
    assert Plaintext(b"a OK done\r\n") in heard
    assert not server.broken


def test_who_refuses_to_renegotiate_has_been_judged_by_what_it_said() -> None:
    served = ask_openssl(like(versions=TLS12, renegotiate=True), "-no_renegotiation")
    assert served.verdict == ACCEPT
    refusals = [f for f in served.session.facts if f.details.get("code") == 100]
    assert [f.fact for f in refusals] == ["alert-received"]


def test_renegotiation_is_refused_where_it_was_not_asked_for() -> None:
    served = ask_openssl(like(versions=TLS12), "-legacy_renegotiation", give=b"R\n" + LOGIN)
    assert served.said.count(b", Certificate") < 2


@pytest.mark.parametrize("kind", ["rsa1024"])
def test_what_openssl_calls_too_weak_is_served_to_who_takes_it(kind: str) -> None:
    served = ask_openssl(of_kind(kind, weak=True), *LEVEL_0)
    assert served.verdict == ACCEPT
    refused = ask_openssl(of_kind(kind, weak=True), "-verify_return_error")
    assert refused.verdict[:2] == ("reject", "sure")


def test_weak_never_means_without_a_certificate() -> None:
    """At level 0, ALL would let OpenSSL pick an anonymous suite."""
    served = ask_openssl(like(versions=TLS12, weak=True), "-cipher", "aNULL:@SECLEVEL=0")
    assert served.verdict == ("reject", "sure", "tls-version", None)
