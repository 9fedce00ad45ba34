"""Hosts files: every name leads here, and nobody's file is lost."""

from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.service import hosts


def test_what_is_no_name_for_a_hosts_file_is_left_out_or_put_in_plain_letters() -> None:
    names = [
        "expired.mitmail.test", "127.0.0.1", "::1", "mail.customer.test.", "mail.customer.test",
        "bücher.customer.test",
    ]  # fmt: skip

    assert hosts.lines("192.0.2.7", names) == [
        "192.0.2.7 expired.mitmail.test",
        "192.0.2.7 mail.customer.test",
        "192.0.2.7 xn--bcher-kva.customer.test",
    ]


def test_a_file_of_ours_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    hosts.write(file, "127.0.0.1", ["expired.mitmail.test", "mail.customer.test"])
    hosts.write(file, "::1", ["healthy.mitmail.test"])

    assert file.read_text() == "::1 healthy.mitmail.test\n"


@pytest.mark.parametrize(
    "content",
    [b"127.0.0.1 localhost\n", b"127.0.0.1 a.mitmail.test\n# mine\n", b"1 2 3\n", b"\xff\xfe\n",
     b"192.0.2.1 mail.example.com\n", b"127.0.0.1 a.mitmail.test b.mitmail.test\n"],
)  # fmt: skip
def test_a_file_of_anybody_elses_is_not(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(content)

    with pytest.raises(MitmailError, match="name a file of its own"):
        hosts.write(file, "127.0.0.1", ["expired.mitmail.test"])
    assert file.read_bytes() == content
