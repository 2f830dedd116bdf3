"""JSON in ASCII, which also holds texts that aren't UTF-8, such as the name of a folder."""

import json

from pydantic import BaseModel


def ascii_json(value: BaseModel, *, indent: int | None = None) -> str:
    """Return a value as ASCII JSON; a byte that isn't UTF-8 is written as a lone surrogate."""
    return json.dumps(value.model_dump(mode="json"), indent=indent)
