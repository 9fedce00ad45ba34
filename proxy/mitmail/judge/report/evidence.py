"""The evidence of each cell, as the page shows it when the cell is opened."""

import base64
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from mitmail.judge.report import phrase
from mitmail.judge.result import Result, Run

_PICTURES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LARGEST: Final = 2_000_000  # octets of a screenshot


def document(run: Run, base: Path | None = None) -> dict[str, Any]:
    """Everything that the page's script shows of a run; screenshots are looked for in ``base``."""
    return {
        "started": run.head.started,
        "outcomes": {word: list(shown) for word, shown in phrase.OUTCOMES.items()},
        "cells": [_cell(one, base) for one in run.results],
    }


def _cell(one: Result, base: Path | None) -> dict[str, Any]:
    return {
        "cell": one.cell,
        "client": one.client,
        "version": one.version,
        "case": one.case,
        "scenario": phrase.case(one),
        "serve": _serve(one),
        "title": one.title,
        "matters": one.why_it_matters,
        "name": one.name,
        "endpoint": one.endpoint,
        "outcome": one.outcome,
        "why": one.why,
        "expected": phrase.expected(one.expected),
        "said": _said(one.said),
        "text": str(one.said.get("text") or ""),
        "more": _more(one.said),
        "seen": _seen(one.seen),
        "alert": phrase.alert((one.seen or {}).get("alert")),
        "reproduce": one.reproduce,
        "seconds": round(one.seconds, 2),
        "unstable": one.unstable,
        "tries": [f"{x.get('outcome')}: {x.get('why')}" for x in one.tries],
        "sessions": [_session(x) for x in _by_number(one.sessions)],
        "chain": [dict(x) for x in one.chain],
        "screenshot": _picture(one.screenshot, base),
    }


def _serve(one: Result) -> str:
    antivirus = "" if one.antivirus == "none" else f" --antivirus {shlex.quote(one.antivirus)}"
    return f"mitmail serve {shlex.quote(one.scenario)}{antivirus}"


def _said(said: Mapping[str, Any]) -> str:
    reason = f" ({said['reason']})" if said.get("reason") else ""
    code = said.get("exit_code")
    exit_code = "" if code is None else f", exit code {code}"
    return f"{said.get('verdict')}{reason}{exit_code}"


def _more(said: Mapping[str, Any]) -> list[list[str]]:
    """What else a client's driver knows: the dialog that it showed, its own name of an error."""
    known = {"verdict", "reason", "exit_code", "text", "details"}
    more = {key: x for key, x in said.items() if key not in known} | (said.get("details") or {})
    return [[key.replace("_", " "), _plain(x)] for key, x in more.items() if x or x in (0, False)]


def _plain(value: object) -> str:
    """What a driver knows, as text: a line for each item, and one for all members of an object."""
    if isinstance(value, Mapping):
        members = (f"{key}: {_plain(x)}" for key, x in value.items() if x not in (None, "", []))
        return " / ".join(members).replace("\n", " ")
    if isinstance(value, list):
        return "\n".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value)


def _seen(seen: Mapping[str, Any] | None) -> str:
    if seen is None:
        return "no session: nothing connected"
    reason = f" ({seen['reason']})" if seen.get("reason") else ""
    return f"{seen.get('verdict')}{reason}, {seen.get('certainty')}: {seen.get('evidence')}"


def _by_number(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One document a session: the record of its end has the last word, and all facts."""
    found: dict[Any, dict[str, Any]] = {}
    for one in records:
        found.setdefault(one.get("session"), {}).update(one)
    return list(found.values())


def _session(one: Mapping[str, Any]) -> dict[str, Any]:
    client, upstream, finding = (one.get(x) or {} for x in ("client", "upstream", "finding"))
    said = {
        "verdict": " ".join(str(x) for x in (one.get("verdict"), one.get("certainty")) if x),
        "evidence": one.get("evidence"),
        "server name asked for": client.get("sni"),
        "versions offered": ", ".join(client.get("offered") or ()),
        "version": client.get("negotiated"),
        "fingerprint": client.get("fingerprint"),
        "the antivirus found": ", ".join(upstream.get("errors") or ()),
        "finding": ", ".join(str(x) for x in list(finding.values())[:3] if x),
        "in clear": finding.get("trace"),
        "our side failed": one.get("error"),
    }
    return {
        "said": [[key, str(x)] for key, x in said.items() if x],
        "facts": list(_facts(one.get("facts", ()))),
    }


def _facts(found: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """What happened, line by line; what happened many times on end is one line."""
    told = [phrase.fact(x) for x in found]
    for (who, what, details), alike in groupby(told, key=lambda x: x[1:]):
        times = [ms for ms, *_ in alike]
        often = f" ({len(times)} times, until {times[-1]} ms)" if len(times) > 1 else ""
        yield [times[0], who, what, f"{details}{often}".lstrip()]


def _picture(name: str | None, base: Path | None) -> str | None:
    """A screenshot as a data URI; None where the file is no picture, or is not there."""
    if name is None:
        return None
    try:
        octets = ((base or Path()) / name).read_bytes()
    except OSError:
        return None
    kind = next((x for start, x in _PICTURES.items() if octets.startswith(start)), None)
    if kind is None or len(octets) > _LARGEST:
        return None
    return f"data:{kind};base64,{base64.b64encode(octets).decode()}"
