"""Roles: all who may answer in a run, as the user named them: a model, its fallbacks, others for roles."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from threading import Thread

from pydantic import BaseModel

from coder.errors import UsageError
from coder.models.abilities import EMBEDDED
from coder.models.catalog import UserModels
from coder.models.connection import import_http
from coder.models.endpoint import LOCAL_PATIENCE, Endpoint, Patience, for_log, name_for_log, patience_with
from coder.models.find_model import OWN_KEY, USUAL_KEY, Choice, resolve
from coder.models.model import Model
from coder.models.wrapper import RoleModels, Route

ATTEMPTS_BEFORE_ANOTHER = 2
"""Requests to a model that another one stands in for."""

Wrap = Callable[[Model], Model]


class Asked(BaseModel, frozen=True, extra="forbid"):
    """Who is to answer, as the user named them."""

    model: str | None = None
    base_url: str | None = None
    fallbacks: tuple[str, ...] = ()
    """Asked in this order when the one before can't answer."""
    roles: dict[str, str] = {}
    """Participant → model; each has the same fallbacks."""

    def for_log(self) -> "Asked":
        """The same without secret parts of addresses."""
        return Asked(
            model=self.model and name_for_log(self.model),
            base_url=self.base_url and for_log(self.base_url),
            fallbacks=tuple(map(name_for_log, self.fallbacks)),
            roles={role: name_for_log(name) for role, name in self.roles.items()},
        )


class Roles(BaseModel, frozen=True, extra="forbid"):
    """Who will answer."""

    main: Choice
    fallbacks: tuple[Choice, ...] = ()
    roles: dict[str, Choice] = {}

    @property
    def all(self) -> tuple[Choice, ...]:
        """Every choice, the run's own first."""
        return (self.main, *self.fallbacks, *self.roles.values())


async def resolve_casting(
    asked: Asked, *, environ: Mapping[str, str], book: UserModels | None = None
) -> Roles:
    """Choose everyone before anyone is asked.

    Raises:
        UsageError, ModelAuthError: as of `resolve`, for whichever name can't be used.
    """

    async def chosen(name: str) -> Choice:
        return await resolve(name, environ=environ, book=book)

    main = await resolve(asked.model, base_url=asked.base_url, environ=environ, book=book)
    fallbacks = [await chosen(name) for name in asked.fallbacks]
    roles = {role: await chosen(name) for role, name in asked.roles.items()}
    openais = [choice for choice in (main, *fallbacks, *roles.values()) if _is_openais(choice)]
    return Roles(
        main=_with_own_key(main, openais),
        fallbacks=tuple(_with_own_key(choice, openais) for choice in fallbacks),
        roles={role: _with_own_key(choice, openais) for role, choice in roles.items()},
    )


def _is_openais(choice: Choice) -> bool:
    return (
        choice.endpoint is not None and choice.name.startswith("openai/") and _has_usual_key(choice.endpoint)
    )


def _has_usual_key(endpoint: Endpoint) -> bool:
    return endpoint.key is not None and endpoint.key_variables[:1] == (USUAL_KEY,)


def _with_own_key(choice: Choice, openais: Sequence[Choice]) -> Choice:
    """The choice without the usual key, where that is OpenAI's in this run and it answers somewhere else."""
    endpoint = choice.endpoint
    if endpoint is None or not openais or not _has_usual_key(endpoint):
        return choice
    if any(endpoint.host == openai.endpoint.host for openai in openais if openai.endpoint is not None):
        return choice
    note = f"{USUAL_KEY} goes to {openais[0].name} only. Another address has its key in {OWN_KEY}"
    return choice.model_copy(
        update={"endpoint": endpoint.model_copy(update={"key": None}), "notes": (*choice.notes, note)}
    )


def see_that_all_see(casting: Roles) -> None:
    """Refuse a model that is known not to see pictures, before any call.

    Raises:
        UsageError: one of them is; the message says which.
    """
    for choice in casting.all:
        is_embedded = choice.name == f"local/{EMBEDDED}"
        if is_embedded or (choice.endpoint is not None and choice.endpoint.sees is False):
            raise UsageError(
                f"{choice.name} sees no pictures. Leave --picture away, or name a model that does. "
                "List them with: coder models --images"
            )


@asynccontextmanager
async def open_casting(
    casting: Roles,
    *,
    patience: Patience | None = None,
    silence_s: float | None = None,
    wrap: Wrap = lambda model: model,
) -> AsyncIterator[Model]:
    """All of them as one model; everything that they hold ends with the context.

    Args:
        patience: how long an endpoint may take; None suits a hosted one or one on this machine.
        silence_s: longest silence of each, in seconds; None leaves it as `patience` has it.
        wrap: put around the run's own model.
    """
    async with AsyncExitStack() as stack:

        async def route(choice: Choice, *, is_last: bool, wrap: Wrap = lambda model: model) -> Route:
            waits = patience or patience_with(choice.endpoint)
            if not is_last:  # little patience with a model that another one stands in for
                waits = waits.model_copy(update={"attempts": min(waits.attempts, ATTEMPTS_BEFORE_ANOTHER)})
            waits = waits.silent_for(silence_s) if silence_s is not None else waits
            model = await stack.enter_async_context(open_model(choice, patience=waits))
            if choice.endpoint is None:
                return Route(wrap(model))
            return Route(wrap(model), choice.endpoint.context, choice.endpoint.model_place)

        alone = not casting.fallbacks
        last = len(casting.fallbacks) - 1
        others = [await route(each, is_last=at == last) for at, each in enumerate(casting.fallbacks)]

        def routed(first: Route) -> Model:
            if not others:
                return first.model
            from coder.models.router import Router

            return Router([first, *others])

        main = routed(await route(casting.main, is_last=alone, wrap=wrap))
        roles = {name: routed(await route(each, is_last=alone)) for name, each in casting.roles.items()}
        yield RoleModels(main, roles) if roles else main


@asynccontextmanager
async def open_model(choice: Choice, *, patience: Patience | None = None) -> AsyncIterator[Model]:
    """The chosen model; its connections and its process end with the context.

    Args:
        patience: how long an endpoint may take; None suits a hosted one or one on this machine.

    Raises:
        ModelError: from the model's own calls; opening makes none.
    """
    model = _model(choice, patience)
    try:
        yield model
    finally:
        await model.close()


def _model(choice: Choice, patience: Patience | None) -> Model:
    if choice.endpoint is not None:
        from coder.models.chat_completions import ChatModel

        return ChatModel(choice.endpoint, patience=patience or patience_with(choice.endpoint))
    if choice.weights is None:
        raise ValueError("a choice has an endpoint or weights")
    from coder.models.local import CONTEXT, EMBEDDED_CONTEXT, LocalModel

    context = EMBEDDED_CONTEXT if choice.name == f"local/{EMBEDDED}" else CONTEXT
    return LocalModel(choice.weights, name=choice.name, context=context, patience=patience or LOCAL_PATIENCE)


def warm() -> None:
    """Import in a thread what the first call needs, so that it needn't wait."""
    Thread(target=import_http, daemon=True).start()
