"""The gallery: what ``serve --all`` makes of its orders before anything listens."""

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mitmail import shipped
from mitmail.addon.proxy import Proxy
from mitmail.pki import key, keypool
from mitmail.scenario.problem import ScenarioError
from mitmail.service import gallery
from mitmail.service.bench import open_in
from mitmail.service.gallery import SLOW, Gallery
from mitmail.service.orders import Orders

IDS = ("control/healthy", "validity/expired", "trust/stale-root-both-trusted", "tls/tls-v1-0")
BROKEN = "titel: Broken\nwhy: It is.\nrule: none\nexpect: {verdict: accept}\n"


@pytest.fixture
def house(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of a few shipped scenarios."""
    folder = tmp_path / "scenarios"
    for path in IDS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout / "scenarios" / f"{path}.yaml", folder / f"{path}.yaml")
    monkeypatch.setattr(shipped, "SCENARIOS", folder)
    return folder


def prepare(folder: Path, **orders: bool) -> Gallery:
    folder.mkdir(exist_ok=True)
    return gallery.prepare(Orders(everything=True, **orders), folder, lambda words: None)  # type: ignore[arg-type] # flags only


def held(file: Path) -> list[bytes]:
    read = x509.load_pem_x509_certificates(file.read_bytes())
    return [one.public_bytes(Encoding.DER) for one in read]


def test_a_root_file_holds_all_that_the_client_is_told_to_trust(
    house: Path, tmp_path: Path
) -> None:
    shown = prepare(tmp_path / "run", ready_json=True)
    both = shown.catalogue.plan("stale-root-both-trusted").server_roots

    assert held(shown.root_file) == [shown.catalogue.common_root]
    assert {*shown.own_roots} == {"stale-root-both-trusted"}
    assert tuple(held(shown.own_roots["stale-root-both-trusted"])) == both
    assert len(both) == 2


def test_for_a_person_the_common_root_and_the_password_are_kept(
    house: Path, tmp_path: Path
) -> None:
    first, second = (prepare(tmp_path / run) for run in ("one", "two"))
    thrown = [
        prepare(tmp_path / "three", ephemeral=True),
        prepare(tmp_path / "four", ready_json=True),
    ]

    assert first.kept_in is not None
    assert first.root_file.parent == first.kept_in
    assert (first.root_file, first.password) == (second.root_file, second.password)
    assert first.catalogue.common_root == second.catalogue.common_root
    for other in thrown:
        assert other.kept_in is None
        assert other.catalogue.common_root != first.catalogue.common_root
        assert other.password != first.password


def test_it_is_said_once_that_keys_take_long(house: Path, tmp_path: Path) -> None:
    (house / "algorithm").mkdir()
    text = (house / "control" / "healthy.yaml").read_text() + "server: {leaf: {key: rsa1024}}\n"
    (house / "algorithm" / "old-key.yaml").write_text(text)
    said: list[str] = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        gallery.prepare(Orders(everything=True, ready_json=True), tmp_path / run, said.append)

    assert said == [SLOW]


def test_a_file_that_is_wrong_is_left_out_and_said(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (house / "control" / "broken.yaml").write_text(BROKEN)

    async def serve() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(20):
            await open_in(await Proxy.start(), Orders(everything=True, ready_json=True), stack)

    asyncio.run(serve())

    said = capsys.readouterr()
    assert {*json.loads(said.out)["scenarios"]} == {path.partition("/")[2] for path in IDS}
    assert f"{house / 'control' / 'broken.yaml'}:1:1: titel: unknown key" in said.err
    assert all(line.endswith("(left out)") for line in said.err.splitlines())


def test_when_no_file_is_right_nothing_is_served(house: Path, tmp_path: Path) -> None:
    for path in IDS:
        (house / f"{path}.yaml").write_text(BROKEN)

    with pytest.raises(ScenarioError):
        prepare(tmp_path / "run", ready_json=True)


def test_what_cannot_be_made_here_is_said_and_the_rest_is_served(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ML-DSA, which cryptography knows from version 48 on."""
    text = (house / "control" / "healthy.yaml").read_text()
    (house / "control" / "newest.yaml").write_text(f"{text}server: {{root: {{key: mldsa65}}}}\n")
    known = dict(key.KINDS)
    del known["mldsa65"]
    monkeypatch.setattr(keypool, "KINDS", known)

    shown = prepare(tmp_path / "run", ready_json=True)

    assert list(shown.unsupported) == ["newest"]
    assert "mldsa65" in shown.unsupported["newest"]
