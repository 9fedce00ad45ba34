"""IMAP commands on mailboxes."""

from collections.abc import Iterator

import pytest

from mitmail.mailstore.store import MAILBOX_MESSAGES
from test_mailstore_imap import MESSAGES, Dialogue
from test_mailstore_server import Served, running


@pytest.fixture
def served() -> Iterator[Served]:
    with running(*MESSAGES) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Dialogue]:
    with Dialogue(served) as client:
        yield client


def names(responses: list[bytes]) -> list[bytes]:
    return [response.rpartition(b' "/" ')[2] for response in responses]


def test_list_shows_special_use(client: Dialogue) -> None:
    everything = [
        rb'* LIST (\HasNoChildren) "/" "INBOX"',
        rb'* LIST (\HasNoChildren \Drafts) "/" "Drafts"',
        rb'* LIST (\HasNoChildren \Sent) "/" "Sent"',
        rb'* LIST (\HasNoChildren \Trash) "/" "Trash"',
    ]
    for command in (b'LIST "" *', b'list "" "*"', b'LIST "" "*" RETURN (SPECIAL-USE CHILDREN)'):
        assert client.untagged(command) == everything
    assert client.untagged(b'LIST (SPECIAL-USE) "" *') == everything[1:]
    assert client.untagged(b'LIST "" ""') == [rb'* LIST (\Noselect) "/" ""']
    assert client.untagged(b'LIST "" (inbox S%)') == [everything[0], everything[2]]


def test_list_knows_subscriptions(client: Dialogue) -> None:
    client.status(b"UNSUBSCRIBE Trash")
    assert names(client.untagged(b'LIST (SUBSCRIBED) "" T*')) == []
    assert client.untagged(b'LIST "" Sent RETURN (SUBSCRIBED)') == [
        rb'* LIST (\HasNoChildren \Sent \Subscribed) "/" "Sent"'
    ]
    assert names(client.untagged(b'LSUB "" *')) == [b'"Drafts"', b'"INBOX"', b'"Sent"']
    assert client.tagged(b"SUBSCRIBE nowhere").startswith(b"t NO [NONEXISTENT]")
    assert client.status(b"UNSUBSCRIBE nowhere") == "OK"


@pytest.mark.parametrize(
    "options", [b"(NONSENSE)", b"(RECURSIVEMATCH)", b"(", b"()x"], ids=bytes.decode
)
def test_other_list_options_are_bad(client: Dialogue, options: bytes) -> None:
    assert client.status(b"LIST " + options + b' "" *') == "BAD"
    assert client.status(b'LIST "" * RETURN ' + options) == "BAD"


def test_list_finds_what_the_pattern_leaves_out_below(client: Dialogue) -> None:
    client.status(b"CREATE a/b/c")
    client.status(b"SUBSCRIBE a/b/c")
    assert client.untagged(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" a%') == [
        rb'* LIST (\HasChildren) "/" "a" ("CHILDINFO" ("SUBSCRIBED"))'
    ]
    assert client.untagged(b'LSUB "" a%') == [rb'* LSUB (\Noselect) "/" "a"']
    assert client.untagged(b'LSUB "" a*') == [b'* LSUB () "/" "a/b/c"']


def test_list_tells_the_subscriptions_of_deleted_mailboxes(client: Dialogue) -> None:
    for command in (b"CREATE gone", b"SUBSCRIBE gone", b"DELETE gone"):
        client.status(command)
    assert client.untagged(b'LIST (SUBSCRIBED REMOTE) "" g*') == [
        rb'* LIST (\HasNoChildren \NonExistent \Subscribed) "/" "gone"'
    ]
    assert client.untagged(b'LIST "" g* RETURN (SUBSCRIBED)') == []


def test_list_returns_the_status_of_each_mailbox(client: Dialogue) -> None:
    octets = sum(map(len, MESSAGES))
    found = client.untagged(b'LIST "" (INBOX Sent) RETURN (CHILDREN STATUS (MESSAGES SIZE))')
    assert found[1::2] == [
        b'* STATUS "INBOX" (MESSAGES 4 SIZE %d)' % octets,
        b'* STATUS "Sent" (MESSAGES 0 SIZE 0)',
    ]
    for items in (b"STATUS", b"STATUS ()", b"STATUS (NONSENSE)", b"STATUS (MESSAGES"):
        assert client.status(b'LIST "" * RETURN (' + items + b")") == "BAD"


def test_nothing_needs_to_be_enabled(client: Dialogue) -> None:
    assert client.untagged(b"ENABLE CONDSTORE QRESYNC") == [b"* ENABLED"]
    assert client.status(b"ENABLE") == "BAD"


def test_several_messages_are_appended_or_none(served: Served, client: Dialogue) -> None:
    client.write(
        b't APPEND Sent (\\Seen) {3+}\r\none " 1-Jan-2020 00:00:00 +0000" {3+}\r\ntwo (k) {0+}\r\n'
        b"\r\n"
    )
    assert b"[APPENDUID " in (tagged := client.to_tagged()[-1])
    assert tagged.endswith(b" 1:3] Appended")
    client.write(b"t APPEND Sent {3+}\r\nbad (\\Nonsense) {3+}\r\nbad\r\n")
    assert client.to_tagged()[-1].startswith(b"t BAD")
    stored = served.call(lambda: list(served.store.mailbox("Sent").messages.values()))
    assert [(m.octets, set(m.flags)) for m in stored] == [
        (b"one", {r"\Seen"}),
        (b"two", set()),
        (b"", {"k"}),
    ]


