"""A form made of a JSON Schema: a field for each plain value, and JSON for what no field can show."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from pydantic import JsonValue

from coder.base.errors import UsageError

Kind = Literal["text", "number", "checkbox", "choice", "lines", "json"]
Schema = Mapping[str, Any]
ROOT = "input"
"""Path of the whole value; that of a property follows as in a JSON Pointer (RFC 6901)."""
_MAX_DEPTH, _MAX_REFERENCES = 4, 20
"""Depth of nested objects that have fields of their own, and number of references followed."""
_KINDS: dict[object, Kind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "checkbox",
}
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "format": "{}",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of the form."""

    path: str
    label: str
    kind: Kind
    is_required: bool
    may_be_null: bool
    text: str = ""
    """The current value; `true` if a checkbox is set."""
    help: str = ""
    choices: tuple[str, ...] = ()
    """Values of a choice, as JSON."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A field, or an object of fields."""

    is_required: bool
    leaf: FormField | None = None
    children: dict[str, "_Node"] = field(default_factory=dict)


class _Unset:
    """No value, which is not null."""


_UNSET = _Unset()


@dataclass(frozen=True, slots=True)
class _Place:
    """Position of a value in the whole value."""

    path: str = ROOT
    label: str = ""
    is_required: bool = True

    def child(self, name: str, *, is_required: bool) -> "_Place":
        path = f"{self.path}/{name.replace('~', '~0').replace('/', '~1')}"
        label = f"{self.label}.{name}" if self.label else name
        return _Place(path, label, self.is_required and is_required)


def fields_of(schema: Schema, value: JsonValue | _Unset = _UNSET) -> list[FormField]:
    """Return the fields of a schema in its order, with a value, or else with its defaults."""
    return [*_leaves(_node(schema, schema, _Place(), value))]


def value_of(schema: Schema, texts: Mapping[str, str]) -> JsonValue:
    """Return the value that the texts of a form's fields stand for, by path.

    An empty value is left out if it isn't required and has no other default. A text that isn't a number is
    kept, so that validation of the value reports it.

    Raises:
        UsageError: the text of a field for JSON isn't JSON.
    """
    value = _read(_node(schema, schema, _Place(), _UNSET), texts)
    return None if isinstance(value, _Unset) else value


def _node(root: Schema, schema: Schema, place: _Place, value: JsonValue | _Unset) -> _Node:
    core, may_be_null = _core(root, schema)
    value = schema.get("default", _UNSET) if isinstance(value, _Unset) else value
    properties = core.get("properties")
    if not isinstance(properties, dict) or may_be_null or place.path.count("/") >= _MAX_DEPTH:
        kind, choices = _kind_of(core, may_be_null=may_be_null)
        field_help = _help(kind, core, str(schema.get("description", "")))
        text, label = _text(kind, value), place.label or ROOT
        leaf = FormField(place.path, label, kind, place.is_required, may_be_null, text, field_help, choices)
        return _Node(place.is_required, leaf)
    children = {}
    for name, part in properties.items():
        child = value.get(name, _UNSET) if isinstance(value, dict) else _UNSET
        child_place = place.child(name, is_required=name in core.get("required", ()))
        children[name] = _node(root, part, child_place, child)
    return _Node(place.is_required, None, children)


def _help(kind: Kind, core: Schema, description: str) -> str:
    bounds = [words.format(core[key]) for key, words in _BOUNDS.items() if key in core]
    format_words = {"lines": "one on each line", "json": "as JSON"}.get(kind, "")
    return "; ".join(part for part in (description, ", ".join(bounds), format_words) if part)


def _leaves(node: _Node) -> Iterator[FormField]:
    if node.leaf is not None:
        yield node.leaf
    for child in node.children.values():
        yield from _leaves(child)


def _core(root: Schema, schema: Schema) -> tuple[Schema, bool]:
    """Return the schema behind references and a choice between it and null, and whether null is a choice."""
    may_be_null = False
    for _ in range(_MAX_REFERENCES):
        if isinstance(reference := schema.get("$ref"), str):
            schema = root.get("$defs", {}).get(reference.rpartition("/")[2], {})
        elif len(parts := schema.get("allOf", ())) == 1:
            schema = parts[0]
        elif len(parts := schema.get("anyOf", ())) == 2 and {"type": "null"} in parts:
            schema, may_be_null = next(part for part in parts if part != {"type": "null"}), True
        else:
            break
    return schema, may_be_null


def _kind_of(core: Schema, *, may_be_null: bool) -> tuple[Kind, tuple[str, ...]]:
    if "const" in core or "enum" in core:
        values = core.get("enum", [core.get("const")])
        return "choice", tuple(json.dumps(value, ensure_ascii=False) for value in values)
    if core.get("type") == "boolean" and may_be_null:
        return "choice", ("true", "false")
    if core.get("type") == "array" and core.get("items") == {"type": "string"}:
        return "lines", ()
    return _KINDS.get(core.get("type"), "json"), ()


def _text(kind: Kind, value: Any) -> str:  # noqa: ANN401 - of JSON
    """Return the text of a value in a field; empty if there is none, or it doesn't fit the field."""
    if value is None or isinstance(value, _Unset):
        return ""
    match kind:
        case "text":
            return value if isinstance(value, str) else ""
        case "lines" if isinstance(value, list):
            return "\n".join(map(str, value))
        case "checkbox":
            return "true" if value is True else ""
    return json.dumps(value, ensure_ascii=False, indent=2 if kind == "json" else None)


def _read(node: _Node, texts: Mapping[str, str]) -> JsonValue | _Unset:
    if node.leaf is None:
        values = {name: _read(child, texts) for name, child in node.children.items()}
        present = {name: value for name, value in values.items() if not isinstance(value, _Unset)}
        return present if present or node.is_required else _UNSET
    leaf, text = node.leaf, texts.get(node.leaf.path, "").replace("\r\n", "\n")
    if leaf.kind == "checkbox":
        return text == "true" if leaf.is_required or text != leaf.text else _UNSET
    if not text and not leaf.is_required and not leaf.text:
        return _UNSET
    return None if not text and leaf.may_be_null else _value(leaf, text)


def _value(leaf: FormField, text: str) -> JsonValue:
    if leaf.kind == "text":
        return text
    if leaf.kind == "lines":
        return [line for line in text.split("\n") if line]
    value = _json(text)
    if isinstance(value, _Unset):
        if leaf.kind == "json":
            raise UsageError(f"{leaf.label} isn't JSON, such as [1, 2].")
        return text
    is_number = type(value) in (int, float)
    return value if leaf.kind == "json" or is_number or text in leaf.choices else text


def _json(text: str) -> JsonValue | _Unset:
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _UNSET
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
