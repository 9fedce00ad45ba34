"""Whether the certificate is for the name that was typed, and which names it is for."""

from typing import Final

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.target import is_address
from mitmail.scenario.hostname import (
    ascii_name,
    covers,
    is_hostname,
    is_public_suffix_wildcard,
    kind_of,
)

SHOWN: Final = 6  # names in a sentence
TYPE: Final = (
    "Ask the provider which of these names is meant for mail before a password is typed; saving "
    "the certificate never cures this."
)

SPACE: Final = "\N{OPEN BOX}"
AS_ADDRESS: Final = (
    "Have it issued with the address as an iPAddress, or type a host name that it is for."
)


def coverage(case: Case) -> Findings:
    """Findings about the names in the server's certificate."""
    name, leaf = case.presented.name, case.leaf
    if leaf.read is None:
        return
    if name is None:
        words = (
            f"Whether the name fits was not asked. The certificate is for {listed(leaf.names)}."
        )
        fix = "Say which name the customer typed: --name HOST"
        yield case.finding("name-unknown", "unknown", words, fix=fix)
        return
    covering = [one for one in leaf.names if covers(one, name)]
    if not covering:
        yield from _mismatch(case, name)
    elif all(is_public_suffix_wildcard(one) for one in covering):
        words = f"{covering[0]} covers a whole top-level domain; some clients refuse that."
        fix = "Have it issued for the server's own name."
        yield case.finding("registry-wildcard", "medium", words, fix=fix, reason="name-mismatch")
    elif not is_hostname(name) and name.isascii():
        words = f"{name} is no host name by the rules (RFC 1123); some clients refuse it."
        fix = "Type the name without what is odd in it."
        yield case.finding("odd-name", "medium", words, fix=fix, reason="name-mismatch")


def _mismatch(case: Case, name: str) -> Findings:
    leaf = case.leaf
    dns = [one for one in leaf.names if kind_of(one)[0] == "dns"]
    if not dns and any(covers(one, name) for one in leaf.common_names):
        words = (
            f"{name} stands in the common name (CN) alone; clients of today look for it in "
            "subjectAltName only (RFC 9525)."
        )
        fix = "Have it issued with the name in subjectAltName."
        yield case.finding("name-in-cn-only", "high", words, fix=fix, reason="name-mismatch")
        return
    if is_address(name) and any(kind_of(one) == ("dns", name) for one in leaf.names):
        words = (
            f"{name} stands in the certificate as a DNS name (dNSName); an address is looked for "
            "among its addresses (iPAddress) alone (RFC 9525)."
        )
        yield case.finding("name-mismatch", "critical", words, fix=AS_ADDRESS,
                           reason="name-mismatch")  # fmt: skip
        return
    words = f"The certificate is not for {name}: it is for {listed(leaf.names)}."
    if why := _near(leaf.names, name):
        words += f" {why}"
    yield case.finding("name-mismatch", "critical", words, fix=TYPE, reason="name-mismatch")


def _near(names: tuple[str, ...], name: str) -> str:
    host = ascii_name(name)
    for one in names:
        kind, text = kind_of(one)
        if kind == "dns" and (odd := _odd(text)) and covers(text.strip().rstrip("."), name):
            return f"{odd}: to most clients that is another name."
        if kind != "dns" or not text.startswith("*."):
            continue
        domain = ascii_name(text[2:])
        if host == domain:
            return f"{text} does not cover {domain} itself."
        if host.endswith(f".{domain}"):
            return f"The star of {text} stands for one label only."
    return ""


def _odd(text: str) -> str:
    """What cannot be seen of a name in a sentence."""
    if text != text.strip():
        return "A space stands beside the name in the certificate"
    return "A dot stands behind the name in the certificate" if text.endswith(".") else ""


def listed(names: tuple[str, ...]) -> str:
    """The names in a sentence, printable, not all of them if there are many."""
    shown = [_quoted(_printable(one.removeprefix("dns:"))) for one in names[:SHOWN]]
    more = len(names) - SHOWN
    if not shown:
        return "no name at all"
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _quoted(text: str) -> str:
    if not _odd(text):
        return text
    before, behind = len(text) - len(text.lstrip()), len(text) - len(text.rstrip())
    return f'"{SPACE * before}{text.strip()}{SPACE * behind}"'


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
