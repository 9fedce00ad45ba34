"""What the files behind ``mitmail explain`` may say: causes, and who says which words of them."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from mitmail.scenario.part import Model, SetOf, Text
from mitmail.scenario.verdict import Reason

type Mark = Literal["measured", "sourced", "recalled"]
type Window = Literal["client", "antivirus", "system", "server", "person"]

SCENARIO: Final = "healthy"
"""The scenario of a case that names none: nothing is wrong with the server."""


class Case(Model):
    """What to serve, so that one's own client says the same."""

    scenario: Text | None = Field(
        default=None, description="A scenario by id; without it, healthy."
    )
    antivirus: Text | None = Field(default=None, description="The simulated antivirus before it.")
    switches: SetOf[Text] = Field(default=(), description="Its behaviours that are switched on.")
    note: Text | None = Field(
        default=None, description="What to do besides, where serving is not all."
    )

    @property
    def command(self) -> str:
        """The command line that serves it."""
        bare = self.scenario in (None, SCENARIO)
        words = ["mitmail serve", *([] if bare else [str(self.scenario)])]
        words += [f"--antivirus {self.antivirus}"] if self.antivirus else []
        return " ".join([*words, *(f"--switch {switch}" for switch in self.switches)])


class CauseFile(Model):
    """One thing that can be wrong: what it is, how to see it here, and what mends it."""

    title: Text = Field(description="What is wrong, in one line.")
    words: Text = Field(
        description="The cause in plain words, for one who has to tell a customer."
    )
    reasons: SetOf[Reason] = Field(description="The reasons that a client has for refusing then.")
    cases: tuple[Case, ...] = Field(
        min_length=1, description="What to serve to see it; the most faithful one first."
    )
    fix: Text = Field(description="What mends it, and who has to.")
    ask: SetOf[Text] = Field(default=(), description="What to ask the customer next.")


class Cause(CauseFile):
    """A cause and where it comes from: ``id`` is the stem of ``file``."""

    id: str
    file: str


def _one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    if groups != 1:
        raise ValueError("mark the number with one pair of parentheses, (\\d+)")
    return pattern


class Saying(Model):
    """Words that stand for the same causes, and how that is known."""

    texts: SetOf[Text] = Field(
        default=(), description="Sentences; {host}, {date} and {x} stand for what changes."
    )
    codes: SetOf[Text] = Field(
        default=(), description="Names and hexadecimal numbers of errors, as they are."
    )
    numbers: SetOf[StrictInt] = Field(
        default=(), description="Numbers of errors, where the speaker's numbers find them."
    )
    means: SetOf[Text] = Field(min_length=1, description="The causes, likeliest first.")
    vague: StrictBool = Field(
        default=False,
        description="Said of many faults: counts only where nothing else in the text tells more.",
    )
    mark: Mark = Field(
        description="measured: seen in a run of ours or on a bench; sourced: reported or "
        "documented; recalled: from memory, and not checked."
    )
    source: Text = Field(description="Where it was seen, or is from.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.texts or self.codes or self.numbers):
            raise ValueError("says nothing: give texts, codes or numbers")
        return self


class SpeakerFile(Model):
    """A program, a library or a person, and what it says."""

    title: Text = Field(description="Who speaks.")
    window: Window = Field(description="Whose window or log it stands in.")
    called: SetOf[Text] = Field(
        default=(), description="Words in a text that tell that this one speaks."
    )
    numbers: tuple[Annotated[str, AfterValidator(_one_group)], ...] = Field(
        default=(), description="How its numbers of errors are written, in any case."
    )
    ask: Text | None = Field(default=None, description="What to ask whenever this one speaks.")
    says: tuple[Saying, ...] = Field(min_length=1, description="What it says.")

    @model_validator(mode="after")
    def _finds_its_numbers(self) -> Self:
        if not self.numbers and any(saying.numbers for saying in self.says):
            raise ValueError("says numbers, and numbers does not tell how they are written")
        return self


class Speaker(SpeakerFile):
    """A speaker and where it comes from: ``id`` is the stem of ``file``."""

    id: str
    file: str
