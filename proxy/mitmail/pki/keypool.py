"""Key pools: the same slot gives the same key, to every process."""

from pathlib import Path
from urllib.parse import quote, unquote

from mitmail.errors import MitmailError
from mitmail.pki import file
from mitmail.pki.key import KINDS, Key, generate, kind_of, load, pem
from mitmail.pki.word import choose

SHARED = "shared-"


def is_slow(kind: str) -> bool:
    """Whether a key of this kind takes long to make: 20 ms to 20 s (measured), others under 2."""
    return kind.startswith(("rsa", "dsa"))


class KeyPool:
    """Keys by slot: the same kind and slot give the same key, made when first asked for.

    With a folder (made 0700) they stay there as 0600 PEM files, the same for every process;
    without one they live as long as the pool. Those of shared slots come from another pool where
    one is given: ``shared``. Safe for several threads.
    """

    def __init__(self, folder: Path | None = None, *, shared: "KeyPool | None" = None) -> None:
        self._folder = folder
        self._shared = shared
        self._keys: dict[tuple[str, str], Key] = {}

    def get(self, kind: str, slot: str) -> Key:
        """The slot's key of this kind.

        Raises MitmailError on an unknown kind, a damaged key file or an unwritable folder.
        """
        choose(KINDS, kind, "the key kind")
        if self._shared is not None and slot.startswith(SHARED):
            return self._shared.get(kind, slot)
        known = self._keys.get((kind, slot))
        if known is None:
            path = self._path(kind, slot)
            made = generate(kind) if path is None else _kept(path, kind)
            known = self._keys.setdefault((kind, slot), made)
        return known

    def has(self, kind: str, slot: str) -> bool:
        """Whether the slot's key of this kind has been made."""
        if self._shared is not None and slot.startswith(SHARED):
            return self._shared.has(kind, slot)
        path = self._path(kind, slot)
        return (kind, slot) in self._keys or (path is not None and path.exists())

    def remove(self, slot: str) -> None:
        """Forget the slot's keys of every kind, and delete their files."""
        for kind in KINDS:
            self._keys.pop((kind, slot), None)
            if path := self._path(kind, slot):
                file.remove(path)

    def remove_all(self, prefix: str) -> None:
        """Forget the keys of every slot whose name begins like this, and delete their files."""
        for _, slot in [known for known in self._keys if known[1].startswith(prefix)]:
            self.remove(slot)
        if self._folder is not None:
            for path in self._folder.glob("*.pem"):
                if (slot := unquote(path.name.rsplit(".", 2)[0])).startswith(prefix):
                    self.remove(slot)

    def _path(self, kind: str, slot: str) -> Path | None:
        return self._folder and self._folder / f"{quote(slot, safe='')}.{kind}.pem"


def _kept(path: Path, kind: str) -> Key:
    content = file.read(path)
    if content is None:
        file.make_folder(path.parent)
        with file.locked(path.with_name(f".{path.name}.lock")):
            content = file.read(path)
            if content is None:
                content = pem(generate(kind))
                file.write(path, content, 0o600)
    try:
        key = load(content)
    except MitmailError as error:
        raise MitmailError(f"{path}: {error}; remove the file for a new key") from error
    if kind_of(key) != kind:
        raise MitmailError(f"{path}: the key is not {kind}; remove the file for a new key")
    return key
