"""Names of models that a client can choose from."""

import os

from coder.config.layers import Loaded
from coder.models.providers import find_keyed_providers


def known_models(loaded: Loaded) -> tuple[str, ...]:
    """Return names of models to choose from: those of the configuration, and of providers with a key."""
    models = loaded.config.models()
    configured = (*((models.model,) if models.model else ()), *models.fallback, *models.roles.values())
    rows = (row.provider for row in find_keyed_providers(os.environ))
    keyed = (f"{provider.name}/{provider.default_model}" for provider in rows if provider.default_model)
    return (*configured, *loaded.book.aliases, *keyed)
