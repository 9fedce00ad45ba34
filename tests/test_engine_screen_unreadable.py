"""A FETCH that the screen cannot read is not let through to a server that perhaps can."""

import pytest

from letters import marking
from talk import Side, TlsSide, legs_up


def opened() -> tuple[Side | TlsSide, Side | TlsSide]:
    _, client, server = legs_up("imap", "plain", "plain", screening=marking())
    client.hears()
    return client, server


@pytest.mark.parametrize(
    "fetch",
    [
        b"1 BODY[01]",  # Dovecot takes this for BODY[1]
        b"1 (FLAGS BODY.PEEK[1.02.TEXT])", b"1 (UID BODY[] ", b"1 BODY[]]", b"1", b"x BODY[]",
        b"1 BODY[HEADER.FIELDS ()]", b"1 RFC822.PEEK", b"1 RFC822.TEXT.PEEK",
        b"1 (RFC822.HEADER.LINES (Subject))", b"1 BINARY.PEEK", b"1 BODY[NEWS]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", [b"FETCH", b"UID FETCH"])
def test_what_cannot_be_read_is_answered_bad(verb: bytes, fetch: bytes) -> None:
    client, server = opened()
    client.says(b"a " + verb + b" " + fetch + b"\r\nb NOOP\r\n")
    assert server.hears() == b"b NOOP\r\n"
    assert client.hears() == b"a BAD This FETCH cannot be read here\r\n"


def test_a_literal_of_it_is_heard_to_its_end() -> None:
    client, server = opened()
    client.says(b"a FETCH 1 BODY[01.HEADER.FIELDS ({7}\r\n")
    assert client.hears() == b"+ go on\r\n"
    client.says(b"Subject)]\r\nb NOOP\r\n")
    assert server.hears() == b"b NOOP\r\n"
    assert client.hears().startswith(b"a BAD")


@pytest.mark.parametrize(
    "items", [b"FLAGS", b"(UID FLAGS INTERNALDATE MODSEQ)", b"(EMAILID X-GM-LABELS SAVEDATE)"]
)
def test_what_asks_for_no_content_is_the_servers(items: bytes) -> None:
    client, server = opened()
    client.says(b"a FETCH 1 " + items + b"\r\n")
    assert server.hears() == b"a FETCH 1 " + items + b"\r\n"
