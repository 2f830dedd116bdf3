"""Embedders: turn texts into vectors, by an OpenAI-compatible endpoint or by wordllama on this machine."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from math import isfinite, sqrt
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from coder.base.errors import MissingExtra, ModelError, ModelRefused, ModelUnavailable, UsageError
from coder.base.usage import Usage
from coder.models import faults
from coder.models.connection import EndpointConnection, StatusError
from coder.models.endpoint import Endpoint, Patience, patience_with
from coder.models.find_model import USUAL_KEY, resolve
from coder.models.model import ChatMessage
from coder.models.providers import cost, find_provider, providers
from coder.models.retries import Passing, SilenceClock, lane_of, retry_passing
from coder.models.tokens import field, input_tokens, rows, usage_of

WORDLLAMA = "wordllama"
BATCH = 32
"""Number of texts in one request."""
_ATTEMPTS = 3
_NO_USAGE = Usage()
Vector: TypeAlias = "array[float]"
"""Vector of length 1."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of some texts, in order; None for a text without a vector, such as an empty text."""

    vectors: Sequence[Vector | None]
    usage: Usage = _NO_USAGE
    cost_usd: Decimal | None = Decimal(0)
    """None: the price is unknown."""


class Embedder(Protocol):
    """A model that makes vectors of texts."""

    @property
    def name(self) -> str:
        """Name for events and the screen."""

    @property
    def identity(self) -> str:
        """Name with version or address: vectors of equal identities can be compared."""

    def reserve(self, texts: Sequence[str]) -> tuple[int, Decimal | None]:
        """Return an upper estimate of tokens and US dollars; None: the price is unknown."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed at most `BATCH` texts. Raises ModelError if the endpoint refuses or doesn't answer."""

    async def close(self) -> None:
        """Close connections. Idempotent."""


async def resolve_embedder(name: str, *, environ: Mapping[str, str]) -> Embedder:
    """Return the embedder of this name: `wordllama`, `provider/model` or `name@https://…`.

    OpenAI's usual key is only sent to OpenAI's address, because the main model may use that key.

    Raises:
        UsageError: the name is unknown, the model has no `/embeddings`, or the extra isn't installed.
        ModelAuthError: the provider's key isn't set.
    """
    if name == WORDLLAMA:
        if find_spec(WORDLLAMA) is None:
            raise MissingExtra("The embedder wordllama", "semantic")
        return WordLlamaEmbedder()
    endpoint = (await resolve(name, environ=environ)).endpoint
    if endpoint is None or endpoint.api == "messages":
        raise UsageError(f"{name} gives no embeddings. Name another --embedder, such as {WORDLLAMA}.")
    openai = find_provider("openai", providers())
    is_elsewhere = "@http" in name and (openai is None or endpoint.host != urlsplit(openai.url).netloc)
    if endpoint.key_variables[:1] == (USUAL_KEY,) and is_elsewhere:
        endpoint = endpoint.model_copy(update={"key": None})
    return EndpointEmbedder(endpoint)


