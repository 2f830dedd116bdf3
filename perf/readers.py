"""How the readers of what others write grow with its size. Run: python -m perf.readers [READER...]

Parts of each reader's example are repeated at a place in it, at three sizes. Printed are those whose time
grows faster than by half again as much as the size, and the slowest of each reader.
"""

import random
import sys
import time
from collections.abc import Iterator

from tests.foreign_readers import READERS, Reader, is_read

_SIZES = (8_000, 32_000, 128_000)
"""Bytes of what is repeated."""
_PARTS, _PART_BYTES = 14, (1, 1, 2, 3, 5, 8, 20, 60)
_LEAST_S, _MOST_GROWTH = 0.15, 8.0
"""Seconds of a processor below which growth isn't told, and that of a step of four times the size."""


def main() -> None:
    """Measure the named readers, or all."""
    for name in sys.argv[1:] or READERS:
        reader, chance, slowest = READERS[name], random.Random(name), 0.0
        for place, part in _parts(reader, chance):
            times_s = [_time_s(reader, place, part, size) for size in _SIZES]
            slowest = max(slowest, times_s[-1])
            if times_s[-1] > _LEAST_S and times_s[-1] > _MOST_GROWTH * times_s[-2]:
                shown = ", ".join(f"{seconds:.3f}" for seconds in times_s)
                print(f"{name}: {part[:40]!r} at {place} grows: {shown} s", flush=True)
        print(f"{name}: at most {slowest:.3f} s for {_SIZES[-1]:,} bytes", flush=True)


def _parts(reader: Reader, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Yield places in an example, and parts of it that are repeated there."""
    example = reader.example
    yield chance.randrange(len(example) + 1), example
    for _ in range(_PARTS):
        length = chance.choice(_PART_BYTES)
        start = chance.randrange(max(1, len(example) - length))
        yield chance.randrange(len(example) + 1), example[start : start + length]


def _time_s(reader: Reader, place: int, part: bytes, size: int) -> float:
    content = reader.example[:place] + part * (size // len(part)) + reader.example[place:]
    began_s = time.process_time()
    is_read(reader, content)
    return time.process_time() - began_s


if __name__ == "__main__":
    main()
