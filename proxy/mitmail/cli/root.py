"""The roots that the words of a command line mean."""

from pathlib import Path
from typing import TYPE_CHECKING

from mitmail.cli.ca import find_root, kept_store

if TYPE_CHECKING:
    from mitmail.trust.root import Kind, Root


def named(name: str) -> "Root":
    """The root that a word names: of the server, of an antivirus, or in a file."""
    from mitmail.trust import root
    from mitmail.trust.root import Root

    if name != "server" and (Path(name).suffix or Path(name).is_file()) and not _is_vendor(name):
        return root.read(Path(name))
    certificate = find_root(name).certificate
    kind: Kind = "server" if name == "server" else "antivirus"
    return Root(certificate=certificate, word=name, kind=kind, file=_file_of(certificate))


def _is_vendor(name: str) -> bool:
    return Path(name).suffix in {".yaml", ".yml"}


def _file_of(certificate: bytes) -> Path | None:
    store = kept_store()
    for slot in store.slots():
        kept = store.kept(slot)
        if kept is not None and kept.chain == (certificate,):
            return store.public_file(slot)
    return None


def kept_roots() -> list["Root"]:
    """The roots that are kept and may be trusted somewhere; none is made."""
    from mitmail.trust.root import Root

    store, found = kept_store(), []
    for slot in store.slots():
        word, trusted, _ = slot.partition("-trusted-root")
        if slot != "server-root" and not trusted:
            continue
        if (kept := store.kept(slot)) is not None:
            kind: Kind = "antivirus" if trusted else "server"
            word = word if trusted else "server"
            file = store.public_file(slot)
            found.append(Root(certificate=kept.leaf, word=word, kind=kind, file=file))
    return found


def kept_root(name: str) -> "Root":
    """The root that a word names, of those there are: none is made to be taken out."""
    from mitmail.errors import MitmailError

    kept = [root for root in kept_roots() if root.word == name]
    if kept:
        return kept[0]
    if name == "server" or not (Path(name).suffix or Path(name).is_file()):
        raise MitmailError(f"no root of {name} is kept; name the one to take out by its SHA-256")
    return named(name)
