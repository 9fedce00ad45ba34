"""One thing that is wrong with a server's certificate or TLS, or worth knowing."""

from dataclasses import dataclass
from typing import Final, Literal

type Severity = Literal["critical", "high", "medium", "low", "info", "ok", "unknown"]

# The worst first. ``unknown`` is what could not be found out; it is never "nothing wrong".
SEVERITIES: Final[tuple[Severity, ...]] = (
    "critical", "high", "medium", "low", "unknown", "info", "ok",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``id`` is stable and for machines, ``words`` say what was found, ``fix`` what to do.

    ``reason`` is the word of the reason vocabulary that a correct client would give, null where
    it would not refuse for this. ``where`` names the source (``HOST:PORT``, a file).
    ``antivirus`` is the vendor profile that behaves like the product which was recognised.
    """

    id: str
    severity: Severity
    words: str
    fix: str = ""
    reason: str | None = None
    where: str = ""
    antivirus: str | None = None
