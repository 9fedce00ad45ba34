"""What is written into a message, and that nothing else of it changes."""

import email
import email.policy
from difflib import SequenceMatcher
from email.message import EmailMessage

import pytest

from letters import CLEAN, FOOTER, INFECTED, MARKS, attached, letter
from mitmail.message.edit import Edit, edited
from mitmail.message.part import parse
from mitmail.message.threat import EICAR, find

HEADERS = Edit(headers=MARKS)
FOOTED = Edit(footer=FOOTER)


def edit(octets: bytes, what: Edit) -> bytes:
    return edited(octets, parse(octets), what)


def read(octets: bytes) -> EmailMessage:
    """The message as the standard library reads it."""
    found = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text(octets: bytes, kind: str = "plain") -> str:
    found = read(octets).get_body((kind,))
    assert found is not None
    content = found.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def removed(before: bytes, after: bytes) -> bytes:
    """The octets of ``before`` that are not in ``after`` any more, in their order."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return b"".join(before[a:b] for tag, a, b, _, _ in matcher.get_opcodes() if tag != "equal")


def test_an_edit_of_nothing_changes_nothing() -> None:
    assert edit(CLEAN, Edit()) is CLEAN


def test_headers_come_last_in_the_header_block() -> None:
    head, body = CLEAN.split(b"\r\n\r\n", 1)
    lines = "\r\n".join(MARKS).encode()
    assert edit(CLEAN, HEADERS) == head + b"\r\n" + lines + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("octets", "start"),
    [
        (b"", b"X-Antivirus:"),
        (b"\r\nbody", b"X-Antivirus:"),
        (b"A: b", b"A: b\r\nX-Antivirus:"),
        (b"A: b\r\n", b"A: b\r\nX-Antivirus:"),
        (b"A: b\n\nbody\n", b"A: b\nX-Antivirus:"),
        (b"A: b\r\n\nbody", b"A: b\r\nX-Antivirus:"),
    ],
)
def test_headers_find_their_place_in_any_octets(octets: bytes, start: bytes) -> None:
    after = edit(octets, HEADERS)
    assert after.startswith(start)
    assert after.endswith(octets[octets.find(b"\n", 3) + 1 :] if b"\n\n" in octets else b"")
    assert removed(octets, after) == b""


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"Subject: hello", "***VIRUS*** hello"),
        (b"subject:hello", "***VIRUS*** hello"),
        (b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=", "***VIRUS*** gr\xfc\xdfe"),
        (b"Subject:\r\n folded", "***VIRUS*** folded"),
        (b"Subject: " + b"x" * 2000, "***VIRUS*** " + "x" * 2000),
        (b"Subject:", "***VIRUS***"),
    ],
)
def test_a_subject_gets_its_prefix(field: bytes, expected: str) -> None:
    before = b"From: a@b.test\r\n" + field + b"\r\nTo: c@d.test\r\n\r\nbody\r\n"
    after = edit(before, Edit(subject="***VIRUS***"))
    assert str(read(after)["Subject"]).strip() == expected
    assert removed(before, after) == b""
    assert max(map(len, after.split(b"\r\n"))) <= max(998, len(field))


def test_without_a_subject_there_is_one_then() -> None:
    after = edit(b"From: a@b.test\r\n\r\nbody\r\n", Edit(subject="[S\xfc\xdf]"))
    assert read(after)["Subject"] == "[S\xfc\xdf]"


def message(subtype: str, encoding: str, charset: str, words: str) -> bytes:
    made = EmailMessage()
    made["Subject"] = "x"
    made.set_content(words, subtype=subtype, charset=charset, cte=encoding)
    return bytes(made).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("words", ["one\ntwo\n", "no end", "", "x" * 500 + "\n", "a=\n"])
@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_footer_comes_below_the_text_in_any_encoding(
    encoding: str, words: str, subtype: str
) -> None:
    before = message(subtype, encoding, "utf-8", words)
    after = text(edit(before, FOOTED), subtype)
    footer = FOOTER if subtype == "plain" else "<hr>\n<p>---<br>\nChecked by Test</p>"
    said = text(before, subtype)
    assert after.rstrip("\n") == (said + footer).rstrip("\n")


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
def test_a_footer_in_html_comes_before_the_body_ends(encoding: str) -> None:
    page = "<html><BODY><p>h\xe4llo, " + "long " * 60 + "</p>\n</BODY>\n</html>\n"
    after = text(edit(message("html", encoding, "utf-8", page), FOOTED), "html")
    assert after == page.replace("</BODY>", "<hr>\n<p>---<br>\nChecked by Test</p>\n</BODY>")


@pytest.mark.parametrize("octets", [b"", b"From: a@b.test\r\n", b"From: a@b.test"])
def test_a_header_alone_gets_no_footer(octets: bytes) -> None:
    assert edit(octets, FOOTED) == octets


@pytest.mark.parametrize("end", [b"=", b"=\r\n", b"=\n"])
def test_a_footer_does_not_continue_a_soft_line(end: bytes) -> None:
    mail = letter(b"text" + end, b"Content-Transfer-Encoding: quoted-printable")
    assert text(edit(mail, FOOTED)) == f"text\n{FOOTER}\n"


def test_a_footer_speaks_the_character_set_of_the_text() -> None:
    before = message("plain", "8bit", "iso-8859-1", "gr\xfc\xdfe\n")
    assert text(edit(before, Edit(footer="gepr\xfcft"))) == "gr\xfc\xdfe\ngepr\xfcft\n"


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le"])
def test_a_text_of_other_units_than_octets_gets_no_footer(charset: str) -> None:
    before = message("plain", "base64", charset, "hello\n")
    assert edit(before, FOOTED) == before


def alternative() -> bytes:
    made = EmailMessage()
    made["Subject"] = "x"
    made.set_content("plain text\n")
    made.add_alternative("<p>html</p>\n", subtype="html")
    made.add_attachment("attached\n", filename="a.txt")
    return bytes(made).replace(b"\n", b"\r\n")


def test_plain_and_html_get_the_footer_and_attachments_do_not() -> None:
    before = alternative()
    after = edit(before, FOOTED)
    assert FOOTER.encode().replace(b"\n", b"\r\n") in after
    assert text(after).endswith("---\nChecked by Test")
    assert text(after, "html").rstrip().endswith("Checked by Test</p>")
    attachment = next(read(after).iter_attachments())
    assert attachment.get_content().strip() == "attached"
    assert removed(before, after) == b""


SIGNED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s;\r\n"
    b" protocol=application/pgp-signature\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\n"
    b"signed text\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nXX\r\n--s--\r\n"
)
OPAQUE = (
    b"MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
)
INLINE = letter(b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n")


@pytest.mark.parametrize("octets", [SIGNED, INLINE])
def test_a_signature_is_broken_unless_it_is_spared(octets: bytes) -> None:
    assert b"Checked by" in edit(octets, FOOTED)
    assert edit(octets, Edit(footer=FOOTER, spare_signed=True)) == octets


def test_an_opaque_signature_has_no_text() -> None:
    assert edit(OPAQUE, FOOTED) == OPAQUE


def replaced(octets: bytes, *, whole: bool = False) -> bytes:
    tree = parse(octets)
    threat = find(octets, tree)
    assert threat is not None
    parts = (tree,) if whole else threat.parts
    return edited(octets, tree, Edit(instead_of=parts, notice="Removed: infected.\nSorry."))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", INFECTED)
def test_what_is_infected_makes_way_for_a_notice(kind: str, whole: bool) -> None:
    after = replaced(INFECTED[kind](), whole=whole)
    assert find(after, parse(after)) is None
    parts = [each for each in read(after).walk() if not each.is_multipart()]
    assert not any(each.defects for each in read(after).walk())
    said = [each.get_content() for each in parts]
    assert "Removed: infected.\nSorry." in "\n".join(said).replace("\r\n", "\n")
    assert read(after)["From"] == "a@customer.test"
    if not whole and len(parts) > 1:
        assert said[0].strip() == "This is the text."


def test_each_infected_part_is_replaced() -> None:
    mail = EmailMessage()
    mail["From"] = "a@customer.test"
    mail.set_content("This is the text.\n")
    for name in ("first", "clean", "last"):
        content = b"nothing" if name == "clean" else EICAR
        mail.add_attachment(content, "application", "octet-stream", filename=name)
    after = replaced(bytes(mail).replace(b"\n", b"\r\n"))
    assert find(after, parse(after)) is None
    text, first, clean, last = read(after).iter_parts()
    assert text.get_content().strip() == "This is the text."
    assert clean.get_content() == b"nothing"
    for each in (first, last):
        assert "Removed: infected." in each.get_content()


def test_only_the_infected_part_is_replaced() -> None:
    before = attached(EICAR)
    after = replaced(before)
    tree = parse(before)
    at = tree.children[1].header.start
    assert after.startswith(before[:at])
    assert after.endswith(before[tree.children[1].body.end :])
