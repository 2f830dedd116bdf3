"""Protocol: which calls of an answer are executed, and the replies to the others. Pure.

The settled calls may stand in a history that any endpoint reads: ids are there and differ, arguments parse.
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coder.base.text.sanitize import printable
from coder.models.model import JsonObject, ToolCall

MOST_CALLS = 20
"""Of one answer."""
ENDING = ("done", "ask")
"""Tools that end an answer: calls behind them are not carried out."""
_NAME = re.compile(r"(?:functions\.)?([A-Za-z0-9_-]{1,64})")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
_WRAPPED = 3
"""How deep a JSON text may stand in JSON texts."""
_ID_LENGTH = 9


@dataclass(frozen=True, slots=True)
class Settled:
    """A call as it stands in the history, and why it isn't executed."""

    call: ToolCall
    problem: str = ""
    """Empty: it is executed."""


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
        endings: more tools that end an answer.
    """
    used = set(earlier_ids)
    results: list[Settled] = []
    ended_by = ""
    for place, call in enumerate(calls):
        name = _NAME.fullmatch(call.name.strip())
        plain = name[1] if name else _UNFIT.sub("_", call.name)[:_LONGEST_NAME] or "unnamed"
        is_cut = cut_off and place == len(calls) - 1
        arguments, problem = _arguments(call.arguments, is_cut=is_cut)
        if plain not in names:
            problem = unknown(call.name, names)
        if ended_by:
            problem = f"Not carried out: it stands behind {ended_by}."
        if place >= MOST_CALLS:
            problem = f"Not carried out: an answer may hold {MOST_CALLS} calls. Call it again."
        id = call.id if call.id.strip() and call.id not in used else _make_id(place, call, used)
        used.add(id)
        if not problem and (plain in ENDING or plain in endings):
            ended_by = plain
        results.append(Settled(ToolCall(id=id, name=plain, arguments=arguments), problem))
    return results


def unknown(name: str, names: Collection[str]) -> str:
    """The reply to a call of an unknown tool."""
    return f"There is no tool {printable(name)[:_LONGEST_NAME]!r}. There are: {', '.join(names)}."


def _arguments(raw: str, *, is_cut: bool) -> tuple[str, str]:
    """Arguments for the history, and the problem with them."""
    try:
        if is_cut and not raw.strip():
            raise ValueError("nothing of them came")
        value = _unwrapped(raw)
    except (ValueError, RecursionError) as error:
        return "{}", _CUT_OFF if is_cut else f"Not carried out: its arguments are no JSON object: {error}."
    try:
        is_plain = isinstance(json.loads(raw, parse_constant=_refused), dict)
    except (ValueError, RecursionError):
        is_plain = False
    return raw if is_plain else json.dumps(value), ""


_CUT_OFF = (
    "Not carried out: your answer was cut off at its length limit within this call. "
    "Write less in one answer, such as a long file in parts."
)


def _unwrapped(raw: str) -> JsonObject:
    """Parse a call's arguments: an object, also within a JSON string, and with raw line ends in strings."""
    value: object = raw
    for _ in range(_WRAPPED):
        if isinstance(value, str):
            value = json.loads(value.strip() or "{}", strict=False, parse_constant=_refused)
    if value is not None and not isinstance(value, dict):
        raise ValueError(printable(str(value))[:_LONGEST_NAME])
    json.dumps(value, ensure_ascii=False).encode()  # half of a character can't be sent to a model again
    return value or {}


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _make_id(place: int, call: ToolCall, used: Collection[str]) -> str:
    """Make an id of nine letters and digits from the call, its place and the used ids."""
    id = ""
    while not id or id in used:
        content = json.dumps([place, id, call.name, call.arguments])
        id = hashlib.sha256(content.encode()).hexdigest()[:_ID_LENGTH]
    return id
