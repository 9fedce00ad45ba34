"""What a vendor profile may say of the dialogue: STARTTLS, capabilities, banner and farewell."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, ValidationError, model_validator

from mitmail.scenario.part import Misfit, Model, SetOf, misfit
from mitmail.scenario.spoken import PROTOCOLS, TAGS, Listed, Protocol, Spoken

type Verb = Annotated[str, Field(pattern=r"^[A-Z0-9]+( [A-Z0-9]+)?$")]

UPGRADES = frozenset({"STARTTLS", "STLS"})
_LINE = re.compile(r"[^{}\r\n]+")


class Conversation(Model):
    """How the product changes what server and client say; nothing, unless it is said.

    A text is one for all protocols, or one for each of ``imap``, ``pop3`` and ``smtp``; each line
    end becomes CRLF, and none is added. ``{tag}`` is that of the IMAP command that is answered.
    """

    offer: Literal["shown", "removed", "masked"] = Field(
        default="shown",
        description="What becomes of the capability STARTTLS or STLS; masked, its letters are X.",
    )
    answer: Spoken | None = Field(
        default=None,
        description="The product's own answer to STARTTLS, which it never passes on; without one, "
        "and with the offer shown, STARTTLS is passed on.",
    )
    then: Literal["clear", "close", "reset", "stall"] = Field(
        default="clear",
        description="What follows an answer of its own: the dialogue goes on in clear, FIN, RST, "
        "or silence.",
    )
    server: Literal["plain", "starttls"] = Field(
        default="plain",
        description="Where the client gets no STARTTLS, what the product does with the server: "
        "clear text goes on as it is, or the product asks the server for STARTTLS by itself.",
    )
    drop: Listed | None = Field(
        default=None,
        description="Capabilities that the client is not told of, in clear and through TLS, by "
        "their first words (CHUNKING, COMPRESS); what only they allow is refused.",
    )
    claim: Listed | None = Field(
        default=None, description="Capabilities that are told besides the server's own."
    )
    refuse: SetOf[Verb] = Field(
        default=(),
        description="Commands that the product refuses by itself, whoever announced them.",
    )
    refusal: Spoken | None = Field(
        default=None,
        description="What it says to a command that it refuses; by default the protocol's words.",
    )
    names_server: StrictBool = Field(
        default=False,
        description="POP3 clients are told to log in as name/server (an explicit proxy): the "
        "server goes no further, and has to be the one that is played.",
    )
    greeting: Spoken | None = Field(
        default=None,
        description="The text of the greeting, instead of the server's; status and line end stay.",
    )
    farewell: Spoken | None = Field(
        default=None,
        description="The text of the reply to QUIT and of IMAP's BYE, instead of the server's.",
    )

    def refuses_tls(self, protocol: Protocol) -> bool:
        """Whether the client of this protocol's STARTTLS endpoint never gets TLS."""
        return self.offer != "shown" or texts(self.answer, protocol) is not None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if wrong := [*self._misfits()]:
            raise ValidationError.from_exception_data(
                "conversation", [misfit(*each) for each in wrong]
            )
        return self

    def _misfits(self) -> Iterator[Misfit]:
        for field in ("answer", "refusal"):
            said: Spoken | None = getattr(self, field)
            yield from () if said is None else _texts(field, said)
        for field in ("drop", "claim"):
            listed: Listed | None = getattr(self, field)
            if listed is not None and any(UPGRADES & {*listed.of(x)} for x in PROTOCOLS):
                yield (field,), "of STARTTLS and STLS say offer"
        for field in ("greeting", "farewell"):
            for protocol in PROTOCOLS:
                text = texts(getattr(self, field), protocol)
                if text is not None and not _LINE.fullmatch(text):
                    yield (field, protocol), "use one line of plain text, without its status"
        if not any(map(self.refuses_tls, PROTOCOLS)):
            for field in sorted({"then", "server"} & self.model_fields_set):
                yield (field,), "STARTTLS is passed on: say answer, or offer: removed"


def _texts(field: str, said: Spoken) -> Iterator[Misfit]:
    for protocol in said.protocols:
        text = said.of(protocol) or ""
        tags = [tag for tag in TAGS if tag in text]
        if protocol != "imap" and tags and text != said.of("imap"):
            yield (field, protocol), f"{tags[0]} is unknown here: only IMAP has tags"
        if not text.endswith("\n"):
            yield (field, protocol), r'a reply ends its line: say "... \n" or use a block (|)'


def texts(said: Spoken | None, protocol: Protocol) -> str | None:
    """The text of a protocol, where there is one."""
    return None if said is None else said.of(protocol)
