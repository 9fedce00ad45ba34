"""A stapled response revokes a certificate only when nothing about it is in doubt.

``openssl ocsp`` is the second opinion on every response.
"""

import re
import subprocess
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench import clean_environment, need
from mitmail.engine.revocation import is_revoked
from mitmail.hello import Hello
from mitmail.manner import Manner
from mitmail.pki import ocsp
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import parse, pem
from mitmail.pki.identity import Identity
from mitmail.pki.key import generate
from mitmail.pki.name import distinguished_name
from talk import DAY, NAME, NOW, Talk, TlsSide, between, blind, identity, key, root

HOUR = timedelta(hours=1)
REVOKED = ocsp.RevokedInfo(NOW - DAY, "keyCompromise")


@cache
def stranger() -> Authority:
    """A CA that has issued nothing of all this."""
    subject = distinguished_name([("CN", "a stranger")])
    return make_root(subject, key(5), NOW - DAY, NOW + DAY)


@cache
def responder(kind: str, since: int = -1, until: int = 1) -> Authority:
    """Who answers for the issuer, or would like to."""
    issuer = stranger() if kind == "foreign" else root()
    purposes = {"server": ("serverAuth",), "nothing": ()}.get(kind, ("OCSPSigning",))
    subject = distinguished_name([("CN", f"responder {kind}")])
    return ocsp.delegate(
        issuer, subject, key(6), NOW + since * DAY, NOW + until * DAY, purposes=purposes
    )


def about(**how: Any) -> ocsp.ResponseData:
    """What is said of our leaf: that it is revoked."""
    said: dict[str, Any] = {
        "issuer": root(), "serial": parse(identity().leaf).serial, "status": REVOKED,
        "this_update": NOW - HOUR, "next_update": NOW + DAY,
    }  # fmt: skip
    return ocsp.ResponseData(**(said | how))


def by(kind: str, since: int = -1, until: int = 1) -> bytes:
    """The revocation, signed by a responder that is enclosed."""
    signer = responder(kind, since, until)
    return ocsp.respond(about(), signer, certificates=[signer.certificate])


@dataclass(frozen=True)
class Case:
    """A response; ``proves`` says whether it revokes, ``openssl`` what that program says."""

    response: bytes
    proves: bool
    openssl: str


# fmt: off
CASES = {
    "by-the-issuer": Case(ocsp.respond(about()), True, "OK revoked"),
    "by-a-delegate": Case(by("delegate"), True, "OK revoked"),
    "good": Case(ocsp.respond(about(status="good")), False, "OK good"),
    "unknown": Case(ocsp.respond(about(status="unknown")), False, "OK unknown"),
    "other-leaf": Case(ocsp.respond(about(serial=b"\x01\x02")), False, "OK ERROR: No Status"),
    "other-issuer": Case(
        ocsp.respond(about(issuer=stranger()), root()), False, "verify error"
    ),
    "by-a-stranger": Case(ocsp.respond(about(), stranger()), False, "verify error"),
    "by-a-strangers-delegate": Case(by("foreign"), False, "verify error"),
    "by-a-server": Case(by("server"), False, "verify error"),
    "by-nobody-in-particular": Case(by("nothing"), False, "verify error"),
    "by-an-expired-delegate": Case(by("delegate", -9, -1), False, "verify error"),
    "not-enclosed": Case(ocsp.respond(about(), responder("delegate")), False, "verify error"),
    "broken": Case(ocsp.respond(about(), broken=True), False, "verify error"),
    "stale": Case(
        ocsp.respond(about(this_update=NOW - 9 * DAY, next_update=NOW - DAY)), False,
        "OK WARNING: Status times invalid",
    ),
    "future": Case(
        ocsp.respond(about(this_update=NOW + DAY, next_update=NOW + 9 * DAY)), False,
        "OK WARNING: Status times invalid",
    ),
    "not-revoked-yet": Case(
        ocsp.respond(about(status=ocsp.RevokedInfo(NOW + DAY, "superseded"))), False, "OK revoked"
    ),
    "without-an-end": Case(ocsp.respond(about(next_update=None)), False, "OK revoked"),
    "try-later": Case(ocsp.unsuccessful("tryLater"), False, "Responder Error: trylater"),
    "empty": Case(b"", False, "Error"),
    "rubbish": Case(b"\x30\x03\x02\x01", False, "Error"),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_only_what_is_beyond_doubt_revokes(name: str) -> None:
    case = CASES[name]
    found = is_revoked(case.response, identity().leaf, (root().certificate,))
    assert found is case.proves


@pytest.mark.parametrize("name", CASES)
def test_openssl_agrees(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    for file, octets in (
        ("response", case.response), ("leaf.pem", pem(identity().leaf)),
        ("root.pem", pem(root().certificate)),
    ):  # fmt: skip
        (tmp_path / file).write_bytes(octets)
    command = [need("openssl"), "ocsp", "-respin", "response", "-CAfile", "root.pem"]
    ended = subprocess.run(
        [*command, "-issuer", "root.pem", "-cert", "leaf.pem", "-no_nonce"], cwd=tmp_path,
        capture_output=True, text=True, env=clean_environment(), timeout=15,
    )  # fmt: skip
    said = re.sub(r"\s+", " ", ended.stdout + ended.stderr)
    found = next(
        words for words in (
            "Responder Error: trylater", "Error reading", "Response Verify Failure",
            "Response verify OK",
        ) if words in said
    )  # fmt: skip
    status = re.search(r"leaf\.pem: (WARNING: Status times invalid\.|ERROR: No Status|\w+)", said)
    words = {
        "Response verify OK": f"OK {status[1].rstrip('.')}" if status else "OK",
        "Response Verify Failure": "verify error", "Error reading": "Error",
    }.get(found, found)  # fmt: skip
    assert words == case.openssl


def test_an_issuer_that_is_not_known_proves_nothing() -> None:
    response = ocsp.respond(about())
    for issuers in ((), (stranger().certificate,), (b"rubbish",)):
        assert not is_revoked(response, identity().leaf, issuers)
    assert not is_revoked(response, b"rubbish", (root().certificate,))


@pytest.mark.parametrize("kind", ["rsa2048", "ed25519"])
def test_keys_of_other_kinds_sign_too(kind: str) -> None:
    signer = generate(kind)
    subject = distinguished_name([("CN", "another root")])
    other = make_root(subject, signer, NOW - DAY, NOW + DAY)
    leaf = other.leaf(key(), names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    data = about(issuer=other, serial=parse(leaf).serial)
    assert is_revoked(ocsp.respond(data), leaf, (other.certificate,))
    assert not is_revoked(ocsp.respond(data, broken=True), leaf, (other.certificate,))


@pytest.mark.parametrize(("asks", "found"), [(True, ("revoked",)), (False, ())])
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_shield_finds_a_revoked_server_if_it_asks(
    version: Any, asks: bool, found: tuple[str, ...]
) -> None:
    door = replace(identity(), manner=Manner(staple=ocsp.respond(about()), versions=(version,)))
    seen = through_a_door(door, Hello(asks_status=asks))
    assert seen == found


def through_a_door(door: Identity, hello: Hello) -> tuple[str, ...]:
    """What a shield finds wrong with a server that is a session of ours itself."""
    shield = Talk("imap", "implicit", "implicit", hello=hello)
    TlsSide(shield.client, blind())
    between(shield, Talk("imap", "implicit", "plain", choose=lambda seen, sni: door))
    assert shield.session.upstream is not None
    return shield.session.upstream.errors
