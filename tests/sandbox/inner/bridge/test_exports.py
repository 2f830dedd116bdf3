"""No message makes this side read an object of its own that the other side may not read."""

from typing import Any

import pytest

from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.bridge.exports import Exports
from sandbox.inner.bridge.lent import Lent
from sandbox.inner.bridge.record import UseRecord
from sandbox.inner.bridge.standard import from_parts


class Expected:
    """An object of a test's own, that tells what is right to whoever reads it."""

    def __iter__(self) -> Any:
        return iter([9])

    def __index__(self) -> int:
        return 9

    def keys(self) -> list[str]:
        return ["nine"]

    def __getitem__(self, key: object) -> int:
        return 9


@pytest.mark.parametrize(
    "payload",
    [
        ("dict_keys", Expected()),
        ("dict_values", Expected()),
        ("ChainMap", Expected()),
        ("range", 0, Expected(), 1),
        ("array", "i", [Expected()]),
    ],
    ids=lambda payload: payload[0],
)
def test_no_value_is_made_by_reading_an_object(payload: tuple[object, ...]) -> None:
    with pytest.raises(CodecError):
        from_parts(payload)


@pytest.mark.parametrize(
    "operands",
    [("call", Expected(), {}), ("call", (), Expected()), ("operator", "__call__", Expected())],
    ids=["arguments", "keywords", "operands"],
)
def test_no_object_is_unpacked_as_arguments(operands: tuple[object, ...]) -> None:
    call_arguments: list[object] = []
    exports = Exports(UseRecord(None, by_line=False))

    def callback(*args: object, **kwargs: object) -> None:
        call_arguments.extend((*args, *kwargs.values()))

    operation, *rest = operands
    number = exports.payload(callback)[1]
    answer = exports.answer([operation, number, *rest], lambda error: ("an error",), Lent([], []), [])

    assert call_arguments == []
    assert decode(answer, resolve=lambda payload: payload)[0] == "threw"


@pytest.mark.parametrize("operation", ["get", "set"])
def test_no_object_is_shown_as_the_name_of_an_attribute(operation: str) -> None:
    exports = Exports(UseRecord(None, by_line=False))
    number = exports.payload(Expected())[1]

    answer = exports.answer(
        [operation, number, Expected(), 1], lambda error: ("an error", str(error)), Lent([], []), []
    )

    assert "Expected object" not in repr(decode(answer, resolve=lambda payload: payload))
