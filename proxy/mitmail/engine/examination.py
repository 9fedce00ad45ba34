"""What a scanner found in a message, and what becomes of the message then."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from mitmail.engine.action import Action, Ask
from mitmail.engine.chronicle import Chronicle
from mitmail.message.bare import bare
from mitmail.message.edit import Edit, edited
from mitmail.message.part import Part, parse
from mitmail.message.threat import find
from mitmail.screening import Direction, Scanned, Screening, Status

NOTED = 40  # facts of one kind; a mailbox may be full of infected mail

type Removal = Literal["parts", "body", "all"]
# A scanner names one threat and stops there, and none says where it was: what is left is looked
# at again, and more is taken away where there is still something.
FURTHER: Final[Mapping[Removal | None, Removal]] = {"parts": "body", "body": "all"}


@dataclass(frozen=True, slots=True)
class Examined:
    """A message behind the scanner: ``octets`` are the edited ones.

    ``threat`` is what was found, ``removal`` what was taken away for it.
    """

    octets: bytes
    status: Status
    fate: Literal["pass", "refuse", "swallow"] = "pass"
    delete: bool = False
    threat: str = ""
    removal: Removal | None = None


class Examination:
    """Judges the messages of one session, and writes down what it found."""

    def __init__(self, screening: Screening, chronicle: Chronicle, actions: list[Action]) -> None:
        self._actions = actions
        self._spec = screening
        self._chronicle = chronicle
        self._noted = 0

    def of(
        self, direction: Direction, octets: bytes, message: Part, result: Scanned | None
    ) -> Examined:
        """Decide about a message; without a result the built-in rule is asked."""
        result = result or _ruled(octets, message)
        if result.error is not None:
            return self._unscanned(direction, octets, message, result.error)
        if result.threat is None:
            self._chronicle.count("screened", len(octets), direction=direction, status="clean")
            return Examined(self._marked(direction, octets, message, "clean"), "clean")
        return self._infected(direction, octets, message, result.threat)

    def further(
        self,
        direction: Direction,
        octets: bytes,
        message: Part,
        before: Examined,
        result: Scanned | None,
    ) -> Examined:
        """Take more of an infected message away, unless what was left of it is clean."""
        result = result or _ruled(before.octets, parse(before.octets))
        if result == Scanned():
            return replace(before, removal=None)
        return self._without(FURTHER[before.removal], direction, octets, message, before)

    def passes(self, direction: Direction, octets: int, why: str) -> None:
        """A message goes its way unseen."""
        self._note("unscanned", direction=direction, octets=octets, words=why)

    def popup(self, words: str) -> None:
        """The product shows a window."""
        self._note("popup", words=words)
        self._actions.append(Ask(words, 0))

    def _note(self, fact: str, **details: str | int) -> None:
        self._noted += 1
        if self._noted <= NOTED:
            self._chronicle.note(fact, **details)

    def _unscanned(self, direction: Direction, octets: bytes, message: Part, why: str) -> Examined:
        self.passes(direction, len(octets), f"the scanner failed: {why}")
        if self._spec.unscanned == "refuse" and direction == "outbound":
            return Examined(octets, "unscanned", "refuse")
        return Examined(self._marked(direction, octets, message, "unscanned"), "unscanned")

    def _infected(
        self, direction: Direction, octets: bytes, message: Part, threat: str
    ) -> Examined:
        way = self._spec.way(direction)
        self._note(
            "screened", direction=direction, status="infected", octets=len(octets),
            threat=threat, action=way.infected,
        )  # fmt: skip
        whose = "A message that you received" if direction == "inbound" else "Your message"
        self.popup(f"{whose} is infected: {threat}")
        found = Examined(octets, "infected", delete=way.delete, threat=threat)
        match way.infected:
            case "refuse" | "swallow" as fate:
                return replace(found, fate=fate)
            case "mark":
                changed = self._marked(direction, octets, message, "infected", (), threat)
                return replace(found, octets=changed)
            case "replace-part":
                return self._without("parts", direction, octets, message, found)
            case "replace-body":
                return self._without("body", direction, octets, message, found)

    def _without(
        self,
        removal: Removal,
        direction: Direction,
        octets: bytes,
        message: Part,
        found: Examined,
    ) -> Examined:
        gone: tuple[Part, ...] = (message,)
        if removal == "parts":
            threat = find(octets, message)
            gone = (threat and threat.parts) or gone
        elif removal == "all":
            octets = bare(octets)
            message = parse(octets)
            gone = (message,)
        changed = self._marked(direction, octets, message, "infected", gone, found.threat)
        return replace(found, octets=changed, removal=removal)

    def _marked(
        self,
        direction: Direction,
        octets: bytes,
        message: Part,
        status: Status,
        gone: tuple[Part, ...] = (),
        threat: str = "",
    ) -> bytes:
        way = self._spec.way(direction)
        word = self._spec.words[status]
        edit = Edit(
            headers=tuple(line.replace("{status}", word) for line in way.headers),
            subject=way.subject.replace("{threat}", threat) if status == "infected" else "",
            footer=way.footer if status in way.footers else "",
            spare_signed=self._spec.spare_signed,
            instead_of=gone,
            notice=self._spec.notice,
        )
        return edited(octets, message, edit)


def _ruled(octets: bytes, message: Part) -> Scanned:
    found = find(octets, message)
    return Scanned(found.name if found else None)
