"""The matrix file: which clients are asked in which cases, where, and what is known to fail."""

from fnmatch import fnmatchcase
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from mitmail.scenario.part import Model, SetOf, Text
from mitmail.scenario.product import ENDPOINTS, EndpointName

SUFFIX: Final = ".mitmail-matrix.yaml"
HEALTHY: Final = "healthy"
BARE: Final = "none"
IMPORTED: Final = "+imported"


def _of_words(pattern: str) -> str:
    if "/" in pattern:
        raise ValueError("use a pattern without a slash: clients, cases and endpoints have none")
    return pattern


type Glob = Annotated[Text, AfterValidator(_of_words)]


class Selection(Model):
    """Which scenarios: all that any of these names."""

    sets: SetOf[Text] = Field(
        default=(), description="Sets: shipped ones (quick) or files of your own."
    )
    ids: SetOf[Text] = Field(default=(), description="Scenarios by id, or the paths of files.")
    groups: SetOf[Text] = Field(default=(), description="Groups of the catalogue, such as name.")
    globs: SetOf[Glob] = Field(default=(), description="Patterns of ids, such as starttls-*.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.sets or self.ids or self.groups or self.globs):
            raise ValueError("selects nothing: name sets, ids, groups or globs")
        return self


class Cells(Model):
    """The cells whose client, case and endpoint all match; what is left out matches any."""

    client: Glob = Field(default="*", description="A pattern of clients.")
    case: Glob = Field(
        default="*",
        description="A pattern of cases, such as expired, or *+norton for all behind Norton.",
    )
    endpoint: Glob = Field(default="*", description="A pattern of endpoints, such as *s.")

    def match(self, client: str, case: str, endpoint: str) -> bool:
        """Whether a cell is one of these."""
        said = ((client, self.client), (case, self.case), (endpoint, self.endpoint))
        return all(fnmatchcase(word, pattern) for word, pattern in said)


class KnownCells(Cells):
    """Cells that are known to fail, and why."""

    reason: Text = Field(description="Why, with its source; it stands in every report.")


class MatrixFile(Model):
    """Clients x cases x endpoints."""

    clients: SetOf[Text] | None = Field(
        default=None,
        description="Clients by name, or the paths of client files; by default all found here.",
    )
    select: Selection = Field(description="Which scenarios.")
    antiviruses: SetOf[Text] = Field(
        default=(BARE,),
        min_length=1,
        description="Behind which products: none, norton, or norton+imported where the client "
        "trusts the product's root.",
    )
    endpoints: SetOf[EndpointName] = Field(
        default=ENDPOINTS, min_length=1, description="On which endpoints; by default on all six."
    )
    exclude: tuple[Cells, ...] = Field(default=(), description="Cells that are left out.")
    xfail: tuple[KnownCells, ...] = Field(
        default=(),
        description="Cells that are known to fail: one that does not is a failure of its own.",
    )
