"""Parts of requests and answers that few calls have: pictures, PDFs, opaque data, alternatives, retries."""

from collections.abc import Callable
from operator import not_
from typing import Literal

from pydantic import Field

from coder.base.text.redact import quotes_secret
from coder.base.usage import Used
from sandbox.result import Value


class Image(Value):
    """A picture, or the pages of a PDF, for the model."""

    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"]
    base64: str = Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")
    name: str = Field(default="", exclude_if=not_)
    """Name of the file; only PDFs have one."""

    @property
    def is_pdf(self) -> bool:
        """Whether these are the pages of a PDF."""
        return self.media_type == "application/pdf"

    @property
    def url(self) -> str:
        """The content as a `data:` URL."""
        return f"data:{self.media_type};base64,{self.base64}"


class Opaque(Value):
    """Data that a model requires back verbatim, such as encrypted reasoning; we don't interpret it."""

    source: str
    """API, provider and model of the answer; the data is sent only to them."""
    items: tuple[tuple[int, str], ...]
    """Place and JSON of each item. Place 0 is before the answer's text, n is before the n-th call."""

    def unless_secret(self, redact: Callable[[str], str]) -> "Opaque | None":
        """Return this data, or None if it quotes a secret, because no part can be removed."""
        return None if any(quotes_secret(text, redact) for _, text in self.items) else self


class Alternative(Value):
    """Another beginning of an answer."""

    text: str
    logprob: float
    """Natural logarithm of the probability of the whole text, at most 0."""


class Continuation(Value):
    """Details of an answer that a model completed from a given beginning."""

    begun: str
    """The beginning that the model was given to complete."""
    alternatives: tuple[Alternative, ...] = Field(default=(), exclude_if=not_)
    """Other beginnings of the answer that the model found likely, the likeliest first."""


class _Event(Value):
    """An event before an answer; it is shown on screen and logged."""

    lost: Used | None = Field(default=None, exclude_if=not_)
    """Usage of the incomplete answer; None if nothing was received."""


class Retry(_Event):
    """A request will be repeated."""

    attempt: int
    wait_s: float
    reason: str


class Switch(_Event):
    """Another model will be called instead."""

    model: str
    """Name (`provider/model`) of the model that did not answer."""
    next: str
    reason: str
