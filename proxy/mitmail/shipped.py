"""The YAML that ships with mitmail: scenarios, vendor profiles, clients, causes and speakers.

A wheel carries the first two in ``mitmail/data/``; a checkout keeps them at its top level. The
others lie beside the code that uses them.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def _shipped(folder: str) -> Traversable:
    in_wheel = files("mitmail") / "data" / folder
    in_checkout = Path(__file__).parents[2] / folder
    return in_wheel if in_wheel.is_dir() else in_checkout


SCENARIOS = _shipped("scenarios")
CERTS = _shipped("certs")
CLIENTS = files("mitmail") / "judge" / "clients"
CAUSES = files("mitmail") / "diagnose" / "causes"
SPEAKERS = files("mitmail") / "diagnose" / "speakers"
