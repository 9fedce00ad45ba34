"""Findings about how a server's TLS fails, or is of an old kind."""

from mitmail.diagnose.finding import Finding
from mitmail.engine.verdict import ALERTS, VERSION_ALERTS

# OpenSSL's names of what no client of today speaks (RFC 8996, RFC 7568).
OLD = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "SSLv3": "SSL 3.0"}
CERTIFICATE_REQUIRED = 116
MODERN = "switch on TLS 1.2 and 1.3 on the server; no client setting helps"


def refused(where: str, alert: int) -> Finding:
    """The server sent a fatal alert in the handshake."""
    return Finding(
        id="tls-refused", severity="high", where=where,
        reason="tls-version" if alert in VERSION_ALERTS else "transport",
        words=f"the server refuses the TLS handshake: {_named(alert)}",
        fix="the server's log says why",
    )  # fmt: skip


def refused_late(where: str, alert: int) -> Finding:
    """The server took the handshake back, after the end of ours."""
    asks = alert == CERTIFICATE_REQUIRED
    return Finding(
        id="client-certificate" if asks else "tls-refused", severity="high", where=where,
        reason="client-certificate" if asks else "transport",
        words=f"after the handshake the server refuses us: {_named(alert)}",
        fix="it lets in only clients that have a certificate of their own" if asks else "",
    )  # fmt: skip


def failed(where: str, words: str) -> Finding:
    """Our own TLS cannot go on with what came."""
    return Finding(
        id="tls-failed", severity="high", reason="transport", where=where,
        words=f"the TLS handshake fails: {words}",
    )  # fmt: skip


def closed(where: str) -> Finding:
    """The server went away in the handshake, without an alert."""
    return Finding(
        id="tls-closed", severity="high", reason="transport", where=where,
        words="the server closes the connection during the TLS handshake, without an alert",
        fix="the server's log says why; an antivirus or a gateway in between does this, too",
    )  # fmt: skip


def hangs(where: str, seconds: float) -> Finding:
    """Nothing came any more."""
    return Finding(
        id="tls-hangs", severity="high", reason="transport", where=where,
        words=f"the TLS handshake does not come to its end within {seconds:g} s",
        fix="an antivirus or a gateway in between does this, too: try without it",
    )  # fmt: skip


def mute(where: str, ended: str) -> Finding:
    """Not one octet came, neither before our hello nor after: it may be no TLS and no mail."""
    return Finding(
        id="mute", severity="unknown", where=where,
        words=f"it answers nothing, no greeting and no TLS: {ended}",
        fix="check the port; mail is usually at 993 or 143 (IMAP), 995 or 110 (POP3), 465 or 587 "
        "(SMTP); try without an antivirus or a gateway in between",
    )  # fmt: skip


def anonymous(where: str) -> Finding:
    """Only suites without a certificate."""
    return Finding(
        id="anonymous", severity="critical", reason="tls-version", where=where,
        words="the server speaks only anonymous TLS: it shows no certificate at all, and anyone "
        "in between could answer for it",
        fix="switch on cipher suites with a certificate on the server",
    )  # fmt: skip


def old(where: str, version: str) -> Finding:
    """Only versions that clients have given up."""
    return Finding(
        id="old-tls", severity="high", reason="tls-version", where=where,
        words=f"the server speaks only {OLD[version]} (RFC 8996): clients of today refuse that",
        fix=MODERN,
    )  # fmt: skip


def weak(where: str, version: str, cipher: str, first: str) -> Finding:
    """Only what a client of today does not offer."""
    return Finding(
        id="weak-tls", severity="high", reason="tls-version", where=where,
        words=f"a client of today cannot agree with this server ({first}); one that takes what "
        f"is weak gets {version} with {cipher}",
        fix=MODERN,
    )  # fmt: skip


def too_much(where: str) -> Finding:
    """A flood."""
    return Finding(
        id="flood", severity="high", where=where,
        words="the server sends more than 1 MiB before a client has said anything: given up",
    )  # fmt: skip


def in_clear(where: str, protocol: str) -> Finding:
    """A greeting in clear where TLS was expected."""
    return Finding(
        id="clear-text", severity="high", reason="transport", where=where,
        words=f"the port greets in clear ({protocol}), and SSL/TLS is expected there",
        fix="choose STARTTLS for this port",
    )  # fmt: skip


def at_once(where: str) -> Finding:
    """TLS where STARTTLS was expected."""
    return Finding(
        id="tls-at-once", severity="high", reason="starttls", where=where,
        words="the port speaks TLS at once, and STARTTLS is expected there",
        fix="choose SSL/TLS for this port",
    )  # fmt: skip


def early(where: str, octets: int) -> Finding:
    """Clear text behind the go-ahead to STARTTLS."""
    return Finding(
        id="early-octets", severity="medium", reason="starttls", where=where,
        words=f"{octets} octets come in clear behind the go-ahead to STARTTLS: a client that "
        "keeps them believes what anyone in between says",
        fix="the server, or what is in between, has to be mended",
    )  # fmt: skip


def goes_on(where: str, words: str) -> Finding:
    """Clear text in place of TLS, behind the go-ahead."""
    return Finding(
        id="goes-on-in-clear", severity="high", reason="starttls", where=where,
        words=f"the server agrees to STARTTLS and goes on in clear; it says: {words}",
        fix="the server, or what is in between, has to be mended; do not switch TLS off",
    )  # fmt: skip


def hidden(where: str) -> Finding:
    """STARTTLS works, and is not announced."""
    return Finding(
        id="starttls-hidden", severity="medium", reason="starttls", where=where,
        words="STARTTLS is not offered, and works when it is asked for all the same: a client "
        "that takes what is on offer goes on in clear",
        fix="an antivirus or a gateway in between may take the offer out: try without it",
    )  # fmt: skip


def intolerant(where: str, version: str) -> Finding:
    """A server that cannot bear to be offered TLS 1.3."""
    return Finding(
        id="version-intolerant", severity="high", reason="tls-version", where=where,
        words=f"the server refuses a client that offers TLS 1.3, and speaks {version} with one "
        "that does not: it has to choose the version itself (RFC 8446 section 4.2.1)",
        fix="update the server, or what is in between",
    )  # fmt: skip


def ended(where: str) -> Finding:
    """The server sent close_notify in the handshake."""
    return Finding(
        id="tls-closed", severity="high", reason="transport", where=where,
        words="the server ends TLS (close_notify) before the handshake is done",
    )  # fmt: skip


def unreadable(where: str, words: str) -> Finding:
    """A chain that OpenSSL does not read."""
    too_large = "size" in words
    return Finding(
        id="unreadable", severity="critical", where=where,
        reason="limit" if too_large else "malformed",
        words=f"OpenSSL gives up at the certificates that the server shows; {words}",
        fix="send fewer or smaller certificates" if too_large
        else "install the server's certificate anew, whole and as the authority issued it",
    )  # fmt: skip


def _named(alert: int) -> str:
    return f"alert {alert} ({ALERTS[alert]})" if alert in ALERTS else f"alert {alert}"
