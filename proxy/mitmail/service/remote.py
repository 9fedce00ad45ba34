"""The other end of a control: a running ``mitmail serve`` is found, and asked."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.service import control_file
from mitmail.service.control_file import SCHEMA, ControlFile

type Json = dict[str, Any]

# A change may have to make an RSA key of 8192 bits, which takes 20 s and more.
PATIENCE = 120.0
KNOCK = 5.0
LONGEST = 64 * 1024 * 1024  # octets; a thousand sessions with all their facts are a few MB


@dataclass(frozen=True, slots=True)
class Remote:
    """A running ``mitmail serve``."""

    path: Path
    control: ControlFile

    @property
    def name(self) -> str:
        """How its user tells it from others: the option that chooses it."""
        offset = self.control.port_offset
        found = self.path.parent.name == control_file.FOLDER and offset is not None
        return f"--port-offset {offset}" if found else f"--control {self.path}"

    @property
    def place(self) -> dict[str, object]:
        """How a ready line names it: the token is in the file, for its user alone."""
        return {"host": self.control.host, "port": self.control.port, "file": str(self.path)}

    def request(self, verb: str, **said: object) -> bytes:
        """The line that asks for something."""
        asked = {"schema": SCHEMA, "token": self.control.token, "verb": verb, **said}
        return json.dumps(asked).encode() + b"\n"

    async def ask(self, verb: str, **said: object) -> Json:
        """The answer to a request; ``said`` are its fields.

        Raises MitmailError with its words, CannotJudgeError where it has ended or is silent.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                line = await _exchange(self.control, self.request(verb, **said))
        except TimeoutError:
            raise CannotJudgeError(f"the mitmail serve of {self.path} does not answer") from None
        except (OSError, ValueError):
            raise CannotJudgeError(f"the mitmail serve of {self.path} has ended") from None
        return _understood(line, self.path)


async def _exchange(control: ControlFile, line: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(control.host, control.port, limit=LONGEST)
    try:
        writer.write(line)
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()


def _understood(line: bytes, path: Path) -> Json:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("schema") != SCHEMA:
        raise CannotJudgeError(f"{path}: what listens there now is no mitmail serve")
    if "error" not in answer:
        return answer
    kind = CannotJudgeError if answer.get("exit_code") == 3 else MitmailError
    raise kind(str(answer["error"]))


async def find(data: Path, control: Path | None = None, offset: int | None = None) -> Remote:
    """The one that is meant: of a control file, of a port offset, or the only one that runs.

    Raises MitmailError where several run and none is chosen, CannotJudgeError where none does.
    """
    if control is not None:
        return Remote(control, control_file.read(control))
    running = [remote for path in control_file.paths(data) if (remote := await _running(path))]
    chosen = [x for x in running if offset in {None, x.control.port_offset}]
    if not running:
        raise CannotJudgeError(
            "no mitmail serve is running here: start one in another terminal, mitmail serve ID"
        )
    if len(chosen) == 1:
        return chosen[0]
    choices = " or ".join(sorted(x.name for x in running))
    if not chosen:
        raise CannotJudgeError(f"no mitmail serve has --port-offset {offset}: use {choices}")
    raise MitmailError(f"{len(chosen)} mitmail serve are running: choose with {choices}")


async def _running(path: Path) -> Remote | None:
    """The process of a control file; the file of one that was killed is removed."""
    try:
        remote = Remote(path, control_file.read(path))
    except MitmailError:
        return None  # it ends just now, or is none of ours
    try:
        async with asyncio.timeout(KNOCK):
            _understood(await _exchange(remote.control, remote.request("ping")), path)
    except (ConnectionRefusedError, MitmailError):
        # A process listens before it writes the file, and removes it before it stops: what
        # listens there now is something else.
        control_file.remove(path)
        return None
    except (OSError, ValueError, TimeoutError):
        pass  # it is there, and too busy: whatever is asked of it will say so
    return remote
