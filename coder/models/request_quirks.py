"""RequestQuirks: build requests to an endpoint without parameters that it has refused."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from coder.models.abilities import MIN_REQUESTED
from coder.models.answer_parts import Image
from coder.models.endpoint import Api, Endpoint
from coder.models.model import ChatMessage, Form, Sampling
from coder.models.refused_tools import RefusedTools
from coder.models.tokens import input_tokens
from coder.models.wire_format import chat_messages, function_of, move_pictures, response_input

KEY_FIELD = "prompt_cache_key"
CONVERSATION_HEADER = "x-grok-conv-id"
SENT_BACK = ("reasoning_content", "reasoning_details")
"""Fields of an assistant's message that most endpoints don't know."""
LIMIT_FIELDS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_SAMPLING = ("temperature", "top_p", "seed", "random_seed", "stop", "top_logprobs", "logprobs")
_SAMPLING_VALUES = ("temperature", "top_p", "seed", "random_seed")
"""Parameters that a model without adjustable sampling refuses."""
_REASONING = ("reasoning_effort", "include", "reasoning", "output_config", "thinking")
OPTIONAL = ("stream_options", *LIMIT_FIELDS, *_SAMPLING, KEY_FIELD, *_REASONING, *SENT_BACK)
"""Parameters without which a request still has nearly the same meaning."""
ALSO_CALLED = {"output_config": ("effort", "thinking")}
"""Other names for a parameter in the endpoint's refusal."""
DEFAULT_MAX_OUTPUT = 64_000
"""Maximum tokens of an answer if no limit is known, because Anthropic's API requires one."""
_NUMBER = re.compile(r"(?<![\w.-])\d{1,3}(?:,\d{3})+(?![\w-])|(?<![\w.-])\d{4,9}(?![\w-])")
RESPONSES_ONLY = re.compile(r"v1/responses")


REFUSED: dict[tuple[str, str], set[str]] = {}
"""Parameters that models have refused in this process, by the endpoint's hash and the model's name."""


