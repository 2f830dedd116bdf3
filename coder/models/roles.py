"""The models of a run by name: its own, its fallbacks, and those of roles."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from threading import Thread

from pydantic import BaseModel

from coder.base.errors import UsageError, own_command
from coder.models.abilities import EMBEDDED
from coder.models.catalog import UserModels
from coder.models.connection import import_client, require_client
from coder.models.endpoint import Patience, for_log, name_for_log, patience_with
from coder.models.find_model import OWN_KEY, USUAL_KEY, ModelChoice, resolve
from coder.models.model import Model
from coder.models.wrapper import RoleModels, Router

ATTEMPTS_BEFORE_ANOTHER = 2
"""Requests to a model that has a fallback."""


class Asked(BaseModel, frozen=True, extra="forbid"):
    """The models that the user named."""

    model: str | None = None
    base_url: str | None = None
    fallback: tuple[str, ...] = ()
    """Asked in this order when the one before can't answer."""
    roles: dict[str, str] = {}
    """Participant → model; each has the same fallbacks."""

    def for_log(self) -> "Asked":
        """Copy without secret parts of addresses."""
        return Asked(
            model=self.model and name_for_log(self.model),
            base_url=self.base_url and for_log(self.base_url),
            fallback=tuple(map(name_for_log, self.fallback)),
            roles={role: name_for_log(name) for role, name in self.roles.items()},
        )


class Roles(BaseModel, frozen=True, extra="forbid"):
    """The chosen models."""

    main: ModelChoice
    fallbacks: tuple[ModelChoice, ...] = ()
    roles: dict[str, ModelChoice] = {}

    @property
    def all(self) -> tuple[ModelChoice, ...]:
        """Every choice, the run's own first."""
        return (self.main, *self.fallbacks, *self.roles.values())


async def resolve_roles(
    models: Asked, *, environ: Mapping[str, str], book: UserModels | None = None
) -> Roles:
    """Choose every model before any is asked. Raises as `resolve` does."""
    main = await resolve(models.model, base_url=models.base_url, environ=environ, book=book)
    names = (*models.fallback, *models.roles.values())
    chosen = _keys_kept_apart([main, *[await resolve(name, environ=environ, book=book) for name in names]])
    first = 1 + len(models.fallback)
    roles = dict(zip(models.roles, chosen[first:], strict=True))
    return Roles(main=chosen[0], fallbacks=tuple(chosen[1:first]), roles=roles)


def _keys_kept_apart(choices: list[ModelChoice]) -> list[ModelChoice]:
    """The choices, without OpenAI's usual key at other addresses if OpenAI is used as well."""
    usual = {
        at: (choice, choice.endpoint)
        for at, choice in enumerate(choices)
        if choice.endpoint and choice.endpoint.key and choice.endpoint.key_variables[:1] == (USUAL_KEY,)
    }
    openais = [pair for pair in usual.values() if pair[0].name.startswith("openai/")]
    hosts = [endpoint.host for _, endpoint in openais]
    for at, (choice, endpoint) in usual.items():
        if openais and endpoint.host not in hosts:
            note = f"{USUAL_KEY} goes to {openais[0][0].name} only. Another address has its key in {OWN_KEY}"
            keyless = endpoint.model_copy(update={"key": None})
            choices[at] = choice.model_copy(update={"endpoint": keyless, "notes": (*choice.notes, note)})
    return choices


def check_vision(roles: Roles) -> None:
    """Refuse a model that is known not to see pictures, before any call.

    Raises:
        UsageError: the message names it.
    """
    for choice in roles.all:
        if choice.name == f"local/{EMBEDDED}" or (choice.endpoint and choice.endpoint.sees is False):
            raise UsageError(
                f"{choice.name} can't see pictures. Leave out --picture, or name a model that does. "
                f"List them with: {own_command()} models --images"
            )


@asynccontextmanager
async def open_roles(
    roles: Roles, *, patience: Patience | None = None, silence_s: float | None = None
) -> AsyncIterator[Model]:
    """All of them as one model; connections and processes end with the context. Opening makes no call."""
    async with AsyncExitStack() as stack:

        def opened(choice: ModelChoice, *, is_last: bool) -> Model:
            waits = patience or patience_with(choice.endpoint)
            if not is_last:
                waits = waits.model_copy(update={"attempts": min(waits.attempts, ATTEMPTS_BEFORE_ANOTHER)})
            model = _model(choice, waits.silent_for(silence_s) if silence_s is not None else waits)
            stack.push_async_callback(model.close)
            return model

        last = len(roles.fallbacks)
        others = [opened(each, is_last=at == last) for at, each in enumerate(roles.fallbacks, 1)]

        def routed(choice: ModelChoice, model: Model) -> Model:
            if not others:
                return model
            return Router([model, *others], places=[each.place for each in (choice, *roles.fallbacks)])

        main = routed(roles.main, opened(roles.main, is_last=not last))
        own = {name: routed(each, opened(each, is_last=not last)) for name, each in roles.roles.items()}
        yield RoleModels(main, own) if own else main


@asynccontextmanager
async def open_model(name: str | None = None, *, base_url: str | None = None) -> AsyncIterator[Model]:
    """Open the model of this name as `coder solve` does; its connections end with the context.

    Args:
        name: `provider/model`, a provider, `local`, or any name behind `base_url`; None chooses one.
        base_url: an OpenAI-compatible endpoint.

    Raises:
        UsageError: no such provider or model, or a base URL that is none.
        ModelAuthError: the provider's key isn't set; the message names its variable.
    """
    roles = await resolve_roles(Asked(model=name, base_url=base_url), environ=os.environ)
    async with open_roles(roles) as model:
        yield model


def _model(choice: ModelChoice, patience: Patience) -> Model:
    if choice.endpoint is not None:
        from coder.models.chat_completions import ChatModel

        return ChatModel(choice.endpoint, patience=patience)
    assert choice.weights is not None
    from coder.models.local import CONTEXT, EMBEDDED_CONTEXT, LocalModel

    context = EMBEDDED_CONTEXT if choice.name == f"local/{EMBEDDED}" else CONTEXT
    return LocalModel(
        choice.weights, name=choice.name, context=context, patience=patience, price=choice.price
    )


def warm(roles: Roles) -> None:
    """Import in a thread the clients that the first calls need. Raises MissingExtra: one isn't installed."""
    apis = {choice.endpoint.api if choice.endpoint is not None else "chat" for choice in roles.all}
    for api in apis:
        require_client(api)
    Thread(target=lambda: [import_client(api) for api in apis], daemon=True).start()
