"""Collect fields of a streamed answer that later requests must repeat verbatim.

They are DeepSeek's `reasoning_content`, OpenRouter's `reasoning_details`, and a call's `extra_content` of
Gemini.
"""

from collections.abc import Sequence

from coder.models.model import JsonObject
from coder.models.tokens import field, rows

TEXTS, DETAILS = "reasoning_content", "reasoning_details"
_STREAMED_FIELDS = ("text", "summary", "data")
"""Fields of a detail that are streamed in pieces; of other fields, the last value is used."""


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
        """Keep fields of the call at this place in the stream."""
        self._on_calls[place] = fields

    def _take_detail(self, detail: JsonObject) -> None:
        last_detail = self._details[-1] if self._details else {}
        is_next = "index" in detail and all(
            detail.get(key) == last_detail.get(key) for key in ("index", "type")
        )
        if not is_next:
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            previous = last_detail.get(name)
            if name in _STREAMED_FIELDS and isinstance(previous, str) and isinstance(value, str):
                last_detail[name] = previous + value
            elif value is not None:
                last_detail[name] = value

    def items(self, calls: Sequence[int]) -> list[tuple[int, JsonObject]]:
        """Return each item with its place (see `Opaque`), for the calls at these places of the stream."""
        fields: JsonObject = {DETAILS: [*self._details]} if self._details else {}
        if self._texts and calls:
            fields[TEXTS] = "".join(self._texts)
        answer_fields = [(0, fields)] if fields else []
        places = ((number, place) for number, place in enumerate(calls, start=1) if place in self._on_calls)
        return [*answer_fields, *((number, self._on_calls[place]) for number, place in places)]
