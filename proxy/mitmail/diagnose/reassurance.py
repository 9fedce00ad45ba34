"""What a text denies, finds in order, or only expects: no finding, however near its words are."""

import re
from typing import Final

_FINDING: Final = r"(?:expired?|revoked|self[ -]?signed)\b"
_BEEN: Final = r"(?:(?:is|are|was|were|has|have|been|be)\s+)*"
_PATTERNS: Final = (
    # Denied: "not revoked", "neither expired nor revoked", "no certificate has expired".
    r"\b(?:not|never|\w+n't|neither|nor)\s+(?:(?:yet|been|be|actually|really|even)\s+)*"
    rf"{_FINDING}(?:\s+n?or\s+{_FINDING})?(?:\s+yet\b)?",
    rf"\b(?:no|none of the)\s+(?:\w+\s+){{0,3}}?certificates?\s+{_BEEN}{_FINDING}",
    r"\b(?:no|zero|without(?:\s+any)?)\s+(?:(?:tls|ssl|certificate|handshake|other)\s+)*"
    r"(?:errors?|problems?|issues?|faults?|failures?)\b"
    r"(?:\s+(?:were\s+|was\s+)?(?:found|seen|detected))?",
    r"\bcertificates?\s+(?:is|are|was|were)\s+not\s+(?:required|needed|necessary)\b",
    r"\bno longer\s+(?:replaces?|intercepts?|asks?|complains?|warns?)\b",
    # In order: "verify ok". Postfix calls a connection untrusted that nobody asked it to verify,
    # and a client unknown that has no name.
    r"\bverif(?:y|ied|ication)\s+(?:(?:is|was)\s+)?(?:ok|okay|succe\w+)\b",
    r"\buntrusted(?=\s+tls\s+connection\s+established\b)",
    r"\b(?:from|to)\s+unknown\b(?=\[|:|$)",
    rf"\b{_FINDING}\s+certificates?\s+{_BEEN}(?:replaced|renewed|deleted|removed)\b",
    # To come, or only thought of: it has not happened.
    r"\b(?:will|would|may|might|can|could|shall|should|must|to)\s+(?:not\s+|soon\s+|also\s+)?be\s+"
    rf"{_FINDING}",
    rf"\b(?:if|whether|before|unless|until)\s+(?:\w+\s+){{1,4}}?{_BEEN}{_FINDING}",
    # Other certificates, and other keys, are none of ours.
    r"\bhost\s+key\s+(?:fingerprint|verification)\b.*",
    r"\b(?:gift|birth|death|marriage|training|school|vaccination)\s+certificates?\b",
    r"\bcertificates?\s+of\s+(?:attendance|completion|conformity|insurance|origin)\b",
)
_ALL: Final = re.compile("|".join(_PATTERNS), re.I)


def without(line: str) -> str:
    """The line without what says that nothing is wrong."""
    return _ALL.sub(" ", line)
