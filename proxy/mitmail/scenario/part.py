"""What every part of a file has in common, and the texts and names in it."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import InitErrorDetails, PydanticCustomError

from mitmail.scenario.hostname import NAME, is_host

UB_NAME: Final = 64
"""Upper bound of CN, O and OU in characters (RFC 5280, appendix A.1)."""

type Keys = tuple[str | int, ...]
type Misfit = tuple[Keys, str]


def misfit(path: Keys, message: str) -> InitErrorDetails:
    """One complaint about the value at this path below a part, as pydantic raises them."""
    complaint = PydanticCustomError("misfit", "{message}", {"message": message})
    return InitErrorDetails(type=complaint, loc=path, input=None)


class Model(BaseModel):
    """A part of a file: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _printable(text: str) -> str:
    if not text.replace("\n", " ").isprintable():
        raise ValueError("control characters are not allowed here")
    return text


def _host(text: str) -> str:
    if not is_host(text):
        raise ValueError("use a host name such as mail.customer.test, or an IP address")
    return text


def _template(text: str) -> str:
    for unknown in re.findall(r"\{.*?\}", text.replace(NAME, "")):
        raise ValueError(f"unknown placeholder {unknown!r}: the only one is {NAME}")
    return text


def _set[T](items: tuple[T, ...]) -> tuple[T, ...]:
    for item in items:
        if items.count(item) > 1:
            raise ValueError(f"{item!r} is named more than once")
    return items


def _hex(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError("use pairs of hexadecimal digits, such as 0500") from None
    return text


type Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_printable)
]
type Host = Annotated[str, AfterValidator(_host)]
type NameTemplate = Annotated[str, StringConstraints(min_length=1), AfterValidator(_template)]
type Hex = Annotated[str, AfterValidator(_hex)]
type SetOf[T] = Annotated[tuple[T, ...], AfterValidator(_set)]
