"""Convert conversations for chat completions and the Responses API."""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import cast

from pydantic import JsonValue

from coder.models.answer_parts import Image
from coder.models.model import ChatMessage, JsonObject, ToolSpec

_PICTURES_NOTE = "The pictures of the results above, in their order:"


def chat_messages(
    messages: Sequence[ChatMessage],
    *,
    marked: AbstractSet[int] = frozenset(),
    dropped: AbstractSet[str] = frozenset(),
) -> list[JsonObject]:
    """Return `messages` for chat completions, with cache marks after some, and without dropped fields."""
    fields_of_messages = [
        _chat_message(message, mark=index in marked) for index, message in enumerate(messages)
    ]
    for message, fields in zip(messages, fields_of_messages, strict=True):
        for place, text in message.opaque.items if message.opaque is not None else ():
            calls = cast(list[JsonObject], fields.get("tool_calls", ()))
            opaque_fields = {name: value for name, value in json.loads(text).items() if name not in dropped}
            (calls[place - 1] if place else fields).update(opaque_fields)
    return fields_of_messages


def move_pictures(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Move pictures of tool results into a user message after all results of an answer."""
    moved: list[ChatMessage] = []
    pictures: list[Image] = []
    for message, next_message in zip(messages, [*messages[1:], None], strict=True):
        if message.role == "tool" and message.images:
            pictures += message.images
            message = message.model_copy(update={"images": ()})
        moved.append(message)
        if pictures and (next_message is None or next_message.role != "tool"):
            moved.append(ChatMessage(role="user", content=_PICTURES_NOTE, images=tuple(pictures)))
            pictures = []
    return moved


def response_input(messages: Sequence[ChatMessage]) -> list[JsonObject]:
    """Return `input` for the Responses API."""
    return [item for message in messages for item in _response_items(message)]


def function_of(tool: ToolSpec) -> JsonObject:
    """Return the description of a tool, as both APIs require it."""
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def insert_opaque(
    message: ChatMessage, text_parts: list[JsonObject], calls: list[JsonObject]
) -> list[JsonObject]:
    """Return the parts of an answer with its opaque items at their places; later items are omitted."""
    items = message.opaque.items if message.opaque is not None else ()
    parts: list[JsonObject] = []
    for position, slot in enumerate([text_parts, *([call] for call in calls)]):
        parts += [json.loads(text) for place, text in items if place == position]
        parts += slot
    return parts


def _chat_message(message: ChatMessage, *, mark: bool = False) -> JsonObject:
    fields: JsonObject = {"role": message.role, "content": message.content}
    if message.images or (mark and message.content):
        text: JsonObject = {"type": "text", "text": message.content}
        if mark:
            text["cache_control"] = {"type": "ephemeral"}
        pictures: list[JsonValue] = [
            {"type": "file", "file": {"filename": image.name, "file_data": image.url}}
            if image.is_pdf
            else {"type": "image_url", "image_url": {"url": image.url}}
            for image in message.images
        ]
        fields["content"] = [text, *pictures]
    if message.tool_calls:
        fields["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    return fields


def _response_items(message: ChatMessage) -> list[JsonObject]:
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
    items: list[JsonObject] = []
    if message.role == "assistant" and (message.content or not message.tool_calls):
        items.append({"role": "assistant", "content": message.content})
    elif message.role != "assistant":
        parts: list[JsonValue] = [{"type": "input_text", "text": message.content}]
        parts += [
            {"type": "input_file", "filename": image.name, "file_data": image.url}
            if image.is_pdf
            else {"type": "input_image", "detail": "auto", "image_url": image.url}
            for image in message.images
        ]
        items.append({"role": message.role, "content": parts})
    calls: list[JsonObject] = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return insert_opaque(message, items, calls)
