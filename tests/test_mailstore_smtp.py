"""SMTP submission, with Python's smtplib and by hand."""

import base64
import smtplib
import socket
import time
from collections.abc import Iterator

import pytest
from aiosmtpd.smtp import SMTP

from mitmail.mailstore import smtp as smtp_module
from test_mailstore_server import PASSWORD, USER, Served, running

MAIL = b"From: a@b.test\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.fixture
def served() -> Iterator[Served]:
    with running() as served:
        yield served


class Dialogue:
    """SMTP by hand: what is said, octet for octet, and the code that answers."""

    def __init__(self, served: Served, *, login: bool = True) -> None:
        self._socket = served.raw("smtp")
        self._file = self._socket.makefile("rb")
        assert self.answer() == 220
        assert self.say(b"EHLO bench.test") == 250
        if login:
            assert self.say(b"AUTH PLAIN " + token(PASSWORD)) == 235

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def answer(self) -> int:
        while (line := self._file.readline())[3:4] == b"-":
            pass
        return int(line[:3] or 0)

    def write(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def say(self, line: bytes) -> int:
        self.write(line + b"\r\n")
        return self.answer()

    def send(self, content: bytes, *recipients: bytes) -> int:
        assert self.say(b"MAIL FROM:<a@b.test>") == 250
        for recipient in recipients:
            assert self.say(b"RCPT TO:<" + recipient + b">") == 250
        assert self.say(b"DATA") == 354
        self._socket.sendall(content)
        return self.answer()


def token(password: str, user: str = USER) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


def inbox(served: Served) -> list[bytes]:
    return served.call(lambda: [m.octets for m in served.store.inbox.messages.values()])


def test_it_offers_authentication_and_no_starttls(served: Served) -> None:
    with smtplib.SMTP("127.0.0.1", served.ports["smtp"], "bench.test", timeout=9) as client:
        assert client.ehlo()[1].startswith(b"mail.customer.test\n")
        assert client.esmtp_features["auth"].split() == ["LOGIN", "PLAIN"]
        assert int(client.esmtp_features["size"]) == 64 * 1024 * 1024
        assert not client.has_extn("starttls")


@pytest.mark.parametrize("command", [b"MAIL FROM:<a@b.test>", b"VRFY a@b.test"])
def test_authentication_is_required(served: Served, command: bytes) -> None:
    with Dialogue(served, login=False) as client:
        assert client.say(command) == 530
        assert client.say(b"RCPT TO:<a@b.test>") == 530
        assert client.say(b"DATA") == 530


@pytest.mark.parametrize("mechanism", [b"PLAIN", b"plain"])
def test_plain_with_and_without_initial_response(served: Served, mechanism: bytes) -> None:
    for lines in ((b" " + token(PASSWORD),), (b"", token(PASSWORD))):
        with Dialogue(served, login=False) as client:
            codes = [client.say(b"AUTH " + mechanism + lines[0]), *map(client.say, lines[1:])]
            assert codes == [334] * (len(lines) - 1) + [235]


def test_login_with_and_without_initial_response(served: Served) -> None:
    user, password = (base64.b64encode(text.encode()) for text in (USER, PASSWORD))
    with Dialogue(served, login=False) as client:
        assert [*map(client.say, (b"AUTH LOGIN", user, password))] == [334, 334, 235]
    with Dialogue(served, login=False) as client:
        assert [*map(client.say, (b"AUTH LOGIN " + user, password))] == [334, 235]


def test_a_wrong_password_is_refused_at_once_and_the_third_ends_the_session(
    served: Served,
) -> None:
    with Dialogue(served, login=False) as client:
        begin = time.monotonic()
        assert client.say(b"AUTH PLAIN " + token("wrong")) == 535
        assert client.say(b"AUTH PLAIN " + token(PASSWORD, "other@customer.test")) == 535
        assert time.monotonic() - begin < 1
        assert client.say(b"NOOP") == 250
        assert client.say(b"AUTH PLAIN " + token("wrong")) == 535
        assert client.answer() == 421
        assert client.answer() == 0, "the connection ends"


def test_the_right_password_after_a_wrong_one_opens_the_session(served: Served) -> None:
    with Dialogue(served, login=False) as client:
        assert client.say(b"AUTH PLAIN " + token("wrong")) == 535
        assert client.say(b"AUTH PLAIN " + token(PASSWORD)) == 235
        assert client.say(b"MAIL FROM:<>") == 250


@pytest.mark.parametrize(
    "parameters", [b"AUTH=<>", b"auth=qa+2Bx@customer.test", b"SIZE=9 AUTH=<>", b"AUTH=<> SIZE=9"]
)
def test_a_relay_may_say_who_vouches_for_the_sender(served: Served, parameters: bytes) -> None:
    """RFC 4954 section 5: a server that offers AUTH takes the parameter. Dovecot sends it."""
    with Dialogue(served) as client:
        assert client.say(b"MAIL FROM:<a@b.test> " + parameters) == 250


def test_mail_for_the_user_and_the_users_domain_goes_to_inbox_the_rest_to_sent(
    served: Served,
) -> None:
    with Dialogue(served) as client:
        assert client.send(MAIL + b".\r\n", b"QA@Customer.test") == 250
        assert client.send(MAIL + b".\r\n", b"sales@customer.test", b"x@y.test") == 250
        assert client.send(MAIL + b".\r\n", b"x@y.test", b"qa@sub.customer.test") == 250
    assert inbox(served) == [MAIL, MAIL]
    sent = served.call(lambda: [(mail.recipients, mail.octets) for mail in served.store.sent])
    assert sent == [(("x@y.test",), MAIL), (("x@y.test", "qa@sub.customer.test"), MAIL)]
    assert served.call(lambda: served.store.sent[0].sender) == "a@b.test"


ODD = {
    "dots": b"S: x\r\n\r\n.\r\n..\r\n.a\r\n...\r\n",
    "empty body": b"S: x\r\n\r\n",
    "nothing": b"",
    "8 bit": b"S: x\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
    "NUL": b"S: x\r\n\r\na\0b\r\n",
    "bare CR and LF": b"S: x\r\n\r\na\rb\nc\n.\nd\r.\r\n",
    "998 octets after a dot": b"S: x\r\n\r\n." + b"y" * 997 + b"\r\n",
    "a line longer than any limit": b"S: x\r\n\r\n" + b"z" * 100_000 + b"\r\n.\r\n",
    "dots at the chunk size": b"S: x\r\n\r\n" + b"." * 12_288 + b"\r\n" + b"." * 12_287 + b"\r\n",
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_data_is_kept_octet_for_octet(served: Served, content: bytes) -> None:
    stuffed = b"".join(
        b"." + line if line.startswith(b".") else line
        for line in (part + b"\r\n" for part in content.split(b"\r\n")[:-1])
    )
    with Dialogue(served) as client:
        assert client.send(stuffed + b".\r\n", b"qa@customer.test") == 250
        assert client.say(b"NOOP") == 250
    assert inbox(served) == [content]


def test_only_crlf_dot_crlf_ends_the_data(served: Served) -> None:
    smuggled = b"S: x\r\n\r\na\n.\r\nMAIL FROM:<evil@b.test>\n.\nb\r.\rc\r\n"
    with Dialogue(served) as client:
        assert client.send(smuggled + b".\r\n", b"qa@customer.test") == 250
        assert client.say(b"NOOP") == 250
    assert inbox(served) == [smuggled]


def test_a_dot_at_the_end_of_a_long_line_ends_nothing(served: Served) -> None:
    with Dialogue(served) as client:
        for line in (b"MAIL FROM:<a@b.test>", b"RCPT TO:<qa@customer.test>", b"DATA"):
            client.say(line)
        client.write(b"x" * 20_000 + b".")
        for _ in range(20):  # loop turns in which the server takes the long line's beginning
            served.call(lambda: None)
        assert client.say(b"\r\nlast\r\n.") == 250
    assert inbox(served) == [b"x" * 20_000 + b".\r\nlast\r\n"]


def test_five_megabytes_arrive_as_they_were_sent(served: Served) -> None:
    mail = b"Subject: big\r\n\r\n" + (b"x" * 76 + b"\r\n") * 64_000
    with served.smtp() as client:
        assert client.sendmail("a@b.test", [USER], mail) == {}
    assert inbox(served) == [mail]


def test_a_mail_beyond_the_limit_is_refused_with_552(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_module, "MESSAGE_OCTETS", 1000)
    with Dialogue(served) as client:
        assert client.say(b"MAIL FROM:<a@b.test> SIZE=1001") == 552
        assert client.send(b"x" * 998 + b"\r\n.\r\n", b"qa@customer.test") == 250
        assert client.send(b"x" * 999 + b"\r\n.\r\n", b"qa@customer.test") == 552
        assert client.send(b"x\r\n" * 5000 + b".\r\n", b"x@y.test") == 552
        assert client.say(b"QUIT") == 221
    assert list(map(len, inbox(served))) == [1000]


def test_a_full_mailbox_refuses_with_552(served: Served) -> None:
    def fill() -> None:
        for _ in range(10_000):
            served.store.deliver(b"x")

    served.call(fill)
    with Dialogue(served) as client:
        assert client.send(MAIL + b".\r\n", b"qa@customer.test") == 552
        assert client.send(MAIL + b".\r\n", b"x@y.test") == 250


def test_more_than_a_hundred_recipients_are_refused(served: Served) -> None:
    with Dialogue(served) as client:
        assert client.say(b"MAIL FROM:<a@b.test>") == 250
        codes = [client.say(b"RCPT TO:<x%d@y.test>" % n) for n in range(101)]
    assert codes == [250] * 100 + [452]


def test_one_session_leaves_the_limits_of_another_alone(served: Served) -> None:
    """aiosmtpd's own table of limits belongs to its class, and each new connection clears it."""
    long = b"MAIL FROM:<" + b"a" * 600 + b"@b.test>"
    of_all = dict(SMTP.command_size_limits)
    with Dialogue(served) as first, Dialogue(served):
        assert first.say(long) == 250
    assert of_all == SMTP.command_size_limits


@pytest.mark.parametrize("command", [b"MAIL FROM:<", b'MAIL FROM:<"', b"MAIL FROM:<a@[>"])
def test_garbage_addresses_are_syntax_errors(served: Served, command: bytes) -> None:
    with Dialogue(served) as client:
        assert 500 <= client.say(command) < 560
        assert client.say(b"NOOP") == 250


def test_it_asks_no_name_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*arguments: object) -> str:
        raise AssertionError(arguments)

    for lookup in ("getfqdn", "gethostbyaddr", "gethostname"):
        monkeypatch.setattr(socket, lookup, asked)
    with Dialogue(served) as client:
        assert client.send(MAIL + b".\r\n", b"x@y.test") == 250
