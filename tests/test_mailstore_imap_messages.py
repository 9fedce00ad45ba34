"""IMAP commands on messages, and what other sessions hear of them."""

from collections.abc import Iterator

import pytest

from test_mailstore_imap import MESSAGES, Dialogue
from test_mailstore_server import Served, running

SELECT = b"SELECT INBOX"


@pytest.fixture
def served() -> Iterator[Served]:
    with running(*MESSAGES) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Dialogue]:
    with Dialogue(served, SELECT) as client:
        yield client


def uids(client: Dialogue, mailbox: bytes = b"") -> list[int]:
    if mailbox:
        client.status(b"SELECT " + mailbox)
    return [int(number) for number in client.untagged(b"UID SEARCH ALL")[0].split()[2:]]


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        (rb"FLAGS (\Seen)", rb"(\Recent \Seen)"),
        (rb"FLAGS ()", rb"(\Recent)"),
        (rb"FLAGS \seen \ANSWERED", rb"(\Answered \Recent \Seen)"),
        (rb"+FLAGS ($Label)", rb"($Label \Flagged \Recent)"),
        (rb"-FLAGS (\Flagged $Never)", rb"(\Recent)"),
        (rb"+flags \Flagged", rb"(\Flagged \Recent)"),
    ],
)
def test_store_changes_flags_and_says_so(client: Dialogue, change: bytes, flags: bytes) -> None:
    client.status(rb"STORE 2 FLAGS.SILENT (\Flagged)")
    expected = [b"* 2 FETCH (UID 2 FLAGS " + flags + b")"]
    found = client.untagged(b"STORE 2 " + change)
    assert [answer for answer in found if b" FETCH " in answer] == expected
    assert client.untagged(b"FETCH 2 (UID FLAGS)") == expected


def test_silent_store_says_nothing_here_and_all_elsewhere(
    served: Served, client: Dialogue
) -> None:
    with Dialogue(served, SELECT) as other:
        assert client.untagged(rb"UID STORE 2:3 +FLAGS.SILENT (\Seen)") == []
        assert other.untagged(b"NOOP") == [
            rb"* 2 FETCH (UID 2 FLAGS (\Seen))",
            rb"* 3 FETCH (UID 3 FLAGS (\Seen))",
        ]


def test_keywords_keep_their_first_spelling_and_are_announced(client: Dialogue) -> None:
    found = client.untagged(b"STORE 1 +FLAGS ($Label)")
    assert found[0].startswith(rb"* FLAGS (\Answered")
    assert found[0].endswith(b"$Label)")
    assert client.untagged(b"STORE 2 +FLAGS ($LABEL)")[-1].endswith(rb"FLAGS ($Label \Recent))")
    many = b" ".join(b"k%d" % n for n in range(101))
    assert client.tagged(b"STORE 1 FLAGS (" + many + b")").startswith(b"t NO [LIMIT]")


def test_expunge_removes_the_deleted_and_counts_down(client: Dialogue) -> None:
    client.status(rb"STORE 1:3 +FLAGS.SILENT (\Deleted)")
    assert client.untagged(b"EXPUNGE") == [b"* 3 EXPUNGE", b"* 2 EXPUNGE", b"* 1 EXPUNGE"]
    assert uids(client) == [4]


def test_uid_expunge_removes_no_others(client: Dialogue) -> None:
    client.status(rb"STORE 1:3 +FLAGS.SILENT (\Deleted)")
    assert client.untagged(b"UID EXPUNGE 2,4:*") == [b"* 2 EXPUNGE"]
    assert uids(client) == [1, 3, 4]


def test_close_expunges_in_silence_and_unselect_does_not(client: Dialogue) -> None:
    client.status(rb"STORE 1 +FLAGS.SILENT (\Deleted)")
    assert client.say(b"UNSELECT")[-1].startswith(b"t OK")
    assert uids(client, b"INBOX") == [1, 2, 3, 4]
    assert client.untagged(b"CLOSE") == []
    assert client.status(b"FETCH 1 UID") == "BAD"
    assert uids(client, b"INBOX") == [2, 3, 4]


def test_close_after_examine_is_ok_and_expunges_nothing(client: Dialogue) -> None:
    client.status(rb"STORE 1 +FLAGS.SILENT (\Deleted)")
    client.status(b"EXAMINE INBOX")
    assert client.untagged(b"CLOSE") == []
    assert uids(client, b"INBOX") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "command",
    [
        rb"STORE 1 +FLAGS \Seen",
        b"EXPUNGE",
        b"UID EXPUNGE 1",
        b"MOVE 1 Trash",
        rb"UID STORE 1 FLAGS ()",
    ],
)
def test_examine_allows_no_change(served: Served, command: bytes) -> None:
    with Dialogue(served, b"EXAMINE INBOX") as client:
        assert client.tagged(command).startswith(b"t NO [READ-ONLY]")
        client.status(b"FETCH 1 BODY[]")
        assert client.untagged(rb"SEARCH SEEN") == [b"* SEARCH"]
        assert uids(client) == [1, 2, 3, 4]


