"""GitHub's REST API as its published schema describes it: npm's @octokit/openapi, OpenAPI 3.0.3."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.programs import require_npm

SCHEMA = "@octokit/openapi/generated/api.github.com.json"
_FORMATS = {
    "date-time": "2026-11-26T12:00:00Z",
    "uri": "https://github.example/x",
    "uri-template": "https://github.example/x{/y}",
    "email": "ada@example.org",
}


def require_schema() -> None:
    """Skip the test where the schema isn't installed."""
    require_npm(SCHEMA)


@cache
def document() -> dict[str, Any]:
    """The whole description, with `nullable` as JSON Schema has it."""
    whole: dict[str, Any] = _translated(json.loads(require_npm(SCHEMA).read_text()))
    return whole


def _translated(value: Any) -> Any:
    if isinstance(value, list):
        return [_translated(item) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {key: _translated(item) for key, item in value.items()}
    return {"anyOf": [schema, {"type": "null"}]} if schema.pop("nullable", False) is True else schema


@cache
def _registry() -> Any:
    return Registry().with_resource("api:", Resource(contents=document(), specification=DRAFT202012))


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """What a value has that the schema refuses."""
    validator = Draft202012Validator(_absolute(schema), registry=_registry())
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def _absolute(schema: Any) -> Any:
    """A schema whose references hold outside of the document, too."""
    if isinstance(schema, list):
        return [_absolute(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"api:{item}" if key == "$ref" and str(item).startswith("#") else _absolute(item)
        for key, item in schema.items()
    }


def operation(method: str, template: str) -> dict[str, Any]:
    """The description of a request."""
    description: dict[str, Any] = document()["paths"][template][method.lower()]
    return description


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for, or the value itself."""
    while "$ref" in value:
        target: Any = document()
        for name in value["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        value = target
    return value


def body_schema(of: dict[str, Any]) -> dict[str, Any]:
    """The schema of a JSON body, of a request or a response."""
    schema: dict[str, Any] = resolved(of)["content"]["application/json"]["schema"]
    return schema


def sample(schema: dict[str, Any], **given: Any) -> Any:
    """The smallest value that a schema takes, with these fields."""
    value = _sample(schema)
    return {**value, **given} if isinstance(value, dict) else value


def _sample(schema: dict[str, Any]) -> Any:
    schema = resolved(schema)
    if "allOf" in schema:
        return {name: item for part in schema["allOf"] for name, item in _sample(part).items()}
    for kind in ("anyOf", "oneOf"):
        if kind in schema:
            return None if {"type": "null"} in schema[kind] else _sample(schema[kind][0])
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object" if "properties" in schema else "string"):
        case "object":
            fields = schema.get("properties", {})
            return {name: _sample(fields.get(name, {})) for name in schema.get("required", ())}
        case "array":
            return [_sample(schema["items"]) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case _:
            return _FORMATS.get(schema.get("format", ""), "x")
