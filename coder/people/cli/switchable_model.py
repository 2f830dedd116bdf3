"""SwitchableModel: the open model of a conversation, which another one can replace between messages."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from coder.base.errors import UsageError
from coder.config.schema import answering_fields
from coder.models.model import Model
from coder.models.roles import Asked
from coder.run.settings import Settings

OpenModels = Callable[[Asked, Settings], AbstractAsyncContextManager[Model]]
"""`open_models` without its other arguments."""


class SwitchableModel:
    """Holder of at most one open model."""

    def __init__(self, opening: OpenModels, models: Asked, settings: Settings) -> None:
        """Initialize with the function that opens models, the user's choice of models, and the settings."""
        self._opening, self._models, self._settings = opening, models, settings
        self._open = AsyncExitStack()

    async def open(self) -> Model:
        """Open the models that the user named. Raises the errors of `open_models`."""
        return await self._replace(self._models, self._settings)

    async def switch(self, name: str) -> tuple[Model, dict[str, object]]:
        """Open another model by name; return it and its settings. If that fails, the current model stays.

        A name without a provider refers to the user's endpoint, if one is set.

        Raises:
            UsageError: there is no such model.
        """
        models = Asked(model=name, roles=self._models.roles)
        endpoint_models = self._models.model_copy(update={"model": name, "fallback": ()})
        settings = self._settings.model_copy(update={"replay": None, "price": None})
        try:
            model = await self._replace(models, settings)
        except UsageError:
            if endpoint_models == models:
                raise
            models, model = endpoint_models, await self._replace(endpoint_models, settings)
        return model, {**answering_fields(models, None), "price": None}

    async def close(self) -> None:
        """Close the model."""
        await self._open.aclose()

    async def _replace(self, models: Asked, settings: Settings) -> Model:
        stack = AsyncExitStack()
        model = await stack.enter_async_context(self._opening(models, settings))
        await self._open.aclose()
        self._open = stack
        return model
