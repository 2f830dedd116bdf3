"""Numbers of less precision than a float cross as the decimal that they print."""

import math
from struct import pack, unpack
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.bridge.plain_copies import shortest

DIGITS = {"f": 6, "e": 3}
"""Significant digits that each type keeps (FLT_DIG of C, and the same for half floats)."""


def rounded(number: float, code: str) -> float:
    (value,) = unpack(code, pack(code, number))
    return float(value)


@pytest.mark.parametrize(("code", "width"), [("f", 32), ("e", 16)])
@given(data=st.data())
def test_no_number_becomes_one_that_its_type_tells_from_it(
    code: str, width: Literal[16, 32], data: st.DataObject
) -> None:
    number = data.draw(st.floats(width=width))

    crossed = shortest(number, code)

    assert math.isnan(crossed) if math.isnan(number) else rounded(crossed, code) == number
    assert math.copysign(1, crossed) == math.copysign(1, number)
    assert not number.is_integer() or crossed == number


@pytest.mark.parametrize("code", DIGITS)
@given(data=st.data())
def test_a_decimal_that_the_type_keeps_is_itself(code: str, data: st.DataObject) -> None:
    most = 10 ** DIGITS[code]
    decimal = data.draw(st.integers(-most + 1, most - 1)) / 10 ** data.draw(st.integers(0, DIGITS[code]))

    assert shortest(rounded(decimal, code), code) == decimal


def test_a_number_equals_no_other_one_for_its_lack_of_precision() -> None:
    assert shortest(rounded(0.1001, "e"), "e") != 0.1
    assert shortest(math.inf, "e") == math.inf
    assert shortest(rounded(123456.7, "f"), "f") == 123456.7
