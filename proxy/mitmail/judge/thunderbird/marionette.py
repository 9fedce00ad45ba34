"""Marionette, Thunderbird's own remote control: JSON packets over plain TCP on loopback.

A packet is its length in octets, a colon, and JSON: ``[0, id, command, parameters]`` to the
server, ``[1, id, error, result]`` from it (protocol level 3).
"""

import json
import socket
import time
from typing import Any

from mitmail.judge.thunderbird.kept import GoneError

LEVEL = 3
LONGEST = 20  # digits of a length


class RefusedError(Exception):
    """A command that Marionette answers with an error."""


def packet(message: object) -> bytes:
    """A message as it goes over the wire."""
    octets = json.dumps(message).encode()
    return b"%d:%b" % (len(octets), octets)


def split(octets: bytes) -> tuple[Any, bytes]:
    """The first message in some octets, None while it is incomplete, and the rest.

    Raises ValueError for what is no packet.
    """
    length, colon, rest = octets.partition(b":")
    if not colon:
        if len(octets) > LONGEST or (octets and not octets.isdigit()):
            raise ValueError("no length of a packet")
        return None, octets
    if not length.isdigit():
        raise ValueError("no length of a packet")
    size = int(length)
    if len(rest) < size:
        return None, octets
    return json.loads(rest[:size]), rest[size:]


class Marionette:
    """A session with Thunderbird's windows.

    Every method raises TimeoutError, GoneError when Thunderbird has closed the connection, and
    RefusedError.
    """

    def __init__(self, port: int, deadline: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _left(deadline))
        self._octets = b""
        self._number = 0
        try:
            hello = self._receive(deadline)
            if not isinstance(hello, dict) or hello.get("marionetteProtocol") != LEVEL:
                raise RefusedError(f"this is no Marionette of level {LEVEL}: {hello}")
        except BaseException:
            self.close()
            raise

    def command(self, name: str, deadline: float, **parameters: object) -> Any:
        """The result of a command; times are those of ``time.monotonic()``."""
        self._number += 1
        self._socket.settimeout(_left(deadline))
        try:
            self._socket.sendall(packet([0, self._number, name, parameters]))
        except TimeoutError:
            raise
        except OSError as error:
            raise GoneError(str(error)) from None
        while True:
            answer = self._receive(deadline)
            if answer[:2] == [1, self._number]:
                break
        if answer[2] is not None:
            raise RefusedError(f"{answer[2]['error']}: {answer[2]['message']}")
        return answer[3]

    def execute(self, script: str, deadline: float, *arguments: object) -> Any:
        """What a script returns that runs with all rights in Thunderbird's main window."""
        result = self.command(
            "WebDriver:ExecuteScript",
            deadline,
            script=script,
            args=list(arguments),
            sandbox="system",
            newSandbox=False,
        )
        return result["value"]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive(self, deadline: float) -> Any:
        while True:
            try:
                message, self._octets = split(self._octets)
            except ValueError as error:
                raise RefusedError(f"this is no Marionette: {error}") from None
            if message is not None:
                return message
            self._socket.settimeout(_left(deadline))
            try:
                more = self._socket.recv(65536)
            except TimeoutError:
                raise
            except OSError as error:
                raise GoneError(str(error)) from None
            if not more:
                raise GoneError("it has closed the connection to Marionette")
            self._octets += more


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
