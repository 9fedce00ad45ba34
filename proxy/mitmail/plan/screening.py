"""How a shield screens messages, as a vendor profile has it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from mitmail.scenario.screening import Inbound, Outbound
from mitmail.scenario.screening import Screening as Said
from mitmail.scenario.vendor import Vendor
from mitmail.screening import MIB, Drip, Screening, Way

type Scanner = Literal["built-in", "driver"]


def screening(
    vendor: Vendor, protocol: str, now: datetime, *, scanner: Scanner = "built-in"
) -> Screening | None:
    """What is done with the messages of a protocol; None where they are not looked at."""
    said = vendor.screening
    if protocol not in said.protocols:
        return None
    texts = {
        "{brand}": vendor.brand,
        "{version}": now.strftime(said.version),
        "{date}": now.strftime(said.date),
    }
    drip = said.drip
    return Screening(
        inbound=_way(said, said.inbound, texts | {"{direction}": "Inbound"}),
        outbound=_way(said, said.outbound, texts | {"{direction}": "Outbound"}),
        words={
            "clean": said.words.clean,
            "infected": said.words.infected,
            "unscanned": said.words.unscanned,
        },
        notice=_filled(said.notice, texts),
        refusal=_filled(said.refusal, texts),
        spare_signed=said.signed == "spare",
        delay=said.delay,
        drip=None
        if drip is None
        else Drip(header=_filled(drip.header, texts), seconds=drip.seconds),
        sizes=said.sizes,
        literals=said.literals,
        unscanned=said.unscanned,
        scanner=scanner,
        limit=said.limit_mib * MIB,
        kept=2 * said.limit_mib * MIB,
    )


def _way(said: Said, way: Inbound | Outbound, texts: Mapping[str, str]) -> Way:
    return Way(
        headers=tuple(_filled(line, texts) for line in said.headers) if way.mark else (),
        footer=_filled(way.footer or "", texts),
        footers=frozenset(way.footers),
        subject=way.subject or "",
        infected=way.infected,
        delete=isinstance(way, Inbound) and way.delete,
        at_once=isinstance(way, Outbound) and way.at_once,
    )


def _filled(text: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"\{\w+\}", lambda found: texts.get(found[0], found[0]), text)
