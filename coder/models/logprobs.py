"""Find other beginnings of an answer, by their probability.

Many endpoints report other likely tokens for each token of an answer. The text before a token, with another
token appended, is a beginning that the model can continue. For a small model this is better than sampling
at random. Branching at the first token is from Wang and Zhou, "Chain-of-Thought Reasoning Without Prompting"
(2024, arXiv:2402.10200); here the answer may branch at any token.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nlargest

from coder.models.answer_parts import Alternative

MAX_ALTERNATIVES = 8
"""Keep at most this many alternatives of one answer; no strategy calls for more."""
_MAX_TOKENS = 4096
_MAX_OTHERS = 20
_NO_TEXT = re.compile(r"\A<\|.*\|>\Z|\ufffd|[\ud800-\udfff]")
"""A token that ends an answer, or contains only a part of a character."""


@dataclass(slots=True)
class Hesitations:
    """Collects the log probabilities of an answer's tokens; malformed ones are ignored."""

    _tokens: list[tuple[str, float, list[tuple[str, float]]]] = field(default_factory=list)

    def take(self, logprobs: object) -> None:
        """Process the field `logprobs` of a choice of a chat completion."""
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        for entry in content if isinstance(content, list) else ():
            token = _token(entry)
            if token is None or len(self._tokens) >= _MAX_TOKENS:
                return
            others = entry.get("top_logprobs")
            other_tokens = [
                _token(other) for other in (others if isinstance(others, list) else [])[:_MAX_OTHERS]
            ]
            self._tokens.append((*token, [other for other in other_tokens if other is not None]))

    def alternatives(self, text: str) -> tuple[Alternative, ...]:
        """Return other beginnings of this answer, the most likely first."""
        return tuple(nlargest(MAX_ALTERNATIVES, self._all(text), key=lambda alternative: alternative.logprob))

    def _all(self, text: str) -> Iterator[Alternative]:
        before, logprob = "", 0.0
        for token, token_logprob, others in self._tokens:
            if len(before) >= len(text) or not text.startswith(before):
                return  # after the answer's end, or the tokens don't match the answer
            for other, other_logprob in others:
                beginning = before + other
                is_text = other and beginning.strip() and not _NO_TEXT.search(other)
                if other != token and is_text and not text.startswith(beginning):
                    yield Alternative(text=beginning, logprob=min(logprob + other_logprob, 0.0))
            before, logprob = before + token, logprob + token_logprob


def _token(entry: object) -> tuple[str, float] | None:
    token = entry.get("token") if isinstance(entry, dict) else None
    logprob = entry.get("logprob") if isinstance(entry, dict) else None
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return (token, float(logprob)) if math.isfinite(logprob) else None
