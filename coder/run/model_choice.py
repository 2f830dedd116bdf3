"""The models of a run: as its settings name them, and the same ones at a resume."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from coder.base.errors import UsageError
from coder.base.usage import Price
from coder.models.catalog import UserModels
from coder.models.model import Model
from coder.models.roles import Asked, check_vision, open_roles, resolve_roles, warm
from coder.run.settings import ROLES, Settings
from coder.run.state import State


def asked_of(settings: Settings) -> Asked:
    """The models that the settings name."""
    return Asked(
        model=settings.model,
        base_url=settings.base_url,
        fallback=settings.fallback,
        roles=settings.roles,
    )


def logged_models(asked: Asked) -> dict[str, Any]:
    """The fields of Settings that name these models, without secret parts of addresses."""
    safe = asked.for_log()
    own = {key: safe.roles.get(role) for key, role in ROLES.items()}
    members = {role: name for role, name in safe.roles.items() if role not in ROLES.values()}
    named = {"model": safe.model, "base_url": safe.base_url, "fallback": safe.fallback}
    return {**named, **own, "members": members}


@asynccontextmanager
async def open_models(
    wanted: Asked,
    settings: Settings,
    *,
    note: Callable[[str], None] = lambda text: None,
    book: UserModels | None = None,
    record: Path | None = None,
    must_know_price: bool = False,
    shows_pictures: bool = False,
) -> AsyncIterator[Model]:
    """The models that were asked for, without a name one that can be found here; closed with the context.

    Args:
        settings: replay, price, effort and the longest silence.
        note: told what the user should know of a model.
        book: what the user's file says of models.
        record: write each call to this file.
        must_know_price: a limit of cost is set, which can't be kept where the price is unknown.
        shows_pictures: every model has to see them.

    Raises:
        UsageError: a name, a price or a file that can't be used, or a limit of cost with no price known.
    """
    price = _price(settings.price) if settings.price is not None else None
    async with AsyncExitStack() as stack:
        if settings.replay is None:
            model = await stack.enter_async_context(
                await _chosen(wanted, settings, price, book, note, shows_pictures)
            )
        elif record is None:
            from coder.models.recorded import Recorded

            model = Recorded(settings.replay, price=price)
        else:
            raise UsageError("--record and --replay exclude each other: a replay makes no call.")
        if must_know_price and model.price(1, 1) is None:
            raise UsageError(
                f"The price of {model.name} is unknown, so that --max-cost can't be kept.\n"
                "Give its price in US dollars per million tokens: --price IN,OUT, or in [prices] of your file"
            )
        if record is not None:
            from coder.models.recorder import Recorder

            model = await stack.enter_async_context(Recorder(model, record))
        yield model


async def _chosen(
    wanted: Asked,
    settings: Settings,
    price: Price | None,
    book: UserModels | None,
    note: Callable[[str], None],
    shows_pictures: bool,
) -> AbstractAsyncContextManager[Model]:
    roles = await resolve_roles(wanted, environ=os.environ, book=book)
    warm(roles)
    for choice in roles.all:
        for text in choice.notes:
            note(f"{choice.name}: {text}")
        if settings.effort and (choice.endpoint is None or choice.endpoint.reasons is False):
            note(f"{choice.name}: it has no reasoning, so that --effort changes nothing")
    if shows_pictures:
        check_vision(roles)
    if price is not None:
        endpoint = roles.main.endpoint and roles.main.endpoint.model_copy(update={"price": price})
        main = roles.main.model_copy(update={"endpoint": endpoint, "price": price})
        roles = roles.model_copy(update={"main": main})
    return open_roles(roles, silence_s=settings.model_timeout)


def _price(text: str) -> Price:
    try:
        into, out = text.split(",")
        return Price.model_validate({"input": into.strip(), "output": out.strip()})
    except ValueError as error:
        raise UsageError(f"--price {text!r} isn't two numbers of at least 0, such as 0.25,2.00") from error


def asked_again(state: State) -> Asked:
    """The models of a resumed run: its own by its full name (not behind a base URL), the others as named."""
    settings, model_name = state.settings, state.settings.model
    as_named = model_name is not None and (
        settings.base_url or model_name.startswith("local/") or "@http" in model_name
    )
    return asked_of(settings if as_named else settings.model_copy(update={"model": state.model}))
