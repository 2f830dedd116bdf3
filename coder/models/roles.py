"""Choose and open the models of a run: the main model, fallbacks, and models of single roles."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from platform import platform
from threading import Thread

from pydantic import Field

from coder.base.errors import UsageError, own_command
from coder.models.abilities import EMBEDDED
from coder.models.answer_parts import Image
from coder.models.catalog import UserModels
from coder.models.connection import import_client, require_client
from coder.models.endpoint import Api, Patience, for_log, name_for_log, patience_with
from coder.models.find_model import OWN_KEY, USUAL_KEY, ModelChoice, resolve
from coder.models.model import Model
from coder.models.wrapper import RoleModels, Router
from sandbox.result import Value

_WITH_FIRST_CALL = ("coder.models.http_bounds", "httpcore2", "tenacity", "anyio._backends._asyncio")
"""Modules that the first call of an endpoint imports, directly or through the client."""
ATTEMPTS_BEFORE_ANOTHER = 2
"""Number of requests to a model that has a fallback."""


class Asked(Value):
    """The models that the user named."""

    model: str | None = None
    base_url: str | None = None
    api: Api | None = None
    """The protocol that the main model is asked by; None: the endpoint's own."""
    fallback: tuple[str, ...] = ()
    """Models to call in this order if the previous one can't answer."""
    roles: dict[str, str] = Field(default_factory=dict)
    """Model by participant; all have the same fallbacks."""

    def for_log(self) -> "Asked":
        """Return a copy without the secret parts of addresses."""
        update = {
            "model": self.model and name_for_log(self.model),
            "base_url": self.base_url and for_log(self.base_url),
            "fallback": tuple(map(name_for_log, self.fallback)),
            "roles": {role: name_for_log(name) for role, name in self.roles.items()},
        }
        return self.model_copy(update=update)


class Roles(Value):
    """The chosen models."""

    main: ModelChoice
    fallbacks: tuple[ModelChoice, ...] = ()
    roles: dict[str, ModelChoice] = Field(default_factory=dict)

    @property
    def all(self) -> tuple[ModelChoice, ...]:
        """All chosen models, the main one first."""
        return (self.main, *self.fallbacks, *self.roles.values())


async def resolve_roles(
    models: Asked, *, environ: Mapping[str, str], book: UserModels | None = None
) -> Roles:
    """Choose all models before any call. Raises the errors of `resolve`."""
    main = await resolve(models.model, base_url=models.base_url, environ=environ, book=book)
    if models.api is not None:
        main = _asked_by(main, models.api)
    names = (*models.fallback, *models.roles.values())
    chosen = _keep_keys_apart([main, *[await resolve(name, environ=environ, book=book) for name in names]])
    first_role = 1 + len(models.fallback)
    roles = dict(zip(models.roles, chosen[first_role:], strict=True))
    return Roles(main=chosen[0], fallbacks=tuple(chosen[1:first_role]), roles=roles)


def _asked_by(choice: ModelChoice, api: Api) -> ModelChoice:
    if choice.endpoint is None:
        raise UsageError(f"--api: {choice.name} has no endpoint, so that there is no protocol to choose.")
    return choice.model_copy(update={"endpoint": choice.endpoint.model_copy(update={"api": api})})


def _keep_keys_apart(choices: list[ModelChoice]) -> list[ModelChoice]:
    """Remove OpenAI's usual key from endpoints at other addresses, if OpenAI is used as well."""
    usual_key_choices = {
        index: (choice, choice.endpoint)
        for index, choice in enumerate(choices)
        if choice.endpoint and choice.endpoint.key and choice.endpoint.key_variables[:1] == (USUAL_KEY,)
    }
    openai = [pair for pair in usual_key_choices.values() if pair[0].name.startswith("openai/")]
    hosts = [endpoint.host for _, endpoint in openai]
    for index, (choice, endpoint) in usual_key_choices.items():
        if openai and endpoint.host not in hosts:
            note = f"{USUAL_KEY} goes to {openai[0][0].name} only. Another address has its key in {OWN_KEY}"
            endpoint_without_key = endpoint.model_copy(update={"key": None})
            choices[index] = choice.model_copy(
                update={"endpoint": endpoint_without_key, "notes": (*choice.notes, note)}
            )
    return choices


