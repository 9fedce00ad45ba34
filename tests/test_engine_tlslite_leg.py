"""What OpenSSL refuses or repairs, served exactly; real clients say what they got."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import tlslite.api as tlslite  # type: ignore[import-untyped] # it ships no types

from bench import need
from mitmail.engine.leg import UnpresentableError
from mitmail.engine.tlslite_settings import DH512, suites
from mitmail.manner import Manner, Version
from mitmail.pki import extension
from mitmail.pki.certificate import Recipe, make
from mitmail.pki.identity import Identity as Chain
from mitmail.pki.key import generate, spki
from mitmail.pki.name import distinguished_name
from plain_driver import Served, ask_gnutls, ask_openssl
from talk import DAY, NAME, NOW, AlertingSide, Talk, alert, blind, hello, identity, key, root

ACCEPT = ("accept", "sure", None, None)
TLS12: tuple[Version, ...] = ("TLSv1.2",)
TLS13: tuple[Version, ...] = ("TLSv1.3",)
BOTH = pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["TLSv1.2", "TLSv1.3"])
CLIENTS = pytest.mark.parametrize("ask", [ask_openssl, ask_gnutls], ids=["openssl", "gnutls"])
LEVEL_0 = ("-cipher", "ALL:@SECLEVEL=0")

type Ask = Callable[..., Served]


def chain(*certificates: bytes, **manner: Any) -> Chain:
    return Chain(certificates, key(), Manner(**manner))


def lenient(presented: Chain | None = None, **manner: Any) -> Chain:
    return replace(presented or identity(), manner=Manner(lenient=True, **manner))


def of_kind(kind: str, form: str = "plain", **manner: Any) -> Chain:
    """A leaf with a key of this kind, in this form."""
    own = generate(kind)
    recipe = Recipe(
        subject=distinguished_name([("CN", NAME)]), issuer=root().subject, not_before=NOW - DAY,
        not_after=NOW + DAY, spki=spki(own, form),
        extensions=(extension.subject_alternative_name([NAME]),),
    )  # fmt: skip
    return Chain((make(recipe, root().key),), own, Manner(**manner))


def messages(said: bytes) -> bytes:
    """The handshake messages that ``openssl s_client -msg`` received, decrypted."""
    found = b""
    for block in re.split(rb"(?m)^(?=[<>]{3} )", said):
        if block.startswith(b"<<<") and b"Handshake" in block.splitlines()[0]:
            lines = re.findall(rb"(?m)^    ((?:[0-9a-f]{2} ?)+)$", block)
            found += b"".join(bytes.fromhex(line.decode()) for line in lines)
    return found


def listed(*certificates: bytes) -> bytes:
    """A Certificate message's list as TLS 1.2 writes it (RFC 5246 section 7.4.2)."""
    entries = b"".join(len(each).to_bytes(3) + each for each in certificates)
    return len(entries).to_bytes(3) + entries


# -- the octets of the chain ---------------------------------------------------------------------

GOOD = identity().leaf
ODD = {
    "none": (),
    "empty": (b"",),
    "garbage": (bytes(range(256)),),
    "truncated": (GOOD[:200],),
    "trailing": (GOOD + b"\0\0\0\0",),
    "second-is-garbage": (GOOD, b"\x30\x82"),
    "long": (GOOD, *[root().certificate] * 60),
}


@pytest.mark.parametrize("certificates", ODD.values(), ids=ODD)
def test_the_client_gets_exactly_these_octets(certificates: tuple[bytes, ...]) -> None:
    served = ask_openssl(chain(*certificates, versions=TLS12), "-msg")
    assert messages(served.said).count(listed(*certificates)) == 1
    assert served.session.presented.identity is not None
    assert "certificate-presented" in [fact.fact for fact in served.session.facts]


@pytest.mark.parametrize("certificates", ODD.values(), ids=ODD)
def test_the_client_gets_exactly_these_octets_in_tls_1_3(certificates: tuple[bytes, ...]) -> None:
    served = ask_openssl(chain(*certificates, versions=TLS13), "-msg")
    entries = b"".join(len(each).to_bytes(3) + each + b"\0\0" for each in certificates)
    assert messages(served.said).count(b"\0" + len(entries).to_bytes(3) + entries) == 1


