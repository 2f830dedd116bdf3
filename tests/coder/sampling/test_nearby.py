"""Inputs near others."""

import random

from hypothesis import given
from hypothesis import strategies as st

from sandbox import nearby

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=values, seed=st.integers(0, 99))
def test_what_is_near_a_value_has_its_type(value: object, seed: int) -> None:
    assert type(nearby(value, random.Random(seed))) is type(value)
