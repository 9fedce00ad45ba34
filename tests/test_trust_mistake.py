"""What is advised against a mistake in a store is what mitmail would do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mitmail.pki.certificate import sha256
from mitmail.trust.entry import Entry
from mitmail.trust.java import JavaStore
from mitmail.trust.mistake import mistakes
from mitmail.trust.policy import Policies
from mitmail.trust.root import Root
from mitmail.trust.store import TrustStore
from mitmail.trust.system import Family, SystemStore
from trusting import authority, keeper, root

NAME = "Norton Web/Mail Shield Root (simulated)"
OLD, NEW = (authority(NAME, number).certificate for number in (0, 1))
NORTON = Root(certificate=NEW, word="norton", kind="antivirus")


def java(folder: Path) -> TrustStore:
    (folder / "cacerts").touch()
    return JavaStore(folder / "cacerts")


def system(folder: Path) -> TrustStore:
    family = Family("of a test", str(folder), ".crt", ("update-it",), str(folder / "bundle"))
    return SystemStore(family)


def policies(folder: Path) -> TrustStore:
    return Policies(folder)


def advice(store: TrustStore, old: bytes, current: Root) -> str:
    entry = Entry(certificate=old, label="", standing="trusted")
    (found,) = mistakes(store, [entry], [current])
    assert found.id == "stale-root"
    return found.fix


@pytest.mark.parametrize("kind", [java, system])
def test_a_products_root_is_not_advised_for_a_whole_machine(
    tmp_path: Path, kind: Callable[[Path], TrustStore]
) -> None:
    fix = advice(kind(tmp_path), OLD, NORTON)

    assert "mitmail trust install" not in fix
    assert "the new one is for one client's store" in fix


@pytest.mark.parametrize("kind", [java, system, policies])
def test_the_mail_servers_root_is_advised_everywhere(
    tmp_path: Path, kind: Callable[[Path], TrustStore]
) -> None:
    store = kind(tmp_path)

    fix = advice(store, authority(number=1).certificate, root())

    assert fix.endswith(f", then mitmail trust install server --store {store.word}")


def test_uninstall_is_advised_of_what_mitmail_has_put_into_a_policy(tmp_path: Path) -> None:
    store = Policies(tmp_path)
    old = Root(certificate=OLD, word="norton", kind="antivirus")
    by_hand = f"take it out of Certificates.Install in {store.path}"
    assert advice(store, OLD, NORTON).startswith(by_hand)

    keeper(tmp_path).install(old, store)

    assert advice(store, OLD, NORTON).startswith(
        f"mitmail trust uninstall {sha256(OLD)[:16]} --store {store.word}"
    )


def test_what_others_have_put_into_the_system_is_for_them_to_take_out(tmp_path: Path) -> None:
    store = system(tmp_path)
    fix = advice(store, OLD, NORTON)
    assert fix.startswith(f"remove the file of {tmp_path} that holds it, then sudo update-it")
    (tmp_path / f"mitmail-{sha256(OLD)[:16]}.crt").touch()
    assert advice(store, OLD, NORTON).startswith(
        f"mitmail trust uninstall {sha256(OLD)[:16]} --store system"
    )