@BOTH
@CLIENTS
@pytest.mark.parametrize("odd", ["none", "empty", "garbage", "truncated", "trailing"])
def test_real_clients_refuse_what_is_no_certificate(
    odd: str, ask: Ask, versions: tuple[Version, ...]
) -> None:
    served = ask(chain(*ODD[odd], versions=versions))
    verdict, certainty, reason, code = served.verdict
    assert (verdict, certainty, reason) == ("reject", "sure", None)
    assert code in {42, 50}


# -- an ordinary identity ------------------------------------------------------------------------


@CLIENTS
@pytest.mark.parametrize(
    "version", ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
)  # fmt: skip
def test_a_good_identity_is_accepted_in_every_version(ask: Ask, version: Version) -> None:
    words = {
        ask_openssl: LEVEL_0,
        ask_gnutls: ("--priority", "NORMAL:+VERS-TLS1.0:+VERS-TLS1.1:+SHA1"),
    }[ask]
    served = ask(lenient(versions=(version,)), *words)
    assert served.verdict == ACCEPT
    assert b"b OK done" in served.said
    assert served.session.presented.version == version.removesuffix(".0")


KINDS = ["rsa1024", "rsa2048", "ec384", "ec521", "ed25519", "ed448"]


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_signs(kind: str, versions: tuple[Version, ...]) -> None:
    assert ask_openssl(lenient(of_kind(kind), versions=versions), *LEVEL_0).verdict == ACCEPT
    if kind != "ed448":  # which GnuTLS 3.7 does not offer
        assert ask_gnutls(lenient(of_kind(kind), versions=versions)).verdict == ACCEPT


@CLIENTS
@BOTH
def test_an_rsa_pss_key_signs_with_pss(ask: Ask, versions: tuple[Version, ...]) -> None:
    assert ask(of_kind("rsa2048", "pss", versions=versions)).verdict == ACCEPT


@pytest.mark.parametrize(
    ("kind", "cipher"),
    [("rsa512", b"ECDHE-RSA"), ("dsa2048", b"DHE-DSS")],
)
def test_a_key_that_tls_1_3_has_no_signature_for_is_served_in_tls_1_2(
    kind: str, cipher: bytes
) -> None:
    served = ask_openssl(of_kind(kind), *LEVEL_0)
    assert served.verdict == ACCEPT
    assert b"Cipher is " + cipher in served.said


@pytest.mark.parametrize("kind", ["ec224", "secp256k1", "brainpool256"])
def test_a_client_that_does_not_list_the_keys_curve_says_so_itself(kind: str) -> None:
    served = ask_openssl(of_kind(kind))
    assert served.verdict == ("reject", "sure", None, 47)
    assert b"wrong curve" in served.said


# -- manners -------------------------------------------------------------------------------------


@BOTH
@CLIENTS
@pytest.mark.parametrize("kind", ["ec256", "rsa2048", "ed25519"])
def test_a_handshake_signed_by_another_key_is_refused(
    kind: str, ask: Ask, versions: tuple[Version, ...]
) -> None:
    served = ask(of_kind(kind, versions=versions, wrong_key=True))
    assert served.verdict == ("reject", "sure", None, 51)  # decrypt_error (RFC 8446 4.4.3)


DHE = ("DHE-RSA-AES128-GCM-SHA256",)


@pytest.mark.parametrize("bits", [1024, 2048])
def test_the_group_has_the_size_that_was_asked_for(bits: int) -> None:
    presented = of_kind("rsa2048", versions=TLS12, ciphers=DHE, dh_bits=bits)
    served = ask_openssl(presented, *LEVEL_0)
    assert served.verdict == ACCEPT
    assert f"Server Temp Key: DH, {bits} bits".encode() in served.said
    served = ask_gnutls(presented, "--priority", "NORMAL:-KX-ALL:+DHE-RSA:%PROFILE_VERY_WEAK")
    assert f"DHE-CUSTOM{bits}".encode() in served.said


def test_a_group_of_512_bits_is_refused_as_too_small() -> None:
    presented = of_kind("rsa2048", versions=TLS12, ciphers=DHE, dh_bits=512)
    served = ask_openssl(presented, "-msg", *LEVEL_0)
    assert served.verdict == ("reject", "sure", None, 40)
    assert b"dh key too small" in served.said
    assert DH512.bit_length() == 512
    assert (64).to_bytes(2) + DH512.to_bytes(64) in messages(served.said)
    assert ask_gnutls(presented).verdict == ("reject", "sure", None, 71)


