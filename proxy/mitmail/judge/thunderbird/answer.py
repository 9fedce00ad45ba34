"""What Thunderbird said, in the judge's words."""

import re
from typing import Any

from mitmail.judge.client import Said
from mitmail.judge.thunderbird.nss import REASONS

# What it tells its user where a server has no STARTTLS, or refuses it.
NO_STARTTLS = re.compile(r"STARTTLS|Unable to establish TLS connection to POP3 server")


def read(found: dict[str, Any], picture: bytes) -> Said:
    """What Thunderbird said, from what its own code reported."""
    details = _details(found)
    if found.get("done"):
        return Said("accept", None, None, "", details, picture or None)
    told = [text for one in found["shown"] for text in one["texts"]] + found["alerts"]
    words = "\n".join(dict.fromkeys([found["error"], *told]))
    if (nss := found.get("nss")) is not None:
        return Said("reject", _reason(nss, found), None, words, details, picture or None)
    if NO_STARTTLS.search(" ".join(told)):
        return Said("reject", "starttls", None, words, details, picture or None)
    return Said("error", None, None, words, details, picture or None)


def _reason(nss: str, found: dict[str, Any]) -> str | None:
    # It says so too when it knows the issuer by name, and dislikes something on the way there: a
    # critical extension that it does not know, or a chain that is too long.
    if nss == "SEC_ERROR_UNKNOWN_ISSUER" and found["issuer_trusted"]:
        return None
    return REASONS.get(nss)


def _details(found: dict[str, Any]) -> dict[str, Any]:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in found["shown"]:
        by_kind.setdefault(one["kind"], []).append(one)
    notifications = [text for one in by_kind.get("notification", []) for text in one["texts"]]
    dialogs = [*by_kind.get("exception", []), *by_kind.get("prompt", [])]
    return {
        "nss_error": found.get("nss"),
        "overridable": bool(found.get("overridable")),
        "notification": notifications[0] if notifications else None,
        "dialog": dialogs[0] if dialogs else None,
        "shown": found["shown"],
        # Thunderbird keeps them in no order.
        "exceptions": sorted(found["exceptions"], key=lambda x: (x["host"], x["port"])),
    }
