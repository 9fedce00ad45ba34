"""A case in words, before anything is made for it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitmail.scenario import loader
from mitmail.scenario.matrix import BARE, IMPORTED
from mitmail.scenario.model import Scenario
from mitmail.scenario.word import is_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A case in words, before anything is made for it.

    ``scenario`` and ``antivirus`` are ids or paths; ``imported`` says that the antivirus' root is
    trusted too, ``connect_as`` the name of a control.
    """

    scenario: str
    antivirus: str = BARE
    imported: bool = False
    connect_as: str | None = None

    @property
    def id(self) -> str:
        """The case in the name of a cell: ``expired+norton+imported``, ``wildcard=srv.test``."""
        product = "" if self.antivirus == BARE else f"+{_id(self.antivirus)}"
        product += IMPORTED if self.imported else ""
        name = f"={self.connect_as}" if self.connect_as is not None else ""
        return self.scenario_id + product + name

    @property
    def scenario_id(self) -> str:
        """The scenario's id."""
        return _id(self.scenario)


def _id(id_or_path: str) -> str:
    return Path(id_or_path).stem if is_path(id_or_path) else id_or_path


def expand(scenarios: Iterable[Scenario], antiviruses: Sequence[str] = (BARE,)) -> list[Brief]:
    """Every scenario bare or behind each antivirus, and after them its control.

    An antivirus with ``+imported`` behind it has its root trusted.
    """
    ours = {str(file) for file in loader.files().values()}
    return [
        brief
        for scenario in scenarios
        for brief in _of(
            scenario, scenario.id if scenario.file in ours else scenario.file, antiviruses
        )
    ]


def _of(scenario: Scenario, word: str, antiviruses: Sequence[str]) -> Iterator[Brief]:
    for product in antiviruses:
        name = product.removesuffix(IMPORTED)
        yield Brief(scenario=word, antivirus=name, imported=name != product)
    if scenario.control is not None:
        yield Brief(scenario=word, connect_as=scenario.control.connect_as)