class EndpointEmbedder:
    """A model behind `POST /embeddings` of an OpenAI-compatible endpoint."""

    def __init__(self, endpoint: Endpoint, *, patience: Patience | None = None) -> None:
        self._endpoint = endpoint
        patience = patience or patience_with(endpoint)
        self._patience = patience.model_copy(update={"attempts": min(patience.attempts, _ATTEMPTS)})
        self._connection = EndpointConnection(endpoint)
        self._lane = lane_of(endpoint)

    @property
    def name(self) -> str:
        """`provider/model`."""
        return self._endpoint.name

    @property
    def has_key(self) -> bool:
        """Whether requests have a key."""
        return self._endpoint.key is not None

    @property
    def identity(self) -> str:
        """The model and its address."""
        return f"{self._endpoint.model} {self._endpoint.shown_url}"

    def reserve(self, texts: Sequence[str]) -> tuple[int, Decimal | None]:
        """Return an upper estimate of tokens and US dollars; None: the price is unknown."""
        tokens = input_tokens([ChatMessage(role="user", content=text) for text in texts])
        return tokens, cost(self._endpoint, Usage(input_tokens=tokens))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed at most `BATCH` texts. Raises ModelError if the endpoint refuses or doesn't answer."""
        clock = SilenceClock(self._patience.deadline_s)
        try:
            async with asyncio.timeout(self._patience.deadline_s) as limit:
                ask = partial(self._ask, texts)
                document = await retry_passing(ask, patience=self._patience, clock=clock, on_retry=None)
        except Passing as fault:
            raise faults.final_error(fault, self._endpoint) from None
        except TimeoutError:
            if not limit.expired():
                raise
            seconds = self._patience.deadline_s
            raise ModelUnavailable(f"{self.name} gave no embeddings within {seconds:.3g} s.") from None
        counted_usage = usage_of(field(document, "usage"))
        usage = counted_usage or Usage(input_tokens=self.reserve(texts)[0], is_estimate=True)
        vectors = _vectors(document, count=len(texts))
        if vectors is None:
            raise ModelRefused(
                f"{self.name} answered without one vector for each text: it may embed nothing."
            )
        return Embedded(vectors, usage, cost(self._endpoint, usage))

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._connection.close()

    async def _ask(self, texts: Sequence[str]) -> object:
        await self._connection.open()
        from httpx2 import RequestError

        from coder.models.http_bounds import TooLarge

        body = {"model": self._endpoint.model, "input": list(texts)}
        try:
            async with self._lane.slot():
                return await self._connection.embeddings(body)
        except Passing as passing:
            passing.reason = faults.shorten_message(passing.reason, self._endpoint)
            fault: Exception = passing
        except StatusError as error:
            is_missing = error.status == 404 or error.code == "model_not_found"
            find_fault = partial(faults.not_found, listed=()) if is_missing else faults.status_fault
            fault = find_fault(error, self._endpoint)
        except RequestError as error:
            fault = faults.connection_fault(error, self._endpoint)
        except TooLarge:
            fault = ModelError(f"{self.name} sent more than anyone could use, and was cut off.")
        raise fault  # outside of the handlers: the errors above may quote the key


def _vectors(document: object, *, count: int) -> list[Vector | None] | None:
    """Return the vectors of an answer in the order of the texts; None if they don't match the texts."""
    vectors: dict[int, Vector | None] = {}
    sizes: set[int] = set()
    for position, row in enumerate(rows(document, "data")):
        index, numbers = field(row, "index"), field(row, "embedding")
        if not isinstance(numbers, list) or not numbers:
            return None
        try:
            vector = array("f", numbers)
        except (TypeError, OverflowError):
            return None
        sizes.add(len(vector))
        vectors[index if type(index) is int else position] = normalized(vector)
    if vectors.keys() != set(range(count)) or len(sizes) != 1:
        return None
    return [vectors[index] for index in range(count)]


def normalized(vector: Vector) -> Vector | None:
    """Return a vector with length 1; None if it has no direction, or a number isn't finite."""
    length = sqrt(sum(number * number for number in vector))
    return array("f", (number / length for number in vector)) if length and isfinite(length) else None


class WordLlamaEmbedder:
    """wordllama's vectors of 256 numbers, from the weights in its package; nothing is downloaded."""

    def __init__(self) -> None:
        self._model: object = None

    @property
    def name(self) -> str:
        """The name of the package."""
        return WORDLLAMA

    @property
    def identity(self) -> str:
        """The package, which contains the weights, with its version."""
        return f"{WORDLLAMA} {version(WORDLLAMA)}"

    def reserve(self, texts: Sequence[str]) -> tuple[int, Decimal | None]:
        """Return zeros: it costs nothing."""
        return 0, Decimal(0)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed texts in a thread. Raises ModelError if the package can't be used."""
        try:
            return Embedded(await asyncio.to_thread(self._embed, texts))
        except Exception as error:  # a package with compiled parts may raise anything
            reason = f"{type(error).__name__}: {error}"
            raise ModelUnavailable(f"wordllama can't embed these texts: {reason}") from error

    async def close(self) -> None:
        """Do nothing, because there are no connections."""

    def _embed(self, texts: Sequence[str]) -> list[Vector | None]:
        self._model = self._model or _load_wordllama()
        # wordllama divides by the number of tokens, which is 0 for an empty text.
        filled = [index for index, text in enumerate(texts) if text.strip()]
        vectors: list[Vector | None] = [None] * len(texts)
        if filled:
            table = self._model.embed([texts[index] for index in filled])  # type: ignore[attr-defined]
            for index, row in zip(filled, table, strict=True):
                vectors[index] = normalized(array("f", row.tolist()))
        return vectors


def _load_wordllama() -> object:
    """Load the weights of the package, without its set-up of the root logger."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)  # so that `logging.basicConfig` of the package does nothing
    try:
        import wordllama
    finally:
        root.removeHandler(placeholder)
    folder = Path(wordllama.__file__).parent  # its tokenizer's file isn't found otherwise
    model: object = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    return model
