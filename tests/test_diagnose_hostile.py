"""Certificates with octets changed, lost and added: never a traceback, never called good."""

import json
import random
from contextlib import suppress
from datetime import UTC, datetime

import pytest

import ordinary
from mitmail.cli import findings as printing
from mitmail.diagnose import paste
from mitmail.diagnose.blame import blame
from mitmail.diagnose.diagnosis import diagnose
from mitmail.diagnose.document import document
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots
from mitmail.errors import MitmailError
from mitmail.pki.certificate import pem

ROOTS = Roots(ordinary.public_roots(), "the roots", public=True)
SHAPES = [ordinary.ORDINARY[x] for x in ("letsencrypt-E6", "digicert-ov", "plesk")]
CHANGES = 40


def garbled(octets: bytes, chance: random.Random) -> bytes:
    """The octets with one or a few of them changed, lost or added."""
    changed = bytearray(octets)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(changed))
        match chance.randrange(6):
            case 0:
                del changed[at : at + chance.randrange(1, 4)]
            case 1:
                changed[at:at] = chance.randbytes(chance.randrange(1, 4))
            case 2:
                changed[at] = chance.choice((0, 255))
            case _:
                changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def look(chain: tuple[bytes, ...]) -> set[str]:
    """Everything that ``check`` does with a chain; the ids of the findings."""
    shown = Presented(chain=chain, name=ordinary.HOST, at=ordinary.NOW, source="x")
    found = diagnose(shown, ROOTS)
    blamed = blame(shown, [Presented(chain=ordinary.chain(SHAPES[0]), name=None,
                                     at=ordinary.NOW, source="y")], ROOTS)  # fmt: skip
    lines = [*printing.shown(shown, "now"), *printing.printed(found), *printing.blamed(blamed)]
    assert all(line.isprintable() for line in lines)
    json.dumps(document([shown], found, "the roots", blamed, at_from="now"))
    return {one.id for one in found}


def poked(octets: bytes, chance: random.Random) -> bytes:
    """The octets with values, tags or lengths within their DER replaced, none lost or added."""
    changed = bytearray(octets)
    for _ in range(chance.choice((1, 1, 2, 4))):
        odd = (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
        changed[chance.randrange(4, len(changed))] = chance.choice(odd)
    return bytes(changed)


def poke(seed: int) -> None:
    """Any of a chain's certificates poked, with the roots among them: it only must not raise."""
    chance = random.Random(seed)
    chain = list(ordinary.chain(chance.choice(SHAPES)))
    for _ in range(chance.choice((1, 2))):
        place = chance.randrange(len(chain))
        chain[place] = poked(chain[place], chance)
    for content in (pem(*chain), b"".join(chain)):
        with suppress(MitmailError):
            paste.read(content, "x")
    look(tuple(chain))
    shown = Presented(chain=tuple(chain), name=ordinary.HOST, at=ordinary.NOW, source="x")
    diagnose(shown, Roots((*ROOTS.certificates, *chain[1:]), "the roots"))


@pytest.mark.parametrize("seed", range(CHANGES))
def test_a_poked_certificate_raises_nothing(seed: int) -> None:
    poke(seed)


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(20))
def test_two_thousand_poked_certificates_raise_nothing(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        poke(seed)


def check(seed: int) -> None:
    chance = random.Random(seed)
    chain = list(ordinary.chain(chance.choice(SHAPES)))
    place = chance.randrange(len(chain))
    before, chain[place] = chain[place], garbled(chain[place], chance)
    for content in (pem(*chain), b"".join(chain)):
        with suppress(MitmailError):
            paste.read(content, "x")
    ids = look(tuple(chain))
    assert before == chain[place] or "ok" not in ids


@pytest.mark.parametrize("seed", range(CHANGES))
def test_a_changed_certificate_is_never_called_good(seed: int) -> None:
    check(seed)


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(20))
def test_two_thousand_changed_certificates_are_never_called_good(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        check(seed)


@pytest.mark.parametrize("at", [datetime.min, datetime.max])
def test_no_time_is_too_early_or_too_late(at: datetime) -> None:
    chain = ordinary.chain(SHAPES[0])
    moment = at.replace(tzinfo=UTC)
    shown = Presented(chain=chain, name=ordinary.HOST, at=moment, source="x")
    assert "ok" not in {one.id for one in diagnose(shown, ROOTS)}
    blame(shown, [shown], ROOTS)
    list(printing.shown(shown, "--at"))


def test_an_unchanged_one_is_good() -> None:
    assert look(ordinary.chain(SHAPES[0])) == {"ok"}
