"""A route: what one listener of ours is for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from mitmail.engine.session import Session
from mitmail.engine.spec import SessionSpec
from mitmail.screening import Scanned

type Scan = Callable[[bytes], Awaitable[Scanned]]
type Happening = Literal["begin", "verdict", "waiting", "popup", "end"]


type Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a session goes, by which orders, and who hears of it.

    ``key`` names it in a proxy mode (``mail:KEY@host:port``); ``to_door`` says that ``server`` is
    a listener of this very process. ``observe`` is told of a session's verdict and of its end, or
    is ``None`` for a door that only a shield of ours connects to. ``behind`` is where that
    door's own server is. ``scan`` is who is asked where the orders leave scanning to the driver;
    it raises nothing.
    """

    key: str
    spec: SessionSpec
    server: Address
    to_door: bool = False
    behind: tuple[str, int] | None = None
    scan: Scan | None = None
    observe: Callable[[Happening, int, Session], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What one listener does with connections that the kernel led to it.

    ``choose`` knows the route for where a client wanted to go; where it knows none, what is said
    passes untouched, and ``passing`` hears of it. ``refusing`` is told why a connection was
    turned away: nothing led it here, or it is our own that came back.
    """

    key: str
    choose: Callable[[Address], Route | None]
    passing: Callable[[Address], None]
    refusing: Callable[[str], None]
