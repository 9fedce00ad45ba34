"""Five messages that a fresh mailbox starts with."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

PLAIN = """\
From: Petra Lindqvist <petra@hoster.test>
To: {user}
Subject: Maintenance window on Thursday
Date: {date}
Message-ID: <maintenance.1@hoster.test>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Hello,

we will replace the certificate of your mail server on Thursday between
02:00 and 02:15. No action is needed on your side.

Kind regards
Petra
"""

UTF8 = """\
From: =?UTF-8?Q?J=C3=BCrgen_Gro=C3=9F?= <juergen@customer.test>
To: {user}
Subject: =?UTF-8?B?R3LDvMOfZSBhdXMgTcO8bmNoZW4g4oCTIFByb3Rva29sbA==?=
Date: {date}
Message-ID: <muenchen.2@customer.test>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Schöne Grüße aus München! Das Protokoll der Sitzung folgt morgen.
€ 120,00 für die Fahrt habe ich ausgelegt.
"""

ALTERNATIVE = """\
From: "Newsletter, Customer" <news@customer.test>
To: {user}
Subject: What is new this week
Date: {date}
Message-ID: <news.3@customer.test>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_alternative"

--=_alternative
Content-Type: text/plain; charset=us-ascii

Three things are new this week. Read them in your browser.

--=_alternative
Content-Type: text/html; charset=us-ascii

<html><body><p>Three things are <b>new</b> this week.</p></body></html>

--=_alternative--
"""

ATTACHMENT = """\
From: Accounting <accounting@customer.test>
To: {user}
Cc: archive@customer.test
Subject: Invoice 2041
Date: {date}
Message-ID: <invoice.4@customer.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_mixed"

--=_mixed
Content-Type: text/plain; charset=us-ascii

Please find the figures attached.

--=_mixed
Content-Type: text/csv; name="invoice-2041.csv"
Content-Disposition: attachment; filename="invoice-2041.csv"
Content-Transfer-Encoding: base64

cG9zaXRpb24sYW1vdW50DQpkb21haW4gY3VzdG9tZXIudGVzdCwxMi4wMA0KY2VydGlmaWNhdGUs
MC4wMA0K
--=_mixed--
"""

# Dots: RFC 5321 section 4.5.2 and RFC 1939 section 3. 998 octets: RFC 5322 section 2.1.1.
EDGES = """\
From: Build server <build@customer.test>
To: {user}
Subject: Build log
Date: {date}
Message-ID: <build.5@customer.test>

.profile was read
..
.
{longest}
"""

TEMPLATES = (PLAIN, UTF8, ALTERNATIVE, ATTACHMENT, EDGES)


def seed(user: str, now: datetime | None = None) -> tuple[bytes, ...]:
    """Five messages to ``user``, an hour apart, the last one an hour before ``now``.

    Plain text; UTF-8 with an encoded subject; text and HTML; an attachment; lines that start
    with a dot and one of 998 octets. Lines end with CRLF.
    """
    last = now or datetime.now(UTC)
    hours = range(len(TEMPLATES), 0, -1)
    return tuple(
        _message(template, user, last - timedelta(hours=ago))
        for template, ago in zip(TEMPLATES, hours, strict=True)
    )


def _message(template: str, user: str, date: datetime) -> bytes:
    longest = ("0123456789" * 100)[:998]
    text = template.format(user=user, date=format_datetime(date), longest=longest)
    return text.replace("\n", "\r\n").encode()
