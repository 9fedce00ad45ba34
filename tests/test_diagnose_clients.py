"""What clients here really say of broken servers today leads to what was wrong."""

from pathlib import Path

import pytest

import bench
from explaining import causes, explained
from judging import judge

pytestmark = pytest.mark.long  # real clients in eight cases, for a minute

CASES = (
    "expired", "not-yet-valid", "wrong-host", "self-signed", "untrusted-root-sent",
    "missing-intermediate", "sha1-leaf", "tls-v1-0",
)  # fmt: skip
CLIENTS = {"curl": "curl", "gnutls-cli": "gnutls-cli", "openssl": "openssl", "mbsync": "mbsync",
           "msmtp": "msmtp", "python": None}  # fmt: skip
MATRIX = """\
clients: [{clients}]
select: {{ids: [{cases}]}}
endpoints: [imaps, smtp]
"""


def test_what_clients_say_now_leads_to_what_is_wrong(tmp_path: Path) -> None:
    for program in filter(None, CLIENTS.values()):
        bench.need(program)
    matrix = tmp_path / "now.mitmail-matrix.yaml"
    matrix.write_text(MATRIX.format(clients=", ".join(CLIENTS), cases=", ".join(CASES)))

    judged = judge(str(matrix), folder=tmp_path / "out")

    refused = [cell for cell in judged.cells.values() if cell["said"]["verdict"] == "reject"]
    assert len(refused) > len(CASES) * len(CLIENTS)
    missed = [
        (cell["cell"], cell["said"]["text"], causes(cell["said"]["text"]))
        for cell in refused
        if not set(cell["expected"]["reasons"]) & told(cell["said"]["text"])
    ]
    assert missed == []


def told(text: str) -> set[str]:
    """The reasons of the first two causes."""
    return {reason for answer in explained(text).answers[:2] for reason in answer.cause.reasons}
