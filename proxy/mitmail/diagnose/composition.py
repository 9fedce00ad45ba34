"""What was sent besides the way to the root, and in which order."""

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.finding import Finding

TIDY = "Send the server's certificate, then each one that signed the one before; not the root."


# Of a text without a listing the server is not known to send what stands there.
SAVED = "Whether the server sends them so is not known. As it should: "


def composition(case: Case) -> Findings:
    """Findings about the list of certificates as such; no correct client refuses for these."""
    sent, saved = case.presented.chain, case.presented.is_saved
    if len(set(sent)) < len(sent):
        count = f"{len(sent) - len(set(sent))} of the {len(sent)} certificates"
        words = f"{count} {'stand twice in this text' if saved else 'are sent twice'}."
        yield _untidy(case, "chain-duplicate", words)
    places = [sent.index(one.der) for one in case.verified.path if one.der in sent]
    if places != sorted(places):
        words = "The certificates are in the wrong order; some old clients and devices give up."
        if saved:
            words = "The certificates of this text are in the wrong order."
        yield _untidy(case, "chain-order", words)
    root = case.verified.path[-1]
    if case.verified.anchored and root.number > 1 and root.is_self_signed:
        words = f'The root "{root.title}" is {_where(case)}, too; nobody needs it.'
        yield case.finding("chain-root", "info", words)
    yield from _unrelated(case)


def _untidy(case: Case, id_: str, words: str) -> Finding:
    if case.presented.is_saved:
        return case.finding(id_, "info", words, fix=SAVED + TIDY[0].lower() + TIDY[1:])
    return case.finding(id_, "low", words, fix=TIDY)


def _where(case: Case) -> str:
    return "in this text" if case.presented.is_saved else "sent"


def _unrelated(case: Case) -> Findings:
    end = case.verified.path[-1]
    if not (case.presented.is_whole or case.verified.anchored or end.is_self_signed):
        return  # beyond the gap of a text it may well be on the way
    on_the_way = {one.der for one in case.verified.path}
    others = [one for one in case.chain if one.der not in on_the_way]
    seen: set[bytes] = set()
    for one in others:
        if one.der not in seen:
            seen.add(one.der)
            yield _untidy(case, "chain-unrelated", _words(case, one))


def _words(case: Case, one: Certificate) -> str:
    words = f'"{one.title}" is {_where(case)}, and plays no part on the way to the root'
    if one.not_after is not None and one.not_after < case.at:
        return f"{words}; it has expired, and old clients may stumble over it."
    return f"{words}."