def test_any_octets_are_appended(served: Served, client: Dialogue) -> None:
    octets = bytes(range(256))
    client.write(b"t APPEND Sent ~{256+}\r\n" + octets + b"\r\n")
    assert client.to_tagged()[-1].startswith(b"t OK")
    stored = served.call(
        lambda: [m.octets for m in served.store.mailbox("Sent").messages.values()]
    )
    assert stored == [octets]


def test_create_makes_superiors_and_delete_spares_them(client: Dialogue) -> None:
    assert client.status(b"CREATE a/b/c/") == "OK"
    assert client.untagged(b'LIST "" a*')[:2] == [
        rb'* LIST (\HasChildren) "/" "a"',
        rb'* LIST (\HasChildren) "/" "a/b"',
    ]
    assert names(client.untagged(b"LIST a/ %")) == [b'"a/b"']
    assert client.tagged(b"CREATE A/b/../c").startswith(b"t OK")
    assert client.tagged(b"CREATE a/b").startswith(b"t NO [ALREADYEXISTS]")
    assert client.tagged(b"DELETE a/b").startswith(b"t NO [HASCHILDREN]")
    assert client.status(b"DELETE a/b/c") == client.status(b"DELETE a/b") == "OK"
    assert names(client.untagged(b'LIST "" a*')) == [b'"a"']


@pytest.mark.parametrize("name", [b"inbox", b'""', b"a//b", b"/a", b'"a*"', b'"a%"', b"x" * 256])
def test_names_that_cannot_be_made(client: Dialogue, name: bytes) -> None:
    assert client.tagged(b"CREATE " + name).startswith((b"t NO [CANNOT]", b"t NO [ALREADYEXISTS]"))


def test_names_are_quoted_and_8_bit_names_are_bad(client: Dialogue) -> None:
    assert client.status(b'CREATE "a \\"b\\" \\\\"') == "OK"
    assert names(client.untagged(b'LIST "" a*')) == [b'"a \\"b\\" \\\\"']
    assert client.status('CREATE "gelöscht"'.encode()) == "BAD"
    assert client.status(b"CREATE gel&APY-scht") == "OK"


def test_rename_takes_the_mailboxes_below_along(client: Dialogue) -> None:
    client.status(b"CREATE a/b")
    client.status(b"SELECT INBOX")
    client.status(b"COPY 1:2 a/b")
    assert client.status(b"RENAME a z/y") == "OK"
    assert names(client.untagged(b'LIST "" z*')) == [b'"z"', b'"z/y"', b'"z/y/b"']
    assert client.untagged(b"STATUS z/y/b (MESSAGES)") == [b'* STATUS "z/y/b" (MESSAGES 2)']
    assert client.tagged(b"RENAME z z/inside").startswith(b"t NO [CANNOT]")
    assert client.tagged(b"RENAME z INBOX").startswith(b"t NO [ALREADYEXISTS]")
    assert client.tagged(b"RENAME a b").startswith(b"t NO [NONEXISTENT]")
    assert client.tagged(b"RENAME z " + b"n" * 254).startswith(b"t NO [CANNOT]")


def test_renaming_inbox_empties_it(client: Dialogue) -> None:
    assert client.status(b"RENAME INBOX old/inbox") == "OK"
    assert client.untagged(b"STATUS INBOX (MESSAGES)") == [b'* STATUS "INBOX" (MESSAGES 0)']
    assert client.untagged(b"STATUS old/inbox (MESSAGES)")[0].endswith(b"(MESSAGES 4)")


def test_a_mailbox_made_anew_has_another_uidvalidity(client: Dialogue) -> None:
    found = set()
    for _ in range(3):
        client.status(b"CREATE a")
        found.add(client.untagged(b"STATUS a (UIDVALIDITY)")[0])
        client.status(b"DELETE a")
    assert len(found) == 3


def test_select_tells_all_about_the_mailbox(served: Served, client: Dialogue) -> None:
    client.status(b"SELECT INBOX")
    client.status(rb"STORE 1 +FLAGS (\Seen $Label)")
    with Dialogue(served) as other:
        *untagged, tagged = other.say(b"SELECT inbox")
        validity = served.call(lambda: served.store.inbox.uidvalidity)
        assert untagged == [
            rb"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Label)",
            rb"* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft $Label \*)] Kept",
            b"* 4 EXISTS",
            b"* 0 RECENT",
            b"* OK [UNSEEN 2] First",
            b"* OK [UIDVALIDITY %d] Valid" % validity,
            b"* OK [UIDNEXT 5] Next",
        ]
        assert tagged.startswith(b"t OK [READ-WRITE]")
        *untagged, tagged = other.say(b"EXAMINE INBOX")
        assert b"* OK [PERMANENTFLAGS ()] Kept" in untagged
        assert tagged.startswith(b"t OK [READ-ONLY]")


