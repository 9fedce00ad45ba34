"""Verifiers that have to be compiled first: built once for each state of their source."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from proof.process import run

CACHE = Path.home() / ".cache" / "mitmail-proof"
_SECONDS = 120.0


def built(
    source: Path,
    compiler: Sequence[str],
    *,
    after: Sequence[str] = (),
    mark: str,
    extra: Mapping[str, str] | None = None,
) -> Path:
    """The program of a source file; ``mark`` is what else it depends on, such as a version.

    Raises RuntimeError with what the compiler said.
    """
    state = hashlib.sha256(source.read_bytes() + mark.encode()).hexdigest()[:16]
    program = CACHE / f"{source.stem}-{state}"
    if program.exists():
        return program
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / f"{program.name}.{os.getpid()}"  # others may build it at the same time
    command = [*compiler, "-o", str(made), str(source), *after]
    ended = run(command, close=True, seconds=_SECONDS, extra=extra)
    if ended.code != 0:
        raise RuntimeError(f"{source.name}: {ended.text}")
    return made.replace(program)
