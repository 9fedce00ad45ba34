"""Reports of a run, rendered from its records and from nothing else; credentials are masked."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from mitmail.errors import MitmailError
from mitmail.judge import secret
from mitmail.judge.report import annotation, compatibility, junit, markdown, page
from mitmail.judge.result import Run, line, record

type Render = Callable[[Run, Path | None], str]

FORMATS: Final[dict[str, Render]] = {
    "html": page.render,
    "md": lambda run, base: markdown.render(run),
    "github": lambda run, base: annotation.render(run),
    "junit": lambda run, base: junit.render(run),
    "json": lambda run, base: json.dumps(record(run), indent=1) + "\n",
    "ndjson": lambda run, base: "".join([line(run.head), *map(line, run.results)]),
    "compatibility": lambda run, base: compatibility.render(run),
}


def render(
    run: Run,
    format: str,  # noqa: A002 - what the option is called
    *,
    base: Path | None = None,
    secrets: Iterable[str] = (),
) -> str:
    """A run as ``html``, ``md``, ``github``, ``junit``, ``json``, ``ndjson``, ``compatibility``.

    Screenshots are looked for in ``base``. ``secrets`` are passwords that must not be in it, on
    top of what reads like one.
    """
    made = FORMATS[format](secret.masked(run, secrets), base)
    # JSON can hold half of a surrogate pair, and no file in UTF-8 can.
    return made.encode(errors="replace").decode()


def write(
    run: Run,
    format: str,  # noqa: A002 - what the option is called
    path: Path,
    *,
    base: Path | None = None,
    secrets: Iterable[str] = (),
) -> None:
    """Write a run to a file, as `render` has it; the folder of the file is ``base`` by default.

    What was there stays until the new file is whole. Raises MitmailError.
    """
    text = render(run, format, base=base or path.parent, secrets=secrets)
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8", newline="\n")
        new.replace(path)
    except OSError as error:
        with suppress(OSError):  # its folder may be none
            new.unlink()
        raise MitmailError(f"cannot write {path}: {error.strerror}") from None
