"""SASL PLAIN (RFC 4616) and LOGIN as IMAP and POP3 speak them: base64 behind "+ "."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable

from mitmail.mailstore.connection import Connection

LOGIN_TRIES = 3


class SaslError(Exception):
    """The exchange was cancelled, or is not what the mechanism asks for."""


type Exchange = Callable[[Connection, bytes | None], Awaitable[tuple[bytes, bytes]]]


async def plain(connection: Connection, initial: bytes | None) -> tuple[bytes, bytes]:
    """User and password of PLAIN; a foreign authorization identity is refused."""
    response = await _ask(connection, b"") if initial is None else initial
    identity, *credentials = response.split(b"\0")
    if len(credentials) != 2 or identity not in (b"", credentials[0]):
        raise SaslError("Not a PLAIN response")
    return credentials[0], credentials[1]


async def login(connection: Connection, initial: bytes | None) -> tuple[bytes, bytes]:
    """User and password of LOGIN; the initial response is the user's name."""
    user = initial or await _ask(connection, b"Username:")
    return user, await _ask(connection, b"Password:")


MECHANISMS: dict[str, Exchange] = {"PLAIN": plain, "LOGIN": login}


async def credentials(
    connection: Connection, mechanism: str, initial: bytes | None
) -> tuple[bytes, bytes]:
    """Run one exchange; ``initial`` is the base64 initial response, ``=`` an empty one.

    Raises ``SaslError``.
    """
    exchange = MECHANISMS.get(mechanism.upper())
    if exchange is None:
        raise SaslError("Unknown mechanism; this server has " + ", ".join(MECHANISMS))
    decoded = b"" if initial == b"=" else None if initial is None else _decoded(initial)
    return await exchange(connection, decoded)


async def _ask(connection: Connection, challenge: bytes) -> bytes:
    await connection.send(b"+ ", b64encode(challenge), b"\r\n")
    answer = await connection.line()
    if answer == b"*":
        raise SaslError("Cancelled")
    return _decoded(answer)


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        raise SaslError("Not base64") from None
