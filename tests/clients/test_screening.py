"""What real clients get through a shield that screens, before a Dovecot.

What Dovecot itself says of the edited messages, once they lie in a folder of its own, is what the
shield must say of the original ones.
"""

import asyncio
import email
import email.policy
import imaplib
import json
import os
import re
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import isync
from bench import need
from clients import dovecot, parcels
from clients.house import House, Site
from clients.sink import Sink
from letters import CLEAN, INFECTED, attached, letter
from mitmail.judge.program import run
from mitmail.judge.resolution import led
from mitmail.message.threat import EICAR
from mitmail.wire import imap_fetch

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

ALTERNATIVE = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@customer.test>\r\nTo: b@customer.test, c <c@d.test>\r\n"
    b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n folded\r\nMessage-ID: <1@customer.test>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\npreamble\r\n"
    b"--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    b"\r\nGr=C3=BC=C3=9Fe\r\n--in\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nPGh0bWw+PGJvZHk+R3LDvMOfZTwvYm9keT48L2h0bWw+\r\n"
    b"--in--\r\n\r\n--out\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
    b"From: i@n.test\r\n\r\ninner text\r\n--out--\r\nepilogue\r\n"
)
MAILS = {
    "clean": CLEAN, "attached": attached(b"\0\1\2" * 100), "alternative": ALTERNATIVE,
    "long": letter(b"x" * 1500 + b"\r\n"), "no body": letter(b""),
    **{kind: make() for kind, make in INFECTED.items()},
}  # fmt: skip
ITEMS = (
    "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "BODY.PEEK[]", "BODY.PEEK[HEADER]",
    "BODY.PEEK[TEXT]", "BODY.PEEK[]<0.64>", "BODY.PEEK[]<60.64>", "BODY.PEEK[]<99999.10>",
    "BODY.PEEK[HEADER.FIELDS (SUBJECT X-ANTIVIRUS)]", "BODY.PEEK[1]", "BODY.PEEK[1.MIME]",
    "BODY.PEEK[HEADER.FIELDS.NOT (FROM TO)]", "BODY.PEEK[1]<1.5>", "BODY.PEEK[2]", "BODY.PEEK[9]",
    "BODY.PEEK[2.HEADER]", "BODY.PEEK[2.TEXT]", "RFC822.HEADER", "RFC822",
    "RFC822.TEXT", "BODY[]", "BODY[TEXT]<2.9>", "BINARY.PEEK[1]", "BINARY.PEEK[1.2]",
    "BINARY.SIZE[1]", "(UID BODY.PEEK[HEADER.FIELDS (\"To\")] RFC822.SIZE)", "ALL", "FULL", "FAST",
)  # fmt: skip
JARS = ("/usr/share/java/javax.mail.jar", "/usr/share/java/javax.activation.jar")
UNSAID = ("FLAGS", "INTERNALDATE", "UID")
MARKED = b"X-Antivirus: Generic (1.0), Inbound message\r\nX-Antivirus-Status: "


@dataclass
class Bench:
    """A Dovecot with these mails, and a shield before it."""

    house: House
    server: dovecot.Dovecot
    site: Site
    edited: list[bytes] = field(default_factory=list)

    def target(self, endpoint: str) -> Any:
        return parcels.target(self.house, self.site, endpoint)

    def do[T](self, work: Callable[[], T]) -> T:
        """Let a client work while the house serves it."""
        return self.house.run(asyncio.to_thread(work))


@pytest.fixture(scope="module")
def stocked(sink: Sink) -> Iterator[dovecot.Dovecot]:
    with dovecot.running(sink.port, list(MAILS.values())) as server:
        yield server


@pytest.fixture(scope="module")
def bench(house: House, stocked: dovecot.Dovecot) -> Bench:
    """The edited messages are fetched, and put into a folder of Dovecot's."""
    site = parcels.before(house, stocked, parcels.MARKING)
    made = Bench(house, stocked, site)

    def stock() -> None:
        client = parcels.imap(made.target("imaps"))
        made.edited = [
            octets(client.fetch(str(n + 1), "(BODY.PEEK[])")) for n in range(len(MAILS))
        ]
        client.logout()
        straight: Any = parcels.straight(stocked)
        straight.create("edited")
        for mail in made.edited:
            straight.literal = mail  # append() would mend its line ends
            straight._simple_command("APPEND", "edited")
        straight.logout()

    made.do(stock)
    return made


