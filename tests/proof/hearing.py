"""The hearing: every case of a running catalogue, put to every verifier."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from bench import catalogue
from mitmail.scenario.model import Scenario
from proof import panel
from proof.judgement import concerns
from proof.verifier import Target, Verifier, Word

SECONDS = 30.0  # nobody takes as long, unless the machine is busy with others
STALL_SECONDS = 4.0  # where the case is that the server falls silent
ABREAST = 3  # verifiers at a time: each has several processes of its own, which mostly wait


@dataclass
class Hearing:
    """``ready`` is the first line of ``mitmail serve --all --ready-json``."""

    ready: Mapping[str, Any]
    at: datetime | None = None
    _words: dict[str, dict[str, Word]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def scenarios(self) -> dict[str, Scenario]:
        """The cases that can be asked about over IMAP with implicit TLS, by id."""
        served = self.ready["scenarios"]
        cases = catalogue()
        return {x: cases[x] for x in served if "imaps" in served[x]["endpoints"]}

    @property
    def verifiers(self) -> list[Verifier]:
        """The verifiers of this machine."""
        return panel.found()

    def target(self, scenario: str) -> Target:
        """Where a case is served, and by what name."""
        served = self.ready["scenarios"][scenario]
        place, roots = served["endpoints"]["imaps"], Path(served["root_file"])
        tls = self.scenarios[scenario].server.tls
        stalls = tls.cut == "stall" or (tls.instead is not None and tls.instead.then == "stall")
        seconds = STALL_SECONDS if stalls else SECONDS
        return Target(place["host"], place["port"], served["name"], roots, self.at, seconds)

    def ask(self, verifier: Verifier) -> dict[str, Word]:
        """What a verifier says of every case that it can see; asked once."""
        self.ask_all([verifier])
        return self._words[verifier.name]

    def ask_all(self, verifiers: Collection[Verifier]) -> None:
        """Ask these verifiers side by side, those that were not asked yet."""
        with self._lock, ThreadPoolExecutor(ABREAST) as pool:
            unasked = [each for each in verifiers if each.name not in self._words]
            for verifier, words in zip(unasked, pool.map(self._ask, unasked), strict=True):
                self._words[verifier.name] = words

    def _ask(self, verifier: Verifier) -> dict[str, Word]:
        heard = [id_ for id_, said in self.scenarios.items() if concerns(said, verifier)]
        words = verifier.ask([self.target(id_) for id_ in heard])
        said = dict(zip(heard, words, strict=True))
        # One that could not judge may have had too little of a busy machine: it is asked again.
        again = [id_ for id_, word in said.items() if word.verdict == "error"]
        words = verifier.ask([self.target(id_) for id_ in again]) if again else []
        return said | dict(zip(again, words, strict=True))

    def about(self, scenario: str) -> dict[Verifier, Word]:
        """What every verifier says of a case."""
        self.ask_all(self.verifiers)
        heard = ((verifier, self._words[verifier.name]) for verifier in self.verifiers)
        return {verifier: words[scenario] for verifier, words in heard if scenario in words}
