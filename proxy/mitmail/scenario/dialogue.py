"""What a scenario file may say about the dialogue around STARTTLS, and what does not fit in it."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StrictBool, StrictInt

from mitmail.scenario.part import Misfit, Model, SetOf, Text
from mitmail.scenario.spoken import LURE, PROTOCOLS, TAGS, Listed, Protocol, Spoken

type Then = Literal["tls", "clear", "close", "reset", "stall"]
type Verb = Annotated[str, Field(pattern=r"^[A-Z0-9]+( [A-Z0-9]+)?$")]

TEXTS: Final = ("greeting", "denied", "early", "before", "answer", "behind")
UPGRADES: Final = frozenset({"STARTTLS", "STLS"})
LONGEST: Final = 5.0


class Capabilities(Model):
    """Capabilities that are shown besides the server's own, and those that are not."""

    add: Listed | None = Field(
        default=None,
        description="Shown besides the server's own, as the protocol writes them: AUTH PLAIN in "
        "SMTP, AUTH=PLAIN in IMAP, SASL PLAIN in POP3.",
    )
    remove: Listed | None = Field(
        default=None, description="Not shown: their first words, such as AUTH."
    )


class Canary(Model):
    """What only a client does that believed what came in clear."""

    verbs: SetOf[Verb] = Field(
        default=(), description="Commands through TLS, such as AUTH or UID FETCH."
    )
    word: Text | None = Field(
        default=None, description="A word that a command through TLS names, such as a mailbox."
    )
    ahead: StrictBool = Field(
        default=False,
        description="A command while the reply to the one before is withheld: the client has "
        "taken a reply in clear for it. Needs withhold.",
    )
    lure: StrictBool = Field(
        default=False, description="A connection to the place that {lure} stands for."
    )
    chance: SetOf[Verb] = Field(
        default=(),
        description="A client that sends none of these commands through TLS had no chance to be "
        "caught; by default any mail command is chance enough.",
    )


class Dialogue(Model):
    """How the server conducts the dialogue around STARTTLS; imap, pop3 and smtp only.

    A text is one for all protocols, or one for each of ``imap``, ``pop3`` and ``smtp``. Each line
    end becomes CRLF, and none is added; ``hex:`` before a text gives octets. ``{greeting}`` is
    the server's own greeting without its line end, ``{tag}`` the tag of the command that is
    answered, ``{next}`` ``{next2}`` ``{next3}`` those of an IMAP client's next commands,
    ``{lure}`` the host:port where a referral leads.
    """

    greeting: Spoken | None = Field(
        default=None, description='Instead of the whole greeting; "" is none at all.'
    )
    offer: Literal["shown", "removed", "masked"] = Field(
        default="shown",
        description="What becomes of the capability STARTTLS or STLS; masked, its letters are X.",
    )
    clear: Capabilities = Field(
        default=Capabilities(), description="Other capabilities, before TLS."
    )
    secured: Capabilities = Field(
        default=Capabilities(), description="Other capabilities, through TLS."
    )
    denied: Spoken | None = Field(
        default=None,
        description="The reply to EHLO, CAPABILITY and CAPA before TLS, instead of capabilities.",
    )
    login: StrictBool = Field(
        default=False, description="Offers and takes credentials before TLS, instead of refusing."
    )
    early: Spoken | None = Field(
        default=None,
        description="Goes out behind every reply in clear, before the client says STARTTLS.",
    )
    before: Spoken | None = Field(
        default=None, description="Stands before the answer to STARTTLS, in one segment."
    )
    answer: Spoken | None = Field(
        default=None,
        description="The answer to STARTTLS; by default the proper go-ahead. Needs then.",
    )
    behind: Spoken | None = Field(
        default=None, description="Stands behind the answer to STARTTLS, in one segment."
    )
    then: Then | None = Field(
        default=None,
        description="What follows the answer: tls (the default behind the proper go-ahead), "
        "clear text that goes on, FIN (close), RST (reset), or silence (stall).",
    )
    pipelined: Literal["drop", "close", "relay"] = Field(
        default="drop",
        description="What becomes of octets that a client sends behind STARTTLS without waiting.",
    )
    withhold: Annotated[float, Field(strict=True, ge=0, le=LONGEST)] = Field(
        default=0.0,
        description="Seconds for which the reply to the first command through TLS is kept back, "
        "or until the client sends another one.",
    )
    canary: Canary | None = Field(
        default=None, description="What only a client does that believed what came in clear."
    )
    from_session: StrictInt = Field(
        default=1,
        ge=1,
        description="The sessions before this one are conducted as they should be.",
    )

    def texts(self, protocol: Protocol) -> dict[str, str]:
        """What is said in a protocol, by field."""
        said = {field: getattr(self, field) for field in TEXTS}
        found = {field: each.of(protocol) for field, each in said.items() if each is not None}
        return {field: text for field, text in found.items() if text is not None}

    def on(self, endpoints: Sequence[str]) -> Self:
        """The same dialogue with the texts of these endpoints only."""
        others = dict.fromkeys(x for x in PROTOCOLS if x not in endpoints)
        said = {field: getattr(self, field) for field in TEXTS}
        left = {x: y.model_copy(update=others) for x, y in said.items() if y is not None}
        return self.model_copy(update=left)


