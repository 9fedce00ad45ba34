"""Linting: a scenario is true, clear, and stays among the test names."""

from pathlib import Path

import pytest

from mitmail.scenario.lint import lint
from mitmail.shipped import CERTS, SCENARIOS

REJECT = "expect: {verdict: reject, reasons: [name-mismatch]}\n"
ACCEPT = "expect: {verdict: accept}\n"


def case(tmp_path: Path, rest: str, title: str = "A case", why: str = "It hurts.") -> list[str]:
    """What lint says of a case whose own lines begin on line 4, without the file's name."""
    file = tmp_path / "group" / "case.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"title: {title}\nwhy: {why}\nrule: RFC 1\n{rest}")
    return [str(each).removeprefix(f"{file}:") for each in lint([tmp_path])]


def test_all_that_is_shipped_is_clean() -> None:
    assert lint([Path(str(SCENARIOS)), Path(str(CERTS))]) == []


def test_a_case_that_is_as_it_says_is_clean(tmp_path: Path) -> None:
    assert case(tmp_path, ACCEPT) == []
    assert case(tmp_path, "server: {leaf: {names: [a.hoster.test]}}\n" + REJECT) == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        # Names
        ("server: {leaf: {names: [example.com]}}\n" + REJECT,
         "4:25: server.leaf.names[0]: must end in .test or be a loopback address, "
         "not 'example.com'"),
        ("server: {leaf: {names: [hoster.test, 10.1.1.1]}}\n" + REJECT,
         "4:38: server.leaf.names[1]: must end in .test or be"),
        ("server: {leaf: {common_name: example.com}}\n" + ACCEPT,
         "4:30: server.leaf.common_name: must end in .test or be"),
        ("connect_as: mail.example.com\n" + ACCEPT, "4:13: connect_as: must be in one of"),
        # Truth
        (REJECT, "4:9: expect: nothing is wrong with this server for a client that uses "
         "mail.customer.test"),
        ("server: {leaf: {names: ['*.customer.test']}}\n" + REJECT,
         "5:9: expect: nothing is wrong"),
        ("connect_as: a.b.customer.test\nserver: {leaf: {names: ['*.b.customer.test']}}\n"
         + REJECT, "6:9: expect: nothing is wrong"),
        ("server: {leaf: {names: [a.hoster.test]}}\n" + ACCEPT,
         "5:9: expect: a client may reject this server: name-mismatch"),
        ("server: {chain: [leaf]}\n" + REJECT,
         "5:36: expect.reasons: a client may truthfully say incomplete-chain, unknown-issuer"),
        ("server: {leaf: {issuer: self}}\nexpect: {verdict: reject, reasons: [self-signed]}\n",
         "5:36: expect.reasons: a client may truthfully say self-signed, unknown-issuer"),
        ("server: {trust: [unrelated]}\nexpect: {verdict: reject, reasons: [weak]}\n",
         "5:36: expect.reasons: a client may truthfully say unknown-issuer"),
        ("server: {leaf: {not_before: -9d, not_after: -1d, names: [hoster.test]}}\n" + REJECT,
         "5:36: expect.reasons: a client may truthfully say expired, name-mismatch"),
        # Endpoints
        ("server: {tls: {instead: {when: connected}}}\n"
         "expect: {verdict: reject, reasons: [transport]}\n",
         "1:1: endpoints: with when: connected, leave out imap, pop3, smtp"),
        # Dialogues
        ("server: {dialogue: {offer: removed}}\n" + ACCEPT,
         "5:9: expect: a client may reject this server: starttls"),
        ("server: {dialogue: {login: true}}\nexpect: {verdict: reject, reasons: [starttls]}\n",
         "5:9: expect: nothing is wrong with this server"),
        ("server: {dialogue: {offer: removed, from_session: 2}}\n"
         "expect: {verdict: reject, reasons: [starttls]}\n",
         "5:9: expect: a correct client has accepted the server before its second session: level"),
        ("server: {tls: {instead: {when: secured}}}\n"
         "expect: {verdict: reject, reasons: [transport], level: should}\n",
         "5:9: expect: a correct client has accepted the server before it comes: level: may"),
        # Control
        ("control: {connect_as: a.hoster.test}\n" + ACCEPT,
         "4:10: control: only a scenario that expects reject has a control"),
        ("server: {leaf: {names: ['*.hoster.test']}}\ncontrol: {connect_as: a.b.hoster.test}\n"
         + REJECT,
         "5:23: control.connect_as: must be accepted, but a client may say name-mismatch"),
        ("server: {leaf: {names: [a.hoster.test]}}\ncontrol: {connect_as: mail.customer.test}\n"
         + REJECT, "5:23: control.connect_as: must be accepted"),
    ],
)  # fmt: skip
def test_what_is_not_true_is_said_with_its_place(tmp_path: Path, rest: str, expected: str) -> None:
    found = case(tmp_path, rest)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_title_is_a_line_and_a_why_is_a_sentence(tmp_path: Path) -> None:
    assert [each[:10] for each in case(tmp_path, ACCEPT, title="Ends.")] == ["1:8: title"]
    assert [each[:10] for each in case(tmp_path, ACCEPT, title="x" * 101)] == ["1:8: title"]
    assert [each[:10] for each in case(tmp_path, ACCEPT, title='"a\\nb"')] == ["1:8: title"]
    assert [each[:8] for each in case(tmp_path, ACCEPT, why="because")] == ["2:6: why"]
    assert [each[:8] for each in case(tmp_path, ACCEPT, why="It hurts")] == ["2:6: why"]
    assert [each[:10] for each in case(tmp_path, "sees: nothing\n" + ACCEPT)] == ["4:7: sees:"]
    assert case(tmp_path, "sees: Nothing.\n" + ACCEPT) == []


def test_all_files_are_linted_and_all_problems_told_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "vendors").mkdir()
    (tmp_path / "a" / "expired.yaml").write_text("titel: x\n")
    (tmp_path / "a" / "syntax.yaml").write_text("a: [")
    (tmp_path / "vendors" / "mine.yaml").write_text("title: x\n")
    found = lint([tmp_path, tmp_path / "a" / "syntax.yaml", tmp_path / "gone.yaml"])
    assert found == sorted(found)
    said = [str(each).removeprefix(str(tmp_path / "x")[:-1]) for each in found]
    assert said[0].startswith(f"{Path('a/expired.yaml')}:1:1: the id 'expired' is already taken")
    assert f"{Path('a/expired.yaml')}:1:1: titel: unknown key (did you mean 'title'?)" in said
    assert sum("syntax.yaml" in each for each in said) == 1
    assert any(each.startswith("gone.yaml:1:1: cannot be read") for each in said)
    assert any("mine.yaml:1:1: root_shape: missing: What all roots look like" in e for e in said)


def test_a_folder_without_scenarios_is_a_problem(tmp_path: Path) -> None:
    (found,) = lint([tmp_path])
    assert found.message == "holds no <id>.yaml or <group>/<id>.yaml"


def test_a_matrix_is_told_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ours.mitmail-matrix.yaml"
    file.write_text("select: {ids: [expird]}\nexclude: [{client: whoever}]\n")

    (found,) = lint([file])

    assert str(found) == (
        f"{file}:1:16: select.ids[0]: no scenario 'expird' (did you mean 'expired'?)"
    )
