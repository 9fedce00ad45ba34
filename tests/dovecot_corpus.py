"""The messages that the mailstore and Dovecot are both asked about."""

from datetime import UTC, datetime

from mitmail.mailstore.seed import seed
from test_mailstore_server import USER


def crlf(text: str) -> bytes:
    """Text as mail has it on the wire."""
    return text.replace("\n", "\r\n").encode()


SEED_NAMES = ("plain", "utf-8", "alternative", "attachment", "edges")
HEADERS = {
    "short": b"From: Bob <bob@example.test>\r\nSubject: plain\r\nDate: Tue, 1 Jan 2030 10:00:00 Z",
    "quoted names": b'From: "Doe, Jane \\"JD\\"" <jane@example.test>\r\n'
    b'To: a@b.test, "x y" <c@d.test>',
    "empty group": b"From: carol@example.test (Carol C.)\r\n"
    b"To: undisclosed-recipients:;\r\nSubject:",
    "encoded words": b"From: =?UTF-8?Q?J=C3=BCrgen?= <j@b.test>\r\n"
    b"Subject: =?utf-8?B?R3LDvMOfZQ==?= an\r\n alle",
    "group": b"From: a@b.test\r\nSender: s@b.test\r\nReply-To: r@b.test\r\n"
    b"To: team: x@y.test, z@y.test;, q@y.test",
    "fields twice": b"from: a@b.test\r\nTO: b@b.test\r\nto: c@b.test\r\nCc: d@b.test\r\n"
    b"BCC: e@b.test\r\nIn-Reply-To: <1@b.test>\r\nMessage-ID: <2@b.test>\r\n"
    b"X-Other: value: with colon",
    "folds": b"Subject: a\r\n\tfolded  \r\n  twice\r\nFrom: A.\r\n B <a.b@c.test>",
    "no sender": b"Subject: no sender at all",
    "route": b'From: "quoted local"@example.test\r\nTo: <@relay.test:u@h.test>\r\n'
    b'Subject: a "quote" \\ b',
    "comment": b"From: Bob (a (nested) comment) Builder <bob@example.test>\r\nSubject: (kept)",
    "sent late": b"Subject: dates\r\nDate: Sat, 31 Dec 2016 23:30:00 -0800",
    "sent early": b"Subject: dates\r\nDate: 1 Jan 17 00:30 +1200 (comment)",
    "no date": b"Subject: no date\r\nDate: yesterday, at tea time",
}
BODIES = {
    "no body": b"Subject: an empty body\r\n\r\n",
    "no header": b"\r\nno header at all\r\n",
    "no line end": b"Subject: no line end\r\n\r\nlast line",
    "8-bit header": b"Subject: Gr\xc3\xbc\xc3\x9fe\r\nX-Latin: \xfc\r\n\r\n8-bit \xfc\r\n",
}
MIME = {
    "nested": """\
Subject: nested
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_1"

preamble words
--=_1
Content-Type: multipart/alternative; boundary="=_12"

--=_12
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus der=
 Ferne
--=_12
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGI+aGVsbG88L2I+
--=_12--
epilogue words
--=_1
Content-Type: message/rfc822
Content-Description: forwarded

From: inner@example.test
Subject: second level
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=inner

--inner
Content-Type: message/rfc822

Subject: third level
Content-Type: text/plain; charset=us-ascii

deepest words
--inner
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename="a.pdf"; size=5
Content-Transfer-Encoding: base64

JVBERi0=
--inner--
end of the inner one
--=_1--
after all
""",
    "digest": """\
Subject: digest
MIME-Version: 1.0
Content-Type: multipart/digest; boundary="d d"

--d d

Subject: first of the digest
From: a@example.test

one
--d d
Content-Type: text/plain

two
--d d--
""",
    "signed": """\
Subject: signed
MIME-Version: 1.0
Content-Type: multipart/signed; micalg=pgp-sha256;
\tprotocol="application/pgp-signature"; boundary="sig"

--sig
Content-Type: text/plain; charset=utf-8; format=flowed
Content-Transfer-Encoding: 8bit

Signed wörds with a blank \n
--sig
Content-Type: application/pgp-signature; name="signature.asc"
Content-Description: OpenPGP digital signature

-----BEGIN PGP SIGNATURE-----

iQ==
-----END PGP SIGNATURE-----

--sig--
""",
    "report": """\
Subject: report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r

It failed.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.test

Final-Recipient: rfc822; nobody@example.test
Action: failed
--r
Content-Type: text/rfc822-headers

Subject: lost
--r--
""",
    "parameters": """\
Subject: parameters
MIME-Version: 1.0
Content-Type: APPLICATION/X-Thing; Name*0*=utf-8''%C3%BC; name*1="b c"; a=b (comment) ; c=""
Content-Disposition: attachment;
 filename*=utf-8''%C3%BC.bin; size=12
Content-ID: <id@example.test>
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Language: en, de
Content-Location: http://example.test/x
Content-Transfer-Encoding: BINARY

octets
""",
    "empty parts": """\
Subject: empty parts
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=e

--e

--e
Content-Type: text/html

--e
Content-Type: multipart/mixed; boundary=none

nothing here
--e
--e

last
--e--
""",
    "no end": """\
Subject: no end
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=n

--n

text that goes on
--nn

prefix
""",
    "no boundary": """\
Subject: no boundary
Content-Type: multipart/mixed

--x

nothing
""",
    "message": """\
Subject: root message
MIME-Version: 1.0
Content-Type: message/rfc822

Subject: only child
Date: Sun, 5 Feb 2017 12:00:00 +0000

child text
""",
    "not MIME": """\
Subject: not MIME
Content-Transfer-Encoding: base64

aGlkZGVu
""",
    "broken type": """\
Subject: broken type
Content-Type: text/plain charset=utf-8

broken
""",
    "multipart inside": """\
Subject: multipart inside
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

--out
Content-Type: message/rfc822

Subject: forwarded
Content-Type: multipart/mixed; boundary=in

--in

text
--in--
--out--
""",
    "headless inside": """\
Subject: headless inside
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=h

--h
Content-Type: message/rfc822

Subject: nothing but a header

--h--
""",
    # Dovecot's FETCH BINARY stops at the first of these two.
    "unknown encoding": """\
Subject: unknown encoding
MIME-Version: 1.0
Content-Transfer-Encoding: x-uuencode

begin 644 words
""",
    "broken base64": """\
Subject: broken base64
MIME-Version: 1.0
Content-Transfer-Encoding: base64

aGVsbG8gd29ybGQ!!
""",
}
MESSAGES = {
    **dict(zip(SEED_NAMES, seed(USER, datetime(2020, 1, 1, 12, tzinfo=UTC)), strict=True)),
    **{name: header + b"\r\n\r\nbody of\r\n.\r\nlines\r\n" for name, header in HEADERS.items()},
    **BODIES,
    **{name: crlf(text) for name, text in MIME.items()},
}
FLAGS = ("", r"\Seen", r"\Deleted", r"\Seen \Flagged", r"\Answered $Forwarded", r"\Draft")
