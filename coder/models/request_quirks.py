"""RequestQuirks: requests to an endpoint, without parameters that it has refused."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from coder.models.abilities import LEAST_IN_CONTEXT
from coder.models.endpoint import Api, Endpoint
from coder.models.model import ChatMessage, Form, Sampling
from coder.models.tokens import input_tokens
from coder.models.wire_format import chat_messages, function_of, pictures_apart, response_input

KEY_FIELD = "prompt_cache_key"
CONVERSATION_HEADER = "x-grok-conv-id"
SENT_BACK = ("reasoning_content", "reasoning_details")
"""Fields of an assistant's message that most endpoints don't know."""
LIMIT_FIELDS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_DRAWN = ("temperature", "top_p", "seed", "random_seed", "stop", "top_logprobs", "logprobs")
_FIXED = ("temperature", "top_p", "seed", "random_seed")
"""What a model that draws in its own way refuses."""
_REASONING = ("reasoning_effort", "include", "reasoning", "output_config", "thinking")
OPTIONAL = ("stream_options", *LIMIT_FIELDS, *_DRAWN, KEY_FIELD, *_REASONING, *SENT_BACK)
"""What an endpoint may lack, and the request still means nearly the same."""
ALSO_CALLED = {"output_config": ("effort", "thinking")}
"""Other words for a parameter in a refusal of it."""
UNKNOWN_MOST = 64_000
"""Tokens of an answer if unknown; Anthropic's interface needs a number."""
_NUMBER = re.compile(r"(?<![\w.-])\d{1,3}(?:,\d{3})+(?![\w-])|(?<![\w.-])\d{4,9}(?![\w-])")
RESPONSES_ONLY = re.compile(r"v1/responses")


REFUSED: dict[tuple[str, str], set[str]] = {}
"""Parameters that models have refused in this process, by the endpoint's place and the model's name."""


