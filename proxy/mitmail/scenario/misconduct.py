"""The rules that a good dialogue around STARTTLS keeps: each broken one, in words.

A client may truthfully say ``starttls`` of all of them. Credentials that are taken in clear, a
reply that is late and octets behind STARTTLS that are not dropped are none: no client that does
what it should meets them.
"""

import re
from collections.abc import Callable
from typing import Final, Literal

from mitmail.scenario.dialogue import Dialogue
from mitmail.scenario.rule import Rule, rule
from mitmail.scenario.spoken import PROTOCOLS, Listed, Protocol

type Answer = Literal["go-ahead", "more", "refusal", "silence", "odd"]

# RFC 9051 section 7.1.1, RFC 1939 section 3, RFC 5321 section 4.2; keywords in any letter case.
# A response code would be more than a greeting, or a yes.
GREETINGS: Final[dict[Protocol, str]] = {
    "imap": r"(\{greeting\}|\* OK [^\[\r\n][^\r\n]*)\r?\n",
    "pop3": r"(\{greeting\}|\+OK[^\r\n]*)\r?\n",
    "smtp": r"(220-[^\r\n]*\r?\n)*(\{greeting\}|220 [^\r\n]*)\r?\n",
}
GO_AHEADS: Final[dict[Protocol, str]] = {
    "imap": r"\{tag\} OK [^\[\r\n][^\r\n]*\r?\n",
    "pop3": r"\+OK[^\r\n]*\r?\n",
    "smtp": r"(220-[^\r\n]*\r?\n)*220([ ][^\r\n]*)?\r?\n",
}
CODED: Final = r"\{tag\} OK \[[^\r\n]*\r?\n"
REFUSALS: Final[dict[Protocol, str]] = {
    "imap": r"\{tag\} (NO|BAD)[ \r\n].*|\* BYE[ \r\n].*",
    "pop3": r"-ERR.*",
    "smtp": r"[45]\d\d[ -].*",
}
_OFFER: Final = re.compile(r"\b(STARTTLS|STLS)\b", re.IGNORECASE)


def answer_to_starttls(said: Dialogue, protocol: Protocol) -> Answer:
    """What the answer to STARTTLS is to a client that reads it as it should."""
    text = said.answer.of(protocol) if said.answer is not None else None
    if text is None or _is(text, GO_AHEADS[protocol]):
        return "go-ahead"
    if not text:
        return "silence"
    if _is(text, CODED):
        return "more"
    return "refusal" if _is(text, REFUSALS[protocol]) else "odd"


def _is(text: str, pattern: str) -> bool:
    return re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL) is not None


def _answers(*kinds: Answer) -> Callable[[Dialogue], bool]:
    return lambda said: any(answer_to_starttls(said, x) in kinds for x in PROTOCOLS)


def _goes_ahead_and(then: str) -> Callable[[Dialogue], bool]:
    return lambda said: said.then == then and _answers("go-ahead")(said) and not _turned_down(said)


def _turned_down(said: Dialogue) -> bool:
    return _answers("refusal", "silence", "odd")(said)


def _greets(said: Dialogue, words: str) -> bool:
    greeting = said.greeting
    return greeting is not None and any(
        _is(text, words) for x in PROTOCOLS if (text := greeting.of(x)) is not None
    )


def _is_preauth(said: Dialogue) -> bool:
    return _greets(said, r"\* PREAUTH .*")


def _greets_oddly(said: Dialogue) -> bool:
    greeting = said.greeting
    return greeting is not None and not all(
        _is(text, GREETINGS[x]) for x in PROTOCOLS if (text := greeting.of(x)) is not None
    )


def _denies(said: Dialogue) -> bool:
    told = [said.texts(x).get("denied") for x in PROTOCOLS]
    return any(text is not None and not _OFFER.search(text) for text in told)


def _promises(said: Dialogue) -> bool:
    clear, kept = said.clear.add, said.secured.add
    if clear is None:
        return False
    return any(set(clear.of(x)) - set(_listed(kept, x)) for x in PROTOCOLS)


def _listed(said: Listed | None, protocol: Protocol) -> tuple[str, ...]:
    return said.of(protocol) if said is not None else ()


# fmt: off
DIALOGUE: Final[tuple[Rule[Dialogue], ...]] = (
    rule("says that the client is logged in already", "starttls", _is_preauth),
    rule("greets as no server should", "starttls",
         lambda d: _greets_oddly(d) and not _is_preauth(d)),
    rule("does not offer STARTTLS", "starttls", lambda d: d.offer == "removed"),
    rule("offers XXXXXXXX in place of STARTTLS", "starttls", lambda d: d.offer == "masked"),
    rule("does not tell its capabilities", "starttls", _denies),
    rule("promises in clear what does not hold in TLS", "starttls", _promises),
    rule("answers before it is asked", "starttls", lambda d: d.early),
    rule("says more before its answer to STARTTLS", "starttls", lambda d: d.before),
    rule("says more behind its answer to STARTTLS", "starttls", lambda d: d.behind),
    rule("its go-ahead is more than a yes", "starttls", _answers("more")),
    rule("refuses STARTTLS", "starttls", _answers("refusal")),
    rule("answers STARTTLS with neither yes nor no", "starttls", _answers("odd")),
    rule("does not answer STARTTLS", "starttls", _answers("silence")),
    rule("goes on in clear after its go-ahead", "starttls", _goes_ahead_and("clear")),
    rule("closes the connection after its go-ahead", "starttls", _goes_ahead_and("close")),
    rule("resets the connection after its go-ahead", "starttls", _goes_ahead_and("reset")),
    rule("falls silent after its go-ahead", "starttls", _goes_ahead_and("stall")),
)
# fmt: on
