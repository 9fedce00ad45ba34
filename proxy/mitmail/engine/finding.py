"""What an attack on the dialogue came to, as far as our own side can tell."""

from dataclasses import dataclass
from typing import Literal

from mitmail.engine.verdict import Certainty

type FindingWord = Literal["safe", "aborted", "vulnerable", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One session's finding.

    ``safe``: the client went on through TLS and believed nothing that came in clear. ``aborted``:
    it left without a word that matters; whether it told its user, only the client knows.
    ``vulnerable``: it gave credentials or mail in clear, or acted on what came in clear; with
    ``suspected`` only its control shows whether it does so anyhow. ``inconclusive``: neither was
    to be seen. ``trace`` is the client's own line that shows it, masked.
    """

    finding: FindingWord
    certainty: Certainty
    evidence: str
    trace: str = ""
