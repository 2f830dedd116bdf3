"""The models of a run: as its settings name them, and the same ones at a resume."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.models.model import Model
from coder.models.roles import Asked, check_vision, open_roles, resolve_roles
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.task import Task


def asked_of(settings: Settings) -> Asked:
    """The models that the settings name."""
    return Asked(
        model=settings.model,
        base_url=settings.base_url,
        fallbacks=settings.fallbacks,
        roles=settings.roles,
    )


@asynccontextmanager
async def default_model(settings: Settings, task: Task) -> AsyncIterator[Model]:
    """The models that the settings name; without a name one that can be found here."""
    roles = await resolve_roles(asked_of(settings), environ=os.environ)
    if task.pictures:
        check_vision(roles)
    async with open_roles(roles, silence_s=settings.model_timeout_s) as model:
        yield model


@asynccontextmanager
async def same_model(state: State) -> AsyncIterator[Model]:
    """The models of a resumed run; a replay continues from its recording."""
    if state.settings.replay is not None:
        from coder.models.recorded import Recorded

        yield Recorded(state.settings.replay)
        return
    roles = await resolve_roles(asked_again(state), environ=os.environ)
    async with open_roles(roles, silence_s=state.settings.model_timeout_s) as model:
        yield model


def asked_again(state: State) -> Asked:
    """The models of a resumed run: its own by its full name (not behind a base URL), the others as named."""
    settings, named = state.settings, state.settings.model
    as_named = named is not None and (settings.base_url or named.startswith("local/") or "@http" in named)
    return asked_of(settings if as_named else settings.model_copy(update={"model": state.model}))
