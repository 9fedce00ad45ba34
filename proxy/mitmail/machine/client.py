"""The clients that the judge can ask: those that are here, and what installs the others."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mitmail.judge import driver, golang
from mitmail.judge.thunderbird.thunderbird import NAME as THUNDERBIRD
from mitmail.machine import package
from mitmail.machine.check import Check


@dataclass(frozen=True, slots=True)
class _Found:
    """A client: ``here`` is its name and version, None where it is missing."""

    name: str
    here: str | None
    packages: str = ""
    error: str = ""


def clients(names: Iterable[str] = driver.KNOWN) -> Iterator[Check]:
    """All but Thunderbird, which has needs of its own."""
    found = asyncio.run(_all([name for name in sorted(names) if name != THUNDERBIRD]))
    here = [one.here for one in found if one.here]
    if here:
        words = f"{len(here)} clients are here: {', '.join(here)}"
        yield Check(id="clients", status="ok", words=words)
    missing: dict[str, list[str]] = {}
    for one in found:
        if one.error:
            words = f"{one.name} could not be looked at, {one.error}"
            yield Check(id=f"client-{one.name}", status="unknown", words=words)
        elif not one.here:
            missing.setdefault(one.packages, []).append(one.name)
    for packages, together in missing.items():
        fix = package.install(packages) if packages else "install what its file needs"
        words = ", ".join(together)
        yield Check(id=f"client-{together[0]}", status="missing", words=words, fix=fix)


async def _all(names: list[str]) -> list[_Found]:
    return list(await asyncio.gather(*map(_one, names)))


async def _one(name: str) -> _Found:
    if name in golang.COMPILED:  # to be asked it is compiled, and that leaves traces
        return _Found(name, name if golang.is_here(name) else None, golang.COMPILED[name].install)
    try:
        one = await driver.entry(name)
    except Exception as error:  # whatever it is, the others are looked at
        return _Found(name, None, error=f"{type(error).__name__}: {error}".partition("\n")[0])
    if one.client is None:
        return _Found(name, None, one.install)
    version = ".".join(map(str, one.client.version)) if any(one.client.version) else ""
    return _Found(name, f"{name} {version}".strip(), one.install)
