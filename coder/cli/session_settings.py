"""Settings, limits, task and model of a conversation, new or resumed."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from coder.config.schema import Config
from coder.console.answerer import Answerer, opened
from coder.console.screen import Screen
from coder.errors import UsageError
from coder.models.model import Model
from coder.models.roles import Asked
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task

USUAL = {"calls": 200, "seconds": 4 * 3600.0}
"""Limits of a conversation where the user names none: it is many tasks. That of cost is a run's."""


def settings_of(config: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a new conversation."""
    settings = config.settings(allow=tuple(given["allow"] or ()), replay=given["replay"])
    named = settings.budget.model_fields_set
    return _roomy(settings, named=named).model_copy(update={key: given[key] for key in ("commit", "price")})


def settings_from(state: State, flags: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a continued conversation: its own, except what flags set.

    Args:
        flags: what was said on this command line alone.
    """
    before = state.settings if state.settings.chat else _roomy(state.settings, named=_unusual(state.budget))
    said = flags.settings(replay=given["replay"])
    changed = {name: getattr(said, name) for name in said.model_fields_set - {"budget", "keep", "allow"}}
    changed |= {
        "budget": flags.budget(before.budget),
        "allow": tuple(dict.fromkeys((*before.allow, *(given["allow"] or ())))),
        "commit": given["commit"] or before.commit,
        "price": price_of(state, flags, given),
    }
    return before.model_copy(update=changed)


def price_of(state: State, flags: Config, given: Mapping[str, Any]) -> str | None:
    """The price that was given now, or when the conversation began with the model that still answers."""
    named = given["price"] is not None or flags.answering(given["replay"])
    price: str | None = given["price"] if named else state.settings.price
    return price


def gone_on_with(before: Task, given: Task) -> Task:
    """The task of a continued conversation, with the commands that flags set."""
    named = {
        "test_command": given.test_command or before.test_command,
        "read": tuple(dict.fromkeys((*before.read, *given.read))),
    }
    return before.model_copy(update=named)


def _roomy(settings: Settings, *, named: set[str]) -> Settings:
    """Settings with the limits of a conversation in place of a run's, but for those that were named."""
    wider = {name: limit for name, limit in USUAL.items() if name not in named}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=wider)})


def _unusual(budget: Budget) -> set[str]:
    """The limits of a run that aren't the defaults: the log doesn't say which were set."""
    return {name for name in USUAL if getattr(budget, name) != getattr(Budget(), name)}


class Models:
    """The current model. Another one can replace it; the previous one is closed."""

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
