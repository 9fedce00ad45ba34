"""The page in a real browser: it opens by double click, complains of nothing, fetches nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from mitmail.judge import report
from report.chromium import MARKS, Browser, shown
from report.runs import cell, run

pytestmark = pytest.mark.long  # a browser is slow to start

HOSTILE = (
    """</script ></script><script>window.pwned=1</script>"""
    """<img src=x onerror="window.pwned=1">'"&{{7*7}}"""
)


MIXED = run(
    cell("curl/expired/imap"),
    cell("curl/expired/imaps"),
    cell("curl/wrong-host/imaps", "fail"),
    cell("curl/expired+norton/imaps", "error"),
    cell("python/expired/imap", "warn"),
    cell(
        "python/wrong-host/imaps",
        "pass",
        unstable=True,
        tries=[{"outcome": "error", "why": "no session"}],
    ),
)


@pytest.mark.parametrize(
    ("fragment", "marks"),
    [
        ("", 5),
        ("#outcome=fail", 1),
        ("#outcome=fail,error", 2),
        ("#client=python", 2),
        ("#endpoint=imap", 2),
        ("#text=NORTON", 1),
        ("#text=norton&client=python", 0),
    ],
)
def test_a_view_can_be_sent_to_somebody(
    chromium: Browser, tmp_path: Path, fragment: str, marks: int
) -> None:
    tab = shown(chromium, tmp_path, MIXED, fragment)

    assert tab.js(f"{MARKS}.length") == marks
    assert tab.js("document.getElementById('nothing').checkVisibility()") is (marks == 0)


def test_the_filter_is_worked_by_hand_and_remembers_itself_in_the_address(
    chromium: Browser, tmp_path: Path
) -> None:
    tab = shown(chromium, tmp_path, MIXED)

    tab.js("document.querySelector('[data-toggle=error]').click()")
    assert (tab.js(f"{MARKS}.length"), tab.js("location.hash")) == (1, "#outcome=error")
    assert tab.text("#shown") == "1 of 6 cells"
    tab.js("document.getElementById('reset').click()")
    tab.js("const s = document.querySelector('[name=client]'); s.value = 'python';"
           "s.dispatchEvent(new Event('input', {bubbles: true}))")  # fmt: skip
    assert (tab.js(f"{MARKS}.length"), tab.js("location.hash")) == (2, "#client=python")


def test_cells_are_walked_through_with_keys_and_left_where_one_was(
    chromium: Browser, tmp_path: Path
) -> None:
    tab = shown(chromium, tmp_path, MIXED, "#outcome=fail,error")

    tab.js(f"{MARKS}.find(x => x.dataset.outcome === 'fail').focus()")
    tab.js("document.activeElement.click()")
    assert tab.js("document.activeElement.closest('dialog') !== null")
    assert "curl 1.2: wrong-host" in tab.text("dialog h2")
    tab.press("ArrowRight")
    assert "expired, behind norton" in tab.text("dialog h2")
    tab.press("Escape")
    assert tab.js("document.querySelector('dialog').open") is False
    assert tab.js("location.hash") == "#outcome=fail,error"
    assert tab.js("document.activeElement.dataset.outcome") == "fail"


def test_what_a_client_prints_stays_text(chromium: Browser, tmp_path: Path) -> None:
    """The marks of a page in everything that a run can hold, but in its cells' names."""
    texts = ("version", "scenario", "group", "title", "why_it_matters", "name", "why", "reproduce")
    one = replace(
        cell("curl/expired/imaps", "fail"),
        **dict.fromkeys(texts, HOSTILE),  # type: ignore[arg-type] # all of them are texts
        said={
            "verdict": "accept",
            "reason": HOSTILE,
            "exit_code": 0,
            "text": HOSTILE,
            HOSTILE: HOSTILE,
        },
        chain=[{"subject": HOSTILE, "issuer": HOSTILE, "names": [HOSTILE], "sha256": HOSTILE}],
        sessions=[
            {
                "session": 1,
                "evidence": HOSTILE,
                "facts": [{"ms": 1, "fact": HOSTILE, "x": HOSTILE}],
            }
        ],
        tries=[{"outcome": HOSTILE, "why": HOSTILE}],
    )
    tab = shown(
        chromium,
        tmp_path,
        run(one, platform=HOSTILE, tools={HOSTILE: HOSTILE}),
        "#cell=curl/expired/imaps",
    )

    assert tab.text("dialog pre") == HOSTILE
    assert tab.js("window.pwned ?? null") is None
    assert tab.js("document.images.length") == 0
    assert tab.complaints == []


def test_the_policy_lets_no_other_script_run(chromium: Browser, tmp_path: Path) -> None:
    tab = shown(chromium, tmp_path, MIXED)

    tab.js("const s = document.createElement('script'); s.textContent = 'window.pwned = 1';"
           "document.body.append(s)")  # fmt: skip
    assert tab.js("window.pwned ?? null") is None
    assert any("Content Security Policy" in x for x in tab.complaints)


