"""Exceptions in scenario files: one client, from one version on, with a source."""

from pathlib import Path

import pytest

from mitmail.scenario import loader
from mitmail.scenario.problem import ScenarioError

SAID = """\
title: Mine
why: so
rule: RFC 5280
expect: {{verdict: accept}}
exceptions:
  odd:
    client: our-mailer
    since: {since}
    verdict: reject
    why: it is odd
    source: seen here
"""


def test_a_client_is_known_from_a_version_on(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SAID.format(since='"3.10"'))
    (known,) = loader.find(str(file)).exceptions.values()

    found = [known.is_of("our-mailer", x) for x in ((3, 9), (3, 10), (3, 10, 1), (4,))]
    assert found == [False, True, True, True]
    assert not known.is_of("another", (4,))


@pytest.mark.parametrize("since", ["three", '"3.x"', '"3."'])
def test_a_version_that_is_none_is_refused_with_its_line(tmp_path: Path, since: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SAID.format(since=since))

    with pytest.raises(ScenarioError, match=r"mine\.yaml:8:12: .*write a version in numbers"):
        loader.find(str(file))