def check_vision(roles: Roles, pictures: Sequence[Image]) -> None:
    """Raise an error if a model is known not to take these pictures or PDFs, before any call.

    Raises:
        UsageError: a model can't read them; the message names it.
    """
    has_pdf, has_pictures = (any(image.is_pdf is kind for image in pictures) for kind in (True, False))
    for choice in roles.all:
        is_embedded, endpoint = choice.name == f"local/{EMBEDDED}", choice.endpoint
        if has_pictures and (is_embedded or (endpoint and endpoint.sees is False)):
            raise UsageError(
                f"{choice.name} can't see pictures. Leave out --picture, or name a model that does. "
                f"List them with: {own_command()} models --images"
            )
        if has_pdf and (is_embedded or (endpoint and endpoint.reads_pdf is False)):
            raise UsageError(
                f"{choice.name} can't read PDFs. Leave out --picture, or name a model that does. "
                f"List them with: {own_command()} models --pdf"
            )


@asynccontextmanager
async def open_roles(
    roles: Roles, *, patience: Patience | None = None, silence_s: float | None = None
) -> AsyncIterator[Model]:
    """Open all chosen models as one model; connections and processes end with the context."""
    async with AsyncExitStack() as stack:

        def open_choice(choice: ModelChoice, *, is_last: bool) -> Model:
            limits = patience or patience_with(choice.endpoint)
            if not is_last:
                attempts = min(limits.attempts, ATTEMPTS_BEFORE_ANOTHER)
                limits = limits.model_copy(update={"attempts": attempts})
            model = _model(choice, limits.silent_for(silence_s) if silence_s is not None else limits)
            stack.push_async_callback(model.close)
            return model

        fallback_count = len(roles.fallbacks)
        fallbacks = [
            open_choice(fallback, is_last=number == fallback_count)
            for number, fallback in enumerate(roles.fallbacks, 1)
        ]

        def with_fallbacks(choice: ModelChoice, model: Model) -> Model:
            if not fallbacks:
                return model
            return Router([model, *fallbacks], places=[part.place for part in (choice, *roles.fallbacks)])

        main = with_fallbacks(roles.main, open_choice(roles.main, is_last=not fallback_count))
        role_models = {
            name: with_fallbacks(role, open_choice(role, is_last=not fallback_count))
            for name, role in roles.roles.items()
        }
        yield RoleModels(main, role_models) if role_models else main


@asynccontextmanager
async def open_model(name: str | None = None, *, base_url: str | None = None) -> AsyncIterator[Model]:
    """Open the model of this name as `coder solve` does; its connections end with the context.

    Args:
        name: `provider/model`, a provider, `local`, or any name at `base_url`; None chooses a model.
        base_url: an OpenAI-compatible endpoint.

    Raises:
        UsageError: the provider or model is unknown, or the base URL is invalid.
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
    """Import all that the first calls need, in a thread that starts when the event loop first waits.

    An earlier import would delay the opening of the run's sandbox.

    Raises MissingExtra if a client isn't installed.
    """
    apis = {choice.endpoint.api if choice.endpoint is not None else "chat" for choice in roles.all}
    for api in apis:
        require_client(api)
    thread = Thread(target=_prepare_first_call, args=[apis], daemon=True)
    asyncio.get_running_loop().call_later(0, thread.start)


def _prepare_first_call(apis: Collection[Api]) -> None:
    for api in apis:
        import_client(api)
    for name in _WITH_FIRST_CALL:
        with suppress(ImportError):  # another release of a library may have renamed its part
            import_module(name)
    platform()  # the clients ask for it before their first request, and it starts a program