def test_a_reproduce_line_is_copied_as_it_is(chromium: Browser, tmp_path: Path) -> None:
    tab = shown(chromium, tmp_path, MIXED, "#cell=curl/wrong-host/imaps")

    tab.js("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    tab.js("document.querySelector('.command button').click()")
    assert tab.js("window.copied") == "mitmail judge --only 'curl/wrong-host/imaps'"


def test_a_screenshot_is_in_the_page_and_what_is_no_picture_is_not(
    chromium: Browser, tmp_path: Path
) -> None:
    red_dot = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
    (tmp_path / "shot.png").write_bytes(red_dot)
    (tmp_path / "key.png").write_text("a secret of somebody")
    shot = cell("curl/expired/imaps", screenshot="shot.png")
    key = cell("curl/expired/imap", screenshot="key.png")
    tab = shown(chromium, tmp_path, run(shot, key), "#cell=curl/expired/imaps")

    width = "x => x.decode().then(() => x.naturalWidth)"
    assert tab.js(f"({width})(document.querySelector('dialog img'))") == 1
    assert tab.complaints == []
    assert "a secret" not in tab.js("document.documentElement.outerHTML")
    tab.js("location.hash = '#cell=curl/expired/imap'")
    assert "1.2: expired" in tab.text("dialog h2")
    assert tab.js("document.images.length") == 0


def test_what_more_a_client_knows_is_told_in_words(chromium: Browser, tmp_path: Path) -> None:
    shown_ = [{"kind": "exception", "texts": ["Add Security Exception", "Outdated"]}, "and more"]
    details = {"nss_error": "SEC_ERROR_EXPIRED_CERTIFICATE", "shown": shown_, "warm": False}
    said = {"verdict": "reject", "reason": None, "exit_code": None, "text": "", "details": details}
    what = run(cell("bird/expired/imaps", said=said))
    tab = shown(chromium, tmp_path, what, "#cell=bird/expired/imaps")

    told = "[...document.querySelectorAll('dialog section dl')][0].innerText"
    assert tab.js(told).split("\n") == [
        "nss error",
        "SEC_ERROR_EXPIRED_CERTIFICATE",
        "shown",
        "kind: exception / texts: Add Security Exception Outdated",
        "and more",
        "warm",
        "false",
    ]


def test_what_happened_many_times_on_end_is_one_line(chromium: Browser, tmp_path: Path) -> None:
    """offlineimap3 fetches a hundred messages with as many commands."""
    fetches = [{"ms": float(x), "fact": "command", "verb": "FETCH"} for x in range(1, 101)]
    last = [{"ms": 200.5, "fact": "command", "verb": "LOGOUT"}]
    sessions = [{"session": 1, "verdict": "accept", "facts": fetches + last}]
    what = run(cell("curl/expired/imaps", sessions=sessions))
    tab = shown(chromium, tmp_path, what, "#cell=curl/expired/imaps")

    assert tab.js("[...document.querySelectorAll('.facts tbody tr')].map(x => x.innerText)") == [
        "1.0\t→ client\tcommand through TLS FETCH (100 times, until 100.0 ms)",
        "200.5\t→ client\tcommand through TLS LOGOUT",
    ]


def test_without_scripts_the_matrix_and_what_needs_attention_are_there(
    chromium: Browser, tmp_path: Path
) -> None:
    tab = chromium.tab()
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    path = tmp_path / "report.html"
    report.write(MIXED, "html", path)
    tab.open(path)

    assert tab.js(f"{MARKS}.length") == 5
    assert "Without JavaScript" in tab.text("body")
    assert "curl accepts: wrong-host" in tab.text("#attention")
    assert tab.js("document.getElementById('filter').checkVisibility()") is False


def test_tables_have_heads_and_everything_that_opens_has_a_name(
    chromium: Browser, tmp_path: Path
) -> None:
    tab = shown(chromium, tmp_path, MIXED, "#cell=curl/wrong-host/imaps")
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    named = {
        (x["role"]["value"], x["name"]["value"]) for x in tree if x.get("name", {}).get("value")
    }

    assert tab.js("[...document.querySelectorAll('th')].every(x => x.scope)") is True
    assert any(role == "dialog" and "curl 1.2: wrong-host" in name for role, name in named)
    tab.press("Escape")
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    roles = {x["role"]["value"] for x in tree if x.get("name", {}).get("value")}
    assert {"link", "searchbox", "combobox", "columnheader", "rowheader", "region"} <= roles
    nameless = [
        x
        for x in tree
        if x["role"]["value"] in {"link", "button", "searchbox"} and not x["name"]["value"]
    ]
    assert nameless == []
