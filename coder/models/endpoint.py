"""An OpenAI-compatible endpoint: its address, the secret parts of it, and its timeouts."""

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from pydantic import BaseModel, Field, SecretStr

from coder.base.text.redact import MIN_SECRET_LENGTH, names_secret
from coder.base.usage import Price
from coder.models.abilities import ModelFacts

Caching = Literal["prefix", "key", "conversation", "marks"]
"""How an endpoint is helped.

prefix: not at all, it compares beginnings by itself. key: the field `prompt_cache_key`. conversation: xAI's
header for chat completions, the field for Responses. marks: `cache_control` on messages, as Anthropic's
models want it, where OpenRouter hands it on to them.
"""
Api = Literal["chat", "responses", "messages"]
"""Chat completions, OpenAI's Responses, or Anthropic's Messages."""
_MARKED = "anthropic/"
"""Models that cache only what is marked."""


class RateLimits(BaseModel, frozen=True, extra="forbid"):
    """Rate limits of one provider for all runs of this process. None: no limit."""

    concurrency: int | None = Field(default=None, ge=1)
    """Calls at the same time."""
    requests_per_minute: float | None = Field(default=None, gt=0)

    def and_also(self, other: "RateLimits") -> "RateLimits":
        """The stricter of both for each limit."""
        pairs = {name: (mine, getattr(other, name)) for name, mine in self}
        return RateLimits(**{name: min(filter(None, pair), default=None) for name, pair in pairs.items()})


class Dialect(BaseModel, frozen=True, extra="forbid"):
    """Differences between endpoints."""

    key_variables: tuple[str, ...] = ()
    """Environment variables that can hold the key; the first one that is set counts."""
    is_local: bool = False
    """At this machine: no proxy is used, and it may load its weights for a while."""
    limit_field: str = "max_tokens"
    """Its name for the most tokens of an answer."""
    seed_field: str = "seed"
    api: Api = "chat"
    caching: Caching = "prefix"


class Endpoint(Dialect, ModelFacts, frozen=True):
    """One model behind one address. Its `repr` shows neither key nor credentials."""

    name: str
    """`provider/model`, as it stands in events and on screen."""
    model: str
    """The model's name as the endpoint knows it."""
    url: SecretStr
    """Base URL, such as https://api.openai.com/v1; it may hold credentials."""
    key: SecretStr | None = None
    is_free: bool = False
    """Known to cost nothing; an unknown server on this machine may pass on to one that does."""
    price: Price | None = None
    """The user's own; it wins over every list."""
    listed_price: Price | None = None
    """The catalogue's, for what no other list knows."""
    reasons: bool | None = None
    """It reasons before it answers; None: unknown."""
    draws: bool | None = None
    """It takes `temperature`, `top_p` and `seed`; None: unknown."""
    limits: RateLimits = RateLimits()

    @property
    def place(self) -> str:
        """SHA-256 that identifies a lane: address, key and dialect."""
        key = self.key.get_secret_value() if self.key else ""
        parts = (self.url.get_secret_value(), key, self.limit_field, str(self.is_local), self.api)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def marks_caches(self) -> bool:
        """Whether requests mark the messages to cache, which are charged when first read."""
        return self.api == "messages" or (self.caching == "marks" and self.model.startswith(_MARKED))

    @property
    def host(self) -> str:
        """Host and port of the address."""
        return urlsplit(self.url.get_secret_value()).netloc.rpartition("@")[2]

    @property
    def shown_url(self) -> str:
        """The base URL without credentials or query, fit for messages."""
        return without_credentials(self.url.get_secret_value())


class Patience(BaseModel, frozen=True, extra="forbid"):
    """Timeouts of an endpoint. While it sends an answer, only the caller's limit applies."""

    deadline_s: float = Field(default=30.0, gt=0)
    """Time without a sign of life after which no further request is made."""
    headers_s: float = Field(default=600.0, gt=0)
    """Longest wait for the first sign of life of one request: a model may reason before it sends any."""
    idle_s: float = Field(default=600.0, gt=0)
    """Longest silence in the middle of an answer. Any byte is a sign of life, be it of a comment."""
    whole_s: float = Field(default=1800.0, gt=0)
    """Longest time for one answer, over all retries, whatever signs of life there are."""
    attempts: int = Field(default=5, ge=1)
    """Requests in all, the first one included."""
    first_wait_s: float = Field(default=0.5, ge=0)
    """Wait before the first retry; it doubles with each, with jitter."""

    def silent_for(self, seconds: float) -> "Patience":
        """Copy with another maximum silence."""
        whole_s = max(self.whole_s, seconds)
        return self.model_copy(update={"headers_s": seconds, "idle_s": seconds, "whole_s": whole_s})


