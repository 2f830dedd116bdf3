"""Collect fields of a streamed answer that later requests must repeat verbatim.

DeepSeek's `reasoning_content`, OpenRouter's `reasoning_details`, and Gemini's `extra_content` of a call.
"""

from collections.abc import Sequence

from coder.models.model import JsonObject
from coder.models.tokens import field, rows

TEXTS, DETAILS = "reasoning_content", "reasoning_details"
_PIECES = ("text", "summary", "data")
"""Of a detail: what comes in pieces; the last word on anything else counts."""


class KeptFields:
    """Fields collected so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._details: list[JsonObject] = []
        self._on_calls: dict[int, JsonObject] = {}

    def take(self, part: object) -> None:
        """Process one delta."""
        if isinstance(text := field(part, TEXTS), str):
            self._texts.append(text)
        for detail in rows(part, DETAILS):
            if isinstance(detail, dict):
                self._take_detail(detail)

    def keep_on_call(self, place: int, fields: JsonObject) -> None:
        """Keep the fields of the call at this place."""
        self._on_calls[place] = fields

    def _take_detail(self, detail: JsonObject) -> None:
        before = self._details[-1] if self._details else {}
        is_next = "index" in detail and all(detail.get(n) == before.get(n) for n in ("index", "type"))
        if not is_next:
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            previous = before.get(name)
            if name in _PIECES and isinstance(previous, str) and isinstance(value, str):
                before[name] = previous + value
            elif value is not None:
                before[name] = value

    def items(self, calls: Sequence[int]) -> list[tuple[int, JsonObject]]:
        """Each with its place, as `Opaque` counts, for the calls at these places of the stream."""
        fields: JsonObject = {DETAILS: [*self._details]} if self._details else {}
        if self._texts and calls:
            fields[TEXTS] = "".join(self._texts)
        whole = [(0, fields)] if fields else []
        places = ((n, at) for n, at in enumerate(calls, start=1) if at in self._on_calls)
        return [*whole, *((n, self._on_calls[at]) for n, at in places)]
