"""TOML of others is parsed as `tomllib` does, but for what would take it long."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.strict_toml import MOST_PARTS, parse_toml

LONGEST = 20_000
PARTS = ("a", '"a b"', "'a'", " a ", '"a.b" ')


def long_key(part: str, count: int) -> str:
    return ".".join([part] * count)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "[[{}]]", "x = {{ {} = 1 }}"])
def test_a_key_of_too_many_parts_is_refused_with_its_line(part: str, form: str) -> None:
    text = "b = 1\n" + form.format(long_key(part, MOST_PARTS + 1))

    with pytest.raises(tomllib.TOMLDecodeError, match="line 2"):
        parse_toml(text)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse_toml("\ufeffa = 1\n") == {"a": 1}


@pytest.mark.parametrize("part", PARTS)
def test_a_key_of_as_many_parts_as_allowed_is_read(part: str) -> None:
    text = f"{long_key(part, MOST_PARTS)} = 1"

    assert parse_toml(text) == tomllib.loads(text)


def test_what_is_nested_too_deeply_is_no_toml() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_toml("a = " + "[" * 100_000)


@given(st.text(alphabet="ab.\"'[]={} \t\n#1,-", max_size=200))
def test_any_other_text_is_read_as_tomllib_does(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(tomllib.TOMLDecodeError):
            parse_toml(text)
    else:
        assert parse_toml(text) == expected


@pytest.mark.parametrize("text", ["a.", "a", '"', "'", "a ", "a\t.", '"a".', "[a.", '"a"', ". ", "-"])
def test_text_made_to_take_long_takes_time_that_grows_with_its_length(text: str) -> None:
    """It takes a moment; where time grew with its square, it would be ended after minutes (`timeout`)."""
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_toml("x = '''" + text * 128 * LONGEST)
