"""What a call costs: by the user's own price, else by genai-prices, else by the catalogue.

No connection is made. Unknown is None, never 0.
"""

from decimal import Decimal

from coder.models.endpoint import Endpoint
from coder.models.model import Usage


def cost(endpoint: Endpoint, usage: Usage) -> Decimal | None:
    """US dollars for one call; 0 for a model that runs here; None where no price is known."""
    if endpoint.price is not None:
        return endpoint.price.of(usage)
    if endpoint.is_free:
        return Decimal(0)
    if endpoint.is_local:
        return None  # whoever stands behind a loopback address, the list does not know it
    # Its table of prices takes 0.1 s to load: only those who pay wait for it.
    import genai_prices

    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=(read := min(usage.cached_tokens, usage.input_tokens)),
        cache_write_tokens=min(usage.cache_write_tokens, usage.input_tokens - read),
    )
    try:
        found = genai_prices.calc_price(counted, endpoint.model, provider_api_url=endpoint.shown_url)
    except LookupError:
        return endpoint.listed_price.of(usage) if endpoint.listed_price is not None else None
    return found.total_price


def provider_of(model: str) -> str | None:
    """The provider that sells a model of this name, as the price list calls it; None where it is unknown."""
    from genai_prices import data_snapshot

    try:
        provider, _ = data_snapshot.get_snapshot().find_provider_model(model, None, None, None)
    except LookupError:
        return None
    return provider.id
