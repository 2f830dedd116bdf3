"""Anthropic's Messages API: requests and answers.

Signed thinking is sent back at its position. At most four cache marks are set: after the tools, after the
system prompt, and after the user's last two messages.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby

from coder.models.model import ChatMessage, Effort, Form, JsonObject, Sampling, Usage
from coder.models.stream import Finish, Unfinished
from coder.models.tokens import count, counted, field, rows, word
from coder.models.wire_format import insert_opaque

THINKING_TOKENS: dict[Effort, int] = {"low": 4096, "medium": 16_384, "high": 32_768}
"""Budget of thinking, for models that don't accept an effort."""
MIN_THINKING = 1024
_CACHE_MARK: JsonObject = {"cache_control": {"type": "ephemeral"}}
_MARKED_TURNS = 2
"""Number of the user's last messages with cache marks: the ends of this request and the previous one."""
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]")
_FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_FIELD_BY_DELTA = {"thinking_delta": "thinking", "signature_delta": "signature"}


def request_fields(
    messages: Sequence[ChatMessage],
    sampling: Sampling,
    form: Form | None,
    *,
    max_output: int | None,
    effort: Effort | None,
    dropped: AbstractSet[str],
) -> dict[str, object]:
    """Return the fields of a request. If `output_config` was refused, effort becomes a thinking budget."""
    system: list[JsonObject] = [
        _text(message.content) for message in messages if message.role == "system" and message.content
    ]
    tools: list[JsonObject] = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
        for tool in (form.tools if form is not None else ())
    ]
    turns = _turns(messages)
    user_turns = [turn for turn in turns if turn["role"] == "user"]
    for parts in (tools, system, *(turn["content"] for turn in user_turns[-_MARKED_TURNS:])):
        if isinstance(parts, list) and parts and isinstance(parts[-1], dict):
            parts[-1] |= _CACHE_MARK
    # Without temperature and top_p: this version of the API refuses both.
    return {
        "system": system or None,
        "messages": turns,
        "tools": tools or None,
        "max_tokens": max_output,
        "stop_sequences": [text for text in sampling.stop if text.strip()] or None,
        **(_thinking(effort, max_output or 0, dropped) if effort is not None else {}),
    }