@pytest.mark.parametrize(
    ("cipher", "priority", "shown"),
    [
        ("RC4-SHA", "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ARCFOUR-128:+RSA", b"(RSA)-(ARCFOUR-128)"),
        ("ECDHE-RSA-RC4-SHA", "NORMAL:+ARCFOUR-128", b"(ARCFOUR-128)-(SHA1)"),
        ("DES-CBC3-SHA", "NORMAL:+3DES-CBC:+RSA", b"(RSA)-(3DES-CBC)"),
        ("ECDHE-RSA-DES-CBC3-SHA", "NORMAL:+3DES-CBC", b"(3DES-CBC)-(SHA1)"),
    ],
)
def test_a_cipher_that_openssl_no_longer_has(cipher: str, priority: str, shown: bytes) -> None:
    presented = of_kind("rsa2048", versions=TLS12, ciphers=(cipher,))
    served = ask_gnutls(presented, "--priority", priority)
    assert served.verdict == ACCEPT
    assert shown in served.said
    assert served.session.presented.cipher == cipher
    refused = ask_openssl(presented)
    assert refused.verdict == ("reject", "sure", "tls-version", None)


@pytest.mark.parametrize("size", [1, 64])
@CLIENTS
def test_a_handshake_in_small_records_is_understood(size: int, ask: Ask) -> None:
    assert ask(chain(GOOD, record_size=size, versions=TLS12)).verdict == ACCEPT


@pytest.mark.parametrize("size", [1, 64, 1000])
def test_no_handshake_record_holds_more_than_was_said(size: int) -> None:
    talk = Talk(choose=lambda upstream, sni: chain(GOOD, record_size=size, versions=TLS12))
    talk.client.says(hello())
    flight = talk.client.hears()
    lengths = []
    while flight:
        assert flight[0] == 22
        length = int.from_bytes(flight[3:5])
        lengths.append(length)
        flight = flight[5 + length :]
    assert max(lengths) <= size
    assert lengths.count(size) > 0 or size > len(GOOD)


@BOTH
@CLIENTS
def test_a_warning_comes_before_the_server_hello(ask: Ask, versions: tuple[Version, ...]) -> None:
    served = ask(chain(GOOD, unrecognized_name=True, versions=versions))
    assert served.verdict == ACCEPT
    if ask is ask_gnutls:
        assert b"The server name sent was not recognized" in served.said


@BOTH
def test_the_warning_is_the_first_that_a_client_hears(versions: tuple[Version, ...]) -> None:
    warned = chain(GOOD, unrecognized_name=True, versions=versions)
    talk = Talk(choose=lambda upstream, sni: warned)
    talk.client.says(hello())
    assert talk.client.hears().startswith(alert(112, 1) + b"\x16\3\3")


STAPLE = bytes.fromhex("30030a0103")  # an OCSPResponse that says tryLater


@BOTH
def test_a_staple_comes_to_who_asks_for_it(versions: tuple[Version, ...]) -> None:
    presented = lenient(versions=versions, staple=STAPLE)
    served = ask_openssl(presented, "-status", "-msg")
    assert b"OCSP Response Status: trylater (0x3)" in served.said
    assert STAPLE in messages(served.said)
    served = ask_openssl(presented, "-msg")
    assert served.verdict == ACCEPT
    assert STAPLE not in messages(served.said)


@BOTH
@CLIENTS
def test_a_client_without_a_certificate_is_let_in_or_refused(
    ask: Ask, versions: tuple[Version, ...]
) -> None:
    assert ask(lenient(versions=versions, client_certificate="optional")).verdict == ACCEPT
    served = ask(lenient(versions=versions, client_certificate="required"))
    assert served.verdict == ("reject", "sure", "client-certificate", None)
    sent = {f.details["code"] for f in served.session.facts if f.fact == "alert-sent"}
    assert sent == {116 if versions == TLS13 else 40}


@BOTH
@pytest.mark.parametrize("said", [True, False])
def test_close_notify_is_said_or_not(said: bool, versions: tuple[Version, ...]) -> None:
    served = ask_openssl(lenient(versions=versions, close_notify=said))
    assert served.verdict == ACCEPT
    assert (b"unexpected eof" in served.said) is not said


@pytest.mark.parametrize(
    ("group", "shown"),
    [
        ("x25519", b"X25519, 253 bits"),
        ("secp384r1", b"ECDH, secp384r1, 384 bits"),
        ("ffdhe2048", b"DH, 2048 bits"),
    ],
)
def test_a_group_is_taken_also_after_a_second_hello(group: str, shown: bytes) -> None:
    served = ask_openssl(lenient(groups=(group,)))
    assert served.verdict == ACCEPT
    assert b"Server Temp Key: " + shown in served.said


