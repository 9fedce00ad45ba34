"""What the mailstore and Dovecot are both asked, and where they may answer differently."""

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

FETCHES = tuple(
    f"UID FETCH 1:* {item}"
    for item in (
        *("BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "RFC822.HEADER", "RFC822.SIZE"),
        *("BODY.PEEK[]<0.20>", "BODY.PEEK[]<10.7>", "BODY.PEEK[TEXT]<3.100>"),
        *("BODY.PEEK[]<99999.5>", "BODY.PEEK[HEADER]<5.9>", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"),
        *("BODY.PEEK[HEADER.FIELDS (from TO x-other)]", "BODY.PEEK[HEADER.FIELDS (ABSENT)]"),
        *("BODY.PEEK[HEADER.FIELDS.NOT (Subject Date)]", "BODY.PEEK[HEADER.FIELDS (TO)]<2.6>"),
        *("BODY", "BODYSTRUCTURE", "ENVELOPE", "FAST", "ALL", "FULL", "FLAGS", "INTERNALDATE"),
        *("(UID FLAGS RFC822.SIZE)", "(BODYSTRUCTURE ENVELOPE BODY.PEEK[1])"),
        *("BODY.PEEK[1]", "BODY.PEEK[1.MIME]", "BODY.PEEK[1]<2.9>", "BODY.PEEK[1.1]"),
        *("BODY.PEEK[1.1.MIME]", "BODY.PEEK[1.2]", "BODY.PEEK[1.HEADER]", "BODY.PEEK[1.TEXT]"),
        *("BODY.PEEK[2]", "BODY.PEEK[2.MIME]", "BODY.PEEK[2.HEADER]", "BODY.PEEK[2.TEXT]"),
        *("BODY.PEEK[2.HEADER.FIELDS (SUBJECT)]", "BODY.PEEK[2.HEADER.FIELDS.NOT (SUBJECT)]"),
        *("BODY.PEEK[2.1]", "BODY.PEEK[2.1.MIME]", "BODY.PEEK[2.1.HEADER]", "BODY.PEEK[2.1.TEXT]"),
        *("BODY.PEEK[2.1.1]", "BODY.PEEK[2.1.1.MIME]", "BODY.PEEK[2.2]", "BODY.PEEK[2.2]<1.3>"),
        *("BODY.PEEK[3]", "BODY.PEEK[3.MIME]", "BODY.PEEK[9]", "BODY.PEEK[1.2.3.4.5]"),
        *("BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]", "BINARY.PEEK[1]", "BINARY.SIZE[1]"),
        *("BINARY.PEEK[1]<2.5>", "BINARY.PEEK[2]", "BINARY.PEEK[1.1]", "BINARY.PEEK[1.2]"),
        *("BINARY.PEEK[2.2]", "BINARY.SIZE[2.2]", "BINARY.PEEK[3]"),
    )
)
SEEING = (
    *("BODY[TEXT]", "RFC822", "RFC822.TEXT", "BODY[1]", "BODY[]<0.1>", "BINARY[1]", "BODY.PEEK[]"),
    *("BODY[HEADER.FIELDS (SUBJECT)]", "(BODY[1.MIME] UID)", "BINARY.SIZE[1]", "RFC822.HEADER"),
)
SEARCHES = tuple(
    f"{command} {keys}"
    for command in ("SEARCH", "UID SEARCH")
    for keys in (
        *("ALL", "SEEN", "UNSEEN", "DELETED", "UNDELETED", "FLAGGED UNSEEN", "OR DRAFT ANSWERED"),
        *(
            "NOT SEEN",
            "KEYWORD $forwarded",
            "UNKEYWORD $Forwarded",
            "2:4",
            "*",
            "3:*",
            "UID 2:5,9",
        ),
        *("UID 5:2 SEEN", "(SEEN FLAGGED)", "NOT (SEEN FLAGGED)", "SINCE 3-Jan-2020", "1,3 SEEN"),
        *("BEFORE 3-Jan-2020", "ON 3-Jan-2020", "LARGER 300", "SMALLER 300", "FROM jane"),
        *("TO x@y", 'SUBJECT "PLAIN"', "HEADER X-Other colon", 'HEADER X-Other ""'),
        *('HEADER Absent ""', 'SUBJECT "folded"', 'SUBJECT "folded twice"', "CC archive"),
        *("BCC e@b", "SUBJECT nowhere", "UID 9999", "UID 4000:*", "UNFLAGGED UNDRAFT"),
        *("UNANSWERED", "OR (SEEN DELETED) NOT UID 1:9", "TEXT nested", "BODY nested"),
        *("TEXT hello", "BODY hello", "BODY <b>HELLO</b>", "BODY PGI+", "BODY preamble"),
        *("BODY epilogue", "BODY pdf", "TEXT a.pdf", "BODY deepest", 'TEXT "third level"'),
        *('BODY "third level"', "BODY Reporting-MTA", "BODY failed", "TEXT multipart/signed"),
        *('BODY "der Ferne"', 'TEXT "subject: plain"', "BODY hidden", "TEXT base64"),
        *(
            'BODY "begin 644"',
            "TEXT octets",
            "BODY octets",
            "BODY lines",
            'HEADER Subject "level"',
        ),
        *("SENTON 31-Dec-2016", "SENTON 1-Jan-2017", "SENTSINCE 1-Jan-2017"),
        *("SENTSINCE 1-Jan-2030", "NOT SENTSINCE 1-Jan-2000", "SENTBEFORE 1-Jan-2017"),
        *('HEADER Message-ID "<2@b.test>"', "HEADER Content-Type multipart", "CHARSET UTF-8 SEEN"),
        *(
            "CHARSET US-ASCII SUBJECT plain",
            'SUBJECT ""',
            'TO ""',
            'BODY ""',
            "NEW",
            "OLD UNDELETED",
        ),
    )
)
# Sent as literals: the octets are UTF-8.
SEARCHES_8BIT = tuple(
    f"SEARCH CHARSET UTF-8 {key} {sought}"
    for key, sought in (
        *(("SUBJECT", "grüße"), ("SUBJECT", "GRÜßE"), ("SUBJECT", "GRÜSSE"), ("BODY", "Grüße")),
        *(("BODY", "WÖRDS"), ("TEXT", "gru\N{COMBINING DIAERESIS}ße"), ("FROM", "JÜRGEN")),
        *(("BODY", "münchen"), ("TEXT", "grüsse"), ("BODY", "€ 120")),
    )
)
REFUSED = (
    *("FETCH 999 FLAGS", "FETCH 0 FLAGS", "FETCH 1:999 FLAGS", "FETCH 1 (NONSENSE)", "FETCH 1"),
    *("STORE 1 +FLAGS (\\Recent)", "COPY 1 nowhere", "SELECT nowhere", "STATUS nowhere (UIDNEXT)"),
    *("NONSENSE", "SEARCH NONSENSE", "SEARCH CHARSET x-none ALL", "FETCH 1 BODY[MIME]"),
    *("DELETE INBOX", "RENAME nowhere elsewhere", "CREATE INBOX", "UID NONSENSE 1"),
    *(
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[1.NONSENSE]",
        "FETCH 1 (FULL)",
        "FETCH 1 BODY[HEADER.FIELDS]",
    ),
    *("FETCH 1 BODY.PEEK", "SEARCH BODY", "SEARCH SENTON tomorrow", "MOVE 1 nowhere"),
    *('LIST (RECURSIVEMATCH) "" *', 'LIST "" * RETURN (STATUS)', "STATUS INBOX ()"),
    *("FETCH 1 BINARY[1]<0>x", "UID EXPUNGE", "UID MOVE 1", "SEARCH OR SEEN"),
)
CHANGES = (
    *("CREATE work", "CREATE work/deep", 'LIST "" work*', 'LIST "" %', "SUBSCRIBE work"),
    *("SELECT work", "STORE 1:2 +FLAGS (\\Seen $Label)", "STORE 2 -FLAGS.SILENT (\\Seen)"),
    *("FETCH 1:4 FLAGS", "UID STORE 3,4 FLAGS \\Deleted", "UID EXPUNGE 4", "FETCH 1:* UID"),
    *("UID COPY 1:2 work/deep", "STATUS work/deep (MESSAGES UIDNEXT UNSEEN)", "EXPUNGE"),
    *("STATUS work/deep (SIZE)", 'LIST "" work* RETURN (STATUS (MESSAGES UIDNEXT))'),
    *("SUBSCRIBE work/deep", "UNSUBSCRIBE work", 'LSUB "" work%', 'LSUB "" work*'),
    *('LIST (SUBSCRIBED) "" work*', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" work%'),
    *('LIST "" (work work/deep)', 'LIST "" work RETURN (CHILDREN)', 'LIST work/ %'),
    *('LIST "" "work" RETURN (SUBSCRIBED)', "ENABLE NONSENSE", "NAMESPACE", "NOOP", "CHECK"),
    *("MOVE 1 work/deep", "FETCH 1:* (UID FLAGS)", "STATUS work/deep (MESSAGES)", "CLOSE"),
    *("RENAME work/deep work/deeper", 'LIST "" *', "DELETE work/deeper", "SELECT work"),
    *("STORE 1 +FLAGS.SILENT \\Deleted", "UNSELECT", "EXAMINE work", "STORE 1 FLAGS ()"),
    *("UID EXPUNGE 1:*", "CLOSE", "STATUS work (MESSAGES)", "UID FETCH 1 FLAGS"),
    *("UNSUBSCRIBE work/deep",),
)  # fmt: skip
EVERY = (
    *(*FETCHES, *SEARCHES, *SEARCHES_8BIT, *REFUSED, *dict.fromkeys(CHANGES)),
    *(f"FETCH 1 {item}" for item in SEEING),
)

STRUCTURES = ("BODY", "BODYSTRUCTURE", "FULL", "(BODYSTRUCTURE ENVELOPE BODY.PEEK[1])")
BINARIES = ("BINARY.PEEK[1]", "BINARY.SIZE[1]", "BINARY.PEEK[1]<2.5>")
LEAVES = ("alternative", "attachment", "no end", "report", "signed")

# Items, messages for which the answers differ, and why ours is as it is.
DIFFERENT_FETCHES = (
    (
        (*STRUCTURES, "BODY.PEEK[1]", "BODY.PEEK[1.TEXT]"),
        ("multipart inside",),
        "RFC 2046 section 5.1.1: the line end before a boundary is the boundary's. Dovecot counts "
        "it to an enclosed message that ends with a boundary of its own",
    ),
    (
        (*STRUCTURES, "BODY.PEEK[1]", "BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]"),
        ("headless inside",),
        "the same, where the enclosed message ends with the empty line behind its header",
    ),
    (
        STRUCTURES,
        ("broken type",),
        "RFC 2045 section 5.2: what cannot be read is text/plain. Dovecot says type and subtype "
        "are empty strings",
    ),
    (
        ("BODY.PEEK[1.1]", "BODY.PEEK[1.1.MIME]", "BINARY.PEEK[1.1]"),
        LEAVES,
        "RFC 3501 section 6.4.5: a leaf has no part 1. Dovecot answers with the leaf itself",
    ),
    (("BODY.PEEK[2.1]", "BODY.PEEK[2.1.MIME]"), (*LEAVES, "digest"), "the same"),
    (("BODY.PEEK[2.1.MIME]",), ("empty parts",), "the same"),
    (
        BINARIES,
        ("digest", "headless inside", "message", "multipart inside", "nested"),
        "RFC 3516 section 4.3: BINARY is for leaves. Dovecot undoes the encodings inside",
    ),
    (("BINARY.PEEK[2]",), ("nested",), "the same"),
    (
        BINARIES,
        ("broken base64",),
        "damaged base64 is decoded as far as it goes, as mail programs do. Dovecot gives up",
    ),
)
DIFFERENT = {
    "ENABLE NONSENSE": "RFC 9051 section 6.3.1: ENABLED is said although nothing is. Dovecot: OK",
    "STORE 1 FLAGS ()": "RFC 3501 section 6.3.2: EXAMINE allows no change. Dovecot: OK, no change",
    "UID EXPUNGE 1:*": "the same",
}


def different_messages(command: str) -> set[str]:
    """The messages for which a FETCH may be answered differently."""
    item = command.removeprefix("UID FETCH 1:* ")
    return {name for items, names, _ in DIFFERENT_FETCHES if item in items for name in names}
