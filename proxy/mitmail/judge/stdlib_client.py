"""Python's own mail clients, as a program: ``python -I stdlib_client.py JSON``.

Standard library only, so that any interpreter can run this file by itself. Prints one JSON line
(verdict, code, words) and leaves with 0 (mail fetched or sent), 1 (TLS refused) or 3 (else).
"""

import imaplib
import json
import poplib
import smtplib
import socket
import ssl
import sys
from typing import Any

TIMEOUT = 15.0
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
            job["name"], job["port"], ssl_context=context(job), timeout=TIMEOUT
        )
    else:
        client = imaplib.IMAP4(job["name"], job["port"], timeout=TIMEOUT)
        client.starttls(context(job))
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
            job["name"], job["port"], context=context(job), timeout=TIMEOUT
        )
    else:
        client = poplib.POP3(job["name"], job["port"], timeout=TIMEOUT)
        client.stls(context(job))
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
            job["name"], job["port"], context=context(job), timeout=TIMEOUT
        )
    else:
        client = smtplib.SMTP(job["name"], job["port"], timeout=TIMEOUT)
        client.starttls(context=context(job))
    leaf = seen(client.sock)
    client.login(job["user"], job["password"])
    client.sendmail(job["user"], [job["user"]], MAIL.format(job["user"]))
    client.quit()
    return leaf


def seen(sock: Any) -> bytes:
    """The leaf certificate (DER) that this socket's peer presented."""
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
    try:
        leaf = {"imap": imap, "pop3": pop3, "smtp": smtp}[job["protocol"]](job)
    except ssl.SSLCertVerificationError as error:
        said = {"verdict": "reject", "code": error.verify_code, "words": error.verify_message}
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError) as error:
        # The other side broke off: this client has refused nothing.
        said = {"verdict": "error", "code": None, "words": str(error)}
    except ssl.SSLError as error:
        said = {"verdict": "reject", "code": None, "words": str(error)}
    except Exception as error:  # whatever else went wrong is for the caller to report
        said = {"verdict": "error", "code": None, "words": f"{type(error).__name__}: {error}"}
    else:
        said = {"verdict": "accept", "code": 0, "words": "", "leaf": leaf.hex()}
    print(json.dumps(said))
    return {"accept": 0, "reject": 1}.get(str(said["verdict"]), 3)


if __name__ == "__main__":
    sys.exit(main())
