"""Finding the name to type, where a server's certificate is not for the name that was typed."""

import asyncio
from dataclasses import replace

from mitmail.diagnose.call import called
from mitmail.diagnose.difference import dns_names
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.lookup import Lookup, UnansweredError
from mitmail.diagnose.obstacle import ObstacleError
from mitmail.diagnose.rename import (
    Candidate,
    Tried,
    candidates,
    is_confirmed,
    not_found,
    refused,
    suggested,
)
from mitmail.diagnose.seen import Seen
from mitmail.diagnose.visit import Call


async def renamed(one: Call, seen: Seen, lookup: Lookup) -> Finding:
    """The name that is confirmed and verified, or why there is none.

    The address points to a name (PTR), the certificate covers it, it leads back to the address,
    and a connection that asks for it is shown a valid certificate. ``one`` is the call that found
    ``seen``.
    """
    why: list[str] = []
    try:
        pointed = await lookup.reverse(one.address)
        if not pointed:
            why.append(f"{one.address} has no name in the reverse DNS")
    except UnansweredError as error:
        pointed = ()
        why.append(f"the reverse DNS does not answer ({error})")
    found, uncovered = candidates(one.name, pointed, dns_names(seen.leaf))
    tried = await asyncio.gather(*(_tried(one, each, lookup) for each in found))
    for each in tried:
        if is_confirmed(each, one.address):
            return suggested(each, one.address, one.where)
    return not_found(why + refused(tried, uncovered, one.address), one.where)


async def _tried(one: Call, candidate: Candidate, lookup: Lookup) -> Tried:
    try:
        addresses = await lookup.forward(candidate.name)
    except UnansweredError as error:
        return Tried(candidate, trouble=f"the DNS does not answer ({error})")
    if one.address not in addresses:
        return Tried(candidate, addresses)
    try:
        seen = await called(replace(one, name=candidate.name, sni=candidate.name))
    except ObstacleError as error:
        return Tried(candidate, addresses, trouble=error.finding.words)
    return Tried(candidate, addresses, seen.errors)
