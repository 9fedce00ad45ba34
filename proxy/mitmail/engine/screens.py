"""The screen of each protocol."""

from collections.abc import Callable

from mitmail.engine.action import Action
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.screen import Screen
from mitmail.engine.screen_imap import ImapScreen
from mitmail.engine.screen_pop3 import Pop3Screen
from mitmail.engine.screen_smtp import SmtpScreen
from mitmail.engine.spec import SessionSpec

SCREENS: dict[str, Callable[..., Screen]] = {
    "imap": ImapScreen,
    "pop3": Pop3Screen,
    "smtp": SmtpScreen,
}


def screened(
    spec: SessionSpec,
    *,
    send: Callable[[bytes], None],
    chronicle: Chronicle,
    actions: list[Action],
) -> Screen | None:
    """What stands between both sides of this session, where messages are screened."""
    if spec.screening is None:
        return None
    wiring = {"send": send, "chronicle": chronicle, "actions": actions}
    return SCREENS[spec.protocol](spec.screening, **wiring)
