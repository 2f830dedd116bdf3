"""Open the models that a run's settings name, and the same models at a resume."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from coder.base.errors import UsageError
from coder.base.usage import Price
from coder.models.answer_parts import Image
from coder.models.catalog import UserModels
from coder.models.model import Model
from coder.models.roles import Asked, Roles, check_vision, open_roles, resolve_roles, warm
from coder.run.settings import ROLES, Settings
from coder.run.state import State


def asked_of(settings: Settings) -> Asked:
    """Return the models named in the settings."""
    return Asked(
        model=settings.model,
        base_url=settings.base_url,
        api=settings.api,
        fallback=settings.fallback,
        roles=settings.roles,
    )


def logged_models(asked: Asked) -> dict[str, Any]:
    """Return the fields of Settings that name these models, without secret parts of addresses."""
    logged = asked.for_log()
    role_fields = {key: logged.roles.get(role) for key, role in ROLES.items()}
    members = {role: name for role, name in logged.roles.items() if role not in ROLES.values()}
    main_fields = logged.model_dump(include={"model", "base_url", "api", "fallback"})
    return {**main_fields, **role_fields, "members": members}


@asynccontextmanager
async def open_models(
    wanted: Asked,
    settings: Settings,
    *,
    note: Callable[[str], None] = lambda text: None,
    book: UserModels | None = None,
    record: Path | None = None,
    must_know_price: bool = False,
    pictures: Sequence[Image] = (),
    roles: Roles | None = None,
) -> AsyncIterator[Model]:
    """Open the named models, or an available one if none is named; the context manager closes them.

    Args:
        settings: `replay`, `price`, `effort` and `model_timeout` are used.
        note: called with remarks for the user.
        book: models in the user's configuration.
        record: write each call to this file.
        must_know_price: raise an error if the price is unknown, because a cost limit must be kept.
        pictures: pictures and PDFs that every model must accept.
        roles: models that `choose_roles` has chosen, on this machine or another one; None: choose now.

    Raises:
        UsageError: a name, price or file can't be used, or the price is unknown despite a cost limit.
    """
    async with AsyncExitStack() as stack:
        if settings.replay is None:
            roles = roles or await choose_roles(wanted, settings, note=note, book=book, pictures=pictures)
            model = await stack.enter_async_context(open_roles(roles, silence_s=settings.model_timeout))
        elif record is None:
            from coder.models.recorded import Recorded

            model = Recorded(settings.replay, price=_price(settings.price))
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


async def choose_roles(
    wanted: Asked,
    settings: Settings,
    *,
    note: Callable[[str], None] = lambda text: None,
    book: UserModels | None = None,
    pictures: Sequence[Image] = (),
) -> Roles:
    """Choose the named models and their keys before any call; for arguments and errors, see `open_models`."""
    price = _price(settings.price)
    roles = await resolve_roles(wanted, environ=os.environ, book=book)
    warm(roles)
    for choice in roles.all:
        for text in choice.notes:
            note(f"{choice.name}: {text}")
        if settings.effort and (choice.endpoint is None or choice.endpoint.reasons is False):
            note(f"{choice.name}: it has no reasoning, so that --effort changes nothing")
    check_vision(roles, pictures)
    if price is not None:
        endpoint = roles.main.endpoint and roles.main.endpoint.model_copy(update={"price": price})
        main = roles.main.model_copy(update={"endpoint": endpoint, "price": price})
        roles = roles.model_copy(update={"main": main})
    return roles


def _price(text: str | None) -> Price | None:
    if text is None:
        return None
    try:
        input_price, output_price = text.split(",")
        return Price.model_validate({"input": input_price.strip(), "output": output_price.strip()})
    except ValueError as error:
        raise UsageError(f"--price {text!r} isn't two numbers of at least 0, such as 0.25,2.00") from error


def asked_again(state: State) -> Asked:
    """Return the models of a resumed run: the main one by its full name, the others as named."""
    settings, model_name = state.settings, state.settings.model
    keeps_name = model_name is not None and (
        settings.base_url or model_name.startswith("local/") or "@http" in model_name
    )
    return asked_of(settings if keeps_name else settings.model_copy(update={"model": state.model or None}))
