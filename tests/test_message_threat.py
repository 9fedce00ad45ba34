"""The built-in rule."""

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from letters import CLEAN, INFECTED, attached, letter, zipped
from mitmail.message.part import parse
from mitmail.message.threat import EICAR, UNPACKED, Threat, find


def found(octets: bytes) -> Threat | None:
    return find(octets, parse(octets))


@pytest.mark.parametrize("mail", INFECTED.values(), ids=INFECTED)
def test_the_test_file_is_found_however_it_is_packed(mail: Callable[[], bytes]) -> None:
    assert found(mail()) is not None


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_is_found_in_archives_of_archives(depth: int) -> None:
    assert found(attached(zipped(EICAR, depth=depth))) is not None


@pytest.mark.parametrize(
    "mail",
    [
        CLEAN, b"", b"\r\n", letter(EICAR[:-1]), attached(zipped(EICAR[1:])),
        attached(zipped(EICAR)[:-30]), attached(b"PK\x03\x04" + b"\xff" * 50),
    ],
)  # fmt: skip
def test_nothing_is_found_where_nothing_is(mail: bytes) -> None:
    assert found(mail) is None


def test_the_part_that_carries_it_is_named() -> None:
    mail = INFECTED["zip"]()
    threat = found(mail)
    assert threat is not None
    assert threat.parts == (parse(mail).children[1],)


def test_outside_of_any_part_it_belongs_to_none() -> None:
    for inside in (b"nothing", EICAR):
        threat = found(attached(inside) + EICAR + b"\r\n")
        assert threat is not None
        assert threat.parts == ()


def test_a_bomb_costs_little() -> None:
    bomb = zipped(*[b"\0" * UNPACKED] * 4, depth=1)
    before = time.process_time()
    assert found(attached(bomb)) is None
    assert time.process_time() - before < 2


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_of_another_method_costs_little(method: int) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("0", b"\0" * 2 * UNPACKED)
    tracemalloc.start()
    try:
        assert found(attached(target.getvalue())) is None
        assert tracemalloc.get_traced_memory()[1] < UNPACKED
    finally:
        tracemalloc.stop()


def test_a_damaged_file_of_an_archive_is_left_alone() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("0", bytes(range(256)) * 8)
    archive_octets = bytearray(target.getvalue())
    for at in range(40, 120):
        archive_octets[at] ^= 0x5A
    assert found(attached(bytes(archive_octets))) is None


def test_many_files_cost_little() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(3000):
            archive.writestr(str(number), b"x")
    assert found(attached(target.getvalue())) is None


def test_an_encrypted_file_is_left_alone() -> None:
    archive = bytearray(zipped(EICAR))
    archive[6] |= 1
    central = archive.index(b"PK\x01\x02")
    archive[central + 8] |= 1
    assert found(attached(bytes(archive))) is None