class RequestQuirks:
    """Parameters that one endpoint accepts, by the catalogue and by its refusals in this process."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._limit_field = endpoint.limit_field
        self._dropped = REFUSED.setdefault((endpoint.place, endpoint.model), set())
        if endpoint.draws is False:
            self._dropped.update(_FIXED)
        self._most: int | None = None
        """Most tokens of an answer, as the endpoint has said."""
        self._context: int | None = None
        """Most tokens of a prompt with its answer, as the endpoint has said."""
        self.api: Api = endpoint.api

    def body(
        self, messages: Sequence[ChatMessage], sampling: Sampling, form: Form | None = None
    ) -> dict[str, Any]:
        """Body of a request to chat completions or the Responses API."""
        most = sampling.max_tokens or (UNKNOWN_MOST if self.api == "messages" else None)
        if most is not None:
            tokens_in = input_tokens(messages, form)
            room = None if self._context is None else max(LEAST_IN_CONTEXT, self._context - tokens_in)
            most = min(limit for limit in (most, self._most, room) if limit is not None)
        messages = [self._own(message) for message in messages]
        if self.api != "messages":
            messages = pictures_apart(messages)
        effort = None if self._endpoint.reasons is False else sampling.effort
        tools = [function_of(tool) for tool in form.tools] if form is not None else []
        own: Mapping[str, object]
        if self.api == "messages":
            from coder.models.anthropic_messages import request_fields

            own = request_fields(messages, sampling, form, most=most, effort=effort, dropped=self._dropped)
        elif self.api == "responses":
            own = {
                "input": response_input(messages),
                "store": False,
                "include": ["reasoning.encrypted_content"],
                "reasoning": {"effort": effort} if effort else None,
                "max_output_tokens": most,
                "tools": [{"type": "function", "strict": False, **tool} for tool in tools] or None,
            }
        else:
            own = {
                "messages": chat_messages(
                    messages,
                    marked=marked(messages) if self._endpoint.marks_caches else frozenset(),
                    dropped=self._dropped,
                ),
                "reasoning_effort": effort,
                "stream_options": {"include_usage": True},
                self._limit_field: most,
                self._endpoint.seed_field: sampling.seed,
                "stop": list(sampling.stop) or None,
                "logprobs": True if sampling.alternatives else None,
                "top_logprobs": sampling.alternatives or None,
                "tools": [{"type": "function", "function": tool} for tool in tools] or None,
            }
        drawn = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        fields = {**own, **(drawn if self.api != "messages" else {})}
        caching = self._endpoint.caching
        if caching == "key" or (caching == "conversation" and self.api == "responses"):
            fields[KEY_FIELD] = cache_key(messages)
        kept = {name: v for name, v in fields.items() if v is not None and name not in self._dropped}
        return {"model": self._endpoint.model, "stream": True, **kept}

    def headers(self, messages: Sequence[ChatMessage]) -> dict[str, str]:
        """Headers of this request only."""
        if self._endpoint.caching != "conversation" or self.api != "chat":
            return {}
        return {CONVERSATION_HEADER: cache_key(messages)}

    @property
    def source(self) -> str:
        """Source of an answer, to which its opaque parts are returned."""
        return f"{self.api} {self._endpoint.name}"

    def _own(self, message: ChatMessage) -> ChatMessage:
        """The message without another model's opaque fields, and pictures that this one can't see."""
        sees = self._endpoint.sees
        if message.images and (sees is False or (sees is None and message.role == "tool")):
            return message.model_copy(update={"images": ()})
        if message.opaque is None or message.opaque.source == self.source:
            return message
        return message.model_copy(update={"opaque": None})

    def learn(self, refusal: str, body: dict[str, Any]) -> bool:
        """Drop a refused parameter from later bodies; False if the refusal names none that was sent."""
        kept = {name for message in body.get("messages", ()) for name in SENT_BACK if name in message}
        sent = [name for name in OPTIONAL if name in body or name in kept]
        words = {name: (name, *ALSO_CALLED.get(name, ())) for name in sent if name not in self._dropped}
        refused = next(
            (n for n, forms in words.items() if any(_names(refusal, form) for form in forms)), None
        )
        if refused is None:
            return False
        if refused in LIMIT_FIELDS and self._most is None:
            below = (number for number in _numbers(refusal) if number < body[refused])
            self._most = max(below, default=None)
            if self._most is not None:
                return True
        if refused == "max_tokens" and self.api == "messages":  # there, it can't be left out
            previous, self._context = self._context, max(_numbers(refusal), default=None)
            return previous is None and self._context is not None
        if refused == "max_tokens" and _names(refusal, "max_completion_tokens"):
            self._limit_field = "max_completion_tokens"
        self._dropped.add(refused)
        return True

    def learn_context(self, refusal: str, body: dict[str, Any]) -> bool:
        """Limit answers to the context's rest; False where that can't help, or the context is known."""
        numbers = _numbers(refusal) if self.api != "messages" else []  # what was sent stands there first
        if self._context is not None or not numbers or not any(name in body for name in LIMIT_FIELDS):
            return False
        self._context = numbers[0]
        return True

    def learn_interface(self, refusal: str) -> bool:
        """Switch to the Responses API if a refusal says that the model requires it."""
        if self.api != "chat" or not RESPONSES_ONLY.search(refusal):
            return False
        self.api = "responses"
        return True


def _numbers(refusal: str) -> list[int]:
    """Numbers in a refusal that may be limits, in order."""
    numbers = [int(number.replace(",", "")) for number in _NUMBER.findall(refusal)]
    return [number for number in numbers if number >= LEAST_IN_CONTEXT]


def _names(text: str, parameter: str) -> bool:
    return re.search(rf"(?<![a-z_]){parameter}(?![a-z_])", text) is not None


def beginning(messages: Sequence[ChatMessage]) -> int:
    """Number of messages up to the user's first, which holds the task."""
    first = next((at for at, message in enumerate(messages) if message.role == "user"), len(messages) - 1)
    return first + 1


def cache_key(messages: Sequence[ChatMessage]) -> str:
    """Key shared by conversations with the same beginning, without its content."""
    start = messages[: beginning(messages)]
    return hashlib.sha256("\n".join(message.model_dump_json() for message in start).encode()).hexdigest()[:32]


def marked(messages: Sequence[ChatMessage]) -> frozenset[int]:
    """Messages after which a cache pays off: the beginning, and the last result of a tool."""
    marks = {beginning(messages) - 1}
    if messages and messages[-1].role == "tool":
        marks.add(len(messages) - 1)
    return frozenset(marks)
