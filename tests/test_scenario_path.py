"""The certification path: OpenSSL builds one from the same certificates, and is the judge."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError, X509StoreFlags

from mitmail.pki.keypool import KeyPool
from mitmail.plan.chain import Chain
from mitmail.plan.names import Names
from mitmail.scenario.path import Path, dead_end, namesakes, paths
from mitmail.scenario.server import Server

NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = KeyPool()
STALE = {"leaf": {"issuer": "root"}, "more": {"old-root": {"namesake": "root"}}}
REKEYED = {
    "more": {"rekeyed": {"issuer": "root", "namesake": "intermediate"}},
    "chain": ["leaf", "rekeyed"],
}
CROSS = {
    "more": {
        "old-root": {},
        "cross": {"issuer": "old-root", "namesake": "root", "same_key": "root"},
    },
    "chain": ["leaf", "intermediate", "cross"],
}


def server(said: Mapping[str, Any]) -> Server:
    return Server.model_validate(said)


class Verifier:
    """OpenSSL, given what a server sends and what its client trusts."""

    def __init__(self, said: Server) -> None:
        self._chain = Chain(said, Names(), KEYS, "path", NOW, {})
        self._said = said

    def path(self) -> tuple[bool, Path]:
        """Whether a trusted certificate is reached, and the path to there or to the dead end."""
        store = X509Store()
        # A trusted certificate ends the path also where it is not its own issuer.
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
        for name in self._said.trust:
            store.add_cert(self._read(name))
        sent = [self._read(name) for name in self._said.sent]
        context = X509StoreContext(store, sent[0], sent)
        try:
            return True, tuple(map(self._name, context.get_verified_chain()))
        except X509StoreContextError as error:
            return False, (self._name(error.certificate),)

    def _read(self, name: str) -> X509:
        return X509.from_cryptography(
            x509.load_der_x509_certificate(self._chain.certificate(name))
        )

    def _name(self, found: X509) -> str:
        serial = found.get_serial_number()
        names = {self._read(name).get_serial_number(): name for name in self._said.certificates}
        return names[serial]


UP = ("leaf", "intermediate", "root")
REACHED: dict[str, tuple[dict[str, Any], list[Path]]] = {
    "usual": ({}, [UP]),
    "below the root": ({"leaf": {"issuer": "root"}}, [("leaf", "root")]),
    "the root is sent too": ({"chain": UP}, [UP]),
    "in disorder": ({"chain": ["leaf", "root", "intermediate"]}, [UP]),
    "twice": ({"chain": ["leaf", "leaf", "intermediate", "intermediate"]}, [UP]),
    "with a stranger": ({"chain": ["leaf", "unrelated", "intermediate"]}, [UP]),
    "the intermediate is trusted": ({"trust": ["intermediate"]}, [UP[:2]]),
    "it is trusted, and not sent": ({"chain": ["leaf"], "trust": ["intermediate"]}, [UP[:2]]),
    "the trusted root is not its own issuer": (
        {"root": {"issuer": "above"}, "more": {"above": {}}},
        [UP],
    ),
    "the leaf is trusted": ({"leaf": {"issuer": "self"}, "trust": ["leaf"]}, [("leaf",)]),
    "four deep": (
        {"depth": 4},
        [("leaf", "intermediate", *(f"intermediate-{n}" for n in (2, 3, 4)), "root")],
    ),
    "a branch": (
        {"leaf": {"issuer": "branch"}, "more": {"branch": {"issuer": "intermediate"}}},
        [("leaf", "branch", "intermediate", "root")],
    ),
    "old and new root of one name": (
        STALE | {"trust": ["old-root", "root"]},
        [("leaf", "root")],
    ),
    "cross-signed, the new root is trusted": (CROSS, [UP]),
    "cross-signed, the old root is trusted": (
        CROSS | {"trust": ["old-root"]},
        [("leaf", "intermediate", "cross", "old-root")],
    ),
    "cross-signed, both are trusted": (
        CROSS | {"trust": ["old-root", "root"]},
        [UP, ("leaf", "intermediate", "cross", "old-root")],
    ),
    "a renewed intermediate with the same key": (
        {
            "more": {
                "renewed": {"issuer": "root", "namesake": "intermediate",
                            "same_key": "intermediate"},
            },
            "chain": ["leaf", "renewed"],
        },
        [("leaf", "renewed", "root")],
    ),
}  # fmt: skip
DEAD: dict[str, tuple[dict[str, Any], Path]] = {
    "the intermediate is missing": ({"chain": ["leaf"]}, ("leaf",)),
    "another intermediate is sent": ({"chain": ["leaf", "unrelated"]}, ("leaf",)),
    "the root is not trusted": ({"trust": ["unrelated"]}, UP[:2]),
    "it is sent all the same": ({"trust": ["unrelated"], "chain": UP}, UP),
    "self-signed": ({"leaf": {"issuer": "self"}}, ("leaf",)),
    "one of three is missing": (
        {"depth": 3, "chain": ["leaf", "intermediate", "intermediate-3"]},
        ("leaf", "intermediate"),
    ),
    "the old root of that name": (STALE | {"trust": ["old-root"]}, ("leaf",)),
    "the old root of that name, and the new one sent": (
        STALE | {"trust": ["old-root"], "chain": ["leaf", "root"]},
        ("leaf", "root"),
    ),
    "the intermediate has a new key": (REKEYED, ("leaf",)),
    "the same key under another name": (
        {"more": {"twin": {"issuer": "root", "same_key": "intermediate"}},
         "chain": ["leaf", "twin"]},
        ("leaf",),
    ),
    "the issuer is called something else": (
        {"leaf": {"issuer_name": {"CN": "Somebody"}}},
        ("leaf",),
    ),
    "cross-signed, and neither is trusted": (
        CROSS | {"trust": ["unrelated"]},
        ("leaf", "intermediate", "cross"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), REACHED.values(), ids=REACHED)
def test_every_path_to_trust_is_found_the_shorter_ones_first(
    said: dict[str, Any], expected: list[Path]
) -> None:
    assert list(paths(server(said))) == expected


@pytest.mark.parametrize(("said", "expected"), REACHED.values(), ids=REACHED)
def test_openssl_goes_one_of_these_paths(said: dict[str, Any], expected: list[Path]) -> None:
    reached, path = Verifier(server(said)).path()
    assert reached
    assert path in expected


@pytest.mark.parametrize(("said", "expected"), DEAD.values(), ids=DEAD)
def test_without_a_path_it_is_known_where_the_way_ends(
    said: dict[str, Any], expected: Path
) -> None:
    assert list(paths(server(said))) == []
    assert dead_end(server(said)) == expected


@pytest.mark.parametrize(("said", "expected"), DEAD.values(), ids=DEAD)
def test_openssl_gives_up_at_the_same_certificate(said: dict[str, Any], expected: Path) -> None:
    reached, path = Verifier(server(said)).path()
    assert not reached
    assert path == expected[-1:]


def test_where_the_leaf_is_not_sent_there_is_no_path() -> None:
    assert list(paths(server({"chain": ["intermediate"]}))) == []
    assert list(paths(server({"chain": []}))) == []


def test_a_path_can_be_asked_for_as_if_something_else_were_sent() -> None:
    lonely = server({"chain": ["leaf"]})
    assert list(paths(lonely)) == []
    assert list(paths(lonely, sent=["leaf", "intermediate"])) == [UP]
    assert list(paths(server({}), sent=[])) == []


def test_two_cas_that_sign_each_other_do_not_lead_round_in_circles() -> None:
    said = {
        "more": {
            "a": {"issuer": "b-key"},
            "b": {"issuer": "a"},
            "b-key": {"namesake": "b", "same_key": "b"},
        },
        "leaf": {"issuer": "a"},
        "chain": ["leaf", "a", "b"],
    }
    assert list(paths(server(said))) == []
    assert dead_end(server(said)) == ("leaf", "a", "b")
    assert list(paths(server(said | {"trust": ["b-key"]}))) == [("leaf", "a", "b-key")]


@pytest.mark.parametrize(
    ("said", "of", "expected"),
    [
        ({}, "leaf", ["intermediate"]),
        ({}, "intermediate", ["root"]),
        ({"chain": ["leaf"]}, "leaf", []),
        ({"trust": ["unrelated"]}, "intermediate", []),
        (STALE | {"trust": ["old-root"]}, "leaf", ["old-root"]),
        (STALE | {"trust": ["old-root", "root"]}, "leaf", ["root", "old-root"]),
        (REKEYED, "leaf", ["rekeyed"]),
        ({"leaf": {"issuer_name": {"CN": "x"}}}, "leaf", []),
        ({"leaf": {"issuer": "self"}}, "leaf", ["leaf"]),
    ],
)
def test_namesakes_of_the_issuer_are_at_hand_whatever_their_key(
    said: dict[str, Any], of: str, expected: list[str]
) -> None:
    assert namesakes(server(said), of) == expected
