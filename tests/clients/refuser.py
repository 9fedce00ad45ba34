"""A mail server in clear text that offers STARTTLS, and refuses it or leaves when asked for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

GREETINGS = {"imap": b"* OK ready\r\n", "pop3": b"+OK ready\r\n", "smtp": b"220 ready\r\n"}
# What it answers by verb; {tag} is IMAP's.
ANSWERS = {
    "imap": {
        b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n{tag} OK done\r\n",
        b"STARTTLS": b"{tag} NO not now\r\n",
        b"LOGOUT": b"* BYE bye\r\n{tag} OK done\r\n",
    },
    "pop3": {
        b"CAPA": b"+OK\r\nSTLS\r\nUSER\r\n.\r\n",
        b"STLS": b"-ERR not now\r\n",
        b"QUIT": b"+OK bye\r\n",
    },
    "smtp": {
        b"EHLO": b"250-refuser\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
        b"STARTTLS": b"454 not now\r\n",
        b"QUIT": b"221 bye\r\n",
    },
}
OTHERWISE = {"imap": b"{tag} BAD no\r\n", "pop3": b"-ERR no\r\n", "smtp": b"502 no\r\n"}


@asynccontextmanager
async def refusing(protocol: str, *, leaves: bool = False) -> AsyncIterator[int]:
    """The port of a server that refuses STARTTLS; with ``leaves`` it closes instead."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETINGS[protocol])
        while line := await reader.readline():
            if leaves and line.split()[-1] in {b"STARTTLS", b"STLS"}:
                break
            writer.write(_answer(protocol, line))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _answer(protocol: str, line: bytes) -> bytes:
    words = line.split() or [b""]
    tag, verb = (words[0], words[1:2]) if protocol == "imap" else (b"", words[:1])
    answer = ANSWERS[protocol].get(b"".join(verb).upper(), OTHERWISE[protocol])
    return answer.replace(b"{tag}", tag)
