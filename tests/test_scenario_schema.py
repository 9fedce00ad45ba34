"""The JSON Schema, read by a small validator that knows nothing of pydantic."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from ruamel.yaml import YAML

from mitmail.scenario import loader
from mitmail.scenario.schema import FILES, Name, part, schema

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,),
    "null": (type(None),), "number": (int, float),
}  # fmt: skip


def invalid(value: Any, rule: Any, root: dict[str, Any]) -> Iterator[str]:
    """What JSON Schema 2020-12 finds wrong; knows the keywords that our schemas use."""
    if "$ref" in rule:
        yield from invalid(value, root["$defs"][rule["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in rule and all(any(invalid(value, each, root)) for each in rule["anyOf"]):
        yield f"{value!r} is none of anyOf"
    if "if" in rule:
        branch = "else" if any(invalid(value, rule["if"], root)) else "then"
        yield from invalid(value, rule[branch], root)
    if "type" in rule and not isinstance(value, TYPES[rule["type"]]):
        yield f"{value!r} is no {rule['type']}"
    elif value not in rule.get("enum", [value]) or value != rule.get("const", value):
        yield f"{value!r} is not one of the values"
    elif isinstance(value, str):
        if len(value) < rule.get("minLength", 0) or not re.search(rule.get("pattern", ""), value):
            yield f"{value!r} does not match"
    elif isinstance(value, list):
        yield from invalid_list(value, rule, root)
    elif isinstance(value, dict):
        yield from invalid_mapping(value, rule, root)


def invalid_list(value: list[Any], rule: Any, root: dict[str, Any]) -> Iterator[str]:
    if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
        yield f"{value!r} has too few or too many items"
    if rule.get("uniqueItems") and any(value.count(each) > 1 for each in value):
        yield f"{value!r} has an item twice"
    fixed = rule.get("prefixItems", [])
    for index, each in enumerate(value):
        yield from invalid(
            each, fixed[index] if index < len(fixed) else rule.get("items", {}), root
        )


def invalid_mapping(value: dict[str, Any], rule: Any, root: dict[str, Any]) -> Iterator[str]:
    yield from (f"{key} is missing" for key in rule.get("required", []) if key not in value)
    if len(value) < rule.get("minProperties", 0):
        yield "has too few keys"
    for key, each in value.items():
        known = rule.get("properties", {})
        other = rule.get("additionalProperties", {})
        if key not in known and other is False:
            yield f"{key} is not known"
        else:
            yield from invalid(each, known.get(key, other), root)
            yield from invalid(key, rule.get("propertyNames", {}), root)


def subschemas(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
    for each in found.values() if isinstance(found, dict) else found:
        if isinstance(each, (dict, list)):
            yield from subschemas(each)


@cache
def published(name: Name) -> dict[str, Any]:
    """The schema of these files; a second opinion says that it is one, where there is any."""
    rule = schema(name)
    if find_spec("jsonschema"):  # no dependency of ours
        import_module("jsonschema").Draft202012Validator.check_schema(rule)
    return rule


def files() -> list[tuple[Name, Any]]:
    scenarios: list[tuple[Name, Any]] = [("scenario", f) for f in loader.files().values()]
    return scenarios + [("vendor", file) for file in loader.vendor_files().values()]


def plain(text: str) -> Any:
    """Read as an editor would: by a YAML 1.2 parser that is not ours; times stay text."""
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor(
        "tag:yaml.org,2002:timestamp", lambda constructor, node: node.value
    )
    return yaml.load(text)


@pytest.mark.parametrize(("name", "file"), files(), ids=lambda each: getattr(each, "name", each))
def test_every_shipped_file_is_valid(name: Name, file: Any) -> None:
    rule = published(name)
    value = plain(file.read_text(encoding="utf-8"))
    assert list(invalid(value, rule, rule)) == []
    if find_spec("jsonschema"):
        import_module("jsonschema").Draft202012Validator(rule).validate(value)


@pytest.mark.parametrize(
    "wrong",
    [
        "expect: {verdict: reject}",
        "expect: {verdict: accept, reasons: [weak]}",
        "expect: {verdict: reject, reasons: [weak, weak]}",
        "expect: {verdict: reject, reasons: [wek]}",
        "expect: {verdict: accept}\nserver: {leaf: {not_after: 90}}",
        "expect: {verdict: accept}\nserver: {leaf: {not_after: soon}}",
        "expect: {verdict: accept}\nserver: {leaf: {nmaes: []}}",
        "expect: {verdict: accept}\nserver: {chain: leaf}",
        "expect: {verdict: accept}\ncontrol: {}",
        "expect: {verdict: accept}\nid: x",
        "",
    ],
)
def test_a_wrong_file_is_invalid_for_an_editor_too(wrong: str) -> None:
    rule = schema("scenario")
    value = plain(f"title: A case\nwhy: It hurts.\nrule: RFC 1\n{wrong}\n")
    assert list(invalid(value, rule, rule))


@pytest.mark.parametrize("name", FILES)
def test_a_schema_says_what_it_is(name: Name) -> None:
    rule = schema(name)
    assert rule["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert rule["$id"] == f"urn:mitmail:schema:{name}:1"
    assert rule["title"] == f"mitmail {name} file"


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_described_and_no_other_key_is_allowed(name: Name) -> None:
    rule = schema(name)
    objects = [each for each in subschemas(rule) if each.get("type") == "object"]
    closed = [each for each in objects if "properties" in each]
    assert len(closed) >= {"behaviour": 2, "cause": 2, "speaker": 2, "client": 3, "matrix": 4}.get(
        name, 5
    )
    for each in closed:
        assert each["additionalProperties"] is False
        for key, said in each["properties"].items():
            target = rule["$defs"].get(said.get("$ref", "").removeprefix("#/$defs/"), {})
            described = said.get("description") or target.get("description")
            assert described, f"{each['title']}.{key} is not described"
            assert described.endswith((".", "]].", '"3.13".')), f"{key}: {described}"


def test_a_time_is_shown_as_text_with_a_pattern() -> None:
    leaf = schema("scenario")["$defs"]["Certificate"]["properties"]
    assert leaf["not_before"]["default"] == "-1d"
    assert leaf["not_after"]["default"] == "+90d"
    offset = part(schema("scenario"), ("server", "leaf", "not_after"))
    assert offset["type"] == "string"
    for good in ("-1d", "+90d", "12h"):
        assert re.search(offset["pattern"], good)
    assert not re.search(offset["pattern"], "90")


def test_a_part_is_found_by_its_path() -> None:
    whole = schema("scenario")
    assert "accept" in part(whole, ("expect", "verdict"))["enum"]
    assert "expired" in part(whole, ("expect", "reasons", 0))["enum"]
    assert part(whole, ("control", "connect_as"))["type"] == "string"
    assert part(whole, ("expect", "nothing", 0, "at", "all")) == {}
    assert "valid" in part(schema("vendor"), ("policy", "[key]"))["enum"]
