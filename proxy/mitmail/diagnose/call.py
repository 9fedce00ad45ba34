"""Calling at a server until it shows its certificates, or it is clear why it does not."""

from dataclasses import replace
from typing import Final

from mitmail.diagnose import tls_trouble
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.obstacle import ObstacleError, Way
from mitmail.diagnose.probe import is_anonymous, off_the_wire
from mitmail.diagnose.seen import Seen
from mitmail.diagnose.visit import Call, HandshakeFailedError, Visit
from mitmail.hello import Hello

# As a mail client of today greets.
TODAY: Final = Hello(asks_status=True)
# As hardly any greets: with the old versions, too, and with everything that is weak.
TOLERANT: Final = replace(TODAY, versions=("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"))
# As one of yesterday: some servers cannot bear a newer offer.
OLDER: Final = replace(TOLERANT, versions=("TLSv1.0", "TLSv1.1", "TLSv1.2"))
# What a silent port may turn out to be, once it is spoken to in TLS.
_TELLING: Final = frozenset({"not-mail", "tls-refused", "tls-failed", "anonymous"})


async def called(one: Call) -> Seen:
    """What a server shows; raises ObstacleError.

    One that speaks in clear where TLS is expected, or the other way round, is asked again in its
    own way, and the finding is kept.
    """
    try:
        return await _tolerantly(one)
    except ObstacleError as error:
        obstacle = error
    if obstacle.instead is None:
        raise obstacle
    try:
        seen = await _tolerantly(replace(one, way=obstacle.instead))
    except ObstacleError as error:
        told = one.way.tls is None or (not obstacle.judged and error.finding.id in _TELLING)
        raise (error if told else obstacle) from None
    found = (_misled(one, obstacle),) if one.way.tls is not None else ()
    return replace(seen, findings=(*found, *seen.findings))


def _misled(one: Call, obstacle: ObstacleError) -> Finding:
    if obstacle.instead == Way("implicit", one.way.protocol):
        return tls_trouble.at_once(one.where)
    return obstacle.finding


async def _tolerantly(one: Call) -> Seen:
    """A server that will not talk to a client of today is asked again, by ever odder ones."""
    try:
        return await Visit(one, TODAY).made()
    except HandshakeFailedError as error:
        failed = error
    partial, heard = failed.partial, failed.judged
    for hello in (TOLERANT, OLDER):
        try:
            seen = await Visit(one, hello).made()
        except HandshakeFailedError as error:
            partial, heard = partial or error.partial, heard or error.judged
        except ObstacleError as error:
            heard = heard or error.judged
            break
        else:
            return replace(seen, findings=(_odd(one, seen, hello, failed), *seen.findings))
    if partial is not None:
        return replace(partial, findings=(*partial.findings, failed.finding))
    if failed.finding.id == "tls-failed" and (raw := await off_the_wire(one, OLDER)) is not None:
        unreadable = tls_trouble.unreadable(one.where, failed.finding.words)
        return replace(raw, findings=(unreadable,))
    if await is_anonymous(one):
        raise ObstacleError(tls_trouble.anonymous(one.where), judged=True)
    if not heard:
        mute = tls_trouble.mute(one.where, "it closes the connection after a TLS hello")
        raise ObstacleError(mute)
    raise failed


def _odd(one: Call, seen: Seen, hello: Hello, failed: ObstacleError) -> Finding:
    first, version = failed.finding, seen.presented.version or ""
    if hello == OLDER and (first.reason == "tls-version" or first.id == "tls-closed"):
        return tls_trouble.intolerant(one.where, version)
    if hello == OLDER:
        return first
    if version in tls_trouble.OLD:
        return tls_trouble.old(one.where, version)
    return tls_trouble.weak(one.where, version, seen.presented.cipher or "", first.words)
