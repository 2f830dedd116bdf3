"""Choose the model from the user's name for it, the environment and this machine's servers.

A name can be `provider/model`, `provider`, an alias, `local`, `local/FILE.gguf`, or any name with a base URL,
also written `name@https://…`. A provider that isn't built in is looked up in the catalogue. Without a name,
the first provider whose key is set is chosen, else a server on this machine, else the embedded model.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from coder.base.errors import ModelAuthError, ModelUnavailable, UsageError
from coder.base.text.sanitize import suggest_nearest
from coder.base.text.usable import require_usable_name
from coder.base.usage import Price
from coder.models.abilities import EMBEDDED
from coder.models.catalog import LOOPBACK, UserModels
from coder.models.connection import EndpointConnection
from coder.models.endpoint import Endpoint, is_address, without_credentials
from coder.models.providers import (
    Provider,
    address,
    find_keyed_providers,
    find_provider,
    provider_of,
    providers,
    set_variables,
)
from sandbox.result import Value

PROBED = ("ollama", "lmstudio")
"""Servers that are probed if no model is named; other servers' ports are not distinctive."""
PROBE_S = 1.0
"""Time limit for a server on a busy machine; without a server, the connection is refused at once."""
OWN_KEY = "CODER_API_KEY"
"""Variable with the key for a base URL; USUAL_KEY, which most servers document, is used if it isn't set."""
USUAL_KEY = "OPENAI_API_KEY"
_AT_ADDRESS = re.compile(r"([^@]+)@(https?://.+)")
WEAK = "a very small model (135M); name a better one with --model or set OPENAI_API_KEY"
_OUR_NAMES = {"google": "gemini", "x-ai": "xai"}
"""Our name of a provider, by the price list's name."""


class ModelChoice(Value):
    """A model of an endpoint, or of local weights."""

    name: str
    """`provider/model`."""
    endpoint: Endpoint | None = None
    weights: Path | None = None
    price: Price | None = None
    """Price of the weights in the user's configuration."""
    notes: tuple[str, ...] = ()
    """Remarks for the user, one line each."""

    @property
    def place(self) -> str:
        """Identity of the model by address, key and name."""
        return f"{self.endpoint.place if self.endpoint else ''} {self.name}"


async def resolve(
    name: str | None,
    *,
    base_url: str | None = None,
    environ: Mapping[str, str],
    table: Sequence[Provider] | None = None,
    book: UserModels | None = None,
) -> ModelChoice:
    """Choose the model. Only servers on this machine are called, for 1 s at most.

    Args:
        name: the user's name of the model, or the endpoint's name at `base_url`; None chooses a model.
        table: providers; None: the built-in ones and those of other packages.

    Raises:
        UsageError: the provider, model, base URL, weights file or extra `local` doesn't exist, or the name
            can't be encoded.
        ModelAuthError: the provider's key isn't set; the message names its variable.
    """
    rows = providers() if table is None else table
    book = book or UserModels()
    require_usable_name(name or "", "The name of the model")
    name = book.meant(name.strip()) if name and name.strip() else None
    if name and not base_url and (split := _AT_ADDRESS.fullmatch(name)):
        name, base_url = split.groups()
    if name and name.partition("/")[0] == "local":  # takes precedence over a base URL in the configuration
        return _local_choice(name.partition("/")[2])
    if base_url:
        return _with_settings(_endpoint_at(base_url.strip(), name, rows, environ), book, None)
    if not name:
        return await _choose_unnamed(rows, environ, book)
    provider_name, _, model = name.partition("/")
    provider = find_provider(provider_name, rows) or book.catalog().provider(provider_name, rows)
    if provider is None:
        raise UsageError(unknown_name(name, rows))
    return _with_settings(await _endpoint(provider, model or provider.default_model, environ), book, provider)


async def _choose_unnamed(
    rows: Sequence[Provider], environ: Mapping[str, str], book: UserModels
) -> ModelChoice:
    endpoints = find_keyed_providers(environ, table=rows)
    server = None if endpoints else await server_that_answers(rows)
    if not endpoints and server is None:
        return _local_choice("")
    provider = server[0] if server else endpoints[0].provider
    model = _first_chat_model(server[1]) if server else provider.default_model
    choice = _with_settings(await _endpoint(provider, model, environ), book, provider)
    if len(endpoints) < 2:
        return choice
    variables = ", ".join(row.variable for row in endpoints)
    note = f"keys are set for several providers ({variables}): {choice.name} answers, the first in order"
    return choice.model_copy(update={"notes": (note,)})


async def server_that_answers(rows: Sequence[Provider]) -> tuple[Provider, list[str]] | None:
    """Return the first probed server that lists a model, with its list; all are probed together."""
    probed = [row for row in rows if row.name in PROBED]
    answers = await asyncio.gather(*(_list_models(row, timeout_s=PROBE_S) for row in probed))
    return next(((row, models) for row, models in zip(probed, answers, strict=True) if models), None)


