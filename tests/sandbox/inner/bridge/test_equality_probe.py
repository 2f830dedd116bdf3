"""An equality is tried with values that are similar to the test's own, and never the same."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.bridge.equality_probe import is_discriminating

TEXTS = st.text("aeinst", min_size=1, max_size=40)
"""Texts of the letters by which similar texts are made."""


@given(st.one_of(TEXTS, TEXTS.map(str.encode), st.lists(TEXTS, min_size=1), st.sets(st.integers(0, 1 << 16))))
def test_an_equality_that_holds_for_one_value_alone_discriminates_always(value: object) -> None:
    assert is_discriminating(lambda other: other == value, value)


@given(TEXTS)
def test_an_equality_that_holds_for_every_value_does_not_discriminate(value: str) -> None:
    assert not is_discriminating(lambda other: True, value)
