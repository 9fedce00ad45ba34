"""The compatibility table: a row per case, a column per client, a note for each deviation."""

from mitmail.judge.report import compatibility
from mitmail.judge.result import Run
from report.runs import ACCEPTED, SAW_ACCEPT, cell, run


def row(case: str, what: Run) -> list[str]:
    """The squares of a case's row: what is expected, then each client's."""
    line = next(x for x in compatibility.render(what).splitlines() if x.startswith(f"| {case} |"))
    return [x.strip() for x in line.strip("|").split("|")][1:]


def test_a_client_that_does_the_same_everywhere_is_one_word() -> None:
    cells = [cell(f"curl/expired/{x}") for x in ("imap", "imaps")]

    assert row("`expired`", run(*cells)) == ["must refuse (expired)", "refuses"]


def test_it_is_told_by_endpoint_where_it_differs() -> None:
    cells = [
        cell("curl/expired/imap", "fail"),
        cell("curl/expired/imaps"),
        cell("curl/expired/pop3s"),
    ]

    assert row("`expired`", run(*cells))[1] == "**accepts** (imap) [1]<br>refuses (imaps, pop3s)"


def test_what_is_not_as_it_should_be_has_a_note_and_the_same_words_have_the_same() -> None:
    what = run(
        cell("curl/expired/imap", "fail"),
        cell("python/expired/imap", "fail"),
        cell("mutt/expired/imap", "error"),
        cell("old/expired/imap", "xfail"),
        cell("gone/expired/imap", "skip"),
    )

    assert row("`expired`", what)[1:] == [
        "**accepts** [1]", "**accepts** [1]", "? [2]", "refuses [3]", "not asked",
    ]  # fmt: skip
    assert compatibility.render(what).endswith(
        "## Notes\n\n1. fail: expected reject (expired)\n2. error: the client never connected\n"
        "3. known: known of this client: it is old\n"
    )


def test_a_client_that_was_not_put_to_a_case_has_an_empty_square() -> None:
    what = run(cell("curl/expired/imap"), cell("python/healthy/imap"))

    assert row("`expired`", what)[1:] == ["refuses", ""]


def test_a_client_that_greets_a_server_and_refuses_it_then_refuses() -> None:
    """As getmail6 does: it checks the name after CAPABILITY, and the judge goes by its word."""
    greeted = {**SAW_ACCEPT, "certainty": "suspected", "evidence": "CAPABILITY, and no more"}

    assert row("`expired`", run(cell("getmail6/expired/imap", seen=greeted)))[1] == "refuses"


def test_a_vulnerable_client_is_called_so() -> None:
    one = cell("curl/preauth/imap", "fail", why="vulnerable: it sent SELECT in clear")

    assert row("`preauth`", run(one))[1] == "**is vulnerable** [1]"


def test_antivirus_imported_root_and_other_name_are_in_the_row() -> None:
    what = run(
        cell("curl/expired+norton/imap"),
        cell("curl/healthy+norton+imported/imap"),
        cell("curl/hosting-wildcard=srv07.hoster.test/imap", said=ACCEPTED, seen=SAW_ACCEPT),
    )

    assert row("`expired`, behind norton", what)
    assert row("`healthy`, behind norton, its root imported", what)
    assert row("`hosting-wildcard`, as srv07.hoster.test", what)[1] == "accepts"


def test_the_page_names_versions_date_and_what_a_client_does_not_verify() -> None:
    what = run(cell("javamail/expired/imap"))
    what.head.clients["javamail"]["verifies"] = "chain"  # type: ignore[index] # a dict
    text = compatibility.render(what)

    assert "2026-11-29" in text
    assert "- javamail 1.2, verifies the chain and no name" in text


def test_paths_and_ports_of_a_machine_stay_there() -> None:
    why = (
        "the client failed: no /tmp/mitmail-x8/.rc on 127.0.0.1:41651 for mail.customer.test:3993"
    )
    text = compatibility.render(run(cell("curl/expired/imap", "error", why=why)))

    assert "/tmp" not in text
    assert "41651" not in text
    assert "no … on 127.0.0.1:… for mail.customer.test:…" in text
