"""Manners: what is sent to an endpoint, less the parameters that it has refused before."""

import re
from collections.abc import Sequence
from typing import Any

from coder.models.endpoint import Endpoint
from coder.models.model import ChatMessage, Sampling

# An endpoint may lack any of these, and the request still means the same or nearly so.
OPTIONAL = ("stream_options", "max_completion_tokens", "max_tokens", "temperature", "top_p", "seed")


class Manners:
    """What one endpoint accepts, learned from its refusals and kept for the life of the connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._limit_field = endpoint.limit_field
        self._dropped: set[str] = set()

    def body(self, messages: Sequence[ChatMessage], sampling: Sampling) -> dict[str, Any]:
        """Keyword arguments for `chat.completions.create`."""
        options: dict[str, Any] = {
            "stream_options": {"include_usage": True},
            self._limit_field: sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        return {
            "model": self._endpoint.model,
            "messages": [message.model_dump() for message in messages],
            "stream": True,
            **{
                name: value
                for name, value in options.items()
                if value is not None and name not in self._dropped
            },
        }

    def learn(self, refusal: str, body: dict[str, Any]) -> bool:
        """Take a refused parameter out of later bodies; False where the refusal names none that was sent."""
        refused = next((name for name in OPTIONAL if name in body and _names(refusal, name)), None)
        if refused is None:
            return False
        if refused == "max_tokens" and _names(refusal, "max_completion_tokens"):
            self._limit_field = "max_completion_tokens"
        self._dropped.add(refused)
        return True


def _names(text: str, parameter: str) -> bool:
    return re.search(rf"(?<![a-z_]){parameter}(?![a-z_])", text) is not None
