"""The simulated products and their behaviours, listed, and written as a page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mitmail.scenario import fitting, loader
from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.evidence import Mark
from mitmail.scenario.vendor import Vendor

GROUPS: Final = {
    "SIG": "Who signs",
    "ROOT": "What the root looks like",
    "LEAF": "What the copy looks like",
    "CHAIN": "What is sent",
    "TLS": "TLS",
    "TCP": "Connections",
    "STLS": "STARTTLS",
    "CAP": "Capabilities, banner and farewell",
    "MSG": "Messages",
    "TR": "Where the root lies",
}
MARKS: Final[Mapping[Mark, str]] = {
    "decoded": "D", "sourced": "S", "inferred": "I", "unverified": "U",
}  # fmt: skip
HEAD: Final = """\
# What antivirus and gateway products do to mail

Every behaviour that is known, {count} in all, and which of the {products} simulated products have
it. Written by `make docs` from the files in `certs/`; a test keeps it in step. One of them in
detail: `mitmail show NAME`; to a client: `mitmail serve --antivirus NAME --switch NAME`.

How it is known: **D** decoded (read off a real certificate), **S** sourced (reported or
documented), **I** inferred (follows from those), **U** unverified (a guess); the weakest that
applies. The names of products stand for compatibility with them; mitmail is none of theirs.
"""
COLUMNS: Final = (
    "| code | what happens | known | who | what breaks | switch | shown by |\n"
    "|---|---|---|---|---|---|---|\n"
)
TABLE: Final = """\
## Products

**always**: the product's profile is so, with the weakest mark of all that this is about. **at
times**: it is reported, and a switch of the profile.
An empty cell says that nothing is known of it, or that it is not so; any product can be given any
behaviour that fits.

"""


def behaviours() -> list[Behaviour]:
    """All behaviours, in the order of their codes."""
    found = [loader.find_behaviour(name) for name in loader.behaviour_files()]
    return sorted(found, key=_place)


def _place(one: Behaviour) -> tuple[int, int, str]:
    group, _, number = one.code.partition("-")
    order = [*GROUPS, group].index(group)
    return order, int(number), one.id


def products() -> list[Vendor]:
    """The shipped products."""
    return [loader.find_vendor(name) for name in loader.vendor_files()]


def listed_products(found: Sequence[Vendor]) -> str:
    """One line for each product."""
    width = max(len(one.id) for one in found)
    lines = [f"{one.id:{width}}  {one.title}" for one in found]
    more = "One of them in detail: mitmail show NAME; to a client: mitmail serve --antivirus NAME"
    return "\n".join([*lines, "", more])


def listed_switches(found: Sequence[Behaviour]) -> str:
    """One line for each behaviour that can be switched on."""
    switches = [one for one in found if one.is_switch]
    width = max(len(one.id) for one in switches)
    lines = []
    for group, one in _grouped(switches):
        lines += [f"{GROUPS.get(group, group)}:"] if group else []
        lines.append(f"  {one.id:{width}}  {one.title}")
    more = "One of them in detail: mitmail show NAME; to a client: mitmail serve --switch NAME"
    return "\n".join([*lines, "", more])


def _grouped(found: Iterable[Behaviour]) -> Iterable[tuple[str, Behaviour]]:
    """Each with the word of its group where a group begins, else with an empty one."""
    last = ""
    for one in found:
        group = one.code.partition("-")[0]
        yield ("" if group == last else group), one
        last = group


def page(found: Sequence[Behaviour], vendors: Sequence[Vendor]) -> str:
    """Behaviours and products as a page in Markdown."""
    parts = [HEAD.format(count=len({one.code for one in found}), products=len(vendors))]
    for group, one in _grouped(found):
        if group:
            parts.append(f"\n## {GROUPS.get(group, group)}\n\n{COLUMNS}")
        parts.append(_row(one))
    return "".join([*parts, "\n", TABLE, *_matrix(found, vendors)])


def _row(one: Behaviour) -> str:
    switch = f"`{one.id}`" if one.is_switch else f"{'missing' if one.missing else 'always'}"
    shown = "<br>".join(f"`{test.rpartition('::')[2]}`" for test in one.proof)
    cells = (
        one.code, one.title, MARKS[one.evidence.mark], one.who, one.breaks, switch,
        shown or one.missing or "",
    )  # fmt: skip
    return _cells(cells)


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '\\|') for cell in cells)} |\n"


def _matrix(found: Sequence[Behaviour], vendors: Sequence[Vendor]) -> Iterable[str]:
    yield _cells(["behaviour", *(one.id for one in vendors)])
    yield "|---" * (len(vendors) + 1) + "|\n"
    for one in found:
        cells = [_has(vendor, one) for vendor in vendors]
        if any(cells):
            yield _cells([f"{one.code} `{one.id}`", *cells])


def _has(vendor: Vendor, one: Behaviour) -> str:
    if mark := fitting.always(vendor, one):
        return f"always {MARKS[mark]}"
    return "at times" if one.id in vendor.behaviours else ""
