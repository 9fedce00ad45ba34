"""What a file may say about the dialogue around STARTTLS, and what is refused with its place."""

from pathlib import Path
from typing import Any

import pytest

from mitmail.scenario import loader
from mitmail.scenario.dialogue import Dialogue
from mitmail.scenario.model import ScenarioFile
from mitmail.scenario.problem import ScenarioError
from mitmail.scenario.spoken import PLACEHOLDERS, Listed, Spoken, octets

HEAD = "title: A case\nwhy: It hurts.\nrule: RFC 1\nexpect: {verdict: accept}\n"
ALL = ("imap", "pop3", "smtp", "imaps", "pop3s", "smtps")


def case(tmp_path: Path, dialogue: str, endpoints: str = "") -> list[str]:
    """What is wrong with a case whose dialogue stands on line 5, from column 21."""
    file = tmp_path / "case.yaml"
    more = f"endpoints: [{endpoints}]\n" if endpoints else ""
    file.write_text(f"{HEAD}server: {{dialogue: {dialogue}}}\n{more}")
    try:
        loader.load(file)
    except ScenarioError as error:
        return [str(each).removeprefix(f"{file}:") for each in error.errors]
    return []


def shown_on(**said: Any) -> tuple[str, ...]:
    text = {"title": "A", "why": "B", "rule": "C", "expect": {"verdict": "accept"}}
    return ScenarioFile.model_validate(text | said).endpoints


# -- texts ----


def test_a_text_for_all_is_the_same_for_each_protocol() -> None:
    said = Spoken.model_validate("hello\n")
    assert {said.of("imap"), said.of("pop3"), said.of("smtp")} == {"hello\n"}


def test_a_text_for_one_protocol_is_none_for_the_others() -> None:
    said = Spoken.model_validate({"pop3": "-ERR\n"})
    assert (said.of("imap"), said.of("pop3"), said.of("smtp")) == (None, "-ERR\n", None)
    assert said.protocols == ("pop3",)


def test_a_list_for_all_is_the_same_for_each_protocol() -> None:
    said = Listed.model_validate(["X-A", "X-B 1"])
    assert {said.of("imap"), said.of("pop3"), said.of("smtp")} == {("X-A", "X-B 1")}
    assert Listed.model_validate({"imap": []}).of("smtp") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* BYE\n", b"* BYE\r\n"),
        ("a\nb\n", b"a\r\nb\r\n"),
        ("a\r\nb\n", b"a\r\nb\r\n"),
        ("250-AUTH PLAIN", b"250-AUTH PLAIN"),
        ("", b""),
        ("\n", b"\r\n"),
        ("grüß dich\n", "grüß dich\r\n".encode()),
        ("{tag} OK {3}\nabc)\n", b"{tag} OK {3}\r\nabc)\r\n"),
        ("hex:15 03 0a", b"\x15\x03\n"),
        ("hex:", b""),
    ],
)
def test_line_ends_become_crlf_and_nothing_is_added(text: str, expected: bytes) -> None:
    assert Spoken.model_validate(text).of("imap") == text
    assert octets(text) == expected


@pytest.mark.parametrize("placeholder", [*PLACEHOLDERS, "{310}", "{310+}", "{ }", "{", "}"])
def test_known_placeholders_and_literals_are_taken(placeholder: str) -> None:
    assert octets(Spoken.model_validate(placeholder).of("imap") or "") == placeholder.encode()


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        ('{before: "{tga} OK\\n"}',
         "5:29: server.dialogue.before: unknown placeholder '{tga}' (did you mean '{tag}'?): "),
        ('{before: {imap: "x\\n", pop3: "x\\n", smtp: "{nxet}"}}',
         "5:62: server.dialogue.before.smtp: unknown placeholder '{nxet}' (did you mean '{next}'"),
        ('{before: "hex:5"}', "5:29: server.dialogue.before: use pairs of hexadecimal digits"),
        ("{before: 7}", "5:29: server.dialogue.before: use one text in quotes, or texts for imap"),
        ("{before: {}}", "5:29: server.dialogue.before: use one text in quotes"),
        ("{before: {iamp: x}}",
         "5:30: server.dialogue.before.iamp: unknown key (did you mean 'imap'?)"),
        ("{befoer: x}", "5:21: server.dialogue.befoer: unknown key (did you mean 'before'?)"),
        ("{clear: {add: AUTH}}", "5:34: server.dialogue.clear.add: use one list, or lists for"),
        ("{clear: {add: [7]}}", "5:34: server.dialogue.clear.add: a list of capabilities"),
        ("{offer: hidden}", "5:28: server.dialogue.offer: must be one of shown, removed, masked"),
        ("{withhold: 6}", "5:31: server.dialogue.withhold: Input should be less than or equal"),
        ("{withhold: -1}", "5:31: server.dialogue.withhold: Input should be greater than"),
        ("{withhold: long}", "5:31: server.dialogue.withhold: must be a number, not the text"),
        ("{withhold: true}", "5:31: server.dialogue.withhold: must be a number, not true"),
        ("{login: yes}", "5:28: server.dialogue.login: must be true or false"),
        ("{from_session: 0}", "5:35: server.dialogue.from_session: Input should be greater"),
        ("{canary: {verbs: [auth]}}", "5:38: server.dialogue.canary.verbs[0]: String should"),
    ],
)  # fmt: skip
def test_what_may_not_be_said_is_told_with_its_place(
    tmp_path: Path, dialogue: str, expected: str
) -> None:
    found = case(tmp_path, dialogue)
    assert len(found) == 1
    assert found[0].startswith(expected)


