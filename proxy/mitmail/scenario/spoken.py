"""What a server says in clear: one text for all protocols, or one for each, and their octets."""

import re
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from mitmail.scenario.part import Model
from mitmail.scenario.word import did_you_mean

type Protocol = Literal["imap", "pop3", "smtp"]

PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol.__value__)
LURE: Final = "{lure}"
TAGS: Final = ("{tag}", "{next}", "{next2}", "{next3}")
PLACEHOLDERS: Final = ("{greeting}", *TAGS, LURE)
HEX: Final = "hex:"

# "{310}" and "{310+}" are IMAP's literals (RFC 9051 section 4.3).
_BRACES: Final = re.compile(r"\{(?!\d+\+?\})[^{}\s]*\}")
_LONE_LF: Final = re.compile(r"(?<!\r)\n")


def _spoken(text: str) -> str:
    if text.startswith(HEX):
        try:
            bytes.fromhex(text.removeprefix(HEX))
        except ValueError:
            raise ValueError("use pairs of hexadecimal digits, such as hex:1503") from None
        return text
    for found in _BRACES.findall(text):
        if found not in PLACEHOLDERS:
            hint = did_you_mean(found, PLACEHOLDERS)
            known = ", ".join(PLACEHOLDERS)
            raise ValueError(f"unknown placeholder {found!r}{hint}: there are {known}")
    return text


def octets(text: str) -> bytes:
    """The octets of a text: each bare LF as CRLF, nothing added; ``hex:`` gives them as they are.

    >>> octets("* BYE\\n"), octets("hex: 1503")
    (b'* BYE\\r\\n', b'\\x15\\x03')
    """
    if text.startswith(HEX):
        return bytes.fromhex(text.removeprefix(HEX))
    return _LONE_LF.sub("\r\n", text).encode()


type Utterance = Annotated[str, AfterValidator(_spoken)]
type Capability = Annotated[str, Field(pattern=r"^[!-~]+( [!-~]+)*$")]


def _or_for_all(kind: dict[str, Any]) -> ConfigDict:
    """The schema of a model that may also be written as one value for all protocols."""

    def either(schema: dict[str, Any]) -> None:
        mapping = dict(schema)
        schema.clear()
        schema["anyOf"] = [mapping | {"minProperties": 1}, kind]

    return ConfigDict(json_schema_extra=either)


class _ByProtocol(Model):
    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols that something is said for."""
        return tuple(x for x in PROTOCOLS if getattr(self, x) is not None)


class Spoken(_ByProtocol):
    """A text for each protocol; written as one text, it is the same for all of them."""

    model_config = _or_for_all({"type": "string"})

    imap: Utterance | None = Field(default=None, description="What it is in IMAP.")
    pop3: Utterance | None = Field(default=None, description="What it is in POP3.")
    smtp: Utterance | None = Field(default=None, description="What it is in SMTP.")

    @model_validator(mode="before")
    @classmethod
    def _for_all(cls, data: Any) -> Any:
        if isinstance(data, str):
            _spoken(data)  # so that a mistake in it is told once, not for every protocol
            return dict.fromkeys(PROTOCOLS, data)
        if not isinstance(data, (dict, cls)) or data == {}:
            raise ValueError("use one text in quotes, or texts for imap:, pop3: and smtp:")
        return data

    def of(self, protocol: Protocol) -> str | None:
        """The text of a protocol."""
        text: str | None = getattr(self, protocol)
        return text


class Listed(_ByProtocol):
    """Capabilities for each protocol; written as one list, they are the same for all of them."""

    model_config = _or_for_all({"type": "array", "items": {"type": "string"}})

    imap: tuple[Capability, ...] | None = Field(default=None, description="Those of IMAP.")
    pop3: tuple[Capability, ...] | None = Field(default=None, description="Those of POP3.")
    smtp: tuple[Capability, ...] | None = Field(default=None, description="Those of SMTP.")

    @model_validator(mode="before")
    @classmethod
    def _for_all(cls, data: Any) -> Any:
        if isinstance(data, (list, tuple)):
            if not all(isinstance(x, str) and x for x in data):
                raise ValueError("a list of capabilities, such as [SASL-IR, LITERAL+]")
            return dict.fromkeys(PROTOCOLS, tuple(data))
        if not isinstance(data, (dict, cls)) or data == {}:
            raise ValueError("use one list, or lists for imap:, pop3: and smtp:")
        return data

    def of(self, protocol: Protocol) -> tuple[str, ...]:
        """The capabilities of a protocol."""
        return getattr(self, protocol) or ()