def test_a_client_without_the_group_has_nothing_in_common() -> None:
    served = ask_openssl(lenient(groups=("secp521r1",)), "-groups", "P-256")
    assert served.verdict == ("reject", "sure", "tls-version", None)


# -- SSL 3.0, which no other client here speaks --------------------------------------------------


def test_ssl_3_0_is_spoken() -> None:
    talk = Talk(choose=lambda upstream, sni: of_kind("rsa2048", versions=("SSLv3",)))
    side = AlertingSide.__new__(AlertingSide)
    side.side = talk.client
    settings = tlslite.HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 0)
    settings.versions = [(3, 0)]
    side._tls = tlslite.TLSConnection(side)
    side._drive(side._tls.handshakeClientCert(settings=settings, async_=True))
    side.says(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)
    assert talk.session.presented.version == "SSLv3"


def test_a_modern_client_refuses_ssl_3_0() -> None:
    served = ask_openssl(of_kind("rsa2048", versions=("SSLv3",)))
    assert served.verdict == ("reject", "sure", "tls-version", None)


# -- what a client says --------------------------------------------------------------------------


def unspoken() -> Talk:
    return Talk(choose=lambda upstream, sni: lenient())


VERSION = pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])


@VERSION
@pytest.mark.parametrize("code", [42, 48, 80])
def test_a_late_alert_is_heard(version: str, code: int) -> None:
    talk = unspoken()
    AlertingSide(talk.client, version).alerts(code)
    assert talk.verdict[:2] == ("reject", "sure")
    assert talk.session.verdict is not None
    assert talk.session.verdict.alert == code


@VERSION
def test_an_early_alert_is_heard(version: str) -> None:
    talk = unspoken()
    talk.client.says(hello(version))
    talk.client.says(alert(48))
    assert talk.verdict == ("reject", "sure", "unknown-issuer")
    talk.client.leaves()
    assert talk.session.over


def test_a_warning_ends_nothing() -> None:
    talk = unspoken()
    client = AlertingSide(talk.client, "TLSv1_2")
    client.alerts(42, level=1)
    client.says(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)


@VERSION
def test_who_ends_tls_in_order_is_answered(version: str) -> None:
    talk = unspoken()
    client = talk.secure(blind(version))
    client.says(b"a LOGOUT\r\n")
    client.leaves()
    talk.server.leaves()
    talk.settle()
    assert client.end == "close_notify"
    assert talk.session.over


@VERSION
def test_long_words_pass_in_both_directions(version: str) -> None:
    talk = unspoken()
    client = talk.secure(blind(version))
    line = b"a X" + b"x" * 40_000 + b"\r\n"
    client.says(line)
    talk.server.says(line * 2)
    talk.settle()
    assert talk.server.hears() == line
    assert client.hears() == line * 2


def test_a_name_that_is_none_is_no_reason_to_fail() -> None:
    talk = unspoken()
    client = talk.secure(blind(), name="under_score.test")
    assert client.up


def test_octets_that_are_no_tls_are_no_verdict() -> None:
    talk = unspoken()
    talk.client.says(hello("TLSv1_2"))
    talk.client.says(b"QUIT\r\n" * 10)
    assert talk.verdict == ("none", "sure", None)


def test_the_cipher_names_are_openssls() -> None:
    names = ask_names()
    known = {name: number for name, number in names.items() if _knows(name)}
    assert len(known) >= 50
    assert {name: suites((name,)) for name in known} == {
        name: frozenset({number}) for name, number in known.items()
    }


def ask_names() -> dict[str, int]:
    """Every cipher suite with a certificate, as ``openssl ciphers -V`` numbers it."""
    said = subprocess.run(
        [need("openssl"), "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True, text=True, check=True, timeout=10,
    ).stdout  # fmt: skip
    rows = re.findall(r"0x(..),0x(..) - (\S+)\s+\S+\s+Kx=(\S+)\s+Au=(\S+)", said)
    return {name: int(high + low, 16) for high, low, name, _, au in rows if au in AUTHENTICATED}


AUTHENTICATED = {"RSA", "ECDSA", "DSS"}


def _knows(name: str) -> bool:
    try:
        suites((name,))
    except UnpresentableError:
        return False
    return True
