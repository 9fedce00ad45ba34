"""What a wrong scenario file is answered; every line and column here was counted by hand."""

from pathlib import Path

import pytest

from mitmail.scenario.loader import load
from mitmail.scenario.problem import ScenarioError
from mitmail.scenario.word import did_you_mean

# Lines 1 to 3 of every file below; what a row says begins on line 4.
HEAD = "title: A case\nwhy: It hurts.\nrule: RFC 1\n"


def complaints(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "case.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert all(str(each).startswith(f"{file}:") for each in caught.value.errors)
    return [str(each).removeprefix(f"{file}:") for each in caught.value.errors]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("expect: {verdict: accpt}", "4:19: expect.verdict: must be one of accept, reject, "
         "not 'accpt' (did you mean 'accept'?)"),
        ("expect: {verdict: no}", "4:19: expect.verdict: must be one of accept, reject, not 'no'"),
        ("expect: {verdict: 5}", "4:19: expect.verdict: must be one of accept, reject, "
         "not the number 5"),
        ("expect: {verdict: }", "4:10: expect.verdict: is empty: must be one of accept, reject"),
        ("expect: {verdict: [reject]}", "4:19: expect.verdict: must be one of accept, reject, "
         "not a list"),
        ("expect: {}", "4:1: expect.verdict: missing: What a correct client does"),
        ("expect:", "4:1: expect: is empty: must be a mapping (lines of key: value)"),
        ("expect: reject", "4:9: expect: must be a mapping (lines of key: value), "
         "not the text 'reject'"),
        ("expect: {verdict: reject, reasons: expired}", "4:36: expect.reasons: must be a list "
         "such as [a, b], not the text 'expired'"),
        ("expect: {verdict: reject, reasons: {expired: 1}}", "4:36: expect.reasons: must be a "
         "list such as [a, b], not a mapping"),
        ("expect: {verdict: reject, reasons: [expird]}", "4:37: expect.reasons[0]: unknown: "
         "'expird' (did you mean 'expired'?)"),
        ("expect: {verdict: reject, reasons: [expired, expired]}", "4:36: expect.reasons: "
         "'expired' is named more than once"),
        ("expect: {verdict: reject}", "4:9: expect: reject needs at least one reason"),
        ("expect: {verdict: accept, reasons: [weak]}", "4:9: expect: accept has no reasons"),
        ("expect: {verdict: accept}\nsever: {}", "5:1: sever: unknown key "
         "(did you mean 'server'?)"),
        ("expect: {verdict: accept}\nxyzzy: {}", "5:1: xyzzy: unknown key"),
        ("expect: {verdict: accept}\nid: case", "5:1: id: unknown key"),
        ("expect:\n  verdict: accept\n  levle: must", "6:3: expect.levle: unknown key "
         "(did you mean 'level'?)"),
        ("expect: {verdict: accept}\nserver:\n  leaf: {nmaes: []}", "6:10: server.leaf.nmaes: "
         "unknown key (did you mean 'names'?)"),
        ("expect: {verdict: accept}\nserver:\n  leaf:\n    names: [a, 5]", "7:16: "
         "server.leaf.names[1]: must be text, not the number 5: put it in quotes"),
        ("expect: {verdict: accept}\nserver: {leaf: {names: ['']}}", "5:25: server.leaf.names[0]:"
         " must not be empty"),
        ("expect: {verdict: accept}\nserver: {leaf: {names: ['{nam}']}}", "5:25: "
         "server.leaf.names[0]: unknown placeholder '{nam}': the only one is {name}"),
        ("expect: {verdict: accept}\nserver: {leaf: {not_after: 90}}", "5:28: "
         "server.leaf.not_after: use a duration such as -1d, +90d or 12h"),
        ("expect: {verdict: accept}\nserver: {trust: []}", "5:17: server.trust: "
         "must not be empty"),
        ("expect: {verdict: accept}\nserver: {leaf: {issuer: rot}}", "5:25: server.leaf.issuer: "
         "there is no certificate 'rot' (did you mean 'root'?)"),
        ("expect: {verdict: accept}\nserver: {more: {x: {issuer: x}}}", "5:29: "
         "server.more.x.issuer: leads back to itself"),
        ("expect: {verdict: accept}\nserver: {leaf: {key_form: pss}}", "5:16: server.leaf: "
         "key_form pss needs an RSA key: say key: rsa2048"),
        ("expect: {verdict: accept}\nconnect_as: 'a b'", "5:13: connect_as: use a host name "
         "such as mail.customer.test, or an IP address"),
        ("expect: {verdict: accept}\ncontrol: mail.customer.test", "5:10: control: must be a "
         "mapping (lines of key: value), not the text 'mail.customer.test'"),
        ("expect: {verdict: accept}\ntitle: Again", "5:1: duplicate key 'title', "
         "first given in line 1"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_named_with_its_place(
    tmp_path: Path, rest: str, expected: str
) -> None:
    found = complaints(tmp_path, HEAD + rest + "\n")
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", "1:1: must be a mapping (lines of key: value), not a list"),
        ("just text\n", "1:1: must be a mapping (lines of key: value), not the text 'just text'"),
        ("# comment\n\n42\n", "3:1: must be a mapping (lines of key: value), not the number 42"),
    ],
)
def test_a_document_that_is_no_mapping_is_named(tmp_path: Path, text: str, expected: str) -> None:
    assert complaints(tmp_path, text) == [expected]


def test_all_that_is_wrong_is_said_at_once_in_order_of_place(tmp_path: Path) -> None:
    text = (
        "# a comment\n"
        "titel: A case\n"
        "why: 5\n"
        "rule: ''\n"
        "server:\n"
        "  chain: [leaf, intermediat]\n"
        "  leaf:\n"
        "    not_before: yesterday\n"
        "  leaf: {}\n"
    )
    assert complaints(tmp_path, text) == [
        "2:1: expect: missing: What a correct client does",
        "2:1: titel: unknown key (did you mean 'title'?)",
        "2:1: title: missing: The case in one line, for lists and reports",
        "3:6: why: must be text, not the number 5: put it in quotes",
        "4:7: rule: must not be empty",
        "6:17: server.chain[1]: there is no certificate 'intermediat' "
        "(did you mean 'intermediate'?): leaf, intermediate, root, unrelated",
        "8:17: server.leaf.not_before: use a duration such as -1d, +90d or 12h",
        "9:3: server: duplicate key 'leaf', first given in line 7",
    ]


def test_a_message_never_carries_control_characters(tmp_path: Path) -> None:
    """A terminal would obey them."""
    text = HEAD + 'expect: {verdict: "\\e[2J"}\n"\\e]0;x\\a": 1\n'
    found = complaints(tmp_path, text)
    assert len(found) == 2
    assert all(each.isprintable() for each in found)
    hidden = HEAD.replace("A case", '"\\e[2J"') + "expect: {verdict: accept}\n"
    assert complaints(tmp_path, hidden) == ["1:8: title: control characters are not allowed here"]


def test_half_a_surrogate_is_no_text(tmp_path: Path) -> None:
    (found,) = complaints(
        tmp_path, HEAD.replace("A case", '"\\ud800"') + "expect: {verdict: accept}"
    )
    assert found.startswith("1:8: title: ")
    assert found.isprintable()


def test_only_a_near_word_is_proposed() -> None:
    assert did_you_mean("helthy", ["healthy", "expired"]) == " (did you mean 'healthy'?)"
    assert did_you_mean("EXPIRED", ["healthy", "expired"]) == " (did you mean 'expired'?)"
    assert did_you_mean("qqq", ["healthy", "expired"]) == ""
