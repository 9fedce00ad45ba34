"""What a vendor profile may say of messages: what is scanned, marked, replaced and refused."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt

from mitmail.scenario.part import Model, SetOf, Text

type Protocol = Literal["imap", "pop3", "smtp"]
type Status = Literal["clean", "infected", "unscanned"]
type Seconds = Annotated[StrictFloat | StrictInt, Field(ge=0, le=3600)]

PLACEHOLDERS = ("{brand}", "{version}", "{date}", "{direction}", "{status}")
_FIELD = re.compile(r"[!-9;-~]+: ?.*")


def _template(text: str) -> str:
    for unknown in re.findall(r"\{.*?\}", text):
        if unknown not in PLACEHOLDERS:
            known = ", ".join(PLACEHOLDERS)
            raise ValueError(f"unknown placeholder {unknown!r}: known are {known}")
    return text


def _header(text: str) -> str:
    if "\n" in text or not _FIELD.fullmatch(text) or not text.isascii():
        raise ValueError("use one header line in ASCII, such as X-Antivirus: {brand}")
    return text


def _one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("use one line")
    return text


type Template = Annotated[Text, AfterValidator(_template)]
type HeaderLine = Annotated[Text, AfterValidator(_template), AfterValidator(_header)]
type Line = Annotated[Text, AfterValidator(_one_line)]


class Words(Model):
    """The words for ``{status}``."""

    clean: Line = Field(default="Clean", description="Nothing was found.")
    infected: Line = Field(default="Infected", description="Something was found.")
    unscanned: Line = Field(default="Not scanned", description="The scanner failed.")


class Way(Model):
    """What is done with the mail of one direction."""

    mark: StrictBool = Field(default=True, description="Whether the headers are written.")
    footer: Template | None = Field(
        default=None, description="Text below the message, in its plain and HTML parts."
    )
    footers: SetOf[Status] = Field(
        default=("clean",), description="The results that get the footer."
    )
    subject: Line | None = Field(
        default=None,
        description="Goes before the subject of infected mail; {threat} is what was found.",
    )


class Inbound(Way):
    """What is done with mail that a client fetches."""

    infected: Literal["mark", "replace-part", "replace-body"] = Field(
        default="mark",
        description="mark: headers and subject only; replace-part: a notice instead of what is "
        "infected; replace-body: a notice instead of the whole content.",
    )
    delete: StrictBool = Field(
        default=False, description="Whether infected mail is then deleted on the server."
    )


class Outbound(Way):
    """What is done with mail that a client submits."""

    infected: Literal["mark", "replace-part", "replace-body", "refuse", "swallow"] = Field(
        default="refuse",
        description="As inbound; refuse: 554 at the end of the message; swallow: the client is "
        "told that it was sent.",
    )
    at_once: StrictBool = Field(
        default=False,
        description="The client is told that a mail was sent before the server is asked; what "
        "the server then says against it is seen on the screen only.",
    )


class Drip(Model):
    """What a client gets while it waits for a scan."""

    header: HeaderLine = Field(description="A header line, at the top of the message (POP3).")
    seconds: Annotated[StrictFloat | StrictInt, Field(gt=0, le=3600)] = Field(
        description="The time between two of them."
    )


class Screening(Model):
    """What the product does with mail; nothing, unless it names protocols.

    In texts ``{brand}`` is the profile's, ``{version}`` is said here, ``{date}`` is the day,
    ``{direction}`` is Inbound or Outbound, and ``{status}`` one of ``words``.
    """

    protocols: SetOf[Protocol] = Field(default=(), description="Where mail is scanned.")
    version: Line = Field(
        default="1.0",
        description="The version of its virus definitions; %y%m%d is the day, as for strftime.",
    )
    date: Line = Field(default="%Y-%m-%d", description="The form of the date, as for strftime.")
    headers: tuple[HeaderLine, ...] = Field(
        default=(), description="Lines at the end of the header of each mail."
    )
    words: Words = Field(default=Words(), description="The words for {status}.")
    inbound: Inbound = Field(default=Inbound(), description="Mail that a client fetches.")
    outbound: Outbound = Field(default=Outbound(), description="Mail that a client submits.")
    notice: Template = Field(
        default="A part of this message was infected and has been removed by {brand}.",
        description="Stands where something infected was.",
    )
    refusal: Annotated[Line, AfterValidator(_template)] = Field(
        default="{brand} did not send this message: it is infected",
        description="The reply (554 5.7.1) to a mail that is not sent.",
    )
    signed: Literal["edit", "spare"] = Field(
        default="edit",
        description="edit: a footer breaks a signature (S/MIME, PGP); spare: there is none.",
    )
    delay: Seconds = Field(default=0, description="Seconds that each scan takes longer.")
    drip: Drip | None = Field(
        default=None, description="Filler for a client that waits; without it there is none."
    )
    sizes: Literal["edited", "server"] = Field(
        default="edited",
        description="What LIST, STAT and RFC822.SIZE tell: the edited message's size, or the "
        "server's, which the message then has not.",
    )
    literals: Literal["edited", "server"] = Field(
        default="edited",
        description="The same for what is announced before a whole message; server: the client "
        "loses its place in the dialogue.",
    )
    unscanned: Literal["pass", "refuse"] = Field(
        default="pass",
        description="What becomes of a mail that is being sent when the scanner fails.",
    )
    limit_mib: Annotated[StrictInt, Field(ge=1, le=256)] = Field(
        default=10,
        description="Larger mail passes unscanned and unedited, in MiB. A session keeps twice as "
        "much of edited mails, and for a moment a dozen copies of the one at hand.",
    )
