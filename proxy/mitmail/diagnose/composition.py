"""What was sent besides the way to the root, and in which order."""

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate

TIDY = "Send the server's certificate, then each one that signed the one before; not the root."


def composition(case: Case) -> Findings:
    """Findings about the list of certificates as such; no correct client refuses for these."""
    sent = case.presented.chain
    if len(set(sent)) < len(sent):
        words = f"{len(sent) - len(set(sent))} of the {len(sent)} certificates are sent twice."
        yield case.finding("chain-duplicate", "low", words, fix=TIDY)
    places = [sent.index(one.der) for one in case.verified.path if one.der in sent]
    if places != sorted(places):
        words = "The certificates are in the wrong order; some old clients and devices give up."
        yield case.finding("chain-order", "low", words, fix=TIDY)
    root = case.verified.path[-1]
    if case.verified.anchored and root.number > 1 and root.is_self_signed:
        words = f'The root "{root.title}" is sent, too; nobody needs it.'
        yield case.finding("chain-root", "info", words)
    yield from _unrelated(case)


def _unrelated(case: Case) -> Findings:
    on_the_way = {one.der for one in case.verified.path}
    others = [one for one in case.chain if one.der not in on_the_way]
    seen: set[bytes] = set()
    for one in others:
        if one.der not in seen:
            seen.add(one.der)
            yield case.finding("chain-unrelated", "low", _words(case, one), fix=TIDY)


def _words(case: Case, one: Certificate) -> str:
    words = f'"{one.title}" is sent, and plays no part on the way to the root'
    if one.not_after is not None and one.not_after < case.at:
        return f"{words}; it has expired, and old clients may stumble over it."
    return f"{words}."
