"""The report that opens by double click: one file, which fetches nothing from anywhere."""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jinja2

from mitmail.judge.report import attention, evidence, grid, phrase
from mitmail.judge.report.pack import pack
from mitmail.judge.result import Run

# The tag of an inline script or style is opened and closed on the line of what is in it: its hash
# counts every octet.
_POLICY: Final = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


def render(run: Run, base: Path | None = None) -> str:
    """The page of a run, whose credentials are masked; screenshots are looked for in ``base``."""
    style, script = _source("page.css"), _source("page.js")
    return _template().render(
        run=run,
        policy=_POLICY.format(script=_digest(script), style=_digest(style)),
        style=style,
        script=script,
        data=_json(evidence.document(run, base)),
        grid=grid.grid(run),
        heaps=attention.heaps(attention.items(run)),
        outcomes=[x for x in phrase.OUTCOMES if run.count(x)],
        phrase=phrase,
        endpoints=list(dict.fromkeys(x.endpoint for x in run.results)),
    )


def _json(document: Any) -> str:
    """A document as it may stand in a script element: no markup can begin in it."""
    text = json.dumps(pack(document), separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def _template() -> jinja2.Template:
    made = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return made.from_string(_source("page.html"))


def _source(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