def test_messages_are_recent_to_the_first_session_only(served: Served) -> None:
    with Dialogue(served) as first, Dialogue(served) as second:
        assert b"* 4 RECENT" in first.untagged(b"EXAMINE INBOX"), "which claims nothing"
        assert b"* 4 RECENT" in first.untagged(b"SELECT INBOX")
        assert b"* 0 RECENT" in second.untagged(b"SELECT INBOX")
        assert first.untagged(b"SEARCH RECENT") == [b"* SEARCH 1 2 3 4"]
        assert second.untagged(b"SEARCH NEW") == [b"* SEARCH"]


def test_a_failed_select_leaves_nothing_selected(client: Dialogue) -> None:
    client.status(b"SELECT INBOX")
    assert client.tagged(b"SELECT nowhere").startswith(b"t NO [NONEXISTENT]")
    assert client.status(b"FETCH 1 FLAGS") == "BAD"


def test_status_counts(client: Dialogue) -> None:
    items = b"(MESSAGES RECENT UIDNEXT UNSEEN)"
    assert client.untagged(b"STATUS INBOX " + items) == [
        b'* STATUS "INBOX" (MESSAGES 4 RECENT 4 UIDNEXT 5 UNSEEN 4)'
    ]
    client.status(b"SELECT INBOX")
    client.status(rb"STORE 1:3 +FLAGS.SILENT \Seen")
    assert client.untagged(b"STATUS INBOX " + items)[0].endswith(
        b"(MESSAGES 4 RECENT 0 UIDNEXT 5 UNSEEN 1)"
    )
    assert client.status(b"STATUS INBOX (HIGHESTMODSEQ)") == "BAD"


def test_append_keeps_flags_and_date(client: Dialogue) -> None:
    date = b'"17-Jul-1996 02:44:25 -0730"'
    client.write(rb"t APPEND Sent (\seen $Mine) " + date + b" {1+}\r\nx\r\n")
    assert client.to_tagged()[-1].startswith(b"t OK [APPENDUID ")
    client.status(b"SELECT Sent")
    assert client.untagged(b"FETCH 1 (FLAGS INTERNALDATE)") == [
        rb"* 1 FETCH (FLAGS ($Mine \Recent \Seen) INTERNALDATE " + date + b")"
    ]


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (b"nowhere", b"t NO [TRYCREATE]"),
        (rb"INBOX (\Recent)", b"t BAD"),
        (rb"INBOX (\Nonsense)", b"t BAD"),
        (b'INBOX "yesterday"', b"t BAD"),
        (b'INBOX "31-Feb-2020 00:00:00 +0000"', b"t BAD"),
        (b'INBOX " 1-Jan-2020 00:00:00 +9900"', b"t BAD"),
    ],
)
def test_a_wrong_append_stores_nothing(client: Dialogue, arguments: bytes, answer: bytes) -> None:
    client.write(b"t APPEND " + arguments + b" {1+}\r\nx\r\n")
    assert client.to_tagged()[-1].startswith(answer)
    assert client.untagged(b"STATUS INBOX (MESSAGES)")[0].endswith(b"(MESSAGES 4)")


def test_a_full_mailbox_says_overquota(served: Served, client: Dialogue) -> None:
    def fill() -> None:
        while len(served.store.inbox.messages) < MAILBOX_MESSAGES:
            served.store.deliver(b"x")

    served.call(fill)
    client.write(b"t APPEND INBOX {1+}\r\nx\r\n")
    assert client.to_tagged()[-1].startswith(b"t NO [OVERQUOTA]")
    client.status(b"SELECT INBOX")
    assert client.tagged(b"COPY 1 INBOX").startswith(b"t NO [OVERQUOTA]")
    assert len(client.untagged(b"FETCH 1:* FLAGS")) == MAILBOX_MESSAGES


def test_idle_tells_of_new_mail_flags_and_expunges_at_once(served: Served) -> None:
    with Dialogue(served, b"SELECT INBOX") as idler, Dialogue(served, b"SELECT INBOX") as other:
        idler.write(b"t IDLE\r\n")
        assert idler.answer().startswith(b"+ ")
        served.call(lambda: served.store.deliver(b"new"))
        assert [idler.answer(), idler.answer()] == [b"* 5 EXISTS", b"* 5 RECENT"]
        other.status(rb"STORE 2 +FLAGS.SILENT \Deleted")
        assert idler.answer() == rb"* 2 FETCH (UID 2 FLAGS (\Deleted \Recent))"
        other.status(b"EXPUNGE")
        assert idler.answer() == b"* 2 EXPUNGE"
        idler.write(b"done\r\n")
        assert idler.answer().startswith(b"t OK")
        assert idler.untagged(b"NOOP") == []


def test_idle_ends_with_done_only(client: Dialogue) -> None:
    client.write(b"t IDLE\r\nNOOP\r\n")
    assert [client.answer()[:4], client.answer()[:5]] == [b"+ Id", b"t BAD"]
    assert client.status(b"NOOP") == "OK"
