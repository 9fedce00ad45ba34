"""The control: a running ``mitmail serve`` is told things on loopback, by whoever has its token.

One line of JSON, and one line back; then the connection ends. It is no HTTP, so that no web page
can speak to it: the first line of whatever a browser sends is none of ours.
"""

import asyncio
import hmac
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mitmail.errors import MitmailError
from mitmail.scenario.word import did_you_mean
from mitmail.service.control_file import SCHEMA, ControlFile
from mitmail.service.place import LOOPBACK

logger = logging.getLogger(__name__)

type Json = dict[str, Any]
type Verb = Callable[[Json], Awaitable[Json]]
"""Carries a request out: its fields but the verb and the token, to the answer's fields."""

LINE = 64 * 1024  # octets
PATIENCE = 5.0  # seconds, for a line that is sent at once


class Control:
    """Listens for requests, each carried out by its verb's function."""

    def __init__(self, verbs: Mapping[str, Verb]) -> None:
        self._verbs = {"ping": _ping, **verbs}
        self._token = secrets.token_urlsafe(32)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, port_offset: int | None) -> ControlFile:
        """Begin to listen; what a control file says of it."""
        self._server = await asyncio.start_server(self._meet, LOOPBACK, 0, limit=LINE)
        port = int(self._server.sockets[0].getsockname()[1])
        return ControlFile(
            host=LOOPBACK, port=port, token=self._token, pid=os.getpid(), port_offset=port_offset
        )

    async def close(self) -> None:
        """Stop listening; a request that is being carried out is given up."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            answer = await self._answer(reader)
            writer.write(json.dumps({"schema": SCHEMA} | answer).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has left
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Json:
        try:
            async with asyncio.timeout(PATIENCE):
                line = await reader.readline()
            verb, request = self._understand(line)
            return await verb(request)
        except MitmailError as error:
            return _error(str(error), error.exit_code)
        except TimeoutError:
            return _error("no request came", 2)
        except ValueError:  # asyncio's word for a line that is longer than its limit
            return _error(f"the request is longer than {LINE} octets", 2)
        except Exception as error:
            logger.exception("a request failed")
            return _error(f"mitmail itself failed: {type(error).__name__}: {error}", 3)

    def _understand(self, line: bytes) -> tuple[Verb, Json]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            raise MitmailError("a request is one line of JSON") from None
        if not isinstance(request, dict):
            raise MitmailError("a request is a JSON object")
        token = request.pop("token", None)
        # Compared as octets: text that is not ASCII would be an error of its own.
        given = token.encode(errors="replace") if isinstance(token, str) else b""
        if not hmac.compare_digest(given, self._token.encode()):
            raise MitmailError("the token is not that of this mitmail serve")
        if request.pop("schema", None) != SCHEMA:
            raise MitmailError(f'a request says "schema": {SCHEMA}')
        verb = request.pop("verb", None)
        if not isinstance(verb, str) or verb not in self._verbs:
            guess = did_you_mean(str(verb), self._verbs)
            raise MitmailError(f"no verb {verb!r}{guess}: use {', '.join(self._verbs)}")
        return self._verbs[verb], request


async def _ping(request: Json) -> Json:
    return {}


def _error(words: str, exit_code: int) -> Json:
    return {"error": words, "exit_code": exit_code}