def octets(found: tuple[str, list[Any]]) -> bytes:
    assert found[0] == "OK", found
    assert isinstance(found[1][0][1], bytes)
    return found[1][0][1]


def told(found: tuple[str, list[Any]]) -> dict[bytes, bytes | None]:
    """What a FETCH response says about the message, by item; strings in one form."""
    assert found[0] == "OK", found
    lines = (b"\r\n".join(x) if isinstance(x, tuple) else x for x in found[1] if x)
    items = imap_fetch.response(b"* " + b"".join(lines).replace(b" (", b" FETCH (", 1)).items
    about = {x.label.upper(): imap_fetch.string(y) or y for x, y in items if x.name not in UNSAID}
    return {
        label: said if label[:5] == b"BODY[" else quoted(said) for label, said in about.items()
    }


def quoted(value: bytes) -> bytes:
    """Strings in quotes, though Dovecot writes a subject that was folded as a literal."""
    while literal := re.search(rb"\{(\d+)\}\r\n", value):
        end = literal.end() + int(literal[1])
        value = b'%b"%b"%b' % (value[: literal.start()], value[literal.end() : end], value[end:])
    return value


# Dovecot also undoes the encodings of what is inside a multipart (RFC 3516 says: of the section).
INSIDE = {("alternative", "BINARY.PEEK[1]"), ("alternative", "BINARY.SIZE[1]")}


@pytest.mark.parametrize("number", range(1, len(MAILS) + 1), ids=MAILS)
def test_every_item_is_what_dovecot_says_of_the_edited_message(bench: Bench, number: int) -> None:
    def ask() -> list[tuple[str, Any, Any]]:
        shielded, straight = parcels.imap(bench.target("imaps")), parcels.straight(bench.server)
        straight.select("edited")
        answers = []
        kind = list(MAILS)[number - 1]
        for item in (x for x in ITEMS if (kind, x) not in INSIDE):
            ours, theirs = (told(x.fetch(str(number), item)) for x in (shielded, straight))
            answers.append((item, ours, theirs))
        shielded.logout()
        straight.logout()
        return answers

    for item, ours, theirs in bench.do(ask):
        assert ours == theirs, item


def test_the_edited_messages_parse_and_bear_the_marks(bench: Bench) -> None:
    for kind, mail in zip(MAILS, bench.edited, strict=True):
        head = mail.partition(b"\r\n\r\n")[0] + b"\r\n"
        status = b"Infected" if kind in INFECTED else b"Clean"
        assert head.endswith(MARKED + status + b"\r\n"), kind
        assert (b"***VIRUS***" in head) is (kind in INFECTED)
        assert EICAR not in mail
        read = email.message_from_bytes(mail, policy=email.policy.default)
        assert not any(part.defects for part in read.walk()), kind


def test_sizes_are_those_of_what_is_fetched(bench: Bench) -> None:
    def ask() -> tuple[list[int], list[int], int]:
        client = parcels.imap(bench.target("imaps"))
        sizes: list[Any] = client.fetch("1:*", "RFC822.SIZE")[1]
        said = [int(x.split()[-1].rstrip(b")")) for x in sizes]
        client.logout()
        pop3 = parcels.pop3(bench.target("pop3s"))
        lines = [int(x.split()[1]) for x in pop3.list()[1]]
        total = pop3.stat()[1]
        pop3.quit()
        return said, lines, total

    said, lines, total = bench.do(ask)
    wanted = [len(mail) for mail in bench.edited]
    assert said == wanted
    assert lines == wanted
    assert total == sum(wanted)


def test_pop3_gives_the_same_edited_messages(bench: Bench) -> None:
    def ask() -> list[bytes]:
        client = parcels.pop3(bench.target("pop3s"))
        found = [b"".join(x + b"\r\n" for x in client.retr(n + 1)[1]) for n in range(len(MAILS))]
        client.quit()
        return found

    ours = bench.do(ask)
    for kind, got, wanted in zip(MAILS, ours, bench.edited, strict=True):
        assert got == wanted or got == wanted + b"\r\n", kind


