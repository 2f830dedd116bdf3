"""Providers: a small table of facts about the endpoints that people use. More come by entry point.

A package adds its own with an entry point of the group `coder.providers` that names a Provider or a sequence
of them. The order counts: with several keys set and no model named, the first in the table is used.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points

from pydantic import BaseModel, ConfigDict

ENTRY_POINTS = "coder.providers"


class Provider(BaseModel):
    """What must be known of an endpoint to call it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: str
    """Base URL of its OpenAI-compatible interface."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that hold its key; the first one that is set counts."""
    url_variable: str | None = None
    """Environment variable that replaces the base URL."""
    default_model: str | None = None
    """Used when only the provider is named; None: the first that the endpoint lists."""
    is_local: bool = False
    limit_field: str = "max_tokens"


class Found(BaseModel):
    """A provider for which a key is set. It holds the variable's name, never its value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider
    variable: str


BUILT_IN: tuple[Provider, ...] = (
    Provider(
        name="openai",
        url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        url_variable="OPENAI_BASE_URL",
        default_model="gpt-5.4-mini",
        limit_field="max_completion_tokens",
    ),
    Provider(
        name="anthropic",
        url="https://api.anthropic.com/v1",
        key_variables=("ANTHROPIC_API_KEY",),
        default_model="claude-sonnet-4-6",
    ),
    Provider(
        name="gemini",
        url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        default_model="gemini-3.5-flash",
    ),
    Provider(
        name="mistral",
        url="https://api.mistral.ai/v1",
        key_variables=("MISTRAL_API_KEY",),
        default_model="devstral-latest",
    ),
    Provider(
        name="deepseek",
        url="https://api.deepseek.com",
        key_variables=("DEEPSEEK_API_KEY",),
        default_model="deepseek-chat",
    ),
    Provider(
        name="xai",
        url="https://api.x.ai/v1",
        key_variables=("XAI_API_KEY",),
        default_model="grok-4.3",
    ),
    Provider(
        name="groq",
        url="https://api.groq.com/openai/v1",
        key_variables=("GROQ_API_KEY",),
        default_model="openai/gpt-oss-120b",
    ),
    Provider(
        name="cerebras",
        url="https://api.cerebras.ai/v1",
        key_variables=("CEREBRAS_API_KEY",),
        default_model="gpt-oss-120b",
    ),
    Provider(
        name="together",
        url="https://api.together.xyz/v1",
        key_variables=("TOGETHER_API_KEY",),
        default_model="openai/gpt-oss-120b",
    ),
    Provider(
        name="fireworks",
        url="https://api.fireworks.ai/inference/v1",
        key_variables=("FIREWORKS_API_KEY",),
        default_model="accounts/fireworks/models/gpt-oss-120b",
    ),
    Provider(
        name="openrouter",
        url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        default_model="anthropic/claude-sonnet-4.6",
    ),
    Provider(name="ollama", url="http://127.0.0.1:11434/v1", is_local=True),
    Provider(name="lmstudio", url="http://127.0.0.1:1234/v1", is_local=True),
    Provider(
        name="llamacpp", url="http://127.0.0.1:8080/v1", key_variables=("LLAMA_API_KEY",), is_local=True
    ),
    Provider(name="vllm", url="http://127.0.0.1:8000/v1", key_variables=("VLLM_API_KEY",), is_local=True),
)


def providers() -> tuple[Provider, ...]:
    """The built-in table, then what other packages add; a name that is taken stays as it was."""
    rows = {provider.name: provider for provider in BUILT_IN}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        loaded: Provider | Sequence[Provider] = entry.load()
        for provider in [loaded] if isinstance(loaded, Provider) else loaded:
            rows.setdefault(provider.name, provider)
    return tuple(rows.values())


def found_endpoints(environ: Mapping[str, str], *, table: Iterable[Provider] | None = None) -> list[Found]:
    """Hosted providers whose key is set, in table order."""
    rows = providers() if table is None else table
    return [
        Found(provider=provider, variable=variable)
        for provider in rows
        if not provider.is_local and (variable := key_variable(provider, environ))
    ]


def key_variable(provider: Provider, environ: Mapping[str, str]) -> str | None:
    """Name of the first of the provider's variables that is set and not blank."""
    return next((name for name in provider.key_variables if environ.get(name, "").strip()), None)
