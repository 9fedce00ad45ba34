"""The MIME tree: which octets are which part's."""

import random
import time
from email import message_from_bytes

import pytest

from mitmail.message.part import DEPTH, PARTS, Part, parse


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1")


def shape(octets: bytes, part: Part | None = None) -> object:
    """A part's type and body, or its type and the shapes of what is inside."""
    part = part or parse(octets)
    inside = [shape(octets, child) for child in part.inner]
    return part.content.kind.decode(), inside or octets[slice(*part.body)]


NESTED = crlf("""\
Subject: outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_1"

preamble
--=_1

first
--=_1
Content-Type: message/rfc822
Content-Disposition: attachment; filename="old.eml"

Subject: inner
Content-Type: multipart/alternative; boundary="=_12"

--=_12
Content-Type: text/html

<p>
--=_12--
epilogue
--=_1
Content-Type: application/pdf
Content-Transfer-Encoding: base64

AAAA

--=_1--
epilogue
""")


def test_parts_end_before_the_line_end_of_their_boundary() -> None:
    inner = ("multipart/alternative", [("text/html", b"<p>")])
    assert shape(NESTED) == (
        "multipart/mixed",
        [
            ("text/plain", b"first"),
            ("message/rfc822", [inner]),
            ("application/pdf", b"AAAA\r\n"),
        ],
    )
    message = parse(NESTED).children[1]
    assert NESTED[slice(*message.body)].startswith(b"Subject: inner\r\n")
    assert NESTED[slice(*message.body)].endswith(b"--=_12--\r\nepilogue")
    assert NESTED[slice(*message.header)].endswith(b'"old.eml"\r\n\r\n')


def test_walking_meets_every_part_in_order() -> None:
    starts = [part.header.start for part in parse(NESTED).walk()]
    assert starts == sorted(starts)
    assert len(starts) == 6


def test_what_lies_between_spans_is_only_boundaries_preambles_and_epilogues() -> None:
    for part in parse(NESTED).walk():
        assert part.header.end == part.body.start
        for child in part.inner:
            assert part.body.start <= child.header.start
            assert child.body.end <= part.body.end


HEADER = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ("--b\n\none\n--b--\n", [b"one"]),
        ("--b\n\none\n--b", [b"one", b""]),
        ("--b\n\nno end\n", [b"no end\r\n"]),
        ("--b  \n\none\n--b--", [b"one"]),
        ("--bc\n\none\n--b--", [b"one"]),
        ("x--b\n\none\n--b--", []),
        ("--b--\n", []),
        ("", []),
        ("--b\n--b\n\n--b\n\n\n--b--", [b"", b"", b""]),
        ("--b\nX: header only\n--b--", [b""]),
        ("--b\nX: y\n\n--b--", [b""]),
        ("--b\n\none\n--b--\n--b\n\nafter the end\n", [b"one"]),
    ],
)
def test_boundaries(text: str, bodies: list[bytes]) -> None:
    octets = crlf(HEADER + text)
    assert [octets[slice(*child.body)] for child in parse(octets).children] == bodies


def test_bare_line_feeds_are_line_ends_and_bare_carriage_returns_are_not() -> None:
    octets = HEADER.encode() + b"--b\n\none\r--b\n\n--b--"
    assert shape(octets) == ("multipart/mixed", [("text/plain", b"one\r--b\n")])


def test_an_inner_boundary_may_lengthen_the_outer_one_or_be_the_same() -> None:
    for inner in ("bb", "b"):
        nested = (
            f"--b\nContent-Type: multipart/x; boundary={inner}\n\n--{inner}\n\nin\n--{inner}--"
        )
        octets = crlf(f"{HEADER}{nested}\n--b\n\nout\n--b--\n")
        inside = ("multipart/x", [("text/plain", b"in")])
        assert shape(octets) == ("multipart/mixed", [inside, ("text/plain", b"out")])


def test_an_outer_boundary_ends_what_is_open_inside() -> None:
    octets = crlf(
        HEADER + "--b\nContent-Type: multipart/x; boundary=i\n\n--i\n\nin\n--b\n\nout\n--b--\n"
    )
    inside = ("multipart/x", [("text/plain", b"in")])
    assert shape(octets) == ("multipart/mixed", [inside, ("text/plain", b"out")])