def test_curl_gets_the_edited_message(bench: Bench) -> None:
    where = bench.target("imaps")
    for index, mail in enumerate(bench.edited, 1):
        for scheme, port, path in (
            ("imaps", where.port, f"INBOX;MAILINDEX={index}"),
            ("pop3s", bench.target("pop3s").port, str(index)),
        ):
            ended = bench.house.run(run([
                need("curl"), "-q", "-sS", "--max-time", "15", "--cacert", str(where.roots),
                "--connect-to", f"::{where.host}:{port}", "--user",
                f"{where.user}:{where.password}", f"{scheme}://{where.name}:{port}/{path}",
            ]))  # fmt: skip
            assert ended.code == 0, ended.err
            assert ended.out.removesuffix(b"\r\n") == mail.removesuffix(b"\r\n")


def test_seen_is_set_by_what_sets_it(bench: Bench) -> None:
    def ask() -> list[list[bytes]]:
        client = parcels.imap(bench.target("imaps"))
        answers = []
        client.store("1:2", "-FLAGS", r"(\Seen)")
        for item in ("BODY.PEEK[]", "RFC822.HEADER", "ENVELOPE", "BODY[1]"):
            client.fetch("1", f"({item})")
            answers.append(imaplib.ParseFlags(client.fetch("1", "(FLAGS)")[1][0]))  # type: ignore[arg-type]
        client.logout()
        return [list(x) for x in answers]

    *before, after = bench.do(ask)
    assert not any(b"\\Seen" in flags for flags in before)
    assert b"\\Seen" in after


def test_smtp_marks_clean_mail_and_refuses_infected_mail(bench: Bench, sink: Sink) -> None:
    def send(mail: bytes) -> None:
        client = parcels.smtp(bench.target("smtps"))
        try:
            client.sendmail(dovecot.USER, [dovecot.USER], mail)
        finally:
            client.close()

    sink.mails.clear()
    bench.do(lambda: send(ALTERNATIVE))
    (mail,) = sink.mails
    assert b"X-Antivirus: Generic (1.0), Outbound message\r\n" in mail
    for make in INFECTED.values():
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            bench.do(lambda make=make: send(make()))  # type: ignore[misc]
        assert refusal.value.smtp_code == 554
    assert sink.mails == [mail]


@pytest.mark.long
def test_javamail_gets_the_edited_messages(bench: Bench, tmp_path: Any) -> None:
    where = bench.target("imaps")
    java, javac = need("java"), need("javac")
    for jar in JARS:
        assert Path(jar).exists() or not os.environ.get("CI"), ".ci/run must install libmail-java"
    if not all(Path(jar).exists() for jar in JARS):
        pytest.skip("libmail-java is not installed")
    path = ":".join([*JARS, str(tmp_path)])
    source = Path(__file__).parent / "programs" / "Fetch.java"
    made = bench.house.run(run([javac, "-cp", path, "-d", str(tmp_path), str(source)], seconds=60))
    assert made.code == 0, made.err
    ended = bench.house.run(run([
        java, "-cp", path, "Fetch", where.host, str(where.port), where.user, where.password,
        str(where.roots),
    ], seconds=60))  # fmt: skip
    assert ended.code == 0, ended.err
    read = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["size"] for one in read] == [len(mail) for mail in bench.edited]
    assert [bytes.fromhex(one["mail"]) for one in read] == bench.edited
    for one, mail in zip(read, bench.edited, strict=True):
        message = email.message_from_bytes(mail, policy=email.policy.default)
        assert one["parts"] == max(1, len(list(message.iter_parts())))


def test_mbsync_pulls_the_edited_messages(bench: Bench, tmp_path: Any) -> None:
    where = bench.target("imaps")
    copying = isync.command(
        tmp_path, name=where.name, port=where.port, user=where.user, password=where.password,
        root=where.roots,
    )  # fmt: skip
    ended = bench.house.run(run([need("mbsync"), *copying], extra=led(where, tmp_path)))
    assert ended.code == 0, ended.err
    # mbsync drops each CR, and adds a line of its own.
    files = tmp_path.glob("mail/INBOX/*/*")
    pulled = {re.sub(rb"X-TUID: .*\n", b"", x.read_bytes()) for x in files}
    assert pulled == {x.replace(b"\r", b"") for x in bench.edited}
