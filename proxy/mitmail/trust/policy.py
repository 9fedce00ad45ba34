"""Policy files: Thunderbird and Firefox read ``policies.json`` at their start."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, override

from mitmail.errors import MitmailError
from mitmail.pki import file
from mitmail.pki.certificate import pem
from mitmail.trust.journal import Change
from mitmail.trust.root import Root, one
from mitmail.trust.store import ChangedError, TrustStore

FILE: Final = "policies.json"
_IN_APP: Final = "Contents/Resources/distribution/policies.json"

# Where a program looks for the policies of the whole machine (policy-templates of Mozilla).
PLACES: Final = {
    ("thunderbird", "linux"): "/etc/thunderbird/policies/policies.json",
    ("firefox", "linux"): "/etc/firefox/policies/policies.json",
    ("thunderbird", "darwin"): f"/Applications/Thunderbird.app/{_IN_APP}",
    ("firefox", "darwin"): f"/Applications/Firefox.app/{_IN_APP}",
    ("thunderbird", "win32"): r"C:\Program Files\Mozilla Thunderbird\distribution\policies.json",
    ("firefox", "win32"): r"C:\Program Files\Mozilla Firefox\distribution\policies.json",
}
_DEEPEST: Final = 100  # levels; the deepest policy of Mozilla has six
_BOM: Final = b"\xef\xbb\xbf"


class Policies(TrustStore):
    """One policy file; the certificates that we add lie beside it.

    A name without a folder in Certificates.Install is looked for by the program in places of its
    own: what is there is not seen here.
    """

    def __init__(self, path: Path) -> None:
        """A folder stands for the policies.json in it."""
        path = path.absolute()
        # Written in place of what a link leads to, never in place of the link.
        self.path = (path if path.suffix == ".json" else path / FILE).resolve()
        self.word = f"policies:{self.path}"

    @override
    def certificates(self) -> list[bytes]:
        found = []
        for name in self._names(self._read()):
            try:
                found.append(one(Path(name)))
            except MitmailError:
                continue
        return found

    def beside(self, fingerprint: str) -> Path:
        """Where the certificate with this fingerprint lies when we have put it there."""
        return self.path.with_name(f"mitmail-{fingerprint[:16]}.pem")

    @override
    def steps(self, root: Root) -> list[str]:
        self._read()
        beside = self.beside(root.sha256)
        return [f"write {beside}", f"add it to Certificates.Install in {self.path}"]

    @override
    def details(self) -> dict[str, Any]:
        content = file.read(self.path)
        before = None if content is None else base64.b64encode(content).decode()
        return {"before": before, "folder": self.path.parent.is_dir()}

    @override
    def install(self, root: Root) -> None:
        content = file.read(self.path)
        document = self._read()
        names = document.setdefault("policies", {}).setdefault("Certificates", {})
        names = names.setdefault("Install", [])
        names.append(str(self.beside(root.sha256)))
        if not self.path.parent.is_dir():
            self._make_folder()
        file.write(self.beside(root.sha256), pem(root.certificate), 0o644)
        try:
            self._write(document, content)
        except MitmailError:
            file.remove(self.beside(root.sha256))
            raise

    @override
    def remove(self, fingerprint: str) -> None:
        raise ChangedError(
            f"mitmail has not put that root into {self.path}: take it out of Certificates.Install"
        )

    @override
    def way_out(self, fingerprint: str) -> str:
        if str(self.beside(fingerprint)) in self._names(self._read()):
            return super().way_out(fingerprint)
        return f"take it out of Certificates.Install in {self.path}"

    @override
    def undo(self, change: Change, later: Sequence[Change]) -> str:
        there = self.state(change.sha256) is not None
        if change.details["before"] is not None and not self.path.exists():
            file.remove(self.beside(change.sha256))
            raise ChangedError(f"{self.path} is gone")
        self._undo(change.sha256, change.details, last=not later)
        return "taken out" if there else "was no longer there"

    def _undo(self, fingerprint: str, details: Mapping[str, Any], *, last: bool) -> None:
        content = file.read(self.path)
        before = None if details["before"] is None else base64.b64decode(details["before"])
        if content is not None:
            document, was = self._read(), self._parse(before or b"{}")
            self._without(document, self.beside(fingerprint), was)
            # To the octet as before where nobody else has edited it.
            if last and document == was:
                self._restore(before)
            elif document != self._read():
                self._write(document, content)
        file.remove(self.beside(fingerprint))
        folder = self.path.parent
        if not details["folder"] and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _restore(self, before: bytes | None) -> None:
        if before is None:
            file.remove(self.path)
        else:
            file.write(self.path, before, self.path.stat().st_mode & 0o777)

    def _without(self, document: Any, certificate: Path, before: Any) -> None:
        """Remove our line, and the houses that were built for it and stand empty now."""
        policies = document.get("policies", {})
        certificates = policies.get("Certificates", {})
        names = certificates.get("Install", [])
        if str(certificate) in names:
            names.remove(str(certificate))
        policies_before = before.get("policies", {})
        if not names and "Install" not in policies_before.get("Certificates", {}):
            certificates.pop("Install", None)
        if not certificates and "Certificates" not in policies_before:
            policies.pop("Certificates", None)
        if not policies and "policies" not in before:
            document.pop("policies", None)

    def _names(self, document: Any) -> list[str]:
        names = document.get("policies", {}).get("Certificates", {}).get("Install", [])
        return [name for name in names if isinstance(name, str) and Path(name).is_absolute()]

    def _read(self) -> Any:
        return self._parse(file.read(self.path) or b"{}")

    def _parse(self, content: bytes) -> Any:
        try:
            document = json.loads(
                content.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_refused
            )
            _check(document)
            # What cannot be written again is not touched: half of a surrogate pair, say.
            json.dumps(document, ensure_ascii=False).encode()
        except RecursionError:
            raise MitmailError(
                f"{self.path}: no policies can be read from it: it is nested too deeply"
            ) from None
        except ValueError as error:
            raise MitmailError(f"{self.path}: no policies can be read from it: {error}") from None
        return document

    def _write(self, document: Any, content: bytes | None) -> None:
        text = json.dumps(document, indent=_indent(content), ensure_ascii=False)
        mark = _BOM if (content or b"").startswith(_BOM) else b""
        mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644
        file.write(self.path, mark + text.encode() + b"\n", mode)

    def _make_folder(self) -> None:
        # Its parent belongs to the program: where that is missing, the program is not here.
        try:
            self.path.parent.mkdir(mode=0o755)
        except OSError as error:
            raise MitmailError(f"{self.path.parent}: {error.strerror}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _check(document: Any) -> None:
    """Raise ValueError where what we would write to is something else."""
    level = [document]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise ValueError("it is nested too deeply")
    for name in ("policies", "Certificates"):
        if not isinstance(document, dict):
            raise ValueError(f"no object holds {name}")
        document = document.get(name, {})
    if not isinstance(document, dict) or not isinstance(document.get("Install", []), list):
        raise ValueError("policies.Certificates.Install is no list")


def _inside(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return list(found.values())
    return found if isinstance(found, list) else []


def _indent(content: bytes | None) -> int | str | None:
    """How a file is indented, so that it still looks like itself."""
    if content is None:
        return 2
    found = re.search(rb"\{\r?\n([ \t]+)", content)
    return found[1].decode() if found else None