# A server on this machine may be loading its weights, or reading a long prompt on a slow processor.
LOCAL_PATIENCE = Patience(deadline_s=300.0, whole_s=7200.0)


def patience_with(endpoint: Endpoint | None) -> Patience:
    """Default timeouts of this endpoint, or of weights on this machine."""
    return LOCAL_PATIENCE if endpoint is None or endpoint.is_local else Patience()


def unheld_secrets(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Secrets of an endpoint that a Redactor doesn't know by the name of a variable."""
    key = endpoint.key.get_secret_value() if endpoint.key else ""
    variables = (name for name in endpoint.key_variables if names_secret(name))
    is_known = any(environ.get(name, "").strip() == key for name in variables)
    # A key of a server on this machine, mostly our own, opens nothing elsewhere.
    own = () if is_known or endpoint.is_free or len(key) < MIN_SECRET_LENGTH else (key,)
    return (*own, *keys_of(endpoint.url.get_secret_value()))


def without_credentials(url: str) -> str:
    """`url` with `user:password@` shown as `***@`, and without query or fragment."""
    parts = parts_of(url)
    host = parts.netloc.rpartition("@")[2]
    address = f"***@{host}" if "@" in parts.netloc else host
    return parts._replace(netloc=address, query="", fragment="").geturl()


HARMLESS = frozenset({"api-version", "api_version", "version"})
"""Parameters that hold no key; Azure's addresses need theirs."""
_SIGNATURES = frozenset({"sig", "signature", "code", "auth"})
_LONG = 16
_SHORTEST = 4
"""Characters of a value that can be told from any other text."""


def is_address(url: str) -> bool:
    """Whether requests can be sent there: http or https, with a valid host and port."""
    parts = parts_of(url)
    try:
        host = (parts.hostname or "").encode("idna")
        parts.port  # noqa: B018 - it is read from the text here
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
    """The address without parameters, to which paths are added."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def parameters_of(url: str) -> dict[str, str]:
    """The parameters of every request."""
    return dict(parse_qsl(parts_of(url).query, keep_blank_values=True))


def for_log(url: str) -> str:
    """The address without credentials, with harmless parameters only."""
    parts = parts_of(url)
    kept = {name: value for name, value in parameters_of(url).items() if name.lower() in HARMLESS}
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query=urlencode(kept), fragment="").geturl()


def name_for_log(model: str) -> str:
    """A model's name as it may be logged, also `name@https://…`; weights by their absolute path."""
    provider, _, file = model.partition("/")
    if provider == "local" and file.endswith(".gguf"):
        return f"local/{Path(file).expanduser().absolute()}"
    name, at, url = model.partition("@http")
    return f"{name}@{for_log('http' + url)}" if at else model


def _credentials(url: str) -> tuple[str, str, list[tuple[str, str]]]:
    """User and password as written, and all parameters, both as written and decoded."""
    parts = parts_of(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    raw = [(name, value) for name, _, value in (pair.partition("=") for pair in parts.query.split("&"))]
    return user, password, [*raw, *parameters_of(url).items()]


def secrets_of(url: str) -> tuple[str, ...]:
    """Parts of an address that an endpoint may echo and that must be redacted."""
    user, password, parameters = _credentials(url)
    secrets = [user, password, unquote(user), unquote(password)]
    secrets += [value for name, value in parameters if unquote(name).lower() not in HARMLESS]
    if user or password:  # also as in the header
        secrets.append(b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode())
    return tuple({value for value in secrets if len(value) >= _SHORTEST})


def keys_of(url: str) -> tuple[str, ...]:
    """Parts of an address that can be removed from any text: passwords and keys, no words."""
    user, password, parameters = _credentials(url)
    secrets = [password or user, unquote(password or user)]
    secrets += [value for name, value in parameters if _is_key(name, value)]
    return tuple({value for value in secrets if len(value) >= MIN_SECRET_LENGTH})


def _is_key(name: str, value: str) -> bool:
    """Whether a parameter's name or value is that of a key."""
    is_key_name = names_secret(name) or name.lower() in _SIGNATURES
    return name.lower() not in HARMLESS and (is_key_name or looks_like_key(value))


def looks_like_key(value: str) -> bool:
    """Whether a part of an address is long and holds a digit, as keys do."""
    return len(value) >= _LONG and re.search(r"\d", value) is not None
