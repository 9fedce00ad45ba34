"""DER: what we write others read, what others write we read, and what is not DER is refused."""

import random
import re
import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from bench import need
from mitmail.pki import der


def asn1parse(data: bytes) -> list[tuple[int, int, int, int, str]]:
    """OpenSSL's view of an element: (offset, depth, header length, length, type) for each."""
    command = [need("openssl"), "asn1parse", "-inform", "DER"]
    shown = subprocess.run(command, input=data, capture_output=True, timeout=20, check=True)
    line = re.compile(r" *(\d+):d= *(\d+) +hl= *(\d+) +l= *(\d+) +(?:prim|cons): (.*)")
    matches = [line.fullmatch(text) for text in shown.stdout.decode("latin-1").splitlines()]
    found = [match.groups() for match in matches if match]
    assert len(found) == len(matches)
    return [(int(o), int(d), int(h), int(n), text) for o, d, h, n, text in found]


def random_element(chance: random.Random, depth: int = 0) -> bytes:
    if depth < 5 and chance.random() < 0.5:
        parts = [random_element(chance, depth + 1) for _ in range(chance.randrange(5))]
        makers = (der.sequence, der.set_of, lambda *p: der.context(3, b"".join(p)))
        return chance.choice(makers)(*parts)
    octets = chance.randbytes(chance.choice((0, 1, 5, 126, 127, 128, 129, 255, 256, 300, 70000)))
    makers_of_leaf = (
        lambda: der.integer(int.from_bytes(octets, signed=True)),
        lambda: der.boolean(bool(octets)),
        der.null,
        lambda: der.octet_string(b"\xff" + octets),  # openssl shows DER inside of one as DER
        lambda: der.bit_string(octets + b"\x00", chance.randrange(8)),
        lambda: der.utf8(octets.hex()),
        lambda: der.context(7, octets, constructed=False),
    )
    return chance.choice(makers_of_leaf)()


def our_walk(element: der.Tlv, at: int = 0, depth: int = 0) -> list[tuple[int, int, int, int]]:
    """The same view by our own reader."""
    found = [(at, depth, element.header_length, len(element.content))]
    if element.tag & 0x20:
        inside = at + element.header_length
        for child in der.children(element.content):
            found += our_walk(child, inside, depth + 1)
            inside += len(child.raw)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_openssl_reads_what_we_write_just_as_we_do(seed: int) -> None:
    data = random_element(random.Random(seed))
    assert our_walk(der.read(data)) == [line[:4] for line in asn1parse(data)]


def test_integers_are_cryptographys_to_the_octet() -> None:
    chance = random.Random(1)
    for _ in range(300):
        r, s = (chance.getrandbits(chance.randrange(1, 200)) for _ in "rs")
        ours = der.sequence(der.integer(r), der.integer(s))
        assert ours == encode_dss_signature(r, s)
        assert decode_dss_signature(ours) == (r, s)


@pytest.mark.parametrize("value", [-1, -127, -128, -129, -255, -32768, -32769, -(2**70)])
def test_openssl_reads_our_negative_integers(value: int) -> None:
    ((_, _, _, _, shown),) = asn1parse(der.integer(value))
    assert int(shown.split(":")[1], 16) == value


def test_a_set_is_sorted_as_x690_says() -> None:
    """X.690 11.6 compares the encodings as octet strings."""
    assert der.set_of(b"\x04\x01b", b"\x02\x01\x09", b"\x04\x01a") == bytes.fromhex(
        "3109020109040161040162"
    )


@pytest.mark.parametrize(
    "dotted",
    [
        "2.5.4.3",
        "1.2.840.113549.1.1.11",
        "0.9.2342",
        "1.39.1",
        "2.39.1",
        "2.48.0",
        "2.999.127.128",
    ],
)
def test_object_identifiers_round_trip_through_openssl(dotted: str) -> None:
    config = f"asn1=OID:{dotted}\n"
    command = [need("openssl"), "asn1parse", "-genconf", "/dev/stdin", "-noout", "-out", "-"]
    made = subprocess.run(
        command, input=config.encode(), capture_output=True, timeout=20, check=True
    ).stdout
    assert der.oid(dotted) == made
    assert der.to_oid(der.read(made)) == dotted


@pytest.mark.parametrize("text", ["", "2", "3.1", "1.40", "2.5.", "2.-5.4", "2.5.x", "2.5.\u0665"])
def test_what_is_no_object_identifier_is_not_written(text: str) -> None:
    with pytest.raises(der.DerError):
        der.oid(text)


def test_named_bits_are_cryptographys_key_usage_to_the_octet() -> None:
    for number in range(512):
        bits = [bool(number >> position & 1) for position in range(9)]
        if bits[4] or not (bits[7] or bits[8]):  # cryptography wants keyAgreement with these two
            theirs = x509.KeyUsage(*bits).public_bytes()
            assert der.named_bits(*(i for i, bit in enumerate(bits) if bit)) == theirs


@pytest.mark.parametrize(
    ("moment", "content"),
    [
        (datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x18\x0f19491231235959Z"),
        (datetime(1950, 1, 1, tzinfo=UTC), b"\x17\x0d500101000000Z"),
        (datetime(2049, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x18\x0f99991231235959Z"),
        (datetime(2050, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), b"\x17\x0d491231230000Z"),
    ],
)
def test_times_change_their_form_in_2050(moment: datetime, content: bytes) -> None:
    """RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; both in UTC."""
    assert der.time(moment) == content
    assert der.to_datetime(der.read(content)) == moment.replace(microsecond=0)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        der.time(datetime(2030, 1, 1))


@pytest.mark.parametrize(
    "element",
    [
        b"\x17\x0b3001010000Z",  # no seconds
        b"\x17\x11300101000000+0100",
        b"\x18\x1120300101000000.5Z",
        b"\x17\x0d301301000000Z",
        b"\x17\x0d300101000060Z",
        b"\x18\x0f00000101000000Z",
        b"\x17\x0d3001010000 1Z",
        b"\x17\x00",
        b"\x04\x0d300101000000Z",
    ],
)
def test_other_forms_of_time_are_refused(element: bytes) -> None:
    with pytest.raises(der.DerError):
        der.to_datetime(der.read(element))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x01",
        b"\x30\x80\x00\x00",  # indefinite
        b"\x30\x81\x05\x04\x03abc",  # a length that fits one octet
        b"\x30\x82\x00\x80" + bytes(128),  # a leading zero octet
        b"\x30\x82\x01",
        b"\x30\xff" + bytes(200),
        b"\x30\x84\xff\xff\xff\xffabc",
        b"\x1f\x81\x01\x00",  # tag 129
    ],
)
def test_what_is_not_der_is_refused(data: bytes) -> None:
    with pytest.raises(der.DerError):
        der.read(data)


@pytest.mark.parametrize("content", [b"", b"\x55\x84", b"\x80\x01", b"\xff" * 40 + b"\x01"])
def test_bad_object_identifiers_are_refused(content: bytes) -> None:
    with pytest.raises(der.DerError):
        der.to_oid(der.read(der.tlv(der.OBJECT_IDENTIFIER, content)))


def test_damaged_der_is_refused_or_read_and_never_overrun() -> None:
    chance = random.Random(1)
    read = 0
    for _ in range(300):
        data = bytearray(random_element(chance)[:2000])
        for _ in range(3):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            elements = der.children(bytes(data))
        except der.DerError:
            continue
        read += 1
        assert b"".join(element.raw for element in elements) == bytes(data)
    assert 0 < read < 300
