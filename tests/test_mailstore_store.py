"""The store: delivery, names, quotas, who may log in."""

from datetime import UTC, datetime

import pytest

from mitmail.errors import MitmailError
from mitmail.mailstore import store as store_module
from mitmail.mailstore.store import Mailbox, Quota, Store, StoreError


@pytest.fixture
def store() -> Store:
    return Store("qa@customer.test", "pässword", messages=[b"one", b"two\r\n"])


def code(error: pytest.ExceptionInfo[StoreError]) -> str:
    assert isinstance(error.value, MitmailError)
    return error.value.code


def test_messages_are_kept_as_they_came_with_ascending_uids(store: Store) -> None:
    store.deliver(b"\0three")
    found = [(message.uid, message.octets) for message in store.inbox.messages.values()]
    assert found == [(1, b"one"), (2, b"two\r\n"), (3, b"\0three")]


def test_a_uid_is_never_used_twice(store: Store) -> None:
    store.inbox.remove(list(store.inbox.messages.values()))
    assert store.deliver(b"three").uid == 3


def test_a_delivered_message_is_dated_now_in_whole_seconds(store: Store) -> None:
    date = store.deliver(b"").internal_date
    assert 0 <= (datetime.now(UTC) - date).total_seconds() < 5
    assert date.microsecond == 0


@pytest.mark.parametrize(
    ("user", "password", "known"),
    [
        ("qa@customer.test", "pässword", True),
        ("qa@customer.test", "password", False),
        ("qa@customer.test", "", False),
        ("QA@customer.test", "pässword", False),
        ("", "pässword", False),
    ],
)
def test_only_the_user_with_the_password_is_known(
    store: Store, user: str, password: str, known: bool
) -> None:
    assert store.authenticate(user.encode(), password.encode()) is known


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("qa@customer.test", True),
        ("other@CUSTOMER.test", True),
        ("qa@sub.customer.test", False),
        ("qa@xcustomer.test", False),
        ("customer.test", False),
        ("qa", False),
        ("", False),
    ],
)
def test_any_address_at_the_users_domain_is_local(store: Store, address: str, local: bool) -> None:
    assert store.is_local(address) is local


def test_a_user_without_a_domain_has_one_address() -> None:
    assert Store("qa", "x").is_local("QA")
    assert not Store("qa", "x").is_local("qa@qa")


def test_the_mailboxes_and_their_special_use(store: Store) -> None:
    assert {name: box.special_use for name, box in store.mailboxes.items()} == {
        "INBOX": "",
        "Sent": r"\Sent",
        "Drafts": r"\Drafts",
        "Trash": r"\Trash",
    }
    assert len({box.uidvalidity for box in store.mailboxes.values()}) == 4
    assert store.mailbox("inBox") is store.inbox


def test_observers_hear_of_every_change(store: Store) -> None:
    heard: list[int] = []
    store.inbox.observers.add(lambda: heard.append(store.inbox.revision))
    message = store.deliver(b"three")
    store.inbox.set_flags(message, frozenset({r"\Seen"}))
    store.inbox.set_flags(message, frozenset({r"\Seen"}))
    store.inbox.remove([message])
    assert len(heard) == 3
    assert heard == sorted(set(heard))


def test_a_full_mailbox_takes_all_or_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAILBOX_MESSAGES", 3)
    originals = list(store.inbox.messages.values())
    with pytest.raises(StoreError) as refused:
        store.inbox.add_all(originals)
    assert code(refused) == "OVERQUOTA"
    assert len(store.inbox.messages) == 2
    store.deliver(b"three")
    with pytest.raises(StoreError):
        store.deliver(b"four")


def test_the_quota_counts_octets_in_and_out() -> None:
    quota = Quota(limit=10)
    mailbox = Mailbox("a", 1, quota)
    message = mailbox.add(b"123456")
    with pytest.raises(StoreError) as refused:
        mailbox.add(b"12345")
    assert code(refused) == "OVERQUOTA"
    mailbox.remove([message, message])
    assert quota.used == 0
    mailbox.add(b"1234567890")


def test_a_message_has_a_largest_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MESSAGE_OCTETS", 5)
    store.deliver(b"12345")
    with pytest.raises(StoreError, match="larger than 5 octets"):
        store.deliver(b"123456")


def test_a_store_that_keeps_nothing_forgets_what_is_submitted() -> None:
    store = Store("qa@customer.test", "secret", messages=[b"seed"], keeps=False)

    store.submit("qa@customer.test", ["qa@customer.test", "who@else.test"], b"mail")

    assert [message.octets for message in store.inbox.messages.values()] == [b"seed"]
    assert store.sent == []


def test_what_was_sent_counts_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAILBOX_MESSAGES", 2)
    for _ in range(2):
        store.submit("", ["x@y.test"], b"mail")
    with pytest.raises(StoreError):
        store.submit("", ["x@y.test"], b"mail")
    assert len(store.sent) == 2


def test_keywords_are_limited_and_spelled_one_way(store: Store) -> None:
    assert store.inbox.spell(["$Label", r"\Seen"]) == {"$Label", r"\Seen"}
    assert store.inbox.spell(["$LABEL", "$label"]) == {"$Label"}
    with pytest.raises(StoreError) as refused:
        store.inbox.spell(f"k{n}" for n in range(100))
    assert code(refused) == "LIMIT"
    assert store.inbox.keywords == {"$label": "$Label"}


@pytest.mark.parametrize("name", ["", "/", "a//b", "/a", "*", "a%b", "ü", "a\n", "x" * 256])
def test_some_names_cannot_be_made(store: Store, name: str) -> None:
    with pytest.raises(StoreError) as refused:
        store.create(name)
    assert code(refused) == "CANNOT"


def test_a_failed_rename_changes_nothing(store: Store) -> None:
    store.create("a/" + "b" * 250)
    before = set(store.mailboxes)
    with pytest.raises(StoreError):
        store.rename("a", "longer name")
    assert set(store.mailboxes) == before


def test_the_number_of_mailboxes_is_limited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAILBOXES", 6)
    store.create("a/b")
    with pytest.raises(StoreError) as refused:
        store.create("c")
    assert code(refused) == "LIMIT"


def test_the_password_is_not_shown(store: Store) -> None:
    assert "pässword" not in repr(store) + str(store)
