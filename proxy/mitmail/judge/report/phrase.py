"""The words and shapes of a report: outcomes, what a client did, what a session was made of."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from mitmail.judge.result import Result, Run


class Outcome(NamedTuple):
    """How an outcome is shown: a shape and a word, so that no colour is needed."""

    shape: str
    word: str
    meaning: str


# In the order in which somebody wants to see them.
OUTCOMES: Final = {
    "fail": Outcome("✕", "fail", "the client did not do what it must"),
    "error": Outcome("?", "error", "could not be judged"),
    "warn": Outcome("▲", "warn", "the client does what a standard only advises against"),
    "xfail": Outcome("≈", "known", "known, with its reason"),
    "skip": Outcome("○", "skip", "was not asked"),
    "pass": Outcome("✓", "pass", "by its own word and by what we saw, as expected"),
}
ATTENTION: Final = ("fail", "error", "warn")
_DEEDS: Final = {"accept": "accepts", "reject": "refuses", "prompt": "asks its user"}


def outcome(word: str) -> Outcome:
    """The outcome of this word; one that is not known is shown as it is called."""
    return OUTCOMES.get(word) or Outcome("•", word, word)


def cut_off(run: Run) -> str | None:
    """What to say of a run that was cut off; None of one that is whole."""
    if run.lost <= 0:
        return None
    cells = "1 cell was" if run.lost == 1 else f"{run.lost} cells were"
    return f"the run was cut off: {cells} not asked"


def vulnerable(result: Result) -> bool:
    """Whether the client was surely vulnerable to a dialogue attack in one of its sessions."""
    found = [x.get("finding") or {} for x in (*result.sessions, result.seen or {})]
    sure = any((x.get("finding"), x.get("certainty")) == ("vulnerable", "sure") for x in found)
    return sure or (result.outcome == "fail" and result.why.startswith("vulnerable"))


def deed(result: Result) -> str:
    """What the client did, in two words: ``accepts``, ``refuses``; nothing that is not sure.

    Where both witnesses were heard they agree, but for one case: a client that says it refused may
    have greeted the server first, and the judge goes by its word.
    """
    if result.outcome == "error":
        return "not judged"
    if result.outcome == "skip":
        return "not asked"
    if vulnerable(result):
        return "is vulnerable"
    words = [str(x.get("verdict")) for x in (result.said, result.seen or {})]
    return next((_DEEDS[x] for x in words if x in _DEEDS), words[0])


def reason(result: Result) -> str | None:
    """The reason of a refusal, if one of the witnesses knows it."""
    if deed(result) != "refuses":
        return None
    return result.said.get("reason") or (result.seen or {}).get("reason")


def expected(wanted: Mapping[str, Any]) -> str:
    """What a correct client does: ``must refuse (expired)``."""
    verdict = {"accept": "accept", "reject": "refuse"}.get(wanted["verdict"], wanted["verdict"])
    reasons = f" ({' or '.join(wanted['reasons'])})" if wanted.get("reasons") else ""
    return f"{wanted.get('level', 'must')} {verdict}{reasons}"


def case(result: Result) -> str:
    """A case in words: ``healthy, behind norton, its root imported``."""
    return ", ".join([result.scenario, *setting(result)])


def setting(result: Result) -> list[str]:
    """What a case adds to its scenario: the antivirus, its root, another name."""
    words = []
    if result.antivirus != "none":
        words.append(f"behind {result.antivirus}")
    if "+imported" in result.case:
        words.append("its root imported")
    if "=" in result.case:
        words.append(f"as {result.case.partition('=')[2]}")
    return words


def alert(code: int | None) -> str | None:
    """A TLS alert by number and name (RFC 8446 6)."""
    if code is None:
        return None
    try:
        name = ssl.AlertDescription(code).name.removeprefix("ALERT_DESCRIPTION_").lower()
    except ValueError:
        return str(code)
    return f"{code} {name}"


def tools(versions: Mapping[str, str]) -> list[str]:
    """The programs with their versions; OpenSSL's begins with its name."""
    return [x if x.startswith(name) else f"{name} {x}" for name, x in versions.items()]


def moment(iso: str) -> str:
    """A time as people write it, in UTC; what is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return iso


# Who did it, and in which words; what is not here is shown by its own word.
_FACTS: Final = {
    "connected": ("client", "connects"),
    "client-hello": ("client", "ClientHello"),
    "starttls-command": ("client", "asks for TLS"),
    "command": ("client", "command through TLS"),
    "alert-received": ("client", "alert"),
    "client-closed": ("client", "closes the connection"),
    "silence": ("client", "says nothing"),
    "certificate-viewer": ("client", "speaks HTTP: a certificate viewer"),
    "go-ahead": ("server", "tells it to begin TLS"),
    "certificate-presented": ("server", "presents its certificate"),
    "alert-sent": ("server", "alert"),
    "server-closed": ("server", "closes the connection"),
    "attack": ("server", "attacks"),
    "upstream-connected": ("mitmail", "the mail server is connected"),
    "upstream-verified": ("mitmail", "the antivirus has checked the server"),
    "handshake-done": ("both", "handshake complete"),
    "tls-failed": ("both", "TLS has failed"),
    "finding": ("mitmail", "finding"),
}


_DETAILS: Final = {
    **dict.fromkeys(("code", "verb", "words", "version", "what", "evidence", "finding"), ""),
    "sni": "asks for",
    "offered": "offers",
    "chain": "certificates:",
    "errors": "found",
}


def fact(found: Mapping[str, Any]) -> tuple[float, str, str, str]:
    """A fact of a session: milliseconds, who, what, and the details as text."""
    word = str(found["fact"])
    who, what = _FACTS.get(word, ("mitmail", word.replace("-", " ")))
    details = {key: x for key, x in found.items() if key not in {"ms", "fact"}}
    if word.startswith("alert-"):
        details["code"] = alert(details.get("code"))
    if word.startswith("tls-"):
        who = str(details.pop("who", who))
    words = [_detail(key, x) for key, x in details.items() if x not in (None, "", [])]
    return float(found["ms"]), who, what, "; ".join(words)


def _detail(key: str, value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{_DETAILS.get(key, key)} {text}".lstrip()
