"""Cases that are served, cloned over the wire and served again: both put to the same verifiers."""

import re
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from bench import need
from mitmail.diagnose.diagnosis import diagnose
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import from_file
from mitmail.pki.certificate import from_pem
from mitmail.scenario import loader
from mitmail.scenario.model import Scenario
from proof.process import environment, side_by_side
from proof.verifier import Target, Verifier, Word
from serve.program import mitmail
from serve.serving import ForProgram

READY = 120.0
_SHOWN = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cloned:
    """A case and its clone: ``said`` is what the clone command printed on standard error."""

    case: str
    file: Path | None
    said: str


class Cloning:
    """Some cases, served by one process, and their clones by another.

    ``reached`` are those that the clone command goes to by itself; the others it is given as the
    openssl command shows them, which is quicker.
    """

    def __init__(self, home: Path, cases: Sequence[str], reached: Collection[str]) -> None:
        self._home = home
        self._cases = cases
        self._reached = reached
        self._until_the_end = ExitStack()
        self.clones: dict[str, Cloned] = {}

    def __enter__(self) -> Self:
        self._first = self._serve("cases", self._cases)
        for cloned in side_by_side(self._clone, self._cases):
            self.clones[cloned.case] = cloned
        made = [f"clone-{x.case}" for x in self.clones.values() if x.file is not None]
        self._second = self._serve("clones", made, "--scenarios", str(self._folder))
        return self

    def __exit__(self, *error: object) -> None:
        self._until_the_end.close()

    def scenarios(self) -> dict[str, Scenario]:
        """The clones' files, by the case."""
        files = {x.case: x.file for x in self.clones.values()}
        return {case: loader.load(file) for case, file in files.items() if file is not None}

    @property
    def _folder(self) -> Path:
        folder = self._home / "cloned"
        folder.mkdir(exist_ok=True)
        return folder

    def _serve(self, name: str, ids: Sequence[str], *more: str) -> dict[str, Any]:
        chosen = self._home / f"{name}.set"
        chosen.write_text("\n".join(ids) + "\n", encoding="utf-8")
        serving = ForProgram(self._home, "--all", "--set", str(chosen), *more)
        self._until_the_end.enter_context(serving)
        serving.line('"ready"', seconds=READY)
        ready: dict[str, Any] = serving.ready["scenarios"]
        return ready

    def _clone(self, case: str) -> Cloned:
        target = self.original(case)
        file = self._folder / f"clone-{case}.yaml"
        source = [f"{target.host}:{target.port}"]
        if case not in self._reached:
            pasted = self._home / f"{case}.txt"
            pasted.write_bytes(shown(target))
            source = ["--chain", str(pasted)]
        ended = mitmail(
            *("clone", *source, "--name", target.name),
            *("--roots", str(target.roots), "-o", str(file)),
            home=self._home,
        )
        return Cloned(case, file if ended.returncode == 0 else None, ended.stderr)

    def original(self, case: str) -> Target:
        return _target(self._first[case])

    def clone(self, case: str) -> Target:
        return _target(self._second[f"clone-{case}"])

    def words(self, verifier: Verifier) -> Iterator[tuple[str, Word, Word]]:
        """What a verifier says of each case that has a clone, and of the clone."""
        cases = [x.case for x in self.clones.values() if x.file is not None]
        first = verifier.ask([self.original(x) for x in cases])
        second = verifier.ask([self.clone(x) for x in cases])
        yield from zip(cases, first, second, strict=True)


def _target(served: dict[str, Any]) -> Target:
    place = served["endpoints"]["imaps"]
    return Target(place["host"], place["port"], served["name"], Path(served["root_file"]))


def shown(target: Target) -> bytes:
    """All certificates that a server sends, as the openssl command prints them."""
    sni = ["-noservername"] if target.is_address else ["-servername", target.name]
    place = f"{target.host}:{target.port}"
    ended = subprocess.run(
        [need("openssl"), "s_client", "-showcerts", "-connect", place, *sni],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20, env=environment(),
    )  # fmt: skip
    return ended.stdout


def findings(target: Target) -> set[tuple[str, str, str | None]]:
    """What ``mitmail check`` finds, without its words, in which times and names are."""
    chain = from_pem(b"".join(_SHOWN.findall(shown(target))))
    presented = Presented(chain=chain, name=target.name, at=datetime.now(UTC), source="")
    found = diagnose(presented, from_file(target.roots))
    return {(one.id, one.severity, one.reason) for one in found}
