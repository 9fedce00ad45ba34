"""Words: a wrong one is answered with the right ones."""

import pytest

from mitmail.errors import MitmailError
from mitmail.pki.word import choose


def test_a_known_word_gives_its_entry() -> None:
    assert choose({"one": 1, "two": 2}, "two", "the number") == 2


def test_an_unknown_word_is_answered_with_the_allowed_ones() -> None:
    with pytest.raises(MitmailError, match=r"^the number 'three' is unknown; one of: one, two$"):
        choose({"one": 1, "two": 2}, "three", "the number")
