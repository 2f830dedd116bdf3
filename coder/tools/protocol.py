"""Protocol: decide which calls of an answer are executed, and the replies to the others.

The settled calls are valid in a history for any endpoint: ids exist and differ, and arguments are valid JSON.
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coder.base.text.sanitize import printable
from coder.models.model import JsonObject, ToolCall

MAX_CALLS = 20
"""Maximum calls in one answer."""
ENDING = ("done", "ask")
"""Tools that end an answer; later calls are not executed."""
_NAME = re.compile(r"(?:functions\.)?([A-Za-z0-9_-]{1,64})")
_INVALID_CHARACTER = re.compile(r"[^A-Za-z0-9_-]")
_MAX_NAME = 64
_MAX_NESTING = 3
"""Maximum nesting of JSON text in JSON strings."""
_ID_LENGTH = 9


@dataclass(frozen=True, slots=True)
class Settled:
    """A call for the history, and why it isn't executed."""

    call: ToolCall
    problem: str = ""
    """Empty if the call is executed."""


def settled(
    calls: Sequence[ToolCall],
    names: Collection[str],
    *,
    cut_off: bool,
    earlier_ids: Collection[str] = (),
    endings: Collection[str] = (),
) -> list[Settled]:
    """Decide for each call of an answer, in order, whether it is executed.

    Args:
        cut_off: the answer ended at its length limit.
        earlier_ids: ids of earlier calls; some endpoints count from 0 in each answer.
        endings: further tools that end an answer.
    """
    used_ids = set(earlier_ids)
    results: list[Settled] = []
    ended_by = ""
    for place, call in enumerate(calls):
        name = _NAME.fullmatch(call.name.strip())
        tool_name = name[1] if name else _INVALID_CHARACTER.sub("_", call.name)[:_MAX_NAME] or "unnamed"
        is_cut = cut_off and place == len(calls) - 1
        arguments, problem = _arguments(call.arguments, is_cut=is_cut)
        if tool_name not in names:
            problem = unknown(call.name, names)
        if ended_by:
            problem = f"Not carried out: it stands behind {ended_by}."
        if place >= MAX_CALLS:
            problem = f"Not carried out: an answer may hold {MAX_CALLS} calls. Call it again."
        id = call.id if call.id.strip() and call.id not in used_ids else _make_id(place, call, used_ids)
        used_ids.add(id)
        if not problem and (tool_name in ENDING or tool_name in endings):
            ended_by = tool_name
        results.append(Settled(ToolCall(id=id, name=tool_name, arguments=arguments), problem))
    return results


def unknown(name: str, names: Collection[str]) -> str:
    """Return the reply to a call of an unknown tool."""
    return f"There is no tool {printable(name)[:_MAX_NAME]!r}. There are: {', '.join(names)}."


def _arguments(raw: str, *, is_cut: bool) -> tuple[str, str]:
    """Return arguments for the history, and the problem with them, or an empty text."""
    try:
        if is_cut and not raw.strip():
            raise ValueError("nothing of them came")
        value = _unwrap(raw)
    except (ValueError, RecursionError) as error:
        return "{}", _TRUNCATED if is_cut else f"Not carried out: its arguments are no JSON object: {error}."
    try:
        is_valid = isinstance(json.loads(raw, parse_constant=_refuse_constant), dict)
    except (ValueError, RecursionError):
        is_valid = False
    return raw if is_valid else json.dumps(value), ""


_TRUNCATED = (
    "Not carried out: your answer was cut off at its length limit within this call. "
    "Write less in one answer, such as a long file in parts."
)


def _unwrap(raw: str) -> JsonObject:
    """Parse a call's arguments: an object, perhaps inside a JSON string, or with raw line ends in strings."""
    value: object = raw
    for _ in range(_MAX_NESTING):
        if isinstance(value, str):
            value = json.loads(value.strip() or "{}", strict=False, parse_constant=_refuse_constant)
    if value is not None and not isinstance(value, dict):
        raise ValueError(printable(str(value))[:_MAX_NAME])
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate can't be sent to a model
    return value or {}


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _make_id(place: int, call: ToolCall, used_ids: Collection[str]) -> str:
    """Return an id of nine letters and digits from the call, its place and the used ids."""
    id = ""
    while not id or id in used_ids:
        content = json.dumps([place, id, call.name, call.arguments])
        id = hashlib.sha256(content.encode()).hexdigest()[:_ID_LENGTH]
    return id
