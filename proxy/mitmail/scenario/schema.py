"""JSON Schema (2020-12) of the files that people write, for editors and reviewers."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal

from mitmail.scenario.behaviour import BehaviourFile
from mitmail.scenario.cause import CauseFile, SpeakerFile
from mitmail.scenario.client import ClientFile
from mitmail.scenario.matrix import MatrixFile
from mitmail.scenario.model import ScenarioFile
from mitmail.scenario.part import Model
from mitmail.scenario.vendor import VendorFile

type Name = Literal["scenario", "vendor", "behaviour", "client", "matrix", "cause", "speaker"]

FILES: Final[dict[Name, type[Model]]] = {
    "scenario": ScenarioFile,
    "vendor": VendorFile,
    "behaviour": BehaviourFile,
    "client": ClientFile,
    "matrix": MatrixFile,
    "cause": CauseFile,
    "speaker": SpeakerFile,
}


@cache
def schema(name: Name) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file that people write, for reading only."""
    found = FILES[name].model_json_schema()
    if name in _SPECIAL:
        found = _SPECIAL[name](found)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mitmail:schema:{name}:1",
        **found,
        "title": f"mitmail {name} file",
    }


def _vendor(found: dict[str, Any]) -> dict[str, Any]:
    """Complete, unless it is like another profile."""
    partial = _partial(found)
    whole = {key: found.pop(key) for key in ("required", "properties")}
    choice = {"if": {"required": ["like"]}, "then": {}, "else": whole}
    defs = found["$defs"] | partial["$defs"]
    return found | {"properties": partial["properties"], **choice, "$defs": defs}


def _behaviour(found: dict[str, Any]) -> dict[str, Any]:
    """``set`` is a part of a vendor profile."""
    profile = _partial(VendorFile.model_json_schema())
    defs = found.get("$defs", {}) | profile.pop("$defs")
    described = found["properties"]["set"]["description"]
    properties = found["properties"] | {"set": profile | {"description": described}}
    return found | {"properties": properties, "$defs": defs}


_SPECIAL: Final[dict[Name, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "vendor": _vendor,
    "behaviour": _behaviour,
}
_REF: Final = "#/$defs/"


def _partial(part: Any) -> Any:
    """The same schema with nothing required, under names of its own."""
    if isinstance(part, list):
        return [_partial(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {k: _partial(v) for k, v in part.items() if k != "required" or isinstance(v, dict)}
    if "$defs" in kept:
        kept["$defs"] = {f"partial-{name}": one for name, one in kept["$defs"].items()}
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].replace(_REF, f"{_REF}partial-")
    return kept


def part(whole: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """Return the part of a schema that describes the value at ``path``; {} when there is none.

    As in pydantic's places, ``[key]`` at the end of ``path`` means the keys of a mapping.
    """
    found = _resolved(whole, whole)
    for key in path:
        if isinstance(key, int):
            fixed = found.get("prefixItems", [])
            found = fixed[key] if key < len(fixed) else found.get("items", {})
        elif key == "[key]":
            found = found.get("propertyNames", {})
        else:
            found = found.get("properties", {}).get(key) or found.get("additionalProperties") or {}
        found = _resolved(whole, found)
    return found


def _resolved(whole: dict[str, Any], found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {}
    outer = {key: value for key, value in found.items() if key not in ("$ref", "anyOf")}
    if "$ref" in found:
        target = whole["$defs"][found["$ref"].removeprefix("#/$defs/")]
        return {**_resolved(whole, target), **outer}
    if "anyOf" in found:
        return {**_resolved(whole, found["anyOf"][0]), **outer}
    return found