class RequestQuirks:
    """Parameters that one endpoint accepts, by the catalogue and by its refusals in this process."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._limit_field = endpoint.limit_field
        self._dropped = REFUSED.setdefault((endpoint.place, endpoint.model), set())
        if endpoint.takes_sampling is False:
            self._dropped.update(_SAMPLING_VALUES)
        self._max_output: int | None = None
        """Maximum tokens of an answer, as an endpoint's refusal states it."""
        self._context: int | None = None
        """Maximum tokens of a prompt with its answer, as an endpoint's refusal states it."""
        self.api: Api = endpoint.api
        self.tools = RefusedTools()

    def body(
        self, messages: Sequence[ChatMessage], sampling: Sampling, form: Form | None = None
    ) -> dict[str, Any]:
        """Return the body of a request to any of the three APIs."""
        max_output = sampling.max_tokens or (DEFAULT_MAX_OUTPUT if self.api == "messages" else None)
        if max_output is not None:
            tokens_in = input_tokens(messages, form)
            room = None if self._context is None else max(MIN_REQUESTED, self._context - tokens_in)
            max_output = min(limit for limit in (max_output, self._max_output, room) if limit is not None)
        messages = [self._adapted(message) for message in messages]
        if self.api != "messages":
            messages = move_pictures(messages)
        effort = None if self._endpoint.reasons is False else sampling.effort
        form = self.tools.without(form)
        tools = [function_of(tool) for tool in form.tools] if form is not None else []
        api_fields: Mapping[str, object]
        if self.api == "messages":
            from coder.models.anthropic_messages import request_fields

            api_fields = request_fields(
                messages, sampling, form, max_output=max_output, effort=effort, dropped=self._dropped
            )
        elif self.api == "responses":
            api_fields = {
                "input": response_input(messages),
                "store": False,
                "include": ["reasoning.encrypted_content"],
                "reasoning": {"effort": effort} if effort else None,
                "max_output_tokens": max_output,
                "tools": [{"type": "function", "strict": False, **tool} for tool in tools] or None,
            }
        else:
            api_fields = {
                "messages": chat_messages(
                    messages,
                    marked=marked(messages) if self._endpoint.marks_caches else frozenset(),
                    dropped=self._dropped,
                ),
                "reasoning_effort": effort,
                "stream_options": {"include_usage": True},
                self._limit_field: max_output,
                self._endpoint.seed_field: sampling.seed,
                "stop": list(sampling.stop) or None,
                "logprobs": True if sampling.alternatives else None,
                "top_logprobs": sampling.alternatives or None,
                "tools": [{"type": "function", "function": tool} for tool in tools] or None,
            }
        sampling_fields = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        fields = {**api_fields, **(sampling_fields if self.api != "messages" else {})}
        caching = self._endpoint.caching
        if caching == "key" or (caching == "conversation" and self.api == "responses"):
            fields[KEY_FIELD] = cache_key(messages)
        accepted = {
            name: value for name, value in fields.items() if value is not None and name not in self._dropped
        }
        return {"model": self._endpoint.model, "stream": True, **accepted}

    def headers(self, messages: Sequence[ChatMessage]) -> dict[str, str]:
        """Return the headers of this request only."""
        if self._endpoint.caching != "conversation" or self.api != "chat":
            return {}
        return {CONVERSATION_HEADER: cache_key(messages)}

    @property
    def source(self) -> str:
        """API and model of an answer; opaque data is returned only to the same source."""
        return f"{self.api} {self._endpoint.name}"

    def _adapted(self, message: ChatMessage) -> ChatMessage:
        """Return the message without another model's opaque data, or pictures that this model can't see."""
        images = tuple(image for image in message.images if self._takes(image, message.role))
        if images != message.images:
            return message.model_copy(update={"images": images})
        if message.opaque is None or message.opaque.source == self.source:
            return message
        return message.model_copy(update={"opaque": None})

    def _takes(self, image: Image, role: str) -> bool:
        """Whether a picture is sent; one in a tool's result only if the model is known to accept it."""
        takes = self._endpoint.reads_pdf if image.is_pdf else self._endpoint.sees
        return takes is True or (takes is None and role != "tool")

    def learn(self, refusal: str, body: dict[str, Any]) -> bool:
        """Drop a refused parameter from later bodies; return whether the refusal named one that was sent."""
        sent_back = {name for message in body.get("messages", ()) for name in SENT_BACK if name in message}
        sent = [name for name in OPTIONAL if name in body or name in sent_back]
        words = {name: (name, *ALSO_CALLED.get(name, ())) for name in sent if name not in self._dropped}
        refused = next(
            (parameter for parameter, names in words.items() if any(_names(refusal, form) for form in names)),
            None,
        )
        if refused is None:
            return False
        if refused in LIMIT_FIELDS and self._max_output is None:
            lower_numbers = (number for number in _numbers(refusal) if number < body[refused])
            self._max_output = max(lower_numbers, default=None)
            if self._max_output is not None:
                return True
        if refused == "max_tokens" and self.api == "messages":  # Anthropic's API requires it
            previous, self._context = self._context, max(_numbers(refusal), default=None)
            return previous is None and self._context is not None
        if refused == "max_tokens" and _names(refusal, "max_completion_tokens"):
            self._limit_field = "max_completion_tokens"
        self._dropped.add(refused)
        return True

    def learn_context(self, refusal: str, body: dict[str, Any]) -> bool:
        """Limit answers to the rest of the context; return False if that can't help or is already done."""
        numbers = (
            _numbers(refusal) if self.api != "messages" else []
        )  # Anthropic's message begins with the tokens sent
        if self._context is not None or not numbers or not any(name in body for name in LIMIT_FIELDS):
            return False
        self._context = numbers[0]
        return True

    def learn_interface(self, refusal: str) -> bool:
        """Switch to the Responses API if a refusal requires it; return whether it does."""
        if self.api != "chat" or not RESPONSES_ONLY.search(refusal):
            return False
        self.api = "responses"
        return True


def _numbers(refusal: str) -> list[int]:
    """Return the numbers in a refusal that may be limits, in order."""
    numbers = [int(number.replace(",", "")) for number in _NUMBER.findall(refusal)]
    return [number for number in numbers if number >= MIN_REQUESTED]


def _names(text: str, parameter: str) -> bool:
    return re.search(rf"(?<![a-z_]){parameter}(?![a-z_])", text) is not None


def beginning(messages: Sequence[ChatMessage]) -> int:
    """Return the number of messages up to the user's first message, which contains the task."""
    task_index = next(
        (index for index, message in enumerate(messages) if message.role == "user"), len(messages) - 1
    )
    return task_index + 1


def cache_key(messages: Sequence[ChatMessage]) -> str:
    """Return a hash that conversations with the same beginning share."""
    start = messages[: beginning(messages)]
    return hashlib.sha256("\n".join(message.model_dump_json() for message in start).encode()).hexdigest()[:32]


def marked(messages: Sequence[ChatMessage]) -> frozenset[int]:
    """Return the indices of messages after which a cache pays off: the beginning and the last tool result."""
    indices = {beginning(messages) - 1}
    if messages and messages[-1].role == "tool":
        indices.add(len(messages) - 1)
    return frozenset(indices)
