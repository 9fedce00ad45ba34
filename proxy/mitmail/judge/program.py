"""Running a client as a process: a clean environment, a deadline, and nothing left behind."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What changes a client's verdict behind the caller's back; CI images set several of them.
FOREIGN = (
    "SSL_CERT", "CURL_", "NODE_", "REQUESTS_CA", "LD_PRELOAD", "NSS_WRAPPER", "PYTHON", "OPENSSL_",
    "GNUTLS_", "SSLKEYLOGFILE", "JAVA_TOOL_OPTIONS", "GODEBUG", "HOSTALIASES", "http_proxy",
    "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "XDG_", "FETCHMAIL", "MAILCONF", "MAILNAME", "EMAIL", "MAILDIR", "MOZ_", "NSS_", "XRE_",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; ``code`` None means that its time was up.

    ``left`` is what it left in its folder, where that was looked for.
    """

    code: int | None
    out: bytes
    err: bytes
    left: bytes = b""


def environment(**extra: str) -> dict[str, str]:
    """This process' environment without what changes a client's verdict, in plain English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    return kept | {"LC_ALL": "C"} | extra


async def run(
    command: Sequence[str],
    *,
    give: bytes = b"",
    seconds: float = 20.0,
    extra: Mapping[str, str] | None = None,
    scrub: bool = True,
) -> Ended:
    """Run a command with ``give`` on its standard input; killed when its seconds are up.

    Without ``scrub`` it finds the environment of this process as it is.
    """
    added = dict(extra or {})
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**added) if scrub else {**os.environ, **added},
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate(give)
        return Ended(process.returncode, out, err)
    except TimeoutError:
        return Ended(None, b"", b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