def test_copy_says_where_the_copies_are(client: Dialogue) -> None:
    client.status(rb"STORE 2 +FLAGS.SILENT (\Seen $Mine)")
    validity = client.untagged(b"STATUS Trash (UIDVALIDITY)")[0].split()[-1].strip(b")")
    code = b"t OK [COPYUID " + validity + b" 2:3,1:1 1:2]"
    assert client.tagged(b"COPY 2:3 Trash").startswith(code.replace(b",1:1", b""))
    assert client.tagged(b"UID COPY 4,1 Trash").startswith(
        b"t OK [COPYUID " + validity + b" 1,4 3:4]"
    )
    assert client.tagged(b"UID COPY 99 Trash") == b"t OK Copied"
    assert client.tagged(b"COPY 1 nowhere").startswith(b"t NO [TRYCREATE]")
    assert uids(client) == [1, 2, 3, 4]
    client.status(b"SELECT Trash")
    copied = client.untagged(b"FETCH 1 (FLAGS RFC822)")[0]
    assert b"($Mine \\Recent \\Seen)" in copied
    assert MESSAGES[1] in copied


def test_copying_into_the_same_mailbox_announces_the_copy(client: Dialogue) -> None:
    assert client.untagged(b"COPY 1 INBOX") == [b"* 5 EXISTS", b"* 5 RECENT"]


def test_move_copies_then_expunges(served: Served, client: Dialogue) -> None:
    with Dialogue(served, SELECT) as other:
        moved, *expunged = client.untagged(b"UID MOVE 2:3 Trash")
        assert moved.startswith(b"* OK [COPYUID ")
        assert expunged == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]
        assert other.untagged(b"NOOP") == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]
        assert uids(client) == [1, 4]
        assert uids(client, b"Trash") == [1, 2]


def test_numbers_stay_during_fetch_store_and_search(served: Served, client: Dialogue) -> None:
    with Dialogue(served, SELECT) as other:
        client.status(rb"STORE 1 +FLAGS.SILENT (\Deleted)")
        other.status(b"EXPUNGE")
        assert client.untagged(b"FETCH 4 UID") == [b"* 4 FETCH (UID 4)"]
        assert client.untagged(b"SEARCH UID 4") == [b"* SEARCH 4"]
        assert MESSAGES[0] in client.untagged(b"FETCH 1 BODY.PEEK[]")[0], "still readable"
        assert client.untagged(b"NOOP") == [b"* 1 EXPUNGE"]
        assert client.untagged(b"FETCH 3 UID") == [b"* 3 FETCH (UID 4)"]


def test_any_command_announces_new_mail(served: Served, client: Dialogue) -> None:
    served.call(lambda: served.store.deliver(b"new"))
    assert client.untagged(b"FETCH 1 UID") == [
        b"* 1 FETCH (UID 1)",
        b"* 5 EXISTS",
        b"* 5 RECENT",
    ]
    assert client.untagged(b"CHECK") == []


def test_a_mailbox_that_is_deleted_elsewhere_becomes_empty(
    served: Served, client: Dialogue
) -> None:
    client.status(b"CREATE a")
    client.status(b"COPY 1 a")
    with Dialogue(served, b"SELECT a") as other:
        assert client.status(b"DELETE a") == "OK"
        assert other.untagged(b"NOOP") == [b"* 1 EXPUNGE"]


@pytest.mark.parametrize("numbers", [b"0", b"5", b"1:5", b"*:9", b"1,", b":", b"1:2:3", b"x", b""])
@pytest.mark.parametrize("command", [b"FETCH %b UID", b"STORE %b FLAGS ()", b"COPY %b Trash"])
def test_numbers_that_do_not_exist_are_bad(
    client: Dialogue, command: bytes, numbers: bytes
) -> None:
    assert client.status(command % numbers) == "BAD"


def test_uids_that_do_not_exist_are_passed_over(client: Dialogue) -> None:
    assert client.untagged(b"UID FETCH 3:99,2 UID") == [
        *(b"* %d FETCH (UID %d)" % (n, n) for n in (2, 3, 4))
    ]
    assert client.untagged(b"UID FETCH 99:* UID") == [b"* 4 FETCH (UID 4)"]
    assert client.untagged(b"UID FETCH 99 UID") == []
    assert client.untagged(b"UID FETCH 4294967295:4294967290 UID") == []


def test_an_empty_mailbox_has_no_star(client: Dialogue) -> None:
    client.status(b"SELECT Trash")
    assert client.status(b"FETCH 1:* UID") == "BAD"
    assert client.untagged(b"UID FETCH 1:* UID") == []
    assert client.untagged(b"UID SEARCH UID 1:*") == [b"* SEARCH"]
