"""Answers that match a JSON Schema: the JSON value that a run returns if its task has a schema."""

import json
import re
from typing import Any

from pydantic import JsonValue

from coder.base.json_schema import check_by, describe_error, has_remote_reference

MAX_SCHEMA = 20_000
"""Maximum characters of a schema; it is part of each request."""
_JSON_BLOCK = re.compile(r"^```json[^\S\n]*\n(.*?)^```[^\S\n]*$", re.MULTILINE | re.DOTALL)


def require_schema(schema: dict[str, Any]) -> None:
    """Check that a schema can validate answers. Raises ValueError with the reason if it can't."""
    from jsonschema.exceptions import SchemaError

    text = json.dumps(schema)
    if len(text) > MAX_SCHEMA:
        raise ValueError(f"it has {len(text):,} characters, and at most {MAX_SCHEMA:,} are sent to a model")
    if has_remote_reference(schema):
        raise ValueError('it refers to another document: write that under "$defs"')
    try:
        check_by(schema, patterns=True)
    except SchemaError as error:
        raise ValueError(f"it is no JSON Schema: {error.json_path}: {error.message[:200]}") from error


def find_problem(schema: dict[str, Any], value: object) -> str:
    """Return why a value doesn't fit a schema; empty if it does."""
    try:
        error = check_by(schema, patterns=True)(value)
    except Exception as unusable:  # noqa: BLE001 - of the library, such as a reference to a missing part
        return f"the schema can't be used for it: {unusable}"
    return describe_error(error) if error is not None else ""


def nested_schema(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a schema for use as property `name` of another schema; its references start at that property."""

    def moved(part: Any) -> Any:  # noqa: ANN401 - of JSON
        if isinstance(part, list):
            return [*map(moved, part)]
        if not isinstance(part, dict):
            return part
        return {
            key: f"#/properties/{name}{value[1:]}"
            if key == "$ref" and isinstance(value, str) and re.match(r"#(/|$)", value)
            else moved(value)
            for key, value in part.items()
        }

    return {key: value for key, value in moved(schema).items() if key not in ("$schema", "$id")}


def answer_text(value: JsonValue, summary: str = "") -> str:
    """Return the text of a message that contains an answer, in the form that `find_answer` reads."""
    return f"{summary.strip()}\n\n```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```".strip()


def split_answer(text: str) -> tuple[JsonValue, str]:
    """Return the JSON value in a text, and the rest of the text.

    The value is the whole text, or its last ```json block.

    Raises:
        ValueError: the text contains no valid JSON value.
    """
    blocks = list(_JSON_BLOCK.finditer(text))
    source = blocks[-1][1] if blocks else text
    try:
        value: JsonValue = json.loads(source, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value, text[: blocks[-1].start()] + text[blocks[-1].end() :] if blocks else ""


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def find_answer(schema: dict[str, Any], text: str) -> tuple[JsonValue, str]:
    """Return the answer in a message's text, and the reason if there is none (else an empty string)."""
    try:
        value, _ = split_answer(text)
    except ValueError:
        return None, "the run ended before the model gave it"
    problem = find_problem(schema, value)
    return (None if problem else value), problem
