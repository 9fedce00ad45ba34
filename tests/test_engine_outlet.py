"""Segments for the client: never longer than was said, in order, and all there before an end."""

from dataclasses import replace

import pytest

from mitmail.engine.action import Action, HalfClose, Send
from mitmail.engine.outlet import PAUSE, WAIT_LIMIT, Outlet
from mitmail.manner import Instead, Manner
from talk import GREETING, Talk, blind, identity

TEXT = bytes(range(40))


def dripping() -> tuple[Outlet, list[Action]]:
    actions: list[Action] = []
    outlet = Outlet(actions)
    outlet.segment_size = 7
    return outlet, actions


def sent(actions: list[Action]) -> list[bytes]:
    return [action.octets for action in actions if isinstance(action, Send)]


def test_a_segment_goes_out_after_the_pause_behind_the_last_one() -> None:
    outlet, actions = dripping()
    outlet.send("client", TEXT)
    assert sent(actions) == [TEXT[:7]]
    outlet.next_segment()
    outlet.send("client", b"more")
    assert sent(actions) == [TEXT[:7], TEXT[7:14]]
    for _ in range(20):
        outlet.next_segment()
    assert b"".join(sent(actions)) == TEXT + b"more"
    assert max(map(len, sent(actions))) == 7


def test_what_is_left_goes_out_before_the_end() -> None:
    outlet, actions = dripping()
    outlet.send("client", TEXT)
    outlet.half_close("client")
    assert b"".join(sent(actions)) == TEXT
    assert max(map(len, sent(actions))) == 7
    assert actions[-1] == HalfClose("client")


def test_no_more_than_the_limit_waits_and_nothing_is_lost() -> None:
    outlet, actions = dripping()
    said = bytes(range(251)) * 2000
    for at in range(0, len(said), 5000):
        outlet.send("client", said[at : at + 5000])
        waiting = min(at + 5000, len(said)) - len(b"".join(sent(actions)))
        assert waiting <= WAIT_LIMIT
    assert len(b"".join(sent(actions))) < len(said)
    outlet.hurry()
    assert b"".join(sent(actions)) == said
    assert {len(segment) for segment in sent(actions)} == {7, len(said) % 7}


def test_the_server_gets_its_octets_whole() -> None:
    outlet, actions = dripping()
    outlet.send("server", TEXT)
    assert sent(actions) == [TEXT]


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_whole_session_passes_in_segments(version: str) -> None:
    manner = Manner(segment_size=7)
    talk = Talk(choose=lambda upstream, sni: replace(identity(), manner=manner))
    talk.greets()
    client = talk.secure(blind(version))
    talk.passes(400 * PAUSE)
    client.says(b"a NOOP\r\n")
    talk.passes(400 * PAUSE)
    assert client.hears() == GREETING["imap"]
    for_client = [x for x in talk.actions if isinstance(x, Send) and x.who == "client"]
    assert max(len(each.octets) for each in for_client) == 7


def test_what_comes_instead_of_tls_comes_in_segments_too() -> None:
    manner = Manner(segment_size=7, instead=Instead(octets=TEXT, then="reset"))
    talk = Talk(choose=lambda upstream, sni: replace(identity(), manner=manner))
    talk.secure(blind())
    assert b"".join(sent(talk.actions)) == TEXT
    assert max(map(len, sent(talk.actions))) == 7
