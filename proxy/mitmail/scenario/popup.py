"""What a vendor profile may say of windows on the screen."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from mitmail.scenario.part import Model, Text
from mitmail.scenario.product import Deed

_FILLED: Final = re.compile(r"\{(brand|server|issuer)\}")


def _fillable(text: str) -> str:
    for unknown in re.findall(r"\{.*?\}|[{}]", _FILLED.sub("", text)):
        raise ValueError(f"unknown placeholder {unknown!r}: use {{brand}}, {{server}}, {{issuer}}")
    return text


type PopupWords = Annotated[Text, AfterValidator(_fillable)]


def filled(words: str, **texts: str) -> str:
    """Return words with their placeholders filled in: brand, server, issuer."""
    return _FILLED.sub(lambda found: texts[found[1]], words)


class Ask(Model):
    """What a pop-up does that nobody answers."""

    seconds: float = Field(default=60, gt=0, description="How long the client has to wait for it.")
    then: Deed = Field(default="close", description="What is done then, as policy says it.")
