"""Seconds on the command line: a time that a clock can count."""

import math
from typing import Any

import click

LONGEST = 86_400.0  # a day


class Seconds(click.FloatRange):
    """So many seconds, from ``least`` to a day; no infinity, and not what is no number."""

    def __init__(self, least: float) -> None:
        super().__init__(min=least, max=LONGEST)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """A number of seconds."""
        seconds = float(super().convert(value, param, ctx))
        # Every comparison with nan is false, so it is in every range.
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds
