"""What goes wrong when people import a root, read off what lies in a store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mitmail.errors import MitmailError
from mitmail.pki import name
from mitmail.pki.certificate import parse, sha256
from mitmail.trust.entry import Entry
from mitmail.trust.root import Root, described, is_admitted, is_authority
from mitmail.trust.store import TrustStore

type MistakeId = Literal[
    "unticked",
    "server-store",
    "distrusted",
    "server-certificate",
    "stale-root",
    "wrong-store",
    "contradiction",
]

# Every authority of ours that may outlive its use says so in its name.
_OURS: Final = ("CN=mitmail server test root", "CN=mitmail server issuing CA", "(simulated)")
_NO_CURE: Final = (
    "Saving a server's certificate never cures a wrong name: the fix is the host name that the "
    "certificate does cover, or another certificate on the server"
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: what was found, and what to do."""

    id: MistakeId
    sha256: str
    words: str
    fix: str


def relevant(certificates: Sequence[bytes], roots: Sequence[Root]) -> list[str]:
    """The fingerprints of what has to do with these roots, or was left by others of ours."""
    known = {root.sha256 for root in roots}
    names = {parse(root.certificate).subject for root in roots}
    return [
        sha256(each) for each in certificates if sha256(each) in known or _is_related(each, names)
    ]


def _is_related(certificate: bytes, names: set[bytes]) -> bool:
    try:
        read = parse(certificate)
    except MitmailError:
        return False
    if not is_authority(certificate):
        return read.issuer in names or _is_ours(read.issuer)
    return read.subject in names or (read.subject == read.issuer and _is_ours(read.subject))


def _is_ours(found: bytes) -> bool:
    return any(mark in name.text(found) for mark in _OURS)


def mistakes(
    store: TrustStore, entries: Sequence[Entry], roots: Sequence[Root]
) -> Iterator[Mistake]:
    """The mistakes in one store whose relevant ``entries`` these are."""
    known = {root.sha256: root for root in roots}
    trusted = {x.certificate for x in entries if x.standing == "trusted" and x.sha256 in known}
    for entry in entries:
        if not is_authority(entry.certificate):
            yield _server_certificate(store, entry)
        elif entry.sha256 in known:
            yield from _standing(store, entry, known[entry.sha256])
        else:
            yield _stale(store, entry, trusted, roots)


def _standing(store: TrustStore, entry: Entry, root: Root) -> Iterator[Mistake]:
    again = f"mitmail trust install {root.word} --store {store.word}"
    if entry.standing == "unticked":
        yield Mistake(
            "unticked", entry.sha256,
            f"{described(entry.certificate)} is there, but its box \"trust this CA to identify "
            "websites\" is not ticked (no C): the client refuses as if it were not there",
            f"{again}, or Authorities > Edit Trust, and tick the box",
        )  # fmt: skip
    elif entry.standing == "server":
        yield Mistake(
            "server-store", entry.sha256,
            f"{described(entry.certificate)} is an authority, but stands there as a server's "
            f"certificate ({entry.flags}): nothing that it signed is trusted. {_NO_CURE}",
            f"{again}, or import it under Authorities, not Servers",
        )  # fmt: skip
    elif entry.standing == "unclear":
        yield Mistake(
            "contradiction", entry.sha256,
            f"{described(entry.certificate)} has two records of its trust, and they contradict "
            f"each other ({entry.flags}): an older certutil has written beside a newer program",
            f"{store.way_out(entry.sha256)}, then {again}",
        )  # fmt: skip
    elif entry.standing == "distrusted":
        yield Mistake(
            "distrusted", entry.sha256,
            f"{described(entry.certificate)} is distrusted ({entry.flags})", again,
        )  # fmt: skip


def _server_certificate(store: TrustStore, entry: Entry) -> Mistake:
    issuer = name.text(parse(entry.certificate).issuer)
    return Mistake(
        "server-certificate", entry.sha256,
        f"{described(entry.certificate)} is a server's own certificate, not that of the authority "
        f"which signed it ({issuer}): no other certificate is trusted for it, and the next one "
        f"that the server shows is refused again. {_NO_CURE}",
        f"{store.way_out(entry.sha256)}, and import the root",
    )  # fmt: skip


def _stale(store: TrustStore, entry: Entry, trusted: set[bytes], roots: Sequence[Root]) -> Mistake:
    subject = parse(entry.certificate).subject
    twins = [root for root in roots if parse(root.certificate).subject == subject]
    fix = store.way_out(entry.sha256)
    if not twins:
        return Mistake(
            "stale-root", entry.sha256,
            f"{described(entry.certificate)} is an old root that mitmail does not keep any more",
            fix,
        )  # fmt: skip
    current = twins[0]
    words = (
        f"{described(entry.certificate)} has the name of the root of {current.whose} and "
        "another key: left behind when it was installed again"
    )
    if current.certificate not in trusted:
        words += (
            ". What is signed now is checked against it and fails: a bad signature or an unknown "
            "issuer, and Thunderbird may offer no exception"
        )
        if is_admitted(current, store.reach):
            fix += f", then mitmail trust install {current.word} --store {store.word}"
        else:
            fix += "; the new one is for one client's store, not for the whole machine's"
    return Mistake("stale-root", entry.sha256, words, fix)
