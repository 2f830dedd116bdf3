"""Texts that can be sent to a model, and names that any log can hold."""

import re

from coder.base.errors import UsageError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def is_usable_name(name: str) -> bool:
    """Whether any log can hold a name."""
    return _UNUSABLE.search(name) is None


def require_usable_name(name: str, noun: str) -> None:
    """Raise UsageError if a name has a zero byte, or can't be encoded.

    Args:
        noun: what the name is of, for the error, such as "The id of the run".
    """
    _require_without(_UNUSABLE, name, noun)


def require_encodable(text: str, noun: str) -> None:
    """Raise UsageError if a text can't be encoded, so that no model could be sent it; `noun` as above."""
    _require_without(_LONE_SURROGATE, text, noun)


def _require_without(flaws: re.Pattern[str], text: str, noun: str) -> None:
    if (match := flaws.search(text)) is not None:
        char = match[0]
        flaw = "a zero byte" if char == "\0" else "half of a surrogate pair"
        flaw = (
            "a byte that isn't UTF-8" if "\udc80" <= char <= "\udcff" else flaw
        )  # as Python reads arguments
        raise UsageError(f"{noun} has {flaw} at character {match.start() + 1}. Nothing was stored. Omit it.")
