"""How a server is greeted: the ClientHello is read by tlslite-ng, which made none of it."""

from dataclasses import replace
from typing import Any

import pytest
from tlslite.constants import (  # type: ignore[import-untyped] # it ships no types
    CipherSuite,
    ExtensionType,
    GroupName,
)
from tlslite.messages import ClientHello as Read  # type: ignore[import-untyped] # as above
from tlslite.utils.codec import Parser  # type: ignore[import-untyped] # as above

from mitmail.engine.context import Verifier
from mitmail.engine.spec import Trust
from mitmail.hello import Hello
from mitmail.manner import Manner, Version
from mitmail.pki.identity import Identity
from mitmail.pki.key import generate
from mitmail.wire.clienthello import ClientHello
from talk import DAY, NAME, NOW, Talk, TlsSide, between, blind, identity, root, served_by

TRUST = Trust(name=NAME, roots=(root().certificate,))
RECORD, MESSAGE = 5, 1  # octets in front of what is read
# Of a browser's kind: GREASE, RC4 and a scheme that no OpenSSL has, and an order of its own.
BROWSER = ClientHello(
    sni=NAME, alpn=("imap", "x\\x20y"), versions=("TLSv1.3", "TLSv1.2"),
    ciphers=(0x1A1A, 0x1303, 0x1301, 0xC02F, 0x0005, 0xC02B, 0xC013, 0x009C),
    extensions=(0x2A2A, 0, 5, 10, 13, 16, 43, 51), groups=(0x3A3A, 24, 29, 23, 9999),
    signature_algorithms=(0x0804, 0x0403, 0x0401, 0x0999, 0x0503),
)  # fmt: skip
OLD = ClientHello(
    sni=None, alpn=(), versions=("TLSv1.1",), ciphers=(0x002F, 0x0034, 0x0035), extensions=(),
    groups=(), signature_algorithms=(),
)  # fmt: skip
EVERYTHING: Any = frozenset(
    {"versions", "ciphers", "groups", "signatures", "alpn", "status-request"}
)


def read(hello: Hello, client: ClientHello | None = None) -> Any:
    """The ClientHello that is sent."""
    leg = Verifier(TRUST, hello).leg(NAME, client)
    leg.start()
    return Read().parse(Parser(bytearray(leg.output()[RECORD + MESSAGE :])))


def versions(hello: Any) -> list[tuple[int, int]]:
    extension = hello.getExtension(ExtensionType.supported_versions)
    return [hello.client_version] if extension is None else list(extension.versions)


def schemes(hello: Any) -> list[int]:
    listed = hello.getExtension(ExtensionType.signature_algorithms).sigalgs
    return [first << 8 | second for first, second in listed]


def groups(hello: Any) -> list[int]:
    return list(hello.getExtension(ExtensionType.supported_groups).groups)


def test_a_mirrored_hello_offers_what_the_client_does_in_its_order() -> None:
    sent = read(Hello(mirrors=EVERYTHING), BROWSER)
    reneg = CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV
    suites = [x for x in sent.cipher_suites if x != reneg]
    assert suites == [0x1303, 0x1301, 0xC02F, 0xC02B, 0xC013, 0x009C]
    assert groups(sent) == [24, 29, 23]
    assert schemes(sent) == [0x0804, 0x0403, 0x0401, 0x0503]
    alpn = sent.getExtension(ExtensionType.alpn).protocol_names
    assert [bytes(name) for name in alpn] == [b"imap", b"x y"]
    assert sent.getExtension(ExtensionType.status_request) is not None
    assert versions(sent) == [(3, 4), (3, 3)]


def test_of_an_old_client_its_old_versions_are_mirrored_and_never_an_anonymous_suite() -> None:
    sent = read(Hello(mirrors=EVERYTHING), OLD)
    assert sent.client_version == (3, 2)
    assert 0x0034 not in sent.cipher_suites  # DH_anon: the server would show no certificate
    assert {0x002F, 0x0035} <= set(sent.cipher_suites)
    assert sent.getExtension(ExtensionType.status_request) is None
    assert sent.getExtension(ExtensionType.alpn) is None


def test_without_a_client_or_when_nothing_is_mirrored_the_hello_is_our_own() -> None:
    ours = read(Hello())
    for each in (read(Hello(mirrors=EVERYTHING)), read(Hello(), BROWSER)):
        assert each.cipher_suites == ours.cipher_suites
        assert (groups(each), schemes(each)) == (groups(ours), schemes(ours))
        assert each.getExtension(ExtensionType.alpn) is None
        assert each.getExtension(ExtensionType.status_request) is None


def test_a_fixed_hello_is_the_same_whoever_asks() -> None:
    hello = Hello(
        versions=("TLSv1.0", "TLSv1.1", "TLSv1.2"),
        ciphers=("AES128-SHA", "ECDHE-RSA-AES256-SHA", "NO-SUCH-SUITE"),
        groups=("secp384r1", "secp256r1"),
        signatures=("rsa_pkcs1_sha1", "rsa_pkcs1_sha256"),
    )
    for client in (None, BROWSER, OLD):
        sent = read(hello, client)
        assert sent.cipher_suites[:2] == [0x002F, 0xC014]
        assert groups(sent) == [GroupName.secp384r1, GroupName.secp256r1]
        assert schemes(sent) == [0x0201, 0x0401]
        assert sent.client_version == (3, 3)


def test_what_openssl_has_nothing_of_leaves_its_own() -> None:
    sent = read(Hello(ciphers=("RC4-SHA",)))
    assert len(sent.cipher_suites) > 3


def test_who_asks_for_the_status_does_so_whatever_the_client_does() -> None:
    sent = read(Hello(asks_status=True), OLD)
    assert sent.getExtension(ExtensionType.status_request) is not None


@pytest.mark.parametrize("version", ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
def test_a_server_of_one_version_is_reached_by_who_speaks_it(version: Version) -> None:
    door = replace(identity(), manner=Manner(versions=(version,)))
    other: Version = "TLSv1.2" if version == "TLSv1.3" else "TLSv1.3"
    for spoken in (version, other):
        shield = Talk("imap", "implicit", "implicit", hello=Hello(versions=(spoken,)))
        TlsSide(shield.client, blind())
        between(shield, Talk("imap", "implicit", "plain", choose=lambda seen, sni: door))
        assert (shield.session.upstream is not None) is (spoken == version)


def test_the_protocol_that_the_server_chose_is_told() -> None:
    context = served_by(identity())
    context.set_alpn_protocols(["imap"])
    client = blind()
    client.set_alpn_protocols(["pop3", "imap"])
    talk = Talk("imap", "implicit", "implicit", hello=Hello(mirrors=frozenset({"alpn"})))
    TlsSide(talk.client, client)
    TlsSide(talk.server, context)
    assert talk.session.upstream is not None
    assert talk.session.upstream.alpn == b"imap"


def test_who_speaks_old_versions_still_finds_a_weak_key() -> None:
    short = generate("rsa1024")
    weak = Identity(
        (root().leaf(short, names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY),), short
    )
    door = replace(weak, manner=Manner(weak=True))
    choices: list[tuple[Version, ...]] = [("TLSv1.2",), ("TLSv1.1", "TLSv1.2")]
    for versions in choices:
        shield = Talk("imap", "implicit", "implicit", hello=Hello(versions=versions))
        TlsSide(shield.client, blind())
        between(shield, Talk("imap", "implicit", "plain", choose=lambda seen, sni: door))
        assert shield.session.upstream is not None
        assert shield.session.upstream.errors == ("weak",)
