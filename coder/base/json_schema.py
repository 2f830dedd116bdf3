"""Check JSON values against a JSON Schema, with bounds on the time of a check and without remote references.

The dialect is that of the schema's `$schema`, by default 2020-12 (https://json-schema.org/draft/2020-12).
"""

import json
import re
from collections.abc import Callable
from time import thread_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

CHECK_S = 2.0
"""CPU seconds for one check, which blocks the run."""
_REMOTE_REFERENCE = re.compile(r'"\$(?:dynamicRef|ref)": "(?!#)')
_PATTERN_KEYWORDS = ("pattern", "patternProperties", "unevaluatedProperties", "unevaluatedItems")
"""Keywords that match names or values with a regular expression, which no time limit can interrupt."""

Check = Callable[[Any], "ValidationError | None"]
"""Function that returns the first error in a value. Raises ValueError if the schema can't be applied."""


def has_remote_reference(schema: object) -> bool:
    """Return whether a schema refers to another document."""
    return _REMOTE_REFERENCE.search(json.dumps(schema)) is not None


def check_by(schema: dict[str, Any], *, patterns: bool = False) -> Check:
    """Return a function that checks values against a schema.

    Args:
        patterns: check regular expressions, too; only for a schema that the user wrote.

    Raises:
        jsonschema.exceptions.SchemaError: the schema is invalid.
    """
    from jsonschema.validators import Draft202012Validator, extend, validator_for
    from referencing import Registry

    validator_class: Any = validator_for(schema, default=Draft202012Validator)
    validator_class.check_schema(schema)
    deadline = 0.0

    def bounded(word: str, check: Callable[..., object]) -> Callable[..., object]:
        def checked(validator: object, value: object, instance: object, part: dict[str, Any]) -> object:
            if thread_time() > deadline:  # a short schema can require any number of checks
                raise ValueError(f"the check takes more than {CHECK_S:g} s")
            by_patterns = word == "additionalProperties" and "patternProperties" in part
            is_skipped = not patterns and (by_patterns or word in _PATTERN_KEYWORDS)
            return None if is_skipped else check(validator, value, instance, part)

        return checked

    checks = {word: bounded(word, check) for word, check in validator_class.VALIDATORS.items()}
    schema_validator = extend(validator_class, checks)(_in_one_dialect(schema), registry=Registry())  # type: ignore[no-untyped-call]

    def first_error(value: object) -> "ValidationError | None":
        nonlocal deadline
        deadline = thread_time() + CHECK_S
        return next(schema_validator.iter_errors(value), None)

    return first_error


def describe_error(error: "ValidationError", *, longest: int = 200) -> str:
    """Describe an error by its path in the value and its message."""
    return f"{error.json_path.lstrip('$.')}: {error.message[:longest]}".removeprefix(": ")


def _in_one_dialect(part: Any) -> Any:  # noqa: ANN401 - of JSON
    """Return a schema without its parts' dialects, for which the library would use other validators."""
    if isinstance(part, dict):
        items = part.items()
        return {
            key: _in_one_dialect(value)
            for key, value in items
            if key != "$schema" or not isinstance(value, str)
        }
    return [*map(_in_one_dialect, part)] if isinstance(part, list) else part