def test_in_a_digest_parts_are_messages() -> None:
    octets = crlf(HEADER.replace("mixed", "digest") + "--b\n\nSubject: x\n\nhello\n--b--\n")
    (part,) = parse(octets).children
    assert part.content.kind == b"message/rfc822"
    assert part.message is not None
    assert octets[slice(*part.message.body)] == b"hello"


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"x", b"\r\n\r\n", b"Content-Type: multipart/x"])
def test_any_octets_are_a_message(octets: bytes) -> None:
    root = parse(octets)
    assert (root.header.start, root.body.end) == (0, len(octets))
    assert root.inner == ()


def leaves(octets: bytes) -> list[bytes]:
    parts = [part for part in message_from_bytes(octets).walk() if not part.is_multipart()]
    return [str(part.get_payload()).encode("ascii", "surrogateescape") for part in parts]


def test_the_standard_library_finds_the_same_leaves() -> None:
    def made(chance: random.Random, depth: int) -> str:
        kind = chance.choice(["leaf", "multi", "message"][: 3 if depth < 4 else 1])
        if kind == "message":
            return f"Content-Type: message/rfc822\n\n{made(chance, depth + 1)}"
        if kind == "leaf":
            return f"X: {depth}\n\nline\n{chance.choice(['', '-', '--', '--x'])}\nend"
        name = f"{chance.choice('ab')}{depth}"
        parts = "".join(
            f"\n--{name}\n{made(chance, depth + 1)}" for _ in range(chance.randrange(1, 4))
        )
        return f"Content-Type: multipart/mixed; boundary={name}\n\npreamble{parts}\n--{name}--\n"

    for seed in range(200):
        octets = crlf("MIME-Version: 1.0\n" + made(random.Random(seed), 0))
        ours = [octets[slice(*p.body)] for p in parse(octets).walk() if not p.inner]
        assert ours == leaves(octets), octets


def test_what_is_nested_too_deep_is_one_opaque_part() -> None:
    def nested(levels: int) -> bytes:
        text = "\nleaf\n"
        for level in range(levels):
            text = f"Content-Type: multipart/x; boundary=b{level}q\n\n--b{level}q\n{text}"
        return crlf(text)

    assert [p.content.kind for p in parse(nested(DEPTH - 1)).walk()][-1] == b"text/plain"
    deepest = list(parse(nested(10 * DEPTH)).walk())
    assert len(deepest) == DEPTH
    assert deepest[-1].content.kind == b"application/octet-stream"
    messages = parse(b"Content-Type: message/rfc822\r\n\r\n" * 10 * DEPTH)
    assert len(list(messages.walk())) == DEPTH


def test_after_so_many_parts_the_rest_is_the_last_one() -> None:
    octets = crlf(HEADER) + b"--b\r\n\r\nx\r\n" * (PARTS + 100)
    assert len(parse(octets).children) == PARTS
    assert parse(octets).children[-1].body.end == len(octets)


@pytest.mark.parametrize(
    "octets",
    [
        crlf(HEADER) + b"--b\n" * 500_000,
        crlf(HEADER) + b"--a\n" * 1_000_000,
        crlf("".join(f"Content-Type: multipart/x; boundary={n}b\n\n--{n}b\n" for n in range(99)))
        + b"--zzz\r\n" * 500_000,
        crlf(HEADER) + b"--b\r\nContent-Type: multipart/x; boundary=zz\r\n\r\n" * 20_000,
        b"Content-Type: multipart/x" + b"; boundary=b" * 100_000 + b"\r\n\r\n",
        b"Content-Type: multipart/x;" + b"(" * 500_000 + b"\r\n\r\n",
        b"Content-Type: multipart/x;" + b'"' * 500_001 + b"\r\n\r\n",
        b"Content-Type: " + b"a" * 1_000_000,
        b"Content-Type: x/y" + b"; n*0=x" * 100_000 + b"\r\n\r\n",
        b"Content-Type: x/y; a" + b" " * 500_000 + b"b\r\n\r\n",
        b"\r\n" * 1_000_000,
        b"a:\r\n " * 300_000,
    ],
    ids=range(12),
)
def test_hostile_octets_are_read_soon(octets: bytes) -> None:
    begin = time.process_time()
    parse(octets)
    assert time.process_time() - begin < 3
