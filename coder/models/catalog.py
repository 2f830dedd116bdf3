"""Catalog: the public list of providers and models, models.dev's, as it was last loaded into the cache.

It is data of other people: it says where a provider answers and what its models cost, and a row of it can
neither take the place of a built-in provider nor send that one's key elsewhere.
Beside it: what the user's own configuration says of models, which wins.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from coder.errors import UsageError
from coder.models.endpoint import Limits, parts_of
from coder.models.providers import Provider, address_variables
from coder.text.redact import names_secret
from coder.usage import Price

FILE = "models.jsonl"
FORMAT = 1
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHARED = frozenset({"amazonaws.com", "azure.com", "googleapis.com", "aliyuncs.com"})
"""Sites under which a customer's own service has a name, too."""
# Interfaces of another shape behind an address that looks the same.
OTHER_SHAPES = ("/anthropic", "/ai-sdk")


class Listed(BaseModel, frozen=True, extra="forbid"):
    """One model as the catalogue lists it."""

    context: int | None = None
    """Tokens, prompt and answer together."""
    max_output: int | None = None
    price: Price | None = None
    tools: bool = False
    reasoning: bool = False
    structured: bool = False
    """It can be held to a JSON schema."""
    images: bool = False
    """It sees them."""


class ListedProvider(BaseModel, frozen=True, extra="forbid"):
    """One provider as the catalogue lists it."""

    name: str
    url: str | None = None
    """None: it has no OpenAI-compatible address, or none that is the same for everyone."""
    variables: tuple[str, ...] = ()
    """Of the environment: its key, and what its address is filled from."""
    models: dict[str, Listed] = {}


class Header(BaseModel, frozen=True, extra="forbid"):
    """The first line of the file; each further one is a provider."""

    coder_catalog: int = FORMAT
    date: str = ""
    """When it was loaded: UTC, ISO 8601."""
    source: str = ""
    models: int = 0


class Catalog:
    """Providers by the name that the catalogue gives them; each is read when it is asked for."""

    def __init__(self, header: Header, lines: Mapping[str, bytes]) -> None:
        """Hold the JSON of each provider by its name."""
        self.header = header
        self._lines = lines

    def listed(self, name: str) -> ListedProvider | None:
        """What is listed of a provider; None where nothing is, or nothing that can be read."""
        line = self._lines.get(name)
        try:
            return ListedProvider.model_validate_json(line) if line is not None else None
        except ValidationError:
            return None

    def model(self, provider: Provider, model: str) -> Listed | None:
        """What is listed of a model."""
        listed = self.listed(provider.catalog or provider.name)
        return listed.models.get(model) if listed is not None else None

    def provider(self, name: str, table: Iterable[Provider]) -> Provider | None:
        """A provider that can be called by what is listed of it; None where it can't be.

        Args:
            table: those that are known without the catalogue; their keys stay with their hosts.
        """
        listed = self.listed(name)
        if listed is None or listed.url is None or not is_callable(listed.url):
            return None
        parts = address_variables(listed.url)
        keys = tuple(key for key in listed.variables if key not in parts)
        if any(owner_of(key, table, not_at=listed.url) for key in keys) or any(map(names_secret, parts)):
            return None  # name servers would see a key in a host's name
        return Provider(
            name=name,
            url=listed.url,
            key_variables=keys,
            by_name_only=True,
            is_local=parts_of(listed.url).hostname in LOOPBACK,
        )

    def rows(self, table: Iterable[Provider]) -> Iterator[tuple[Provider, str, Listed]]:
        """Provider, name of the model there, and what is listed of it; only what can be called."""
        known = list(table)
        ours = {row.catalog or row.name: row for row in known}
        for name in self._lines:
            provider = ours.get(name) or self.provider(name, known)
            listed = self.listed(name) if provider is not None else None
            if provider is not None and listed is not None:
                for model, facts in listed.models.items():
                    yield provider, model, facts


def catalog_of(providers: Mapping[str, ListedProvider], header: Header) -> Catalog:
    """A catalogue of these providers."""
    lines = {name: row.model_dump_json(exclude_defaults=True).encode() for name, row in providers.items()}
    return Catalog(header, lines)


def written(catalog: Catalog) -> bytes:
    """The catalogue as it stands in its file: a line for the header, then one for each provider."""
    names = (f"{json.dumps(name)}\t".encode() + line for name, line in catalog._lines.items())
    return b"\n".join([catalog.header.model_dump_json().encode(), *names]) + b"\n"


def is_callable(url: str) -> bool:
    """Whether an address uses our protocol over an encrypted connection."""
    parts = parts_of(url)
    safe = parts.scheme == "https" or parts.hostname in LOOPBACK or url.startswith("${")
    return safe and not any(shape in parts.path for shape in OTHER_SHAPES)


def owner_of(key: str, table: Iterable[Provider], *, not_at: str) -> Provider | None:
    """The known provider whose key this variable holds, where `not_at` is not one of its own hosts."""
    owners = [row for row in table if key in row.key_variables and not row.is_local]
    if any(_site(row.url) == _site(not_at) for row in owners):
        return None
    return owners[0] if owners else None


def read_catalog(folder: Path) -> Catalog:
    """What was last loaded into this folder; an empty one where nothing usable is."""
    try:
        first, *lines = (folder / FILE).read_bytes().splitlines()
        header = Header.model_validate_json(first)
        pairs = (line.partition(b"\t") for line in lines)
        rows = {str(json.loads(name)): row for name, _, row in pairs}
    except (OSError, ValueError):
        # A cache: another version's, or half a disk's, is the same as none.
        return Catalog(Header(), {})
    return Catalog(header, rows) if header.coder_catalog == FORMAT else Catalog(Header(), {})


def _site(url: str) -> str:
    """What of the host one owner has: its last two labels, or all where customers have names under those."""
    host = parts_of(url).hostname or ""
    site = ".".join(host.split(".")[-2:])
    return host if site in SHARED else site


class UserModels(BaseModel, frozen=True, extra="forbid"):
    """The tables `[aliases]`, `[prices]`, `[limits]` of the user's file, and where the catalogue stands."""

    aliases: dict[str, str] = {}
    """Another name for `provider/model`."""
    prices: dict[str, Price] = {}
    """By `provider/model`; they win over every list."""
    limits: dict[str, Limits] = {}
    """By provider."""
    cache: Path | None = None
    """Folder of the catalogue; None: there is none."""

    def meant(self, name: str) -> str:
        """What a name stands for: itself, unless it is an alias; an alias may name another.

        Raises:
            UsageError: aliases that name each other in a circle.
        """
        seen = [name]
        while (name := self.aliases.get(name, name)) != seen[-1]:
            if name in seen:
                raise UsageError(f"The alias {seen[0]!r} leads back to itself: {' → '.join([*seen, name])}.")
            seen.append(name)
        return name

    def catalog(self) -> Catalog:
        """The catalogue that was last loaded; an empty one where none was."""
        return read_catalog(self.cache) if self.cache is not None else Catalog(Header(), {})
