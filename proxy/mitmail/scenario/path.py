"""The certification path that a client can build from what it is sent and what it trusts.

RFC 5280 section 6 and RFC 4158: names lead upwards, and the key proves the step.
"""

from collections.abc import Collection, Iterator

from mitmail.scenario.reference import LEAF
from mitmail.scenario.server import Server

type Path = tuple[str, ...]


def paths(server: Server, *, sent: Collection[str] | None = None) -> Iterator[Path]:
    """Every path from the leaf to a trusted certificate, the shorter ones first.

    A path names its certificates, the trusted one included. ``sent`` stands in for what the
    server sends. Empty when the leaf is not sent.
    """
    at_hand = {*(server.sent if sent is None else sent), *server.trust}
    level: list[Path] = [(LEAF,)] if LEAF in at_hand else []
    while level:
        yield from (path for path in level if path[-1] in server.trust)
        level = [
            (*path, above)
            for path in level
            if path[-1] not in server.trust
            for above in _issuers(server, path[-1], at_hand)
            if above not in path
        ]


def namesakes(server: Server, name: str) -> list[str]:
    """The certificates at hand that carry the name of this one's issuer, whatever their key."""
    return _named(server, name, {*server.sent, *server.trust})


def dead_end(server: Server) -> Path:
    """The path from the leaf to where no issuer is at hand."""
    at_hand = {*server.sent, *server.trust}
    path: Path = (LEAF,)
    while above := [x for x in _issuers(server, path[-1], at_hand) if x not in path]:
        path = (*path, above[0])
    return path


def _named(server: Server, name: str, at_hand: Collection[str]) -> list[str]:
    if server.certificates[name].issuer_name is not None:
        return []
    wanted = server.subject_of(server.issuer_of(name))
    return [
        other
        for other in server.certificates
        if other in at_hand and server.subject_of(other) == wanted
    ]


def _issuers(server: Server, name: str, at_hand: Collection[str]) -> list[str]:
    key = server.key_of(server.issuer_of(name))
    return [x for x in _named(server, name, at_hand) if server.key_of(x) == key]
