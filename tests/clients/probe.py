"""Three clients that fetch or send one mail, and hand out the certificates that they saw."""

import asyncio
import contextlib
import imaplib
import poplib
import re
import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bench import find, need
from mitmail.judge.client import Target
from mitmail.judge.program import Ended, run

SECONDS = 15.0
FAILURES = (OSError, imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_IMAP = "a LOGIN {user} {password}\r\nb SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\nd LOGOUT\r\n"
_POP3 = "USER {user}\r\nPASS {password}\r\nRETR 1\r\nQUIT\r\n"
_SMTP = (
    "EHLO client.test\r\nAUTH PLAIN {plain}\r\nMAIL FROM:<{user}>\r\nRCPT TO:<{user}>\r\n"
    "DATA\r\n{letter}.\r\nQUIT\r\n"
)
_DIALOGUES = {"imap": _IMAP, "pop3": _POP3, "smtp": _SMTP}


@dataclass(frozen=True, slots=True)
class Report:
    """What a client says: ``chain`` (DER) is what it was shown, ``mail`` what it fetched."""

    code: int | None
    chain: tuple[bytes, ...]
    mail: bytes
    text: str


def letter(target: Target, mark: str) -> str:
    """The mail that is sent; ``mark`` is in its subject."""
    return f"From: {target.user}\r\nTo: {target.user}\r\nSubject: {mark}\r\n\r\nhello\r\n"


async def openssl(target: Target, mark: str) -> Report:
    """Use openssl s_client, which sends the whole dialogue at once."""
    plain = b64encode(f"\0{target.user}\0{target.password}".encode()).decode()
    said = {"user": target.user, "password": target.password, "plain": plain}
    dialogue = _DIALOGUES[target.endpoint.protocol].format(**said, letter=letter(target, mark))
    starttls = ("-starttls", target.endpoint.protocol)
    ended = await run(
        [
            *(need("openssl"), "s_client", "-showcerts", "-ign_eof", "-verify_return_error"),
            *(
                "-connect",
                f"{_bracketed(target.host)}:{target.port}",
                "-CAfile",
                str(target.roots),
            ),
            *("-servername", target.name, "-verify_hostname", target.name),
            *("-no-CApath", "-no-CAstore", *(starttls if _upgrades(target) else ())),
        ],
        give=dialogue.encode(),
    )
    return _report(ended, ended.out.decode(errors="replace"))


async def curl(target: Target, mark: str) -> Report:
    """Use curl, told to print the certificates behind the mail, and to insist on TLS.

    On an endpoint without TLS it takes STARTTLS where it is offered.
    """
    protocol = target.endpoint.protocol
    scheme = f"{protocol}s" if _begins_with_tls(target) else protocol
    insist = "--ssl" if target.endpoint.tls == "plain" else "--ssl-reqd"
    path = {"imap": "/INBOX;MAILINDEX=1", "pop3": "/1", "smtp": ""}[protocol]
    send = ("--mail-from", target.user, "--mail-rcpt", target.user, "--upload-file", "-")
    ended = await run(
        [
            *(need("curl"), "-q", "-sS", "--max-time", str(SECONDS), insist),
            *("--connect-to", f"::{target.host}:{target.port}", "--cacert", str(target.roots)),
            *("--user", f"{target.user}:{target.password}", "-w", "%{stderr}%{certs}"),
            *(
                f"{scheme}://{target.name}:{target.port}{path}",
                *(send if protocol == "smtp" else ()),
            ),
        ],
        give=letter(target, mark).encode(),
    )
    return _report(ended, ended.err.decode(errors="replace"))


def _report(ended: Ended, shown: str) -> Report:
    chain = tuple(ssl.PEM_cert_to_DER_cert(pem) for pem in _PEM.findall(shown))
    return Report(ended.code, chain, ended.out, (ended.out + ended.err).decode(errors="replace"))


def _begins_with_tls(target: Target) -> bool:
    return target.endpoint.tls == "implicit"


def _upgrades(target: Target) -> bool:
    return target.endpoint.tls == "starttls"


async def python(target: Target, mark: str) -> Report:
    """Use imaplib, poplib and smtplib, in a thread."""
    work = {"imap": _imaplib, "pop3": _poplib, "smtp": _smtplib}[target.endpoint.protocol]
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = target.name
    context.load_verify_locations(target.roots)
    try:
        leaf, mail = await asyncio.to_thread(work, target, context, letter(target, mark))
    except FAILURES as error:
        return Report(1, (), b"", str(error))
    return Report(0, (leaf,) if leaf else (), mail, "")


class _Named(ssl.SSLContext):
    """A context that expects one name, whatever address the connection goes to."""

    name = ""

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *args, **kwargs | {"server_hostname": self.name})


def _imaplib(target: Target, context: ssl.SSLContext, text: str) -> tuple[bytes, bytes]:
    client: imaplib.IMAP4
    if _begins_with_tls(target):
        client = imaplib.IMAP4_SSL(target.host, target.port, ssl_context=context, timeout=SECONDS)
    else:
        client = imaplib.IMAP4(target.host, target.port, timeout=SECONDS)
    try:
        if _upgrades(target):
            client.starttls(context)
        client.login(target.user, target.password)
        client.select("INBOX")
        found = client.fetch("1", "(BODY.PEEK[])")[1][0]
        assert found is not None
        return _leaf(client.sock), bytes(found[1])
    finally:
        client.shutdown()


def _poplib(target: Target, context: ssl.SSLContext, text: str) -> tuple[bytes, bytes]:
    client: poplib.POP3
    if _begins_with_tls(target):
        client = poplib.POP3_SSL(target.host, target.port, context=context, timeout=SECONDS)
    else:
        client = poplib.POP3(target.host, target.port, timeout=SECONDS)
    try:
        if _upgrades(target):
            client.stls(context)
        client.user(target.user)
        client.pass_(target.password)
        return _leaf(client.sock), b"\r\n".join([*client.retr(1)[1], b""])
    finally:
        with contextlib.suppress(OSError):  # a refused STLS leaves poplib a dead socket
            client.close()


def _smtplib(target: Target, context: ssl.SSLContext, text: str) -> tuple[bytes, bytes]:
    client: smtplib.SMTP
    if _begins_with_tls(target):
        client = smtplib.SMTP_SSL(target.host, target.port, context=context, timeout=SECONDS)
    else:
        client = smtplib.SMTP(target.host, target.port, timeout=SECONDS)
    try:
        if _upgrades(target):
            client.starttls(context=context)
        client.login(target.user, target.password)
        client.sendmail(target.user, [target.user], text)
        return _leaf(client.sock), b""
    finally:
        client.close()


def _leaf(sock: Any) -> bytes:
    if not isinstance(sock, ssl.SSLSocket):
        return b""
    leaf = sock.getpeercert(binary_form=True)
    assert isinstance(leaf, bytes)
    return leaf


PROBES: dict[str, Callable[[Target, str], Coroutine[Any, Any, Report]]] = {
    "openssl": openssl,
    "curl": curl,
    "python": python,
}


def present() -> dict[str, Callable[[Target, str], Coroutine[Any, Any, Report]]]:
    """The probes whose programs this machine has; Python's it always has."""
    return {name: probe for name, probe in PROBES.items() if name == "python" or find(name)}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