# -- what does not fit together ----

EVERY = 'imap: "a", pop3: "b", smtp: "c"'


@pytest.mark.parametrize(
    ("dialogue", "endpoints", "expected"),
    [
        ("{}", "", "5:20: server.dialogue: says nothing: leave it out, or say what"),
        ('{before: {imap: "* OK\\n"}}', "",
         "5:29: server.dialogue.before: says nothing for pop3, smtp, where the case is shown"),
        (f"{{before: {{{EVERY}}}}}", "imap, pop3",
         "5:58: server.dialogue.before.smtp: the case is not shown on smtp"),
        ("{secured: {remove: {smtp: [AUTH]}}}", "smtp, imap",
         "5:39: server.dialogue.secured.remove: says nothing for imap, where"),
        ('{answer: "-ERR\\n"}', "pop3",
         "5:29: server.dialogue.answer: say what follows it: then: tls, clear"),
        ('{answer: "", then: tls, behind: "x"}', "",
         "5:52: server.dialogue.behind: stands behind an answer, and there is none"),
        ('{before: "{tag} OK\\n"}', "smtp",
         "5:29: server.dialogue.before: {tag} is unknown here: only IMAP has tags"),
        ('{early: {imap: "a", pop3: "{next}", smtp: "c"}}', "",
         "5:28: server.dialogue.early: {next} is unknown here: only IMAP has tags"),
        ('{greeting: "{next} OK\\n"}', "imap",
         "5:31: server.dialogue.greeting: {next} is unknown here: no command has come yet"),
        ('{greeting: "* BYE {lure}\\n"}', "imap",
         "5:20: server.dialogue.canary: a text says {lure}: say lure: true, too"),
        ("{canary: {lure: true}}", "imap",
         "5:36: server.dialogue.canary.lure: no text says {lure}: the client is led nowhere"),
        ('{early: {imap: "{lure}", pop3: "b"}, canary: {lure: true}}', "imap, pop3",
         "5:72: server.dialogue.canary.lure: no text says {lure}"),
        ("{canary: {ahead: true}}", "",
         "5:37: server.dialogue.canary.ahead: needs withhold: no reply is kept back"),
        ("{canary: {chance: [AUTH]}}", "",
         "5:29: server.dialogue.canary: names nothing that a client would do"),
        ("{clear: {remove: [STARTTLS]}}", "smtp",
         "5:37: server.dialogue.clear.remove: of STARTTLS and STLS say offer: removed"),
        ("{login: true}", "imap, smtps",
         "6:19: endpoints[1]: smtps has no dialogue before TLS: leave it out"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told_with_its_place(
    tmp_path: Path, dialogue: str, endpoints: str, expected: str
) -> None:
    found = case(tmp_path, dialogue, endpoints)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    ("dialogue", "endpoints"),
    [
        ("{pipelined: drop}", ""),
        (f"{{answer: {{{EVERY}}}, then: clear}}", ""),
        ('{answer: "{tag} NO\\n", then: stall}', "imap"),
        ('{behind: "x", then: close}', ""),
        ('{early: "{tag} {next} {next2} {next3}"}', "imap"),
        ('{greeting: "{greeting}\\n"}', ""),
        ("{withhold: 5}", ""),
        ("{withhold: 0.7, canary: {ahead: true}}", ""),
        ('{greeting: "{lure}", canary: {lure: true}}', ""),
        ("{secured: {remove: {smtp: [AUTH], imap: []}}}", "smtp, imap"),
        ("{clear: {remove: [LOGINDISABLED]}}", "imap"),
        ("{canary: {word: x}, from_session: 2}", ""),
    ],
)  # fmt: skip
def test_this_fits_together(tmp_path: Path, dialogue: str, endpoints: str) -> None:
    assert case(tmp_path, dialogue, endpoints) == []


# -- where it is shown ----


def test_a_dialogue_is_shown_where_there_is_one() -> None:
    assert shown_on(server={"dialogue": {"login": True}}) == ("imap", "pop3", "smtp")
    said = {"dialogue": {"login": True}}
    assert shown_on(server=said, endpoints=["pop3"]) == ("pop3",)


def test_a_case_without_a_dialogue_is_shown_everywhere() -> None:
    assert shown_on() == ALL
    assert shown_on(server={"dialogue": None}) == ALL


def test_a_dialogue_on_some_endpoints_has_their_texts_only() -> None:
    said = Dialogue.model_validate({"before": "x", "behind": {"smtp": "y"}}).on(("smtp", "imap"))
    assert said.texts("pop3") == {}
    assert said.texts("smtp") == {"before": "x", "behind": "y"}
    assert said.texts("imap") == {"before": "x"}
