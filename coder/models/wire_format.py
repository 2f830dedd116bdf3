"""Conversations as chat completions and the Responses API take them."""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import cast

from pydantic import JsonValue

from coder.models.model import ChatMessage, Image, JsonObject, ToolSpec

_PICTURES = "The pictures of the results above, in their order:"


def chat_messages(
    messages: Sequence[ChatMessage],
    *,
    marked: AbstractSet[int] = frozenset(),
    dropped: AbstractSet[str] = frozenset(),
) -> list[JsonObject]:
    """`messages` of chat completions, with cache marks behind some, and without dropped fields."""
    wired = [_chat_message(message, mark=at in marked) for at, message in enumerate(messages)]
    for message, fields in zip(messages, wired, strict=True):
        for place, text in message.opaque.items if message.opaque is not None else ():
            calls = cast(list[JsonObject], fields.get("tool_calls", ()))
            kept = {name: value for name, value in json.loads(text).items() if name not in dropped}
            (calls[place - 1] if place else fields).update(kept)
    return wired


def pictures_apart(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages, pictures of results moved into a user's message behind all results of an answer."""
    apart: list[ChatMessage] = []
    pictures: list[Image] = []
    for message, after in zip(messages, [*messages[1:], None], strict=True):
        if message.role == "tool" and message.images:
            pictures += message.images
            message = message.model_copy(update={"images": ()})
        apart.append(message)
        if pictures and (after is None or after.role != "tool"):
            apart.append(ChatMessage(role="user", content=_PICTURES, images=tuple(pictures)))
            pictures = []
    return apart


def response_input(messages: Sequence[ChatMessage]) -> list[JsonObject]:
    """`input` of the Responses API."""
    return [item for message in messages for item in _response_items(message)]


def function_of(tool: ToolSpec) -> JsonObject:
    """A tool as both interfaces describe it."""
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def in_place(message: ChatMessage, text_parts: list[JsonObject], calls: list[JsonObject]) -> list[JsonObject]:
    """Parts of an answer with its opaque items at their places; items behind all others are left out."""
    items = message.opaque.items if message.opaque is not None else ()
    parts: list[JsonObject] = []
    for at, slot in enumerate([text_parts, *([call] for call in calls)]):
        parts += [json.loads(text) for place, text in items if place == at]
        parts += slot
    return parts


def _chat_message(message: ChatMessage, *, mark: bool = False) -> JsonObject:
    wired: JsonObject = {"role": message.role, "content": message.content}
    if message.images or (mark and message.content):
        text: JsonObject = {"type": "text", "text": message.content}
        if mark:
            text["cache_control"] = {"type": "ephemeral"}
        pictures: list[JsonValue] = [
            {"type": "image_url", "image_url": {"url": image.url}} for image in message.images
        ]
        wired["content"] = [text, *pictures]
    if message.tool_calls:
        wired["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wired["tool_call_id"] = message.tool_call_id
    return wired


def _response_items(message: ChatMessage) -> list[JsonObject]:
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
    items: list[JsonObject] = []
    if message.role == "assistant" and (message.content or not message.tool_calls):
        items.append({"role": "assistant", "content": message.content})
    elif message.role != "assistant":
        parts: list[JsonValue] = [{"type": "input_text", "text": message.content}]
        parts += [
            {"type": "input_image", "detail": "auto", "image_url": image.url} for image in message.images
        ]
        items.append({"role": message.role, "content": parts})
    called: list[JsonObject] = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return in_place(message, items, called)
