"""An OpenAI-compatible endpoint: its address with secret parts, its limits and timeouts."""

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from pydantic import Field, SecretStr

from coder.base.text.redact import MIN_SECRET_LENGTH, names_secret
from coder.base.usage import Price
from coder.models.abilities import ModelFacts
from sandbox.result import Value

Caching = Literal["prefix", "key", "conversation", "marks"]
"""How an endpoint's cache of prompts is used.

prefix: the endpoint compares beginnings itself. key: the field `prompt_cache_key`. conversation: xAI's
header for chat completions, the field for Responses. marks: `cache_control` on messages, which
OpenRouter passes on to Anthropic's models.
"""
Api = Literal["chat", "responses", "messages"]
"""Chat completions, OpenAI's Responses, or Anthropic's Messages."""
_MARKED_PREFIX = "anthropic/"
"""Models with this prefix cache only marked messages."""


class RateLimits(Value):
    """Rate limits of one provider for all runs of this process. None: no limit."""

    concurrency: int | None = Field(default=None, ge=1)
    """Maximum number of concurrent calls."""
    requests_per_minute: float | None = Field(default=None, gt=0)

    def and_also(self, other: "RateLimits") -> "RateLimits":
        """Return the stricter one of each pair of limits."""
        pairs = {name: (limit, getattr(other, name)) for name, limit in self}
        return RateLimits(**{name: min(filter(None, pair), default=None) for name, pair in pairs.items()})


class Dialect(Value):
    """Properties in which endpoints differ."""

    key_variables: tuple[str, ...] = ()
    """Environment variables that can hold the key; the first that is set is used."""
    is_local: bool = False
    """Whether it runs on this machine: no proxy is used, and loading its weights may take a while."""
    limit_field: str = "max_tokens"
    """The endpoint's name of the field with the maximum tokens of an answer."""
    seed_field: str = "seed"
    api: Api = "chat"
    caching: Caching = "prefix"


class Endpoint(Dialect, ModelFacts):
    """One model at one address. The `repr` shows neither key nor credentials."""

    name: str
    """`provider/model`, as shown in events and on screen."""
    model: str
    """The endpoint's name of the model."""
    url: SecretStr
    """Base URL, such as https://api.openai.com/v1; it may contain credentials."""
    key: SecretStr | None = None
    is_free: bool = False
    """Whether it is known to be free. An unknown local server isn't, because it may forward to a paid one."""
    price: Price | None = None
    """Price from the user's configuration; it takes precedence over every list."""
    listed_price: Price | None = None
    """Price from the catalogue, used if no other list has one."""
    reasons: bool | None = None
    """Whether it reasons before it answers; None: unknown."""
    takes_sampling: bool | None = None
    """Whether it accepts `temperature`, `top_p` and `seed`; None: unknown."""
    limits: RateLimits = RateLimits()

    @property
    def place(self) -> str:
        """SHA-256 of address, key and dialect: endpoints with equal hashes share a rate limit."""
        key = self.key.get_secret_value() if self.key else ""
        parts = (self.url.get_secret_value(), key, self.limit_field, str(self.is_local), self.api)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def marks_caches(self) -> bool:
        """Whether requests mark the messages to cache, which are charged when first read."""
        return self.api == "messages" or (self.caching == "marks" and self.model.startswith(_MARKED_PREFIX))

    @property
    def host(self) -> str:
        """Host and port of the address."""
        return urlsplit(self.url.get_secret_value()).netloc.rpartition("@")[2]

    @property
    def shown_url(self) -> str:
        """The base URL without credentials or query, fit for messages."""
        return without_credentials(self.url.get_secret_value())


class Patience(Value):
    """Timeouts of an endpoint. While it sends an answer, only `whole_s` applies."""

    deadline_s: float = Field(default=30.0, gt=0)
    """No further request is made after this time without a byte from the endpoint."""
    headers_s: float = Field(default=600.0, gt=0)
    """Longest wait for the first byte of an answer: a model may reason before it sends any."""
    idle_s: float = Field(default=600.0, gt=0)
    """Longest silence in the middle of an answer. Any byte ends a silence, even of a comment."""
    whole_s: float = Field(default=1800.0, gt=0)
    """Longest time for one answer with all its retries."""
    attempts: int = Field(default=5, ge=1)
    """Number of requests, including the first."""
    first_wait_s: float = Field(default=0.5, ge=0)
    """Wait before the first retry; it doubles with each, with jitter."""

    def silent_for(self, seconds: float) -> "Patience":
        """Return a copy that allows this many seconds of silence."""
        whole_s = max(self.whole_s, seconds)
        return self.model_copy(update={"headers_s": seconds, "idle_s": seconds, "whole_s": whole_s})


