"""What ``mitmail check --json`` prints, and its JSON Schema (2020-12)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from mitmail.diagnose.blame import CULPRITS, Blame
from mitmail.diagnose.certificate import Certificate, chain_of
from mitmail.diagnose.client_view import said, scenario
from mitmail.diagnose.finding import SEVERITIES, Finding
from mitmail.diagnose.presented import Presented

type Json = dict[str, object]

_WORD: Final[Json] = {"type": "string"}
_WORD_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_WORDS: Final[Json] = {"type": "array", "items": _WORD}
_FLAG: Final[Json] = {"type": "boolean"}


def document(
    shown: Sequence[Presented],
    findings: Sequence[Finding],
    roots: str,
    blamed: Blame | None = None,
    *,
    at_from: str,
) -> Json:
    """The findings with what they are about.

    ``roots`` says whom the client is taken to trust, ``at_from`` where the times are from.
    """
    return {
        "schema": 1,
        "roots": roots,
        "at_from": at_from,
        "presented": [_presented(one) for one in shown],
        "findings": [_finding(one) for one in findings],
        "blame": blamed and _blame(blamed),
    }


def _blame(one: Blame) -> Json:
    product = one.product
    return {
        "who": one.who,
        "evidence": list(one.evidence),
        "next": one.next,
        "product": product and product.product,
        "kind": product and product.kind,
        "sureness": product and product.sureness,
        "antivirus": product and product.id,
    }


def _presented(one: Presented) -> Json:
    return {
        "source": one.source,
        "name": one.name,
        "at": _time(one.at),
        "only_leaf": one.only_leaf,
        "whole": one.is_whole,
        "port": one.port,
        "tls": one.tls,
        "version": one.version,
        "cipher": one.cipher,
        "certificates": [_certificate(each) for each in chain_of(one.chain)],
    }


def _certificate(one: Certificate) -> Json:
    return {
        "subject": one.subject if one.read else None,
        "issuer": one.issuer if one.read else None,
        "names": list(one.names),
        "not_before": one.not_before and _time(one.not_before),
        "not_after": one.not_after and _time(one.not_after),
        "sha256": one.sha256,
    }


def _finding(one: Finding) -> Json:
    return {
        "id": one.id,
        "severity": one.severity,
        "reason": one.reason,
        "words": one.words,
        "fix": one.fix,
        "where": one.where,
        "clients": said(one),
        "scenario": scenario(one),
        "antivirus": one.antivirus,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _object(properties: Mapping[str, object]) -> Json:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_TIME: Final[Json] = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_CERTIFICATE: Final = _object(
    {
        "subject": _WORD_OR_NULL,
        "issuer": _WORD_OR_NULL,
        "names": _WORDS,
        "not_before": _TIME_OR_NULL,
        "not_after": _TIME_OR_NULL,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    }
)
_PRESENTED: Final = _object(
    {
        "source": _WORD,
        "name": _WORD_OR_NULL,
        "at": _TIME,
        "only_leaf": _FLAG,
        "whole": _FLAG,
        "port": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
        "tls": {"enum": ["implicit", "starttls", "plain", None]},
        "version": _WORD_OR_NULL,
        "cipher": _WORD_OR_NULL,
        "certificates": _list(_CERTIFICATE),
    }
)
_FINDING: Final = _object(
    {
        "id": _WORD,
        "severity": {"enum": list(SEVERITIES)},
        "reason": _WORD_OR_NULL,
        "words": _WORD,
        "fix": _WORD,
        "where": _WORD,
        "clients": {"type": "object", "additionalProperties": _WORD},
        "scenario": _WORD_OR_NULL,
        "antivirus": _WORD_OR_NULL,
    }
)
_BLAME: Final = _object(
    {
        "who": {"enum": list(CULPRITS)},
        "evidence": {"type": "array", "items": _WORD, "minItems": 1},
        "next": _WORD,
        "product": _WORD_OR_NULL,
        "kind": {"enum": ["antivirus", "gateway", None]},
        "sureness": {"enum": ["certain", "likely", "possible", None]},
        "antivirus": _WORD_OR_NULL,
    }
)
DOCUMENTS: Final[dict[str, Json]] = {
    "check": _object(
        {
            "schema": {"const": 1},
            "roots": _WORD,
            "at_from": _WORD,
            "presented": _list(_PRESENTED),
            "findings": _list(_FINDING),
            "blame": {"oneOf": [_BLAME, {"type": "null"}]},
        }
    )
}
