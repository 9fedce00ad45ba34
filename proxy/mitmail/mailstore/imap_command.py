"""Reading one IMAP command off the connection, literals included (RFC 3501, RFC 7888)."""

import re
from dataclasses import dataclass

from mitmail.mailstore.connection import LINE_OCTETS, Connection, LineTooLongError
from mitmail.mailstore.imap_parse import Arguments
from mitmail.mailstore.store import MESSAGE_OCTETS

_ANNOUNCED = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")
_TAG_AND_NAME = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+) ([A-Za-z]+)')


class TooLongError(Exception):
    """The command is too long to be read to its end: answer BAD, then close."""

    def __init__(self, tag: str) -> None:
        super().__init__("The command is too long")
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Received:
    """A command as it came. ``name`` is empty when not even tag and name could be read.

    ``refused`` says that a literal was too large; the client has not sent it.
    """

    tag: str
    name: str
    arguments: Arguments
    refused: bool = False


async def receive(connection: Connection, *, authenticated: bool) -> Received:
    """Read one command of at most 64 KiB, with the message of an APPEND apart.

    Raises ``TooLongError``.
    """
    text, literals, octets = b"", list[bytes](), 0
    while True:
        try:
            line = await connection.line()
        except LineTooLongError:
            raise TooLongError(_split(text)[0]) from None
        text += line
        tag, name, arguments = _split(text)
        if len(text) > LINE_OCTETS:
            raise TooLongError(tag)
        announced = _ANNOUNCED.search(line)
        if announced is None:
            return Received(tag, name, Arguments(arguments, literals))
        octets += int(announced[1])
        appends = authenticated and name == "APPEND"
        limit = LINE_OCTETS + (MESSAGE_OCTETS if appends else 0)
        if octets > limit:
            if announced[2]:
                raise TooLongError(tag)
            return Received(tag, name, Arguments(b""), refused=True)
        if not announced[2]:
            await connection.send(b"+ Ready\r\n")
        literals.append(await connection.octets(int(announced[1])))
        text += b"\r\n"


def _split(text: bytes) -> tuple[str, str, bytes]:
    found = _TAG_AND_NAME.match(text)
    if found is None:
        return "*", "", b""
    return found[1].decode(), found[2].decode().upper(), text[found.end() :]
