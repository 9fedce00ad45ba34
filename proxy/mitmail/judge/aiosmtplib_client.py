"""aiosmtplib, as a program: ``python -I aiosmtplib_client.py JSON``; it answers as stdlib_client.

Leaves with 0 (mail sent), 1 (TLS or STARTTLS refused) or 3 (else).
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from typing import Any

import aiosmtplib

from mitmail.judge.stdlib_client import MAIL, NoStarttlsError, context, resolve_to

ENDS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and what it was raised from: aiosmtplib wraps those of TLS."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def verdict(error: Exception) -> dict[str, object]:
    """What an exception says."""
    words = f"{type(error).__name__}: {error}"
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return {"verdict": "reject", "code": cause.verify_code, "words": cause.verify_message}
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ENDS):
            return {"verdict": "reject", "code": None, "words": str(cause)}
    if isinstance(error, NoStarttlsError):
        return {"verdict": "reject", "reason": "starttls", "words": str(error)}
    return {"verdict": "error", "code": None, "words": words}


async def send(job: dict[str, Any]) -> None:
    """Send a message."""
    client = aiosmtplib.SMTP(
        hostname=job["name"],
        port=job["port"],
        timeout=job["patience"],
        tls_context=job["context"],
        use_tls=job["implicit"],
        start_tls=False,
    )
    await client.connect()
    if not job["implicit"]:
        await client.ehlo()
        try:
            await client.starttls()
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError):
            raise  # the connection ended, which is no answer
        except aiosmtplib.SMTPException as error:
            if getattr(error, "code", 0) < 0:
                raise  # no answer that could be read
            raise NoStarttlsError(str(error)) from error
    await client.login(job["user"], job["password"])
    await client.sendmail(job["user"], [job["user"]], MAIL.format(job["user"]))
    await client.quit()


def main() -> int:
    """Do the job that the command line describes."""
    job = json.loads(sys.argv[1])
    resolve_to(job["host"])
    job["context"] = context(job)
    said: dict[str, object] = {"verdict": "accept", "code": 0, "words": ""}
    try:
        asyncio.run(send(job))
    except Exception as error:  # whatever else went wrong is for the caller to report
        said = verdict(error)
    print(json.dumps(said))
    return {"accept": 0, "reject": 1}.get(str(said["verdict"]), 3)


if __name__ == "__main__":
    sys.exit(main())
