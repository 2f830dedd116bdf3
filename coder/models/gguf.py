"""What a GGUF file says of its model in its header: how much it can read, and what that takes.

The layout is that of ggml's docs/gguf.md: magic, version, counts, then typed keys and values. Every length in
it is looked at before it is believed.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
MOST_KEYS = 10_000
LONGEST = 1 << 20
"""Bytes of one text."""
_STRING, _ARRAY = 8, 9
# By the format's own numbers of kinds.
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_BYTES_A_VALUE = 2
"""Of the cache of keys and values: 16 bits each."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model; None where its header doesn't say."""

    context: int | None = None
    """Tokens that it was trained to read."""
    bytes_per_token: int | None = None
    """What each token of the context takes beside the weights."""


def read_facts(path: Path) -> Facts:
    """The facts in a header; those of one that is damaged, or of another version, are unknown.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        try:
            values = _values(file)
        except (ValueError, struct.error, UnicodeDecodeError):
            return Facts()
    kind = values.get("general.architecture")
    context = values.get(f"{kind}.context_length")
    return Facts(
        context=context if isinstance(context, int) and context > 0 else None,
        bytes_per_token=_bytes_per_token(values, str(kind)),
    )


def _bytes_per_token(values: dict[str, object], kind: str) -> int | None:
    def number(name: str) -> int | None:
        value = values.get(f"{kind}.{name}")
        return value if isinstance(value, int) and value > 0 else None

    layers, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    if layers is None or heads is None or width is None:
        return None
    size = width // heads
    keys, held = number("attention.key_length") or size, number("attention.value_length") or size
    return layers * (number("attention.head_count_kv") or heads) * (keys + held) * _BYTES_A_VALUE


def _values(file: BinaryIO) -> dict[str, object]:
    """Keys and values up to the tokenizer's, which are long and come last."""
    magic, version, _, count = struct.unpack("<4sIQQ", file.read(24))
    if magic != MAGIC or version not in (2, 3) or count > MOST_KEYS:
        raise ValueError("another format")
    found: dict[str, object] = {}
    for _ in range(count):
        key = _text(file)
        if key.startswith("tokenizer."):
            break
        found[key] = _value(file, *struct.unpack("<I", file.read(4)))
    return found


def _value(file: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        inner, length = struct.unpack("<IQ", file.read(12))
        if inner == _ARRAY or length > LONGEST:
            raise ValueError("a list of another format")
        for _ in range(length):
            _value(file, inner)
        return None
    if kind not in _NUMBERS:
        raise ValueError("another kind of value")
    layout = f"<{_NUMBERS[kind]}"
    return struct.unpack(layout, file.read(struct.calcsize(layout)))[0]


def _text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > LONGEST:
        raise ValueError("a text without end")
    return file.read(length).decode()
