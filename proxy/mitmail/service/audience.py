"""The audience: who hears of a run's sessions, in what form."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mitmail.addon.route import Happening
from mitmail.engine.session import Session
from mitmail.service import record
from mitmail.service.journal import Journal
from mitmail.service.memory import Earlier, Memory
from mitmail.service.record import Served
from mitmail.service.service import Observer

type Notify = Callable[[Happening, Served, int, Session, Earlier | None], str | None]


class Audience:
    """Standard output, as JSON lines or in words, and the journal behind the control."""

    def __init__(self, say: Callable[[str], None], *, as_json: bool) -> None:
        self._say = say
        self._as_json = as_json
        self._memory = Memory()
        self.journal = Journal()

    def observer(self, notify: Notify) -> Observer:
        """Who is told of sessions; ``notify`` puts what happened in words."""

        def observe(happening: Happening, served: Served, number: int, session: Session) -> None:
            earlier: Earlier | None = None
            said: dict[str, object] = {}
            if happening == "verdict":
                earlier = self._memory.verdict(served, number, session)
                before = None if earlier is None else earlier.record()
                said = record.verdict(served, number, session, before)
            elif happening == "end":
                said = record.end(served, number, session)
            self.journal.write(happening, served, number, session, said)
            if not self._as_json:
                self._tell(notify(happening, served, number, session, earlier))
            elif said:
                self.document(said)

        return observe

    def document(self, said: Mapping[str, Any]) -> None:
        """Say a document."""
        self._say(json.dumps(said))

    def _tell(self, text: str | None) -> None:
        if text:
            self._say(text)
