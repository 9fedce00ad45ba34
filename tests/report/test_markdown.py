"""The Markdown summary: short enough for GitHub, and nothing in it is markup of a client's."""

from dataclasses import replace

from mitmail.judge.report import markdown
from report.runs import cell, run

HOSTILE = "| `x` <b>no</b> [a](http://b) *bold* _it_ ~no~ # $x$ ![i](j) @team \\ end\n\n## head"


def test_it_says_what_failed_where_and_how_to_see_it_again() -> None:
    text = markdown.render(run(cell("curl/expired/imaps", "fail"), cell("curl/expired/imap")))

    assert text.startswith("# mitmail judge: 1 of 2 cells failed\n")
    row = next(x for x in text.splitlines() if "curl accepts" in x)
    assert row == (
        "| ✕ fail | curl accepts: expired | imaps | expected reject (expired) "
        "| `mitmail judge --only 'curl/expired/imaps'` |"
    )
    assert "| `expired` | ✕ **fail** accepts (imaps)<br>✓ refuses (imap) |" in text


def test_alike_cells_are_one_row_and_the_worst_comes_first() -> None:
    cells = [cell(f"curl/expired/{x}", "warn") for x in ("imap", "imaps", "pop3")]
    text = markdown.render(run(*cells, cell("python/expired/imap", "fail")))

    rows = [x for x in text.splitlines() if "accepts: expired" in x]
    assert ["✕ fail" in rows[0], "all 3 endpoints" in rows[1], len(rows)] == [True, True, 2]


def test_a_part_of_a_plan_says_so() -> None:
    assert "1 of the 9 cells" in markdown.render(run(cell("curl/expired/imap"), cells=9))


def test_what_was_tried_again_is_told() -> None:
    tries = [{"outcome": "error", "why": "the client never connected"}]
    one = cell("curl/expired/imap", unstable=True, tries=tries)

    assert "error: the client never connected; then pass" in markdown.render(run(one))


def test_a_clients_words_are_no_markup() -> None:
    one = replace(cell("curl/expired/imaps", "fail"), why=HOSTILE, reproduce=f"a `` b {HOSTILE}")
    text = markdown.render(run(one))

    (row,) = [x for x in text.splitlines() if "✕ fail | curl" in x]
    assert "\\[a\\](http://b) \\*bold\\*" in row
    assert "```a `` b \\| `x`" in row
    # GitHub splits a row at bars, also in code, unless they are escaped.
    assert row.replace("\\|", "").count("|") == 6
    assert "## head" not in text.splitlines()


def test_a_run_of_any_size_is_cut_before_github_drops_it() -> None:
    cells = [
        cell(f"client-{x}/case-{x}/imaps", "fail", why=f"{x} {'\u0436' * 300}")
        for x in range(1800)
    ]
    text = markdown.render(run(*cells))

    assert len(text.encode()) <= 1024 * 1000
    assert text.endswith("The HTML report and the NDJSON file have everything.\n")
    # Whole lines only: a table that is cut in its middle is none.
    assert all(x.endswith(" |") for x in text.splitlines() if x.startswith("| ✕ fail | client"))
