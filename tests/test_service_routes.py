"""Where a plan's connections lead, and by which orders."""

from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.spec import GREETING_HOLD
from mitmail.errors import MitmailError
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from mitmail.service.place import JUDGE, Place
from mitmail.service.routes import Routes
from mitmail.service.upstream import Server, Upstream


def test_whom_the_shield_passes_through_meets_the_door_as_without_a_shield() -> None:
    """A late alert is lost where a greeting comes at once; only a shield sends none."""
    plan = make(loader.find("expired"), loader.find_vendor("generic"), Store(None))
    routes = Routes(1, plan, JUDGE, Place(), plan.admission())
    mailstore: Any = SimpleNamespace(ports={"imap": 1143})
    door = routes.door(ENDPOINTS["imaps"], mailstore)
    shield = routes.shield(ENDPOINTS["imaps"], 3993, door)

    assert shield.spec.behind is not None
    assert (door.spec.greeting_hold, shield.spec.behind.greeting_hold) == (0.0, GREETING_HOLD)
    assert (shield.server[1], shield.behind) == (3993, door.server)


def test_who_speaks_in_clear_cannot_stand_before_a_server_with_nothing_but_tls() -> None:
    plan = make(loader.find("healthy"), loader.find_vendor("norton-2002"), Store(None))
    routes = Routes(1, plan, JUDGE, Place(), plan.admission())
    before = {"smtp": Server("localhost", 465, "implicit")}

    with pytest.raises(
        MitmailError, match=r"localhost has .* port 465: .* smtp=localhost/starttls"
    ):
        routes.shield_before(ENDPOINTS["smtp"], Upstream(servers=before))

    before["smtp"] = Server("localhost", 587, "starttls")
    assert routes.shield_before(ENDPOINTS["smtp"], Upstream(servers=before)).spec.server == "plain"
