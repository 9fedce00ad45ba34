"""SMTP submission (RFC 5321, 4954) on aiosmtpd, one protocol object per connection."""

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mitmail.mailstore.connection import IDLE_SECONDS
from mitmail.mailstore.sasl import LOGIN_TRIES
from mitmail.mailstore.store import MESSAGE_OCTETS, Store, StoreError

HOSTNAME = "mail.customer.test"
RECIPIENTS = 100  # RFC 5321 section 4.5.3.1.8
_VOUCHER = re.compile(r"(?<=\S) AUTH=\S+", re.IGNORECASE)
COMMAND_OCTETS = 12 * 1024  # RFC 4954 section 4: AUTH lines up to 12288 octets

# aiosmtpd warns on stderr about what its clients do, and logs their SASL answers at DEBUG.
logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)


type Started = Callable[[asyncio.Task[None], asyncio.WriteTransport], None]


class Handler:
    """What aiosmtpd asks: who may send, and where a mail goes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failures = 0

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
    ) -> AuthResult:
        """Check a user name and password against the store."""
        assert isinstance(given, LoginPassword)
        known = self._store.authenticate(given.login, given.password)
        self.failures += not known
        return AuthResult(success=known, handled=False)

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a recipient, up to ``RECIPIENTS``."""
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd's address parser raises on some garbage; that is a syntax error."""
        logging.getLogger(__name__).debug("An SMTP command failed", exc_info=error)
        return "501 5.5.2 The command cannot be understood"


class Submission(SMTP):
    """One client's session; ``started`` hears of its task and transport.

    AUTH is required before MAIL, on a clear connection: TLS is in front of this server.
    """

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"
    command_size_limit = COMMAND_OCTETS
    line_length_limit = COMMAND_OCTETS

    def __init__(self, store: Store, started: Started) -> None:
        # On the class, as aiosmtpd 1.4.6 has it, every new connection clears everyone's limits.
        self.command_size_limits = defaultdict(lambda: COMMAND_OCTETS)
        self._store = store
        self._started = started
        self._handler = Handler(store)
        super().__init__(
            self._handler,
            data_size_limit=MESSAGE_OCTETS,
            hostname=HOSTNAME,
            ident="ESMTP mitmail",
            auth_require_tls=False,
            authenticator=self._handler.authenticate,
            loop=asyncio.get_running_loop(),
            timeout=IDLE_SECONDS,  # aiosmtpd's own 300 s end a session whose user reads a dialog
        )

    async def check_auth_needed(self, caller_method: str) -> bool:
        """Require AUTH; the option ``auth_required`` would warn about the missing TLS."""
        assert self.session is not None
        if not self.session.authenticated:
            await self.push("530 5.7.0 Authentication required")
        return not self.session.authenticated

    async def smtp_AUTH(self, arg: str | None) -> None:
        """Run AUTH; mechanism names in any case, and three tries."""
        mechanism, space, initial = (arg or "").partition(" ")
        await super().smtp_AUTH(mechanism.upper() + space + initial)
        if self._handler.failures >= LOGIN_TRIES and self.transport is not None:
            await self.push("421 4.7.0 Too many wrong passwords")
            self.transport.close()

    async def smtp_MAIL(self, arg: str | None) -> None:
        """Run MAIL; who vouches for the sender (RFC 4954 section 5) makes no difference here."""
        # aiosmtpd offers AUTH and then refuses this parameter of it; relays send it.
        await super().smtp_MAIL(_VOUCHER.sub("", arg) if arg else arg)

    async def smtp_DATA(self, arg: str | None) -> None:
        """Receive a mail octet for octet.

        aiosmtpd's own DATA keeps an endless line in memory, and every line as an object.
        """
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 RCPT comes first")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        octets = await self._content()
        await self.push(self._deliver(self.envelope, octets))
        self.envelope = self._create_envelope()

    async def _content(self) -> bytes | None:
        content = bytearray()
        starts, fits = True, True
        while (piece := await self._piece()) != b".\r\n" or not starts:
            content += piece.removeprefix(b".") if starts else piece
            starts = piece.endswith(b"\r\n")
            if len(content) > MESSAGE_OCTETS:
                fits = False
                content.clear()
        return bytes(content) if fits else None

    async def _piece(self) -> bytes:
        """A line with its CRLF, or the beginning of a long one, without."""
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as overrun:
            return await self._reader.read(overrun.consumed)

    def _deliver(self, envelope: Envelope, octets: bytes | None) -> str:
        if octets is None:
            return f"552 5.3.4 A message has at most {MESSAGE_OCTETS} octets"
        try:
            self._store.submit(envelope.mail_from or "", envelope.rcpt_tos, octets)
        except StoreError as error:
            return f"552 5.2.2 {error}"
        return "250 2.0.0 OK"

    def connection_lost(self, error: Exception | None) -> None:
        """End the session; how the client left is no error (see ``connection.Protocol``)."""
        super().connection_lost(None)

    async def _handle_client(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._started(task, self._writer.transport)
        await super()._handle_client()
