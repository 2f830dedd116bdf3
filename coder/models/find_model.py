"""Choose the model from the user's name for it, the environment and this machine's servers.

A name can be `provider/model`, `provider`, an alias, `local`, `local/FILE.gguf`, or any name behind a base
URL, also written `name@https://…`. A provider that isn't built in is looked up in the catalogue. With
nothing named: the first provider whose key is set; then a server on this machine; then the embedded model.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from coder.base.errors import ModelAuthError, ModelUnavailable, UsageError
from coder.base.text.sanitize import suggest_nearest
from coder.base.usage import Price
from coder.models.abilities import EMBEDDED
from coder.models.catalog import LOOPBACK, UserModels
from coder.models.connection import EndpointConnection
from coder.models.endpoint import Endpoint, is_address, without_credentials
from coder.models.providers import (
    Provider,
    address,
    find_provider,
    found_endpoints,
    provider_of,
    providers,
    set_of,
)

PROBED = ("ollama", "lmstudio")
"""Servers that are probed when nothing is named; on the ports of the others, anything may listen."""
PROBE_S = 1.0
"""For a server on a busy machine; without one, the connection is refused at once."""
OWN_KEY = "CODER_API_KEY"
"""The key for a base URL; where it isn't set, the variable that most servers' docs name."""
USUAL_KEY = "OPENAI_API_KEY"
_AT_ADDRESS = re.compile(r"([^@]+)@(https?://.+)")
WEAK = "a very small model (135M); name a better one with --model or set OPENAI_API_KEY"
_ALSO_CALLED = {"google": "gemini", "x-ai": "xai"}
"""The price list's name of a provider → ours."""


class ModelChoice(BaseModel, frozen=True, extra="forbid"):
    """A model of an endpoint, or of local weights."""

    name: str
    """`provider/model`."""
    endpoint: Endpoint | None = None
    weights: Path | None = None
    price: Price | None = None
    """The user's own for the weights."""
    notes: tuple[str, ...] = ()
    """Remarks for the user, a line each."""

    @property
    def place(self) -> str:
        """Identity of the model by address and key."""
        return f"{self.endpoint.place if self.endpoint else ''} {self.name}"


async def resolve(
    name: str | None,
    *,
    base_url: str | None = None,
    environ: Mapping[str, str],
    table: Sequence[Provider] | None = None,
    book: UserModels | None = None,
) -> ModelChoice:
    """Choose the model. No hosted endpoint is called; servers on this machine are, for 1 s.

    Args:
        name: as the user named it, or behind `base_url`; None chooses one.
        table: providers; None takes the built-in ones and those of other packages.

    Raises:
        UsageError: no such provider or model, a base URL that is none, weights or the extra `local` missing.
        ModelAuthError: the provider's key isn't set; the message names its variable.
    """
    rows = providers() if table is None else table
    book = book or UserModels()
    name = book.meant(name.strip()) if name and name.strip() else None
    if name and not base_url and (split := _AT_ADDRESS.fullmatch(name)):
        name, base_url = split.groups()
    if name and name.partition("/")[0] == "local":  # also beside a base URL that the configuration names
        return _local(name.partition("/")[2])
    if base_url:
        return _chosen(_behind(base_url.strip(), name, rows, environ), book, None)
    if not name:
        return await _unnamed(rows, environ, book)
    first, _, rest = name.partition("/")
    provider = find_provider(first, rows) or book.catalog().provider(first, rows)
    if provider is None:
        raise UsageError(unknown_name(name, rows))
    return _chosen(await _endpoint(provider, rest or provider.default_model, environ), book, provider)


async def _unnamed(rows: Sequence[Provider], environ: Mapping[str, str], book: UserModels) -> ModelChoice:
    endpoints = found_endpoints(environ, table=rows)
    here = None if endpoints else await server_that_answers(rows)
    if not endpoints and here is None:
        return _local("")
    provider = here[0] if here else endpoints[0].provider
    model = _first_chat_model(here[1]) if here else provider.default_model
    choice = _chosen(await _endpoint(provider, model, environ), book, provider)
    if len(endpoints) < 2:
        return choice
    variables = ", ".join(row.variable for row in endpoints)
    note = f"keys are set for several providers ({variables}): {choice.name} answers, the first in order"
    return choice.model_copy(update={"notes": (note,)})


async def server_that_answers(rows: Sequence[Provider]) -> tuple[Provider, list[str]] | None:
    """The first probed server that lists a model, with its list; all are asked at the same time."""
    probed = [row for row in rows if row.name in PROBED]
    answers = await asyncio.gather(*(_listed(row, timeout_s=PROBE_S) for row in probed))
    return next(((row, models) for row, models in zip(probed, answers, strict=True) if models), None)


async def _listed(row: Provider, *, timeout_s: float) -> list[str]:
    """The models that a server on this machine lists."""
    connection = EndpointConnection(Endpoint(name=row.name, model="", url=SecretStr(row.url), is_local=True))
    try:
        return await connection.models(timeout_s=timeout_s)
    finally:
        await connection.close()


