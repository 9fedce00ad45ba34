"""Runs as data: cells that say what a test is about, and are ordinary in everything else."""

from dataclasses import replace
from typing import Any

from mitmail.judge.result import Head, Result, Run, Shard

EXPECTED = {"verdict": "reject", "reasons": ["expired"], "level": "must"}
REFUSED = {"verdict": "reject", "reason": "expired", "exit_code": 60, "text": "has expired"}
ACCEPTED = {"verdict": "accept", "reason": None, "exit_code": 0, "text": ""}
SAW_REFUSAL = {
    "verdict": "reject", "certainty": "sure", "reason": None, "alert": 45,
    "evidence": "the client sent the alert certificate_expired (45)",
}  # fmt: skip
SAW_ACCEPT = {
    "verdict": "accept", "certainty": "sure", "reason": None, "alert": None,
    "evidence": "the client sent LOGIN through TLS",
}  # fmt: skip
WHY = {
    "pass": "as expected",
    "fail": "expected reject (expired)",
    "warn": "expected reject (expired)",
    "error": "the client never connected",
    "xfail": "known of this client: it is old",
    "skip": "not installed",
}


def cell(name: str, outcome: str = "pass", **changes: Any) -> Result:
    """The cell ``client/case/endpoint``, which came out like this."""
    client, case, endpoint = name.split("/")
    plain = case.partition("=")[0]
    scenario, _, added = plain.partition("+")
    met = outcome in {"pass", "xfail"}
    made = Result(
        index=0,
        cell=name,
        client=client,
        version="1.2",
        case=case,
        scenario=scenario,
        group="validity",
        title="The certificate expired yesterday",
        why_it_matters="It may belong to a stolen key.",
        antivirus=added.partition("+")[0] or "none",
        name="mail.customer.test",
        endpoint=endpoint,
        expected=EXPECTED,
        said=REFUSED if met else ACCEPTED,
        seen=None if outcome in {"error", "skip"} else SAW_REFUSAL if met else SAW_ACCEPT,
        outcome=outcome,
        why=WHY[outcome],
        reproduce=f"mitmail judge --only '{name}'",
        seconds=0.25,
    )
    return replace(made, **changes)


def run(*cells: Result, **head: Any) -> Run:
    """These cells, in this order, as a run."""
    numbered = tuple(replace(one, index=index) for index, one in enumerate(cells))
    clients = {one.client: {"version": one.version, "verifies": "full"} for one in cells}
    made = Head(
        plan="0" * 64,
        cells=len(cells),
        shard=Shard(),
        started="2026-11-29T18:36:53Z",
        platform="Linux",
        tools={"mitmail": "0.6", "OpenSSL": "4.0.1"},
        clients=clients,
    )
    return Run(replace(made, **head), numbered)
