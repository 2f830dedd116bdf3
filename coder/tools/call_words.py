"""Describe a tool call for a person who may allow it: decoded, complete, argument by argument."""

import json

from coder.base.text.sanitize import visible
from coder.models.model import ToolCall

MAX_SHOWN = 100_000
"""A call with more characters of arguments can't be allowed, because nobody reads them."""
_INDENT = "    "


def call_words(call: ToolCall) -> str:
    """Return name and arguments of a call: strings as lines, other values as JSON.

    Control characters, invisible ones and those that change the direction of text are shown as code points.
    """
    try:
        arguments = call.parsed()
    except ValueError:
        return f"{call.name}\n{_INDENT}{visible(call.arguments)}"
    if not arguments:
        return f"{call.name}()"
    return "\n".join([call.name, *(_argument(name, value) for name, value in arguments.items())])


def _argument(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    lines = visible(text).split("\n")
    if len(lines) == 1:
        return f"{_INDENT}{visible(name)}: {lines[0]}"
    return "\n".join([f"{_INDENT}{visible(name)}:", *(f"{_INDENT}{_INDENT}{line}" for line in lines)])