# A server on this machine may be loading its weights, or reading a long prompt on a slow processor.
LOCAL_PATIENCE = Patience(deadline_s=300.0, whole_s=7200.0)


def patience_with(endpoint: Endpoint | None) -> Patience:
    """Return the default timeouts of an endpoint, or of local weights (None)."""
    return LOCAL_PATIENCE if endpoint is None or endpoint.is_local else Patience()


def unknown_secrets(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the secrets of an endpoint that a Redactor doesn't find in environment variables."""
    key = endpoint.key.get_secret_value() if endpoint.key else ""
    variables = (name for name in endpoint.key_variables if names_secret(name))
    is_known = any(environ.get(name, "").strip() == key for name in variables)
    # A local server's key is worthless elsewhere; most are our own.
    keys = () if is_known or endpoint.is_free or len(key) < MIN_SECRET_LENGTH else (key,)
    return (*keys, *keys_of(endpoint.url.get_secret_value()))


def without_credentials(url: str) -> str:
    """Return the URL with `user:password@` replaced by `***@`, and without query and fragment."""
    parts = parts_of(url)
    host = parts.netloc.rpartition("@")[2]
    address = f"***@{host}" if "@" in parts.netloc else host
    return parts._replace(netloc=address, query="", fragment="").geturl()


HARMLESS = frozenset({"api-version", "api_version", "version"})
"""Parameters that contain no key; Azure's addresses need theirs."""
_SIGNATURES = frozenset({"sig", "signature", "code", "auth"})
_MIN_KEY_LENGTH = 16
_MIN_DISTINCT_LENGTH = 4
"""Values with fewer characters can't be told from other text."""


def is_address(url: str) -> bool:
    """Whether requests can be sent to an address: http or https, with a valid host and port."""
    parts = parts_of(url)
    try:
        host = (parts.hostname or "").encode("idna")
        parts.port  # noqa: B018 - reading the port raises if it is invalid
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and url.isprintable() and " " not in url


def parts_of(url: str) -> SplitResult:
    """Split an address; all parts are empty if it is invalid."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def base_of(url: str) -> str:
    """Return the address without parameters, to which paths can be added."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def parameters_of(url: str) -> dict[str, str]:
    """Return the query parameters of an address, which are sent with every request."""
    return dict(parse_qsl(parts_of(url).query, keep_blank_values=True))


def for_log(url: str) -> str:
    """Return the address without credentials and with harmless parameters only."""
    parts = parts_of(url)
    harmless = {name: value for name, value in parameters_of(url).items() if name.lower() in HARMLESS}
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query=urlencode(harmless), fragment="").geturl()


def name_for_log(model: str) -> str:
    """Return a model's name without secrets, also of `name@https://…`; weights as an absolute path."""
    provider, _, file = model.partition("/")
    if provider == "local" and file.endswith(".gguf"):
        return f"local/{Path(file).expanduser().absolute()}"
    name, separator, url = model.partition("@http")
    return f"{name}@{for_log('http' + url)}" if separator else model


def _credentials(url: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Return user, password and all parameters, each as written and decoded."""
    parts = parts_of(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    raw = [(name, value) for name, _, value in (pair.partition("=") for pair in parts.query.split("&"))]
    return user, password, [*raw, *parameters_of(url).items()]


def secrets_of(url: str) -> tuple[str, ...]:
    """Return the parts of an address that an endpoint may echo and that must be redacted."""
    user, password, parameters = _credentials(url)
    secrets = [user, password, unquote(user), unquote(password)]
    secrets += [value for name, value in parameters if unquote(name).lower() not in HARMLESS]
    if user or password:  # also as the header contains it
        secrets.append(b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode())
    return tuple({value for value in secrets if len(value) >= _MIN_DISTINCT_LENGTH})


def keys_of(url: str) -> tuple[str, ...]:
    """Return passwords and keys in an address; other parts could be ordinary words."""
    user, password, parameters = _credentials(url)
    secrets = [password or user, unquote(password or user)]
    secrets += [value for name, value in parameters if _is_key(name, value)]
    return tuple({value for value in secrets if len(value) >= MIN_SECRET_LENGTH})


def _is_key(name: str, value: str) -> bool:
    """Whether a parameter contains a key, by its name or value."""
    is_key_name = names_secret(name) or name.lower() in _SIGNATURES
    return name.lower() not in HARMLESS and (is_key_name or looks_like_key(value))


def looks_like_key(value: str) -> bool:
    """Whether a part of an address is long and contains a digit, as keys do."""
    return len(value) >= _MIN_KEY_LENGTH and re.search(r"\d", value) is not None
