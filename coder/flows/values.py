"""Typed values as JSON: the check of a function's annotations, and digests of inputs."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from coder.base.errors import UsageError

Adapter = TypeAdapter[Any]
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of a function's positional parameters, by name, and of its result."""

    parameters: Mapping[str, Adapter]
    result: Adapter

    def digest(self, what: str, arguments: Sequence[object]) -> str:
        """Return the digest of a call's arguments. Raises UsageError: they don't fit the annotations."""
        if len(arguments) > len(self.parameters):
            raise UsageError(f"{what} takes {len(self.parameters)} arguments, and got {len(arguments)}.")
        adapters = zip(self.parameters.items(), arguments, strict=False)
        return digest_of(
            [_plain(adapter, value, f"{what}: the argument {name}") for (name, adapter), value in adapters]
        )


def signature_of(function: Callable[..., object], what: str, *, skip: int = 0) -> Signature:
    """Return the types of a function.

    Args:
        what: names the function in messages.
        skip: number of leading parameters to ignore.

    Raises:
        UsageError: an annotation is missing, or pydantic can't write its type as JSON.
    """
    try:
        parameters = [*inspect.signature(function).parameters.values()][skip:]
        hints = get_type_hints(function, include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise UsageError(
            f"{what}: its annotations can't be read: {error}. Give an annotated function."
        ) from error
    for parameter in parameters:
        if parameter.kind not in _PLAIN and parameter.default is inspect.Parameter.empty:
            raise UsageError(f"{what} takes {parameter}; steps have plain positional parameters.")
    names = [parameter.name for parameter in parameters if parameter.kind in _PLAIN]
    return Signature(
        {name: _adapter(hints, name, f"{what}: the parameter {name}") for name in names},
        _adapter(hints, "return", f"{what}: the result"),
    )


def to_json(adapter: Adapter, value: object, what: str) -> JsonValue:
    """Return a value as JSON that reads back as the same type. Raises UsageError: it can't be written."""
    try:
        text = adapter.dump_json(value, warnings="error")
        adapter.validate_json(text)
    except (PydanticSerializationError, ValidationError, UnicodeError) as error:
        raise UsageError(
            f"{what} is a {type(value).__name__} that doesn't fit its annotation: {_first_line(error)}"
        ) from error
    document: JsonValue = json.loads(text)
    return document


def from_json(adapter: Adapter, value: JsonValue, what: str) -> Any:  # noqa: ANN401 - the adapter's type
    """Return the value that JSON stands for. Raises UsageError: the annotation has changed since."""
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        raise UsageError(f"{what} doesn't fit its annotation: {_first_line(error)}") from error


def problem_of(adapter: Adapter, value: JsonValue) -> str:
    """Return why JSON doesn't stand for a value of this type; empty if it does."""
    try:
        from_json(adapter, value, "The value")
    except UsageError as error:
        return str(error)
    return ""


def digest_of(value: object) -> str:
    """Return the SHA-256 (hex) of a plain value; equal mappings and sets have equal digests."""
    text = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _adapter(hints: Mapping[str, object], name: str, what: str) -> Adapter:
    if name not in hints:
        raise UsageError(f"{what} has no annotation. Annotate it with a type that pydantic writes as JSON.")
    if hints[name] in (Any, object):
        raise UsageError(f"{what} may be anything. Annotate it with a type that pydantic writes as JSON.")
    try:
        annotation: Any = hints[name]
        adapter: Adapter = TypeAdapter(annotation)
        adapter.json_schema(mode="serialization")
    except PydanticUserError as error:
        raise UsageError(
            f"{what} has a type that pydantic can't write as JSON: {_first_line(error)}. "
            "Use a pydantic model, a dataclass, or plain values."
        ) from error
    return adapter


def _plain(adapter: Adapter, value: object, what: str) -> object:
    """Return a value as plain data in which sets are still sets."""
    try:
        return adapter.dump_python(value, warnings="error")
    except PydanticSerializationError as error:
        raise UsageError(
            f"{what} is a {type(value).__name__} that doesn't fit its annotation: {_first_line(error)}"
        ) from error


def _canonical(value: object) -> object:
    match value:
        case None | bool() | int() | float() | str():
            return to_jsonable_python(value) if type(value) not in (int, float, str, bool) else value
        case Mapping():
            return {str(to_jsonable_python(key)): _canonical(item) for key, item in value.items()}
        case AbstractSet():
            return sorted(
                (_canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True)
            )
        case list() | tuple():
            return [_canonical(item) for item in value]
        case _:
            return to_jsonable_python(value)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1 if isinstance(error, PydanticSerializationError) else 0].rstrip(".")