def misfits(said: Dialogue, endpoints: Sequence[str]) -> Iterator[Misfit]:
    """What does not fit together in a dialogue that is shown on these endpoints, and where."""
    if not said.model_fields_set:
        yield (), "says nothing: leave it out, or say what the server does"
    protocols = [x for x in PROTOCOLS if x in endpoints]
    yield from _unsaid(said, protocols)
    for protocol in protocols:
        yield from _without_tags(said, protocol)
    yield from _around_the_answer(said)
    if said.canary is not None:
        yield from _in_canary(said.canary, said)
    yield from _around_the_lure(said, protocols)
    if said.clear.remove is not None:
        for protocol in said.clear.remove.protocols:
            if UPGRADES & set(said.clear.remove.of(protocol)):
                yield ("clear", "remove"), "of STARTTLS and STLS say offer: removed"
                break


def _unsaid(said: Dialogue, protocols: Sequence[Protocol]) -> Iterator[Misfit]:
    by_protocol: dict[tuple[str, ...], Spoken | Listed | None] = {
        (field,): getattr(said, field) for field in TEXTS
    }
    for part in ("clear", "secured"):
        for field in ("add", "remove"):
            by_protocol[part, field] = getattr(getattr(said, part), field)
    for path, each in by_protocol.items():
        if each is None:
            continue
        if lacking := [x for x in protocols if x not in each.protocols]:
            yield path, f"says nothing for {', '.join(lacking)}, where the case is shown, too"
        if len(set(map(repr, map(each.of, PROTOCOLS)))) > 1:
            for protocol in set(each.protocols) - {*protocols}:
                yield (*path, protocol), f"the case is not shown on {protocol}"


def _without_tags(said: Dialogue, protocol: Protocol) -> Iterator[Misfit]:
    for field, text in said.texts(protocol).items():
        if field != "greeting" and protocol == "imap":
            continue
        for tag in TAGS:
            if tag in text:
                where = "no command has come yet" if protocol == "imap" else "only IMAP has tags"
                yield (field,), f"{tag} is unknown here: {where}"


def _around_the_answer(said: Dialogue) -> Iterator[Misfit]:
    if said.answer is not None and said.then is None:
        yield ("answer",), "say what follows it: then: tls, clear, close, reset or stall"
    if said.behind is not None and said.answer in _SILENT:
        yield ("behind",), "stands behind an answer, and there is none: say before, or answer"


_SILENT: Final = [Spoken.model_validate("")]


def _around_the_lure(said: Dialogue, protocols: Sequence[Protocol]) -> Iterator[Misfit]:
    watched = said.canary is not None and said.canary.lure
    lured = [x for x in protocols if any(LURE in text for text in said.texts(x).values())]
    if lured and not watched:
        yield ("canary",), f"a text says {LURE}: say lure: true, too"
    if watched and len(lured) < len(protocols):
        yield ("canary", "lure"), f"no text says {LURE}: the client is led nowhere"


def _in_canary(canary: Canary, said: Dialogue) -> Iterator[Misfit]:
    path = ("canary",)
    if not (canary.verbs or canary.word or canary.ahead or canary.lure):
        yield path, "names nothing that a client would do: say verbs, word, ahead or lure"
    if canary.ahead and not said.withhold:
        yield (*path, "ahead"), "needs withhold: no reply is kept back"
