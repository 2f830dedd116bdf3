"""Damaged frames for the decoder of what sandboxes send. Run: python -m perf.frames [NUMBER] [SEED]

Each is a value or a CodecError, never another error. Printed are how many were which, and the slowest.
"""

import random
import sys
import time

from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.standard import from_parts

_TAGS = b"NTFifcsbltSzdx"
_KINDS = (
    "Decimal",
    "Fraction",
    "Counter",
    "OrderedDict",
    "deque",
    "array",
    "datetime",
    "UUID",
    "range",
    "path",
)


def main() -> None:
    """Decode so many frames (a million), and say what came of them."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    values = refused = 0
    slowest = (0.0, b"")
    for _ in range(number):
        frame = _frame(draw)
        began = time.perf_counter()
        try:
            decode(frame, resolve=_resolve)
            values += 1
        except CodecError:
            refused += 1
        slowest = max(slowest, (time.perf_counter() - began, frame[:60]))
    print(f"{number:,} frames: {values:,} values, {refused:,} refused, no other error")
    print(f"slowest {slowest[0] * 1e3:.1f} ms: {slowest[1]!r}")


def _resolve(payload: object) -> object:
    if type(payload) is not tuple or not payload:
        raise CodecError("an extension that isn't a tuple")
    return from_parts(payload)


def _frame(draw: random.Random) -> bytes:
    """A value's frame with some bytes changed, tags and lengths above all."""
    raw = bytearray(encode(_value(draw, 4), refer=lambda value: value.args))  # type: ignore[attr-defined]
    for _ in range(draw.randrange(4)):
        at = draw.randrange(len(raw))
        match draw.randrange(4):
            case 0:
                raw[at] = draw.choice(_TAGS)
            case 1:
                raw[at] = draw.randrange(256)
            case 2:
                del raw[at : at + draw.randrange(1, 9)]
            case _:
                raw[at:at] = draw.randbytes(draw.randrange(1, 9))
        raw = raw or bytearray(b"N")
    return bytes(raw)


def _value(draw: random.Random, depth: int) -> object:
    match draw.randrange(12 if depth else 6):
        case 0:
            return draw.choice([None, True, False])
        case 1:
            return draw.getrandbits(draw.choice([8, 64, 2_000])) * draw.choice([1, -1])
        case 2:
            return draw.choice([0.0, float("nan"), float("inf"), draw.random()])
        case 3:
            return "".join(chr(draw.randrange(1, 0x2FF)) for _ in range(draw.randrange(9)))
        case 4:
            return draw.randbytes(draw.randrange(9))
        case 5:
            return complex(draw.random(), 1)
        case 6:
            return {draw.getrandbits(16) << draw.choice([0, 40]) for _ in range(draw.randrange(40))}
        case 7:
            return {str(n): _value(draw, depth - 1) for n in range(draw.randrange(4))}
        case 8:
            return tuple(_value(draw, depth - 1) for _ in range(draw.randrange(4)))
        case 9:
            return ValueError(
                draw.choice(_KINDS), *(_value(draw, depth - 1) for _ in range(draw.randrange(4)))
            )
        case _:
            return [_value(draw, depth - 1) for _ in range(draw.randrange(5))]


if __name__ == "__main__":
    main()
