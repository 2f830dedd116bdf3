"""Switching: who answers in a conversation can change between two messages."""

from contextlib import AsyncExitStack
from dataclasses import replace

from coder.config.schema import Config
from coder.console.answerer import Answerer, opened
from coder.console.screen import Screen
from coder.errors import UsageError
from coder.models.model import Model
from coder.models.roles import Asked


class Models:
    """Who answers now. Another one can take over; who answered before is closed then."""

    def __init__(self, answerer: Answerer, screen: Screen) -> None:
        """Take what the user said about the model."""
        self._answerer = answerer
        self._screen = screen
        self._stack = AsyncExitStack()

    async def open(self) -> Model:
        """The model that was named, or can be found here.

        Raises:
            UsageError: a name, a price or a file that can't be used.
            ModelAuthError: no key is set for its provider.
        """
        return await self._opened(self._answerer)

    async def switch(self, name: str) -> tuple[Model, dict[str, object]]:
        """Another one by its name, and what Settings say of it; where that fails, the one before stays.

        A name that is no provider's is one of the endpoint that the user has named, if there is one.

        Raises:
            UsageError: the name can't be used, or no price is known and there is a limit of cost.
            ModelAuthError: no key is set for its provider.
        """
        before = self._answerer.asked
        places = (None,) if before.base_url is None else (None, before.base_url)
        for place in places:
            asked = Asked(model=name, base_url=place, roles=before.roles)
            try:
                model = await self._opened(replace(self._answerer, asked=asked, replay=None, price=None))
            except UsageError:
                if place == places[-1]:
                    raise
            else:
                break
        named = Config(model=name, base_url=place).answering(None)
        return model, named | {"fallbacks": (), "roles": dict(before.roles), "price": None}

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()

    async def _opened(self, answerer: Answerer) -> Model:
        stack = AsyncExitStack()
        model = await stack.enter_async_context(opened(answerer, self._screen.note))
        await self._stack.aclose()
        self._stack = stack
        return model
