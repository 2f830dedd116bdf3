"""Values that cross: equal and of the same type on the other side; damaged bytes are one kind of error."""

import math
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.bridge.codec import MAX_BITS, MAX_DEPTH, MAX_NODES, CodecError, decode, encode
from tests.linear_work import assert_linear

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
)
KEYS = st.recursive(
    SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=6
)
VALUES = st.recursive(
    KEYS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.sets(KEYS, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=25,
)


def same(left: Any, right: Any) -> bool:
    """Equal, with equal types all the way down; NaN is the same as NaN, 0.0 isn't -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right)
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, (set, frozenset)):
        rest = list(right)
        for item in left:
            position = next((i for i, other in enumerate(rest) if same(item, other)), None)
            if position is None:
                return False
            rest.pop(position)
        return not rest
    return bool(left == right)


@pytest.mark.slow
@given(VALUES)
def test_a_value_comes_back_equal_and_of_the_same_types(value: object) -> None:
    assert same(decode(encode(value)), value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_codec_error(data: bytes) -> None:
    with suppress(CodecError):
        decode(data)


@pytest.mark.slow
@given(VALUES, st.data())
def test_damaged_bytes_are_a_value_or_a_codec_error(value: object, data: st.DataObject) -> None:
    whole = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    with suppress(CodecError):
        decode(bytes(whole))


@pytest.mark.slow
@given(VALUES, st.data())
def test_bytes_cut_short_are_refused(value: object, data: st.DataObject) -> None:
    whole = encode(value)
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(CodecError):
        decode(whole[:cut])


def test_bytes_after_the_value_are_refused() -> None:
    with pytest.raises(CodecError, match="after the value"):
        decode(encode(1) + b"N")


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, complex(-0.0, math.nan), "\udc80"]
)
def test_odd_scalars_cross_exactly(value: object) -> None:
    assert same(decode(encode(value)), value)


class LyingList(list):  # type: ignore[type-arg]
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class LyingClass:
    __class__ = list  # type: ignore[assignment]


@pytest.mark.parametrize("value", [LyingList(), LyingClass(), bytearray(b"x"), range(3), object(), len, int])
def test_what_is_not_exactly_plain_data_is_refused(value: object) -> None:
    with pytest.raises(CodecError, match="isn't plain data"):
        encode([value])


def test_what_is_not_plain_data_crosses_as_the_payload_that_the_caller_gives() -> None:
    frame = encode([1, range(3), {"k": len}], refer=lambda value: ("named", type(value).__name__))

    assert decode(frame, resolve=lambda payload: payload[1].upper()) == [
        1,
        "RANGE",
        {"k": "BUILTIN_FUNCTION_OR_METHOD"},
    ]


def test_an_extension_without_a_resolver_is_refused() -> None:
    frame = encode(range(3), refer=lambda _: 7)

    with pytest.raises(CodecError, match="isn't plain data"):
        decode(frame)


def test_known_containers_cross_as_references() -> None:
    inner = [1]

    frame = encode([inner, [1]], known={id(inner): 7})

    assert decode(frame, resolve=lambda payload: f"reference {payload}") == ["reference 7", [1]]


@pytest.mark.parametrize("kind", [list, tuple])
def test_deep_nesting_is_refused_by_both_sides(kind: type) -> None:
    deep: object = kind()
    for _ in range(10_000):
        deep = kind([deep])
    tag = encode(kind())[:1]

    with pytest.raises(CodecError, match="deeper"):
        encode(deep)
    with pytest.raises(CodecError, match="deeper"):
        decode((tag + struct.pack("<I", 1)) * 10_000 + b"N")


def test_the_deepest_value_that_crosses_can_still_be_printed_and_compared() -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]

    back = decode(encode(deep))

    assert back == deep
    assert repr(back) == repr(deep)


def test_a_cycle_is_refused() -> None:
    cycle: list[object] = []
    cycle.append(cycle)

    with pytest.raises(CodecError):
        encode(cycle)


@pytest.mark.slow
def test_shared_references_that_unfold_without_end_are_refused_soon() -> None:
    value: list[object] = []
    for _ in range(60):
        value = [value, value]

    with pytest.raises(CodecError, match="more than"):
        encode(value)  # 2 ** 60 values would take centuries


def test_a_container_that_announces_more_than_there_is_takes_no_memory() -> None:
    with pytest.raises(CodecError, match="announces"):
        decode(b"l" + struct.pack("<I", 2**32 - 1) + b"N")


@pytest.mark.slow
def test_more_values_than_the_cap_are_refused() -> None:
    with pytest.raises(CodecError, match="more than"):
        encode([None] * (MAX_NODES + 1))
    with pytest.raises(CodecError, match="more than"):
        decode(b"l" + struct.pack("<I", MAX_NODES + 1) + b"N" * (MAX_NODES + 1))


@pytest.mark.parametrize("sign", [1, -1])
def test_an_int_over_the_cap_is_refused(sign: int) -> None:
    value = sign << MAX_BITS
    raw = value.to_bytes(MAX_BITS // 8 + 2, "little", signed=True)

    with pytest.raises(CodecError, match="bits"):
        encode(value)
    with pytest.raises(CodecError, match="bits"):
        decode(b"i" + struct.pack("<I", len(raw)) + raw)


@pytest.mark.parametrize(
    "value",
    ["x" * (17 << 20), b"x" * (17 << 20), [b"x" * (1 << 20)] * 17],
    ids=["one str", "one bytes", "many"],
)
def test_a_value_over_16_mib_is_refused(value: object) -> None:
    with pytest.raises(CodecError, match="bytes"):
        encode(value)


@pytest.mark.slow
def test_keys_made_to_collide_are_refused_before_they_cost_quadratic_time() -> None:
    prime = 2**61 - 1  # hash(n) == n % prime for ints

    def frame(count: int) -> bytes:
        return b"S" + encode([7 + i * prime for i in range(count)])[1:]

    def refuse(frame: bytes) -> None:
        with pytest.raises(CodecError, match="same hash"):
            decode(frame)

    assert_linear(refuse, frame, size=32_000)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [16, 40, 55])
def test_many_keys_whose_hashes_end_alike_are_refused(shift: int) -> None:
    keys = [key << shift for key in range(70_000)]

    with pytest.raises(CodecError, match="end alike"):
        decode(b"S" + encode(keys)[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        range(-50_000, 50_000),
        map(str, range(70_000)),
        (n / 8 for n in range(70_000)),
        (n << 40 for n in range(60_000)),
    ],
    ids=["numbers", "texts", "fractions", "few that end alike"],
)
def test_a_large_set_of_honest_keys_crosses(keys: Iterable[object]) -> None:
    whole = set(keys)

    assert decode(encode(whole)) == whole
    assert decode(encode(dict.fromkeys(whole))) == dict.fromkeys(whole)
    assert decode(encode(frozenset(whole))) == whole


@pytest.mark.parametrize("frame", [b"S" + encode([[1]])[1:], b"z" + encode([{}])[1:]])
def test_keys_that_cannot_be_hashed_are_refused(frame: bytes) -> None:
    with pytest.raises(CodecError, match="hashed"):
        decode(frame)


def test_two_equal_keys_are_refused() -> None:
    with pytest.raises(CodecError, match="equal keys"):
        decode(b"S" + encode([1, 1.0])[1:])
