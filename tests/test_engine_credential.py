"""A password that a server echoes is shown as little as the one that the client sent."""

from base64 import b64encode

import pytest

from mitmail.engine.action import Said
from mitmail.engine.spec import MailProtocol
from talk import GREETING, PROTOCOLS, Talk, trusting

SECRET = b"correct-horse"
PLAIN = b64encode(b"\0qa\0" + SECRET)

GIVEN: dict[MailProtocol, list[bytes]] = {
    "imap": [
        b'a LOGIN qa "correct-horse"\r\n',
        b"a AUTHENTICATE PLAIN " + PLAIN + b"\r\n",
        b"a LOGIN qa {13+}\r\ncorrect-horse\r\n",
    ],
    "pop3": [b"PASS correct-horse\r\n", b"AUTH PLAIN " + PLAIN + b"\r\n"],
    "smtp": [b"AUTH PLAIN " + PLAIN + b"\r\n", b"auth plain " + PLAIN + b"\r\n"],
}
# What a client sent in clear cannot come back in base64.
CASES = [
    (protocol, given, echo)
    for protocol, all_given in GIVEN.items()
    for given in all_given
    for echo in (SECRET, PLAIN)
    if echo == SECRET or PLAIN in given
]


def shown(talk: Talk, who: str) -> bytes:
    return b"".join(x.shown for x in talk.actions if isinstance(x, Said) and x.who == who)


@pytest.mark.parametrize(("protocol", "given", "echo"), CASES)
def test_an_echo_is_hidden_and_relayed_as_it_is(
    protocol: MailProtocol, given: bytes, echo: bytes
) -> None:
    talk = Talk(protocol)
    client = talk.secure(trusting())
    talk.server.says(GREETING[protocol])
    client.says(given)
    refusal = {"imap": b"a NO no ", "pop3": b"-ERR no ", "smtp": b"535 no "}[protocol]
    talk.server.says(refusal + echo + b" here\r\n")

    assert b"*** here" in shown(talk, "server")
    assert SECRET not in shown(talk, "server") + shown(talk, "client")
    assert PLAIN not in shown(talk, "server") + shown(talk, "client")
    talk.settle()
    assert echo in client.hears()


@PROTOCOLS
def test_ordinary_words_stay(protocol: MailProtocol) -> None:
    talk = Talk(protocol)
    client = talk.secure(trusting())
    talk.server.says(GREETING[protocol])
    client.says(
        {"imap": b"a LOGIN qa x\r\n", "pop3": b"PASS x\r\n", "smtp": b"EHLO x\r\n"}[protocol]
    )
    said = {"imap": b"a OK LOGIN done\r\n", "pop3": b"+OK PASS done\r\n", "smtp": b"250 x\r\n"}
    talk.server.says(said[protocol])

    assert said[protocol] in shown(talk, "server")
