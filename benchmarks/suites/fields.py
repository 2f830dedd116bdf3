"""Make a case of a record's fields, or say in words what is wrong with them."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from benchmarks.errors import BadSuite
from benchmarks.suites.records import Record
from coder.text.sanitize import printable

Value = TypeVar("Value", bound=BaseModel)


def make(model: type[Value], where: str, /, **fields: object) -> Value:
    """A case of fields whose types nobody has checked yet; those that are None keep their default.

    Args:
        where: what stands before a complaint, such as `suite.jsonl, line 3`.

    Raises:
        BadSuite: the fields don't make one.
    """
    try:
        return model.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as cause:
        raise BadSuite(f"{where}: {said(cause)}") from cause


def said(error: ValidationError) -> str:
    """What pydantic found, one complaint a line, without the values."""
    lines = []
    for one in error.errors(include_url=False, include_input=False):
        place = printable(".".join(str(part) for part in one["loc"]))
        lines.append(f"field {place}: {one['msg']}" if place else one["msg"])
    return "\n".join(lines)


def strings(record: Record, field: str, where: str) -> tuple[str, ...]:
    """A list of strings; empty where the field is missing.

    Raises:
        BadSuite: it is something else.
    """
    value = record.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadSuite(f"{where}: {field} has to be a list of strings.")
    return tuple(value)
