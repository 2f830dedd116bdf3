"""A container that crosses twice says so: to its receiver it is one object, or one of an earlier value."""

import struct
from collections import deque
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.bridge.aliases import EARLIER, Aliases
from sandbox.inner.bridge.codec import MAX_DEPTH, CodecError, decode, encode
from sandbox.inner.bridge.standard import from_parts, parts_of


def crossed(value: object, aliases: Aliases | None = None) -> tuple[Any, list[int]]:
    """The value on the other side, and the places of what occurs again."""
    known, places = aliases or Aliases(), list[int]()
    known.begin()
    frame = encode(value, refer=parts_of, aliases=known)
    return decode(frame, resolve=from_parts, note=places.append), places


def structure(value: Any, numbers: dict[int, int]) -> object:
    """A value as text, with a number for each list and dict by its identity."""
    if type(value) not in (list, dict, tuple):
        return repr(value)
    number = numbers.setdefault(id(value), len(numbers)) if type(value) is not tuple else -1
    items = value.items() if type(value) is dict else value
    return type(value).__name__, number, [structure(item, numbers) for item in items]


@st.composite
def shared_values(draw: st.DrawFn) -> Any:
    """A list of containers, each of which may hold any of those before it, several times."""
    made: list[Any] = [[], {}]
    for _ in range(draw(st.integers(1, 8))):
        items = draw(st.lists(st.sampled_from(made) | st.integers(0, 9), max_size=4))
        kind = draw(st.sampled_from((list, tuple, lambda items: dict(enumerate(items)), deque)))
        made.append(kind(items))
    return made[2:]


@pytest.mark.slow
@given(shared_values())
def test_a_value_comes_back_with_the_same_containers_in_the_same_places(value: Any) -> None:
    back, _ = crossed(value)

    assert structure(back, {}) == structure(value, {})


@pytest.mark.slow
@given(shared_values(), st.data())
def test_damaged_bytes_are_a_value_or_a_codec_error(value: Any, data: st.DataObject) -> None:
    whole = bytearray(encode(value, refer=parts_of, aliases=Aliases()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    with suppress(CodecError):
        decode(bytes(whole), resolve=lambda payload: payload)


@pytest.mark.parametrize("one", [[0], {1: 2}, {3}, deque([4]), bytearray(b"5")], ids=repr)
def test_one_container_in_two_places_stays_one(one: object) -> None:
    (first, (second,)), places = crossed([one, [one]])

    assert first == one
    assert first is second
    assert len(places) == 1


def test_equal_containers_stay_two() -> None:
    (first, second), places = crossed([[0], [0]])

    assert first is not second
    assert not places


def test_what_cannot_change_crosses_as_without_aliases() -> None:
    value = [(1, 2)] * 3 + ["ab" * 9] * 3 + [frozenset({1})] * 2 + [range(3)] * 2

    assert encode(value, refer=parts_of, aliases=Aliases()) == encode(value, refer=parts_of)


def test_a_container_that_is_still_in_use_is_known_in_a_later_value() -> None:
    aliases, kept = Aliases(), [0]
    crossed([kept], aliases)
    kept.append(1)

    (now,), places = crossed((kept,), aliases)

    assert now == [0, 1]
    assert places == [EARLIER]


def test_a_container_that_nothing_refers_to_is_not_known_in_a_later_value() -> None:
    aliases = Aliases()

    assert [crossed([[0]], aliases)[1] for _ in range(5)] == [[]] * 5


def test_a_container_of_an_earlier_value_in_two_places_is_one() -> None:
    aliases, kept = Aliases(), [0]
    crossed(kept, aliases)

    (first, second), places = crossed((kept, kept), aliases)

    assert first is second
    assert len(places) == 2


def test_known_containers_are_no_aliases() -> None:
    one = [1]

    frame = encode([one, one], known={id(one): 7}, aliases=Aliases())

    assert frame == encode([one, one], known={id(one): 7})


def alias(place: int) -> bytes:
    return b"a" + struct.pack("<I", place)


@pytest.mark.parametrize(
    "frame",
    [
        b"l" + struct.pack("<I", 1) + alias(1) + encode([]),
        encode([[], 0])[:-6] + alias(9) + encode([]),
        encode([[], 0])[:-6] + alias(2) + encode({}),
        encode([[], 0])[:-6] + alias(2) + encode(0),
        alias(0) + alias(0) + encode([]),
        alias(0),
    ],
    ids=["itself", "none", "of another type", "no container", "twice", "an end"],
)
def test_an_alias_of_anything_but_a_whole_container_is_refused(frame: bytes) -> None:
    with pytest.raises(CodecError):
        decode(frame)


@pytest.mark.slow
def test_aliases_that_unfold_without_end_are_refused_soon() -> None:
    value: list[object] = []
    for _ in range(60):
        value = [value, value]

    with pytest.raises(CodecError, match="more than"):
        encode(value, aliases=Aliases())


def test_the_deepest_value_crosses_with_aliases() -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]

    (first, second), _ = crossed((deep, deep))

    assert first is second
    assert first == deep
