"""What is kept from one run of ``mitmail serve`` to the next."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from mitmail.service.orders import Orders, prepare

FOREIGN = make(loader.find("healthy"), None, Store(None)).door.chain


@dataclass(frozen=True)
class Found:
    chain: tuple[bytes, ...] = FOREIGN
    errors: tuple[str, ...] = ()
    alpn: bytes | None = None


def shown(folder: Path, *switches: str) -> tuple[bytes, ...]:
    """What norton shows in one run for one real server's leaf."""
    orders = Orders(
        antivirus="norton", upstreams=("imaps=127.0.0.1:993",), switches=frozenset(switches)
    )
    identity = prepare(orders, folder).plan.choose_shield("imaps")(Found(), None)
    assert isinstance(identity, Identity)
    return identity.chain


def test_a_real_servers_leaf_has_the_same_copy_in_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients bind their exceptions to it; products that do not keep it are a switch."""
    monkeypatch.setenv("MITMAIL_HOME", str(tmp_path))

    assert shown(tmp_path) == shown(tmp_path)
    switch = "leaf-per-process"
    assert shown(tmp_path, switch) != shown(tmp_path, switch)
