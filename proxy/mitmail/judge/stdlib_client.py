"""Python's own mail clients, as a program: ``python -I stdlib_client.py JSON``.

Standard library only, so that any interpreter can run this file by itself. Prints one JSON line
(verdict, code or reason, words) and leaves with 0 (mail fetched or sent), 1 (TLS or STARTTLS
refused) or 3 (else).
"""

import imaplib
import json
import poplib
import smtplib
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

MAIL = "From: {0}\r\nTo: {0}\r\nSubject: mitmail\r\n\r\nsent by Python\r\n"


def context(job: dict[str, Any]) -> ssl.SSLContext:
    """The default context of this Python, which trusts only the given roots."""
    made = ssl.create_default_context(cafile=job["roots"])
    if job.get("tls"):
        made.minimum_version = made.maximum_version = ssl.TLSVersion[job["tls"]]
    return made


def imap(job: dict[str, Any]) -> bytes:
    """Fetch the first message with imaplib; the leaf that was seen."""
    if job["implicit"]:
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            job["name"], job["port"], ssl_context=job["context"], timeout=job["patience"]
        )
    else:
        client = imaplib.IMAP4(job["name"], job["port"], timeout=job["patience"])
        upgrade(job, lambda: client.starttls(job["context"]))
    leaf = seen(client.sock)
    client.login(job["user"], job["password"])
    client.select("INBOX")
    status, data = client.fetch("1", "(BODY.PEEK[HEADER])")
    assert status == "OK", "FETCH was refused"
    assert data[0] is not None, "FETCH brought nothing"
    client.logout()
    return leaf


def pop3(job: dict[str, Any]) -> bytes:
    """Fetch the first message with poplib; the leaf that was seen."""
    if job["implicit"]:
        client: poplib.POP3 = poplib.POP3_SSL(
            job["name"], job["port"], context=job["context"], timeout=job["patience"]
        )
    else:
        client = poplib.POP3(job["name"], job["port"], timeout=job["patience"])
        upgrade(job, lambda: client.stls(job["context"]))
    leaf = seen(client.sock)
    client.user(job["user"])
    client.pass_(job["password"])
    assert client.retr(1)[1], "RETR brought nothing"
    client.quit()
    return leaf


def smtp(job: dict[str, Any]) -> bytes:
    """Send a message with smtplib; the leaf that was seen."""
    if job["implicit"]:
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            job["name"], job["port"], context=job["context"], timeout=job["patience"]
        )
    else:
        client = smtplib.SMTP(job["name"], job["port"], timeout=job["patience"])
        client.ehlo_or_helo_if_needed()
        upgrade(job, lambda: client.starttls(context=job["context"]))
    leaf = seen(client.sock)
    client.login(job["user"], job["password"])
    client.sendmail(job["user"], [job["user"]], MAIL.format(job["user"]))
    client.quit()
    return leaf


class NoStarttlsError(Exception):
    """The server does not offer STARTTLS, or refuses it, and the client goes no further."""


def upgrade(job: dict[str, Any], starttls: Callable[[], object]) -> None:
    """Run STARTTLS; raises NoStarttlsError where the client says that there is none."""
    if job.get("plain"):
        return
    try:
        starttls()
    except (imaplib.IMAP4.abort, smtplib.SMTPServerDisconnected) as error:
        if str(error) == "TLS not supported by server":
            raise NoStarttlsError(str(error)) from error
        raise  # the connection ended, which is no answer
    except (imaplib.IMAP4.error, smtplib.SMTPException, poplib.error_proto) as error:
        # poplib's own word for the end, also of CAPA; smtplib's code for what it could not read.
        if "EOF" in f"{error} {error.__context__}" or getattr(error, "smtp_code", 0) < 0:
            raise
        raise NoStarttlsError(str(error)) from error


def seen(sock: Any) -> bytes:
    """The leaf certificate (DER) that this socket's peer presented; empty without TLS."""
    if not isinstance(sock, ssl.SSLSocket):
        return b""
    leaf = sock.getpeercert(binary_form=True)
    assert isinstance(leaf, bytes)
    return leaf


def resolve_to(address: str) -> None:
    """Send every look-up of this process to one address, whatever the name."""
    ask = socket.getaddrinfo

    def answer(host: object, *args: Any, **kwargs: Any) -> Any:
        return ask(address, *args, **kwargs)

    socket.getaddrinfo = answer


def main() -> int:
    """Do the job that the command line describes."""
    job = json.loads(sys.argv[1])
    resolve_to(job["host"])
    # Before anything is tried: roots that cannot be read are an SSLError too, and no refusal.
    job["context"] = context(job)
    try:
        leaf = {"imap": imap, "pop3": pop3, "smtp": smtp}[job["protocol"]](job)
    except ssl.SSLCertVerificationError as error:
        said = {"verdict": "reject", "code": error.verify_code, "words": error.verify_message}
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError) as error:
        # The other side broke off: this client has refused nothing.
        said = {"verdict": "error", "code": None, "words": str(error)}
    except ssl.SSLError as error:
        said = {"verdict": "reject", "code": None, "words": str(error)}
    except NoStarttlsError as error:
        said = {"verdict": "reject", "reason": "starttls", "words": str(error)}
    except Exception as error:  # whatever else went wrong is for the caller to report
        said = {"verdict": "error", "code": None, "words": f"{type(error).__name__}: {error}"}
    else:
        said = {"verdict": "accept", "code": 0, "words": "", "leaf": leaf.hex()}
    print(json.dumps(said))
    return {"accept": 0, "reject": 1}.get(str(said["verdict"]), 3)


if __name__ == "__main__":
    sys.exit(main())
