"""Choice: which model answers, from what the user named, what is set, and what this machine has.

A name can be `provider/model`, `provider`, an alias, `local`, `local/FILE.gguf`, or any name behind a base
URL, also written `name@https://…`. A provider that isn't known here is looked up in the catalogue. With
nothing named: the first provider whose key is set; then a server on this machine; then the embedded model.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from coder.errors import ModelAuthError, ModelUnavailable, UsageError
from coder.models.abilities import EMBEDDED
from coder.models.catalog import UserModels
from coder.models.connection import Connection
from coder.models.endpoint import Endpoint, is_address, without_credentials
from coder.models.providers import (
    Provider,
    address,
    found_endpoints,
    key_variable,
    named,
    provider_of,
    providers,
)
from coder.text.sanitize import or_nearest

PROBED = ("ollama", "lmstudio")
"""Servers that are looked for when nothing is named; on the other ports, anything may listen."""
PROBE_S = 1.0
"""For a server on a busy machine; without one, the connection is refused at once."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OWN_KEY = "CODER_API_KEY"
"""The key for a base URL of the user's; where it isn't set, the variable that most servers' docs name."""
USUAL_KEY = "OPENAI_API_KEY"
_AT_ADDRESS = re.compile(r"([^@]+)@(https?://.+)")
WEAK = "a very small model (135M); name a better one with --model or set OPENAI_API_KEY"
# Where the price list calls a provider otherwise than we do.
_ALSO_CALLED = {"google": "gemini", "x-ai": "xai"}


class Choice(BaseModel, frozen=True, extra="forbid"):
    """The model that will answer: behind an endpoint, or from weights on this machine."""

    name: str
    """`provider/model`."""
    endpoint: Endpoint | None = None
    """None: the weights are loaded here."""
    weights: Path | None = None
    notes: tuple[str, ...] = ()
    """What the user should know about this choice, a line each."""


async def resolve(
    name: str | None,
    *,
    base_url: str | None = None,
    environ: Mapping[str, str],
    table: Sequence[Provider] | None = None,
    book: UserModels | None = None,
) -> Choice:
    """Choose the model. No hosted endpoint is asked anything; servers on this machine are, for 1 s.

    Args:
        name: what the user named, or None.
        base_url: any OpenAI-compatible endpoint; `name` is then the model's name there.
        environ: where keys are looked up.
        table: providers instead of the built-in ones and those of other packages.
        book: what the user's configuration says of models.

    Raises:
        UsageError: no such provider or model, a base URL that is none, weights or the extra `local` missing.
        ModelAuthError: the provider's key isn't set; the message names its variable.
    """
    rows = providers() if table is None else table
    book = book or UserModels()
    name = book.meant(name.strip()) if name and name.strip() else None
    if name and not base_url and (split := _AT_ADDRESS.fullmatch(name)):
        name, base_url = split.groups()
    if base_url:
        return _chosen(_behind(base_url, name, rows, environ), book, None)
    if not name:
        return await _unnamed(rows, environ, book)
    first, _, rest = name.partition("/")
    if first == "local":
        return _local(rest)
    provider = named(first, rows) or book.catalog().provider(first, rows)
    if provider is None:
        raise UsageError(unknown_name(name, rows))
    return _chosen(await _endpoint(provider, rest or provider.default_model, environ), book, provider)


async def _unnamed(rows: Sequence[Provider], environ: Mapping[str, str], book: UserModels) -> Choice:
    found = found_endpoints(environ, table=rows)
    if found:
        provider = found[0].provider
        choice = _chosen(await _endpoint(provider, provider.default_model, environ), book, provider)
        if len(found) == 1:
            return choice
        variables = ", ".join(row.variable for row in found)
        note = f"keys are set for several providers ({variables}): {choice.name} answers, the first in order"
        return choice.model_copy(update={"notes": (note,)})
    here = await first_that_answers([row for row in rows if row.name in PROBED], timeout_s=PROBE_S)
    if here is not None:
        provider, models = here
        return _chosen(await _endpoint(provider, _first_chat_model(models), environ), book, provider)
    return _local("")


async def first_that_answers(
    rows: Sequence[Provider], *, timeout_s: float
) -> tuple[Provider, list[str]] | None:
    """The first of these servers that lists a model, with its list; all are asked at the same time."""

    async def listed(row: Provider) -> list[str]:
        connection = Connection(Endpoint(name=row.name, model="", url=SecretStr(row.url), is_local=True))
        try:
            return await connection.models(timeout_s=timeout_s)
        finally:
            await connection.close()

    answers = await asyncio.gather(*map(listed, rows))
    return next(((row, models) for row, models in zip(rows, answers, strict=True) if models), None)


