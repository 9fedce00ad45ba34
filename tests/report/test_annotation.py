"""GitHub's annotations: ten of a kind, and no message can become a command."""

import re
from urllib.parse import unquote

from mitmail.judge.report import annotation
from report.runs import cell, run

# actions/toolkit: a line that begins with ::, the command, its properties, and the message.
COMMAND = re.compile(r"::(error|warning) title=([^:,\r\n]*)::([^\r\n]*)")


def commands(*cells: object, **head: object) -> list[tuple[str, str, str]]:
    """Kind, title and message of each annotation, as a runner decodes them."""
    lines = annotation.render(run(*cells, **head)).splitlines()  # type: ignore[arg-type] # cells
    read = [COMMAND.fullmatch(x) for x in lines]
    assert all(read), lines
    return [(x[1], unquote(x[2]), unquote(x[3])) for x in read if x]


def test_a_failure_is_an_error_and_an_advice_a_warning() -> None:
    found = commands(cell("curl/expired/imap", "warn"), cell("curl/wrong-host/imap", "fail"),
                     cell("curl/cn-only/imap", "error"), cell("curl/healthy/imap"))  # fmt: skip

    assert [x[:2] for x in found] == [
        ("error", "fail: curl accepts: wrong-host"),
        ("error", "error: curl in cn-only"),
        ("warning", "warn: curl accepts: expired"),
    ]
    assert "mitmail judge --only 'curl/wrong-host/imap'" in found[0][2]


def test_a_strict_run_has_no_warnings() -> None:
    assert [x[0] for x in commands(cell("curl/expired/imap", "warn"), strict=True)] == ["error"]


def test_there_are_ten_of_a_kind_at_most_and_the_last_counts_the_rest() -> None:
    cells = [cell(f"curl/case-{x:02}/imap", "fail") for x in range(25)]
    warned = [cell(f"curl/other-{x:02}/imap", "warn") for x in range(10)]
    found = commands(*cells, *warned)

    errors = [x for x in found if x[0] == "error"]
    assert (len(errors), errors[-1][1]) == (10, "16 more cells")
    assert len(found) - len(errors) == 10


def test_six_endpoints_are_one_annotation() -> None:
    cells = [cell(f"curl/expired/{x}", "fail") for x in ("imap", "imaps", "pop3", "pop3s")]

    assert len(commands(*cells)) == 1


def test_a_message_is_never_a_command() -> None:
    why = "100% no\r\n::set-output name=a::b\n::error::gone"
    one = cell("cu:r,l/expired/imap", "fail", why=why)

    ((kind, title, message),) = commands(one)

    assert (kind, title) == ("error", "fail: cu:r,l accepts: expired")
    assert message.startswith(why)
