"""How a trust store is named on the command line: ``thunderbird``, ``nss:FOLDER``, ``system``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.trust import java, policy, profiles, system
from mitmail.trust.nss import Database
from mitmail.trust.policy import Policies
from mitmail.trust.profiles import PROGRAMS, Profile
from mitmail.trust.store import TrustStore

FORMS = (
    "thunderbird, thunderbird:PROFILE, firefox, firefox:PROFILE, nss:FOLDER, policies:FILE, "
    "policies:thunderbird, policies:firefox, system, java or java:FILE"
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose stores are meant: an environment, and a ``sys.platform``."""

    environ: Mapping[str, str]
    platform: str

    def store(self, word: str) -> TrustStore:
        """The store that a word names. Raises MitmailError, CannotJudgeError."""
        kind, colon, rest = word.partition(":")
        if colon and not rest:
            raise MitmailError(f"--store {word}: nothing behind the colon; say {FORMS}")
        if kind in PROGRAMS:
            found = profiles.choose(kind, rest or None, self.environ, self.platform)
            return Database(found.folder)
        if kind == "nss" and rest:
            return Database(Path(rest).expanduser())
        if kind == "policies" and rest:
            return Policies(self._policies(rest))
        if word == "system":
            return system.here()
        if kind == "java":
            return java.JavaStore(Path(rest).expanduser()) if rest else java.here()
        raise MitmailError(f"--store {word}: no such store; say {FORMS}")

    def found(self) -> Iterator[tuple[str, TrustStore]]:
        """Every store that is found by itself, with the word for it that a person would use."""
        for each in self.profiles():
            if (each.folder / "cert9.db").is_file():
                yield f"{each.program}:{each.name}", Database(each.folder)
        for program in PROGRAMS:
            path = self._policies(program)
            if path.is_file():
                yield f"policies:{program}", Policies(path)
        for word in ("system", "java"):
            try:
                yield word, self.store(word)
            except (MitmailError, CannotJudgeError):
                continue

    def profiles(self) -> list[Profile]:
        """Every profile of every program; raises MitmailError."""
        return [
            each
            for program in PROGRAMS
            for each in profiles.profiles(program, self.environ, self.platform)
        ]

    def _policies(self, rest: str) -> Path:
        if rest not in PROGRAMS:
            return Path(rest).expanduser()
        known = self.platform if self.platform in ("win32", "darwin") else "linux"
        return Path(policy.PLACES[rest, known])
