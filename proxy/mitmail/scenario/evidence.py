"""How a fact about a product is known."""

from typing import Literal

from pydantic import Field

from mitmail.scenario.part import Model, Text

type Mark = Literal["decoded", "sourced", "inferred", "unverified"]


class Evidence(Model):
    """How well a part of a profile is known."""

    mark: Mark = Field(
        description="decoded: read from a real certificate; sourced: reported or documented; "
        "inferred: follows from those; unverified: a guess. The weakest that applies."
    )
    source: Text | None = Field(default=None, description="Where it is from.")
