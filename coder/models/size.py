"""How large a model is, as far as its name tells: what suits a large one is lost on a small one."""

import re

SMALL = 1_000_000_000
"""Parameters below which a model goes on with source better than it follows instructions."""
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([MB])(?![A-Za-z\d])", re.IGNORECASE)
_UNITS = {"m": 1e6, "b": 1e9}


def parameters_of(name: str) -> int | None:
    """The number of parameters that a name such as `local/SmolLM2-135M-Instruct` tells, or None."""
    found = _SIZE.search(name)
    return round(float(found[1]) * _UNITS[found[2].lower()]) if found else None


def goes_on(name: str) -> bool:
    """Whether to let a model go on with an answer that we begin: it runs here, and it is small."""
    size = parameters_of(name)
    return name.startswith("local/") and size is not None and size < SMALL
