"""A gigabyte of mails that are scanned and edited, each of them whole: memory stays bounded."""

import imaplib
import os
import shutil
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from clients import dovecot
from memory import resident
from serve.serving import LOOPBACK, ForProgram

pytestmark = [pytest.mark.long, pytest.mark.alone]

MEGABYTE = 1 << 20
LINE = b"x" * 76 + b"\r\n"
MAIL = b"Subject: large\r\n\r\n" + LINE * (8 * MEGABYTE // len(LINE))
MAILS = 130
# 20 MiB of edited mails are kept; of the one at hand there are up to a dozen copies on its way.
GROWTH = 128 * MEGABYTE


def test_a_gigabyte_is_scanned_within_the_limit(tmp_path: Path) -> None:
    assert len(MAIL) * MAILS > 1 << 30 > 7 * GROWTH
    with dovecot.running(9) as server:
        inbox = server.inbox
        mine = next(inbox.iterdir()).stat()
        first = inbox / "00002.mail"
        first.write_bytes(MAIL.replace(b"\r\n", b"\n"))
        shutil.chown(first, mine.st_uid, mine.st_gid)
        for number in range(3, 2 + MAILS):
            os.link(first, inbox / f"{number:05}.mail")
        root = x509.load_der_x509_certificate(server.root)
        (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
        options = ("--antivirus", "generic", "--switch", "marked-in-header", "--upstream",
                   f"imaps={LOOPBACK}:{server.ports['imaps']}", "--upstream-ca",
                   str(tmp_path / "root.pem"))  # fmt: skip
        with ForProgram(tmp_path, *options) as shield:
            client = _client(shield)
            before = resident(shield.pid).now
            for number in range(2, 2 + MAILS):
                _fetch(client, number)
            grown = resident(shield.pid).peak - before
            client.logout()
    print(f"grown by {grown / MEGABYTE:.1f} MB")
    assert grown < GROWTH


def _client(shield: ForProgram) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=shield.ready["antivirus_root_file"])
    context.check_hostname = False
    place = shield.places["imaps"]
    client = imaplib.IMAP4_SSL(place.host, place.port, ssl_context=context, timeout=60)
    client.login(dovecot.USER, dovecot.PASSWORD)
    client.select("INBOX")
    return client


def _fetch(client: imaplib.IMAP4_SSL, number: int) -> None:
    found = client.fetch(str(number), "(BODY.PEEK[])")[1][0]
    assert found is not None
    mail = bytes(found[1])
    assert mail.startswith(b"Subject: large\r\nX-Antivirus: Generic (")
    assert mail.endswith(b"\r\n\r\n" + LINE * (len(MAIL) // len(LINE)))
