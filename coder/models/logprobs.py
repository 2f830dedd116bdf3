"""Alternatives: other beginnings of an answer, by their probability.

Many endpoints tell, beside each token of an answer, which others were likely there. The text up to such a
place, with another token in it, is a beginning that the model can continue. A small model knows better
where it hesitated than chance does: branching at the first token is from Wang and Zhou, "Chain-of-Thought
Reasoning Without Prompting" (2024, arXiv:2402.10200); here it is at any token, the likeliest beginning first.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nlargest

from coder.models.model import Alternative

KEPT = 8
"""Alternatives of one answer that are kept: there are never so many calls for more."""
_MOST_TOKENS = 4096
_MOST_BESIDE = 20
_UNSPEAKABLE = re.compile(r"\A<\|.*\|>\Z|\ufffd|[\ud800-\udfff]")
"""A token that ends an answer, or is a part of a character."""


@dataclass(slots=True)
class Hesitations:
    """Collects log probabilities of an answer's tokens. Any shape of them is accepted."""

    _tokens: list[tuple[str, float, list[tuple[str, float]]]] = field(default_factory=list)

    def take(self, logprobs: object) -> None:
        """Process `logprobs` of a choice of a chat completion."""
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        for entry in content if isinstance(content, list) else ():
            token = _token(entry)
            if token is None or len(self._tokens) >= _MOST_TOKENS:
                return
            others = entry.get("top_logprobs")
            beside = [_token(other) for other in (others if isinstance(others, list) else [])[:_MOST_BESIDE]]
            self._tokens.append((*token, [other for other in beside if other is not None]))

    def alternatives(self, text: str) -> tuple[Alternative, ...]:
        """Other beginnings of this answer, the most likely first."""
        return tuple(nlargest(KEPT, self._all(text), key=lambda one: one.logprob))

    def _all(self, text: str) -> Iterator[Alternative]:
        before, logprob = "", 0.0
        for token, own, others in self._tokens:
            if len(before) >= len(text) or not text.startswith(before):
                return  # behind the answer's end, or not what it is made of
            for other, likely in others:
                begun = before + other
                speaks = other and begun.strip() and not _UNSPEAKABLE.search(other)
                if other != token and speaks and not text.startswith(begun):
                    yield Alternative(text=begun, logprob=min(logprob + likely, 0.0))
            before, logprob = before + token, logprob + own


def _token(entry: object) -> tuple[str, float] | None:
    token = entry.get("token") if isinstance(entry, dict) else None
    logprob = entry.get("logprob") if isinstance(entry, dict) else None
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return (token, float(logprob)) if math.isfinite(logprob) else None
