"""The next mail server behind a Dovecot that submits."""

import asyncio

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

    async def listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: SMTP(self, loop=loop), dovecot.HOST, 0)
        self.port = listener.sockets[0].getsockname()[1]
        return listener
