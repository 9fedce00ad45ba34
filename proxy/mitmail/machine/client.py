"""The clients that the judge can ask: those that are here, and what installs the others."""

import asyncio
from collections.abc import Iterator

from mitmail.judge import driver, golang
from mitmail.judge.thunderbird.thunderbird import NAME as THUNDERBIRD
from mitmail.machine import package
from mitmail.machine.check import Check


def clients() -> Iterator[Check]:
    """All but Thunderbird, which has needs of its own."""
    names = [name for name in sorted(driver.KNOWN) if name != THUNDERBIRD]
    found = asyncio.run(_all(names))
    here = [words for words, _ in found.values() if words]
    if here:
        words = f"{len(here)} clients are here: {', '.join(here)}"
        yield Check(id="clients", status="ok", words=words)
    missing: dict[str, list[str]] = {}
    for name, (words, packages) in found.items():
        if not words:
            missing.setdefault(packages, []).append(name)
    for packages, together in missing.items():
        fix = package.install(packages) if packages else "install what its file needs"
        words = ", ".join(together)
        yield Check(id=f"client-{together[0]}", status="missing", words=words, fix=fix)


async def _all(names: list[str]) -> dict[str, tuple[str, str]]:
    return dict(zip(names, await asyncio.gather(*map(_one, names)), strict=True))


async def _one(name: str) -> tuple[str, str]:
    """The client's name and version where it is here, and its packages."""
    if name in golang.COMPILED:  # to be asked it is compiled, and that leaves traces
        here = golang.is_here(name)
        return name if here else "", golang.COMPILED[name].install
    one = await driver.entry(name)
    if one.client is None:
        return "", one.install
    version = ".".join(map(str, one.client.version)) if any(one.client.version) else ""
    return f"{name} {version}".strip(), one.install