async def _list_models(row: Provider, *, timeout_s: float) -> list[str]:
    """Return the models that a server on this machine lists."""
    connection = EndpointConnection(Endpoint(name=row.name, model="", url=SecretStr(row.url), is_local=True))
    try:
        return await connection.models(timeout_s=timeout_s)
    finally:
        await connection.close()


def _local_choice(file: str) -> ModelChoice:
    from coder.models.weights import checked_weights, embedded_weights

    if file and file != EMBEDDED:
        weights = checked_weights(Path(file))
        return ModelChoice(name=f"local/{weights.stem}", weights=weights)
    return ModelChoice(name=f"local/{EMBEDDED}", weights=embedded_weights(), notes=(WEAK,))


def _with_settings(endpoint: Endpoint, book: UserModels, provider: Provider | None) -> ModelChoice:
    """Return the choice of an endpoint, with settings from the user's configuration and the catalogue."""
    fields: dict[str, object] = {
        "price": book.prices.get(endpoint.name),
        "limits": book.limits.get(provider.name if provider else endpoint.host, endpoint.limits),
    }
    listed = book.catalog().model(provider, endpoint.model) if provider and not provider.is_local else None
    if listed is not None:
        fields |= {"listed_price": listed.price, "context": listed.context, "sees": listed.images}
        fields["reads_pdf"] = listed.pdf
        fields |= {"tools": listed.tools, "max_output": listed.max_output, "reasons": listed.reasoning}
        fields |= {"takes_sampling": listed.temperature}
    return ModelChoice(name=endpoint.name, endpoint=endpoint.model_copy(update=fields))


async def _endpoint(provider: Provider, model: str | None, environ: Mapping[str, str]) -> Endpoint:
    keys = set_variables(provider.key_variables, environ)
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
        context=provider.context_in(environ),
    )


async def _only_model(provider: Provider) -> str:
    """Return the first chat model of a local server that has no default model."""
    if not provider.is_local:
        raise UsageError(f"Name a model, too: --model {provider.name}/MODEL.")
    models = await _list_models(provider, timeout_s=3 * PROBE_S)
    if not models:
        raise ModelUnavailable(
            f"No model answers at {provider.url}. Is {provider.name} running, with a model?"
        )
    return _first_chat_model(models)


def _first_chat_model(models: Sequence[str]) -> str:
    return next((model for model in models if "embed" not in model), models[0])


def _endpoint_at(
    url: str, model: str | None, rows: Sequence[Provider], environ: Mapping[str, str]
) -> Endpoint:
    safe_url = without_credentials(url)
    if not is_address(url):
        subject = repr(safe_url) if safe_url else "What was given as a base URL"
        raise UsageError(f"{subject} is not a base URL. One looks like https://api.example.com/v1.")
    if not model:
        raise UsageError(f"Name the model that {safe_url} should answer with: --model NAME.")
    parts = urlsplit(url)
    provider = next((row for row in rows if urlsplit(row.url).hostname == parts.hostname), None)
    usual_keys = provider.key_variables if provider and not provider.is_local else (USUAL_KEY,)
    keys = set_variables((OWN_KEY, *usual_keys), environ)
    return Endpoint(
        name=f"{parts.netloc.rpartition('@')[2]}/{model}",
        model=model,
        url=SecretStr(url),
        key=_key(environ, keys),
        key_variables=tuple(dict.fromkeys((*keys, OWN_KEY, *usual_keys))),
        is_local=_is_loopback(url),
        api=provider.api if provider else "chat",
    )


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def _key(environ: Mapping[str, str], variables: Sequence[str]) -> SecretStr | None:
    """Return the key in the first of these variables."""
    if not variables:
        return None
    key = environ[variables[0]].strip()
    # An HTTP library would report it, too, but quote the key.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelAuthError(
            f"The value of {variables[0]} is no key: it holds blanks or characters no key has."
        )
    return SecretStr(key)


def unknown_name(name: str, rows: Iterable[Provider]) -> str:
    """Return the message for an unknown name, with a similar name and all providers."""
    names = [row.name for row in rows]
    provider_name, _, model = name.partition("/")
    seller = provider_of(name)
    seller = _OUR_NAMES.get(seller, seller) if seller else None
    if seller in names:
        advice = f"; did you mean {seller}/{name}?"
    else:
        advice = suggest_nearest(provider_name, names).replace("?", f"/{model}?" if model else "?") or "."
    return (
        f"No model {name!r}: a model is named provider/model{advice} "
        f"Providers: {', '.join(names)}, local. "
        "Any other endpoint: NAME@URL (for --model, also --base-url URL --model NAME)."
    )
