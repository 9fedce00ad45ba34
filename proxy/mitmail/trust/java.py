"""Java's trust store, ``cacerts``, which every program on a JVM reads unless told otherwise."""

import os
import re
import shutil
from pathlib import Path
from typing import Final, override

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki import certificate, file
from mitmail.trust import program
from mitmail.trust.root import Root
from mitmail.trust.store import TrustStore

PASSWORD: Final = "changeit"  # Java's own, in its documentation and in every installation
_BELOW_HOME: Final = ("lib/security/cacerts", "jre/lib/security/cacerts")
_LISTED: Final = re.compile(
    r"^Alias name: (?P<alias>.*?)$.*?"
    r"(?P<pem>-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----)",
    re.MULTILINE | re.DOTALL,
)
# keytool speaks the language of the machine, and we read it.
_ENGLISH: Final = ("-J-Duser.language=en", "-J-Dfile.encoding=UTF-8")


class JavaStore(TrustStore):
    """One key store file with roots in it."""

    reach = "machine"

    def __init__(self, path: Path) -> None:
        """Raises MitmailError when there is no such file."""
        if not path.is_file():
            raise MitmailError(f"{path}: no such file; name a cacerts: --store java:FILE")
        # One file has one name on record, whatever links lead to it.
        self.path = path.resolve()
        self.word = f"java:{self.path}"
        self._known: tuple[bytes, dict[str, bytes]] | None = None

    @override
    def certificates(self) -> list[bytes]:
        return list(self.by_alias().values())

    @override
    def steps(self, root: Root) -> list[str]:
        if not os.access(self.path, os.W_OK):
            raise MitmailError(
                f'{self.path} is not yours to write: sudo env MITMAIL_HOME="$(mitmail ca path)" '
                f"mitmail trust install --store {self.word}"
            )
        return [f"keytool: into {self.path} as {self.alias(root.sha256)}"]

    def by_alias(self) -> dict[str, bytes]:
        """The certificates (DER) by alias. Raises MitmailError, CannotJudgeError."""
        content = self._octets()
        # A JVM takes a second to start: the same octets hold the same certificates.
        if self._known is None or self._known[0] != content:
            ended = self._keytool("-list", "-rfc")
            if ended.code != 0:
                raise MitmailError(f"{self.path}: {program.complaint(ended)}")
            found = {
                each["alias"]: certificate.from_pem(each["pem"].encode())[0]
                for each in _LISTED.finditer(ended.out)
            }
            self._known = content, found
        return dict(self._known[1])

    @override
    def install(self, root: Root) -> None:
        before = self.by_alias()
        alias = self.alias(root.sha256)
        self._change(
            ("-importcert", "-noprompt", "-alias", alias),
            before | {alias: root.certificate},
            give=certificate.pem(root.certificate),
        )

    @override
    def remove(self, fingerprint: str) -> None:
        before = self.by_alias()
        for alias, found in before.items():
            if certificate.sha256(found) == fingerprint:
                left = {key: value for key, value in before.items() if key != alias}
                self._change(("-delete", "-alias", alias), left)

    @staticmethod
    def alias(fingerprint: str) -> str:
        """What ours is called in there; keytool knows small letters alone."""
        return f"mitmail-{fingerprint[:16]}"

    def _change(
        self, arguments: tuple[str, ...], expected: dict[str, bytes], give: bytes = b""
    ) -> None:
        # A program that finds no root in here trusts nobody: the file is kept until read back.
        content = self._octets()
        ended = self._keytool(*arguments, give=give)
        try:
            done = ended.code == 0 and self.by_alias() == expected
        except MitmailError:
            done = False
        if done:
            return
        if self._octets() != content:
            file.write(self.path, content, self.path.stat().st_mode & 0o777)
        raise CannotJudgeError(f"{self.path}: {program.complaint(ended)}; it is as it was")

    def _octets(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise MitmailError(f"{self.path}: {error.strerror}") from None

    def _keytool(self, *arguments: str, give: bytes = b"") -> program.Ended:
        where = ("-keystore", str(self.path), "-storepass", PASSWORD)
        return program.run([keytool(), *_ENGLISH, *arguments, *where], give=give)


def keytool() -> str:
    """The keytool of JAVA_HOME, else the one on PATH; raises CannotJudgeError."""
    home = os.environ.get("JAVA_HOME")
    own = shutil.which("keytool", path=str(Path(home) / "bin")) if home else None
    return own or program.find("keytool")


def here() -> JavaStore:
    """The cacerts of JAVA_HOME, else of the java that is found first.

    Raises MitmailError, CannotJudgeError where there is no Java.
    """
    home = os.environ.get("JAVA_HOME")
    base = Path(home) if home else Path(program.find("keytool")).resolve().parents[1]
    for below in _BELOW_HOME:
        if (base / below).is_file():
            return JavaStore(base / below)
    raise MitmailError(f"{base}: no cacerts below it; name one: --store java:FILE")
