"""What lives in the user's data folder: roots, identities, keys, the test user's password.

A slot's truth is ``<slot>.key`` (0600): private key and certificates in one file, so that the two
halves cannot come apart. ``<slot>.pem`` (0644) repeats the certificates, for import elsewhere.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from mitmail.errors import MitmailError
from mitmail.pki import certificate, file, key
from mitmail.pki.authority import Authority
from mitmail.pki.identity import Identity
from mitmail.pki.keypool import KeyPool


def data_folder(environ: Mapping[str, str], platform: str) -> Path:
    """Where mitmail keeps its things: ``MITMAIL_HOME``, else the platform's folder for data.

    ``platform`` is a ``sys.platform``. A relative ``XDG_DATA_HOME`` does not count, as the XDG
    Base Directory Specification says.
    """
    if own := environ.get("MITMAIL_HOME"):
        return Path(own)
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "mitmail"
    home = Path(environ.get("HOME") or Path.home())
    if platform == "darwin":
        return home / "Library" / "Application Support" / "mitmail"
    xdg = Path(environ.get("XDG_DATA_HOME", ""))
    return (xdg if xdg.is_absolute() else home / ".local" / "share") / "mitmail"


class Store:
    """Authorities, identities and secrets by slot; without a folder they end with the store.

    The folder is made 0700 when something is first kept. Safe for several threads and processes.
    Every method raises MitmailError that names the path when a file is damaged or cannot be
    written; a damaged one is never replaced, because someone may have imported that root.
    """

    def __init__(self, folder: Path | None, keys: KeyPool | None = None) -> None:
        """``keys`` stands in for a pool of the store's own, where keys shall outlive the rest."""
        self.keys = KeyPool(folder and folder / "keys") if keys is None else keys
        self._folder = folder
        self._identities: dict[str, Identity] = {}
        self._secrets: dict[str, str] = {}
        self._lock = threading.RLock()

    @property
    def outlives(self) -> bool:
        """Whether what it keeps outlives the process."""
        return self._folder is not None

    def authority(
        self,
        slot: str,
        make: Callable[[KeyPool], Authority],
        fresh: Callable[[Authority], bool],
    ) -> Authority:
        """The kept CA, or a new one when there is none or ``fresh`` says no to it.

        Raises MitmailError when the kept certificate and key are not a pair.
        """
        identity = self.identity(
            slot,
            lambda keys: _as_identity(make(keys)),
            lambda kept: fresh(self._as_pair(slot, kept)),
        )
        return _as_authority(identity)

    def identity(
        self,
        slot: str,
        make: Callable[[KeyPool], Identity],
        fresh: Callable[[Identity], bool],
    ) -> Identity:
        """The kept chain and key, or new ones when there are none or ``fresh`` says no to them.

        The chain is kept as it is: a leaf may be faulty on purpose.
        """
        kept = self._read(slot)
        if kept and fresh(kept) and self._is_published(slot, kept):
            return kept
        with self._locked(slot):
            kept = self._read(slot)  # another process may just have made it
            if kept is None or not fresh(kept):
                kept = make(self.keys)
                self._write(slot, kept)
            self._publish(slot, kept)
        return kept

    def secret(self, slot: str, make: Callable[[], str]) -> str:
        """The kept text of one line, or a new one, 0600."""
        if self._folder is None:
            with self._lock:
                if slot not in self._secrets:
                    self._secrets[slot] = make()
                return self._secrets[slot]
        path = self._path(slot, "secret")
        content = file.read(path)
        if content is None:
            with self._locked(slot):
                content = file.read(path)
                if content is None:
                    content = make().encode() + b"\n"
                    file.write(path, content, 0o600)
        return _line(path, content)

    def remove(self, slot: str) -> None:
        """Forget the slot's certificates, keys and secret, also those of its name in ``keys``."""
        self._identities.pop(slot, None)
        self._secrets.pop(slot, None)
        self.keys.remove(slot)
        if self._folder is not None:
            for suffix in ("key", "pem", "secret"):
                file.remove(self._path(slot, suffix))

    def remove_all(self, prefix: str) -> None:
        """Forget every slot whose name begins like this, as ``remove`` does."""
        for slot in [x for x in self._identities if x.startswith(prefix)]:
            self.remove(slot)
        if self._folder is not None and self._folder.is_dir():
            for path in self._folder.glob("*.key"):
                if (slot := unquote(path.stem)).startswith(prefix):
                    self.remove(slot)

    def slots(self) -> list[str]:
        """Every slot that holds certificates, by name."""
        if self._folder is None:
            return sorted(self._identities)
        return sorted(unquote(path.stem) for path in self._folder.glob("*.key"))

    def kept(self, slot: str) -> Identity | None:
        """What a slot holds, as it is; nothing is made."""
        return self._read(slot)

    def public_file(self, slot: str) -> Path | None:
        """Where the slot's certificates lie as PEM, for import; None in memory."""
        return None if self._folder is None else self._path(slot, "pem")

    def _path(self, slot: str, suffix: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{quote(slot, safe='')}.{suffix}"

    @contextmanager
    def _locked(self, slot: str) -> Iterator[None]:
        if self._folder is None:
            with self._lock:
                yield
        else:
            file.make_folder(self._folder)
            lock = self._path(slot, "lock")
            with file.locked(lock.with_name(f".{lock.name}")):
                yield

    def _read(self, slot: str) -> Identity | None:
        if self._folder is None:
            return self._identities.get(slot)
        path = self._path(slot, "key")
        content = file.read(path)
        return None if content is None else _load(path, content)

    def _write(self, slot: str, identity: Identity) -> None:
        if self._folder is None:
            self._identities[slot] = identity
        else:
            content = key.pem(identity.key) + _public(identity)
            file.write(self._path(slot, "key"), content, 0o600)

    def _as_pair(self, slot: str, kept: Identity) -> Authority:
        if self._folder is not None:
            _check_pair(self._path(slot, "key"), kept)
        return _as_authority(kept)

    def _is_published(self, slot: str, identity: Identity) -> bool:
        path = self.public_file(slot)
        return path is None or file.read(path) == _public(identity)

    def _publish(self, slot: str, identity: Identity) -> None:
        if not self._is_published(slot, identity):
            file.write(self._path(slot, "pem"), _public(identity), 0o644)


def _as_identity(authority: Authority) -> Identity:
    return Identity((authority.certificate,), authority.key)


def _as_authority(identity: Identity) -> Authority:
    return Authority(identity.leaf, identity.key)


def _public(identity: Identity) -> bytes:
    return certificate.pem(*identity.chain)


def _load(path: Path, content: bytes) -> Identity:
    try:
        return Identity(certificate.from_pem(content), key.load(content))
    except MitmailError as error:
        raise MitmailError(f"{path}: {error}; remove the file for a new one") from error


def _check_pair(path: Path, kept: Identity) -> None:
    try:
        matching = certificate.parse(kept.leaf).spki == key.spki(kept.key)
    except MitmailError as error:
        raise MitmailError(f"{path}: {error}; remove the file for a new one") from error
    if not matching:
        raise MitmailError(f"{path}: key and certificate differ; remove the file for a new one")


def _line(path: Path, content: bytes) -> str:
    text = content.removesuffix(b"\n").decode(errors="replace")
    if not text or not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
        raise MitmailError(f"{path}: not one line of text; remove the file for a new one")
    return text
