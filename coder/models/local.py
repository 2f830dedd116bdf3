"""LocalModel: a GGUF file answered by llama.cpp on this machine, through ChatModel like any endpoint."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from coder.models.abilities import Abilities, known_limit, own_limit
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import LOCAL_PATIENCE, Endpoint, Limits, Patience
from coder.models.llama import Llama
from coder.models.model import Answer, ChatMessage, Form, OnRetry, Sampling

EMBEDDED_CONTEXT = 4096
"""Tokens, prompt and answer together: what its recordings were made with."""
CONTEXT = 8192
"""Context of weights that the user names: most models read it, and it fits into most machines' memory."""


class LocalModel:
    """A model on this machine. It loads at the first question (the embedded one in 0.5 s)."""

    def __init__(
        self,
        weights: Path,
        *,
        name: str,
        context: int = EMBEDDED_CONTEXT,
        patience: Patience = LOCAL_PATIENCE,
    ) -> None:
        self._weights = weights
        self._name = name
        self._context = context
        self._patience = patience
        self._loading = asyncio.Lock()
        self._server: Llama | None = None
        self._chat: ChatModel | None = None

    @property
    def name(self) -> str:
        """`local/` and the name of the weights."""
        return self._name

    @property
    def abilities(self) -> Abilities:
        """It reads as much as it was loaded for; an answer may fill half of that."""
        return Abilities(context=self._context, max_output=own_limit(self._name, self._context // 2))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Nothing: it runs here."""
        return Decimal(0)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """Answer one conversation.

        Raises:
            ModelRefused: the conversation is longer than the model's context.
            ModelUnavailable: the weights can't be loaded, or the server died.
        """
        chat = await self.load()
        # A weak model may ramble until it is stopped.
        capped = sampling.model_copy(update={"max_tokens": known_limit(self, sampling)})
        answer = await chat.answer(messages, sampling=capped, form=form, on_token=on_token, on_retry=on_retry)
        # llama.cpp reports the path of its file, which doesn't belong in a log.
        return answer.model_copy(update={"model": self._weights.stem})

    async def load(self) -> ChatModel:
        """Load the weights, unless they are; again after the server died.

        Raises:
            ModelUnavailable: they can't be loaded; the message ends with the last lines of the log.
        """
        async with self._loading:
            if self._chat is None or self._server is None or not self._server.running:
                await self.close()
                self._server = await Llama.start(self._weights, context=self._context)
                self._chat = ChatModel(self._endpoint(self._server), patience=self._patience)
            return self._chat

    async def close(self) -> None:
        """Close the connection and end the child process. Idempotent."""
        chat, server = self._chat, self._server
        self._chat = self._server = None
        try:
            if chat is not None:
                await chat.close()
        finally:
            if server is not None:
                await server.stop()

    def _endpoint(self, server: Llama) -> Endpoint:
        return Endpoint(
            name=self._name,
            model=self._weights.stem,
            url=SecretStr(server.url),
            key=SecretStr(server.key),
            is_local=True,
            is_free=True,
            reasons=False,
            limits=Limits(concurrency=1),  # it has one slot: a call that waits there would look dead
        )