def _local(file: str) -> ModelChoice:
    from coder.models.weights import checked_weights, embedded_weights

    if file and file != EMBEDDED:
        weights = checked_weights(Path(file))
        return ModelChoice(name=f"local/{weights.stem}", weights=weights)
    return ModelChoice(name=f"local/{EMBEDDED}", weights=embedded_weights(), notes=(WEAK,))


def _chosen(endpoint: Endpoint, book: UserModels, provider: Provider | None) -> ModelChoice:
    """The endpoint with its settings from the user's configuration and the catalogue."""
    fields: dict[str, object] = {
        "price": book.prices.get(endpoint.name),
        "limits": book.limits.get(provider.name if provider else endpoint.host, endpoint.limits),
    }
    listed = book.catalog().model(provider, endpoint.model) if provider and not provider.is_local else None
    if listed is not None:
        fields |= {"listed_price": listed.price, "context": listed.context, "sees": listed.images}
        fields |= {"tools": listed.tools, "max_output": listed.max_output, "reasons": listed.reasoning}
        fields |= {"draws": listed.temperature}
    return ModelChoice(name=endpoint.name, endpoint=endpoint.model_copy(update=fields))


async def _endpoint(provider: Provider, model: str | None, environ: Mapping[str, str]) -> Endpoint:
    keys = set_of(provider.key_variables, environ)
    if not keys and not provider.is_local:
        variables = " or ".join(provider.key_variables)
        raise ModelAuthError(f"{provider.name} needs a key, and none is set. Set {variables}.")
    url = address(provider, environ)
    model = model or await _only_model(provider)
    return Endpoint(
        name=f"{provider.name}/{model}",
        model=model,
        url=SecretStr(url),
        key=_key(environ, keys),
        key_variables=tuple(dict.fromkeys((*keys, *provider.key_variables))),
        is_local=provider.is_local or _is_loopback(url),
        is_free=provider.is_local,
        limit_field=provider.limit_field,
        seed_field=provider.seed_field,
        api=provider.api if provider.api != "responses" or url == provider.url else "chat",
        caching=provider.caching,
        context=provider.reads(environ),
    )


async def _only_model(provider: Provider) -> str:
    """The model of a provider that has no default one."""
    if not provider.is_local:
        raise UsageError(f"Name a model, too: --model {provider.name}/MODEL.")
    listed = await _listed(provider, timeout_s=3 * PROBE_S)
    if not listed:
        raise ModelUnavailable(
            f"No model answers at {provider.url}. Is {provider.name} running, with a model?"
        )
    return _first_chat_model(listed)


def _first_chat_model(models: Sequence[str]) -> str:
    return next((model for model in models if "embed" not in model), models[0])


def _behind(url: str, model: str | None, rows: Sequence[Provider], environ: Mapping[str, str]) -> Endpoint:
    safe_url = without_credentials(url)
    if not is_address(url):
        what = repr(safe_url) if safe_url else "What was given as a base URL"
        raise UsageError(f"{what} is not a base URL. One looks like https://api.example.com/v1.")
    if not model:
        raise UsageError(f"Name the model that {safe_url} should answer with: --model NAME.")
    parts = urlsplit(url)
    provider = next((row for row in rows if urlsplit(row.url).hostname == parts.hostname), None)
    usual = provider.key_variables if provider and not provider.is_local else (USUAL_KEY,)
    keys = set_of((OWN_KEY, *usual), environ)
    return Endpoint(
        name=f"{parts.netloc.rpartition('@')[2]}/{model}",
        model=model,
        url=SecretStr(url),
        key=_key(environ, keys),
        key_variables=tuple(dict.fromkeys((*keys, OWN_KEY, *usual))),
        is_local=_is_loopback(url),
        api=provider.api if provider else "chat",
    )


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def _key(environ: Mapping[str, str], variables: Sequence[str]) -> SecretStr | None:
    """The key in the first of these variables."""
    if not variables:
        return None
    key = environ[variables[0]].strip()
    # An HTTP library would say so, too, and quote the key.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelAuthError(
            f"The value of {variables[0]} is no key: it holds blanks or characters no key has."
        )
    return SecretStr(key)


def unknown_name(name: str, rows: Iterable[Provider]) -> str:
    """The message for an unknown name, with the nearest one and all providers."""
    names = [row.name for row in rows]
    first, _, rest = name.partition("/")
    seller = provider_of(name)
    seller = _ALSO_CALLED.get(seller, seller) if seller else None
    if seller in names:
        advice = f"; did you mean {seller}/{name}?"
    else:
        advice = suggest_nearest(first, names).replace("?", f"/{rest}?" if rest else "?") or "."
    return (
        f"No model {name!r}: a model is named provider/model{advice} "
        f"Providers: {', '.join(names)}, local. Any other endpoint: --base-url URL --model NAME."
    )
