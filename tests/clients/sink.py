"""The next mail server behind a Dovecot that submits."""

import asyncio
import socket

from aiosmtpd.smtp import SMTP, Envelope

from clients import dovecot


class Sink:
    """The next mail server behind Dovecot: it keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.refusal: str | None = None
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        if self.refusal is not None:
            return self.refusal
        self.mails.append(envelope.content)
        return "250 OK"

    async def listen(self, sock: socket.socket | None = None) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        sock = sock or socket.create_server((dovecot.HOST, 0))
        listener = await loop.create_server(lambda: SMTP(self, loop=loop), sock=sock)
        self.port = listener.sockets[0].getsockname()[1]
        return listener