def _local(file: str) -> Choice:
    if file and file != EMBEDDED:
        from coder.models.weights import checked_weights

        weights = checked_weights(Path(file))
        return Choice(name=f"local/{weights.stem}", weights=weights)
    from coder.models.weights import embedded_weights

    return Choice(name=f"local/{EMBEDDED}", weights=embedded_weights(), notes=(WEAK,))


def _chosen(endpoint: Endpoint, book: UserModels, provider: Provider | None) -> Choice:
    """The endpoint with what the user's configuration and the catalogue know of it."""
    known: dict[str, object] = {
        "price": book.prices.get(endpoint.name),
        "limits": book.limits.get(provider.name if provider else endpoint.host, endpoint.limits),
    }
    listed = book.catalog().model(provider, endpoint.model) if provider and not provider.is_local else None
    if listed is not None:
        known |= {"listed_price": listed.price, "context": listed.context, "sees": listed.images}
        known |= {"tools": listed.tools, "max_output": listed.max_output, "reasons": listed.reasoning}
    return Choice(name=endpoint.name, endpoint=endpoint.model_copy(update=known))


async def _endpoint(provider: Provider, model: str | None, environ: Mapping[str, str]) -> Endpoint:
    variable = key_variable(provider, environ)
    if variable is None and not provider.is_local:
        variables = " or ".join(provider.key_variables)
        raise ModelAuthError(f"{provider.name} needs a key, and none is set. Set {variables}.")
    url = address(provider, environ)
    model = model or await _only_model(provider)
    return Endpoint(
        name=f"{provider.name}/{model}",
        model=model,
        url=SecretStr(url),
        key=_key(environ, variable),
        key_variables=_in_use_first(provider.key_variables, variable),
        is_local=provider.is_local or _is_loopback(url),
        is_free=provider.is_local,
        limit_field=provider.limit_field,
        seed_field=provider.seed_field,
        api=provider.api if provider.api != "responses" or url == provider.url else "chat",
        caching=provider.caching,
        context=provider.reads(environ),
    )


async def _only_model(provider: Provider) -> str:
    """The model to take where only a provider was named that has no default of its own."""
    if not provider.is_local:
        raise UsageError(f"Name a model, too: --model {provider.name}/MODEL.")
    here = await first_that_answers([provider], timeout_s=3 * PROBE_S)
    if here is None:
        raise ModelUnavailable(
            f"No model answers at {provider.url}. Is {provider.name} running, with a model?"
        )
    return _first_chat_model(here[1])


def _first_chat_model(models: Sequence[str]) -> str:
    return next((model for model in models if "embed" not in model), models[0])


def _behind(url: str, model: str | None, rows: Sequence[Provider], environ: Mapping[str, str]) -> Endpoint:
    shown = without_credentials(url.strip())
    if not is_address(url.strip()):
        what = repr(shown) if shown else "What was given as a base URL"
        raise UsageError(f"{what} is not a base URL. One looks like https://api.example.com/v1.")
    parts = urlsplit(url.strip())
    if not model:
        raise UsageError(f"Name the model that {shown} should answer with: --model NAME.")
    provider = next((row for row in rows if urlsplit(row.url).hostname == parts.hostname), None)
    is_hosted = provider is not None and not provider.is_local
    variables = (OWN_KEY, *(provider.key_variables if provider and is_hosted else (USUAL_KEY,)))
    variable = next((name for name in variables if environ.get(name, "").strip()), None)
    return Endpoint(
        name=f"{parts.netloc.rpartition('@')[2]}/{model}",
        model=model,
        url=SecretStr(url.strip()),
        key=_key(environ, variable),
        key_variables=_in_use_first(variables, variable),
        is_local=_is_loopback(url),
        api=provider.api if provider else "chat",
    )


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def _in_use_first(variables: Sequence[str], used: str | None) -> tuple[str, ...]:
    return tuple(sorted(variables, key=lambda name: name != used))


def _key(environ: Mapping[str, str], variable: str | None) -> SecretStr | None:
    if variable is None:
        return None
    key = environ[variable].strip()
    # An HTTP library would say so, too, and quote the key.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelAuthError(f"The value of {variable} is no key: it holds blanks or characters no key has.")
    return SecretStr(key)


def unknown_name(name: str, rows: Iterable[Provider]) -> str:
    """The message for a name that is no `provider/model`: with the nearest one, and with all providers."""
    known = [row.name for row in rows]
    first, _, rest = name.partition("/")
    seller = provider_of(name)
    seller = _ALSO_CALLED.get(seller, seller) if seller else None
    if seller in known:
        advice = f"; did you mean {seller}/{name}?"
    else:
        advice = or_nearest(first, known).replace("?", f"/{rest}?" if rest else "?") or "."
    return (
        f"No model {name!r}: a model is named provider/model{advice} "
        f"Providers: {', '.join(known)}, local. Any other endpoint: --base-url URL --model NAME."
    )
