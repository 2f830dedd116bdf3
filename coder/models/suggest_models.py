"""What to say about a model's name that can't be resolved: the names that are near."""

from collections.abc import Iterable

from coder.models.prices import provider_of
from coder.models.provider import Provider
from coder.text.did_you_mean import or_nearest

# Where the price list calls a provider otherwise than we do.
ALSO_CALLED = {"google": "gemini", "x-ai": "xai"}


def unknown_name(name: str, rows: Iterable[Provider]) -> str:
    """The message for a name that is no `provider/model`: with the nearest one, and with all providers."""
    known = [row.name for row in rows]
    first, _, rest = name.partition("/")
    seller = provider_of(name)
    seller = ALSO_CALLED.get(seller, seller) if seller else None
    if seller in known:
        advice = f"; did you mean {seller}/{name}?"
    else:
        advice = or_nearest(first, known).replace("?", f"/{rest}?" if rest else "?") or "."
    return (
        f"No model {name!r}: a model is named provider/model{advice} "
        f"Providers: {', '.join(known)}, local. Any other endpoint: --base-url URL --model NAME."
    )