def _thinking(effort: Effort, max_output: int, dropped: AbstractSet[str]) -> dict[str, object]:
    if "output_config" not in dropped:
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    budget = min(THINKING_TOKENS[effort], max_output // 2)
    if "thinking" in dropped or budget < MIN_THINKING:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _turns(messages: Sequence[ChatMessage]) -> list[JsonObject]:
    """Group messages into alternating turns of user and assistant; results of calls come first in a turn."""
    turns: list[JsonObject] = []
    dialogue = [message for message in messages if message.role != "system"]
    for role, group in groupby(dialogue, lambda one: "assistant" if one.role == "assistant" else "user"):
        convert = _assistant_parts if role == "assistant" else _user_parts
        parts = [part for message in group for part in convert(message)]
        parts.sort(key=lambda part: part["type"] != "tool_result")
        if parts:
            turns.append({"role": role, "content": [*parts]})
    return turns


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _user_parts(message: ChatMessage) -> list[JsonObject]:
    parts = [_text(message.content)] if message.content.strip() else []  # empty texts are refused
    for image in message.images:
        source: JsonObject = {"type": "base64", "media_type": image.media_type, "data": image.base64}
        if image.is_pdf:
            parts.append({"type": "document", "source": source, "title": image.name})
        else:
            parts.append({"type": "image", "source": source})
    if message.tool_call_id is None:
        return parts
    return [{"type": "tool_result", "tool_use_id": _id(message.tool_call_id), "content": [*parts]}]


def _assistant_parts(message: ChatMessage) -> list[JsonObject]:
    text = [_text(message.content.rstrip())] if message.content.strip() else []
    calls: list[JsonObject] = [
        {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": call.parsed()}
        for call in message.tool_calls
    ]
    return insert_opaque(message, text, calls) if text or calls else []


def _id(id: str) -> str:
    """Return a call's id without characters that this API refuses but other models use."""
    return _NOT_IN_ID.sub("_", id)


class MessageReader:
    """Assembles an answer from the events of one stream."""

    def __init__(self) -> None:
        self._thinking: dict[int, JsonObject] = {}
        self._pieces: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._usage: dict[str, object] = {}

    def take(self, unfinished: Unfinished, event: object) -> str:
        """Process one event and return the text that it adds, if any."""
        index = position if isinstance(position := field(event, "index"), int) else -1
        match field(event, "type"):
            case "message_start":
                message = field(event, "message")
                unfinished.seen_choice = True
                unfinished.model = word(message, "model") or unfinished.model
                self._count(unfinished, field(message, "usage"))
            case "content_block_start":
                return self._begin(unfinished, index, field(event, "content_block"))
            case "content_block_delta":
                return self._add(unfinished, index, field(event, "delta"))
            case "content_block_stop":
                self._end(unfinished, index)
            case "message_delta":
                self._count(unfinished, field(event, "usage"))
                self._stop(unfinished, field(event, "delta"))
            case "message_stop":
                unfinished.complete()
            case "message":
                return self._take_whole(unfinished, event)
        return ""

    def _take_whole(self, unfinished: Unfinished, message: object) -> str:
        """Process a message that wasn't streamed and return its text."""
        unfinished.seen_choice = True
        unfinished.model = word(message, "model") or unfinished.model
        texts = []
        for index, block in enumerate(rows(message, "content")):
            texts.append(self._begin(unfinished, index, block))
            if field(block, "type") == "tool_use":
                unfinished.call(index, arguments=json.dumps(field(block, "input")))
            unfinished.think(word(block, "thinking"))
            self._end(unfinished, index)
        self._count(unfinished, field(message, "usage"))
        self._stop(unfinished, message)
        return "".join(texts)

    def _stop(self, unfinished: Unfinished, holder: object) -> None:
        if reason := word(holder, "stop_reason"):
            unfinished.end(_FINISHES.get(reason, "other"))

    def _begin(self, unfinished: Unfinished, index: int, block: object) -> str:
        kind = field(block, "type")
        if kind == "tool_use":
            unfinished.call(index, id=word(block, "id"), name=word(block, "name"))
        if kind in ("thinking", "redacted_thinking") and isinstance(block, dict):
            self._thinking[index] = dict(block)
        return unfinished.say(word(block, "text"))

    def _add(self, unfinished: Unfinished, index: int, delta: object) -> str:
        kind = field(delta, "type")
        if kind == "input_json_delta":
            unfinished.call(index, arguments=word(delta, "partial_json"))
        if isinstance(kind, str) and (name := _FIELD_BY_DELTA.get(kind)):
            self._pieces[index][name].append(word(delta, name))
            unfinished.think(word(delta, "thinking"))
        return unfinished.say(word(delta, "text"))

    def _end(self, unfinished: Unfinished, index: int) -> None:
        """Keep a block of thinking if it has a signature."""
        block = self._thinking.pop(index, None)
        if block is None:
            return
        for name, pieces in self._pieces.pop(index, {}).items():
            block[name] = word(block, name) + "".join(pieces)
        if block.get("signature") or block.get("data"):
            unfinished.keep(block, unfinished.place)

    def _count(self, unfinished: Unfinished, usage: object) -> None:
        """Count tokens so far: `input_tokens` excludes tokens read from or written to the cache."""
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}
        cache_reads = count(self._usage, "cache_read_input_tokens")
        cache_writes = count(self._usage, "cache_creation_input_tokens")
        unfinished.usage = counted(
            Usage(
                input_tokens=count(self._usage, "input_tokens") + cache_reads + cache_writes,
                output_tokens=count(self._usage, "output_tokens"),
                cached_tokens=cache_reads,
                cache_write_tokens=cache_writes,
                reasoning_tokens=count(self._usage.get("output_tokens_details"), "thinking_tokens"),
            )
        )
