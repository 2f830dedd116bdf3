"""Examples that a prompt states in words: read strictly, or not at all."""

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.run.examples import find_examples, stated_examples

HEAD = "def f(x, y):\n"


def stated(prompt: str) -> list[str]:
    """What is read of a prompt about `f`."""
    return list(stated_examples(prompt, ["f"]))


@pytest.mark.parametrize(
    "words",
    [
        "f(1, 2) => 3",
        "f(1, 2) ➞ 3",
        "f(1, 2) -> 3",
        "f(1, 2) == 3",
        "f(1, 2) = 3  # because",
        "For example, f(1, 2) returns 3.",
        "so `f(1, 2)` should return `3`",
        "f(1, 2) must give 3, f of nothing is an error",
        "f(1, 2) # => 3",
    ],
)
def test_a_call_a_word_or_arrow_and_a_value_are_an_example(words: str) -> None:
    assert stated(words) == ["assert f(1, 2) == 3"]


@pytest.mark.parametrize(
    "words",
    [
        "f(1, 2) == g(3)",
        "f(1, 2) == 3 + x",
        "f(a, b) returns 3",
        "h(1, 2) returns 3",
        "f(1, 2) is the usual case",
        "f(1, 2",
        "f(1, 2) returns 3 but should return 4",
        "There is a bug: f(1, 2) returns 3",
        ">>> f(1, 2)",
    ],
)
def test_what_is_in_doubt_is_left_out(words: str) -> None:
    assert stated(words) == []


def test_texts_with_brackets_and_quotes_in_them_are_one_value() -> None:
    assert stated("""f('a)', ["b]"]) => {'c': '=> 1'}""") == ["""assert f('a)', ["b]"]) == {'c': '=> 1'}"""]


def test_the_same_example_is_had_once_and_beside_transcripts() -> None:
    prompt = "def f(x):\n    '''\n    >>> f(1)\n    2\n    f(2) => 3\n    f(2) returns 3\n    '''\n"

    assert [example.source.strip() for example in find_examples(prompt)] == ["f(1)", "assert f(2) == 3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "much", [" ", "\n", "\t# ", "f(1, 2) ", "for ", "f(", "(", "def f(x", "Input: ", "`"]
)
def test_a_very_long_prompt_is_read_in_little_time(much: str) -> None:
    prompt = HEAD + "f(1, 2) => 3\n" + "f(3, 4) " + much * (100_000 // len(much))

    assert stated(prompt)[:1] == ["assert f(1, 2) == 3"]


@given(st.text(alphabet="f(1,'\"[]) =>Input:Output\n`{}\\"))
def test_no_prompt_breaks_it(text: str) -> None:
    assert all(source.startswith("assert f(") for source in stated(text))


def test_most_prompts_of_humaneval_have_examples() -> None:
    folder = os.environ.get("CODER_TEST_DATA")
    if folder is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared data")
    with gzip.open(Path(folder) / "HumanEval.jsonl.gz", "rt") as file:
        prompts = [json.loads(line)["prompt"] for line in file]

    assert sum(bool(find_examples(prompt)) for prompt in prompts) >= 139


@pytest.mark.parametrize("line", [">>> f(1, 2)\n3\n", "assert f(1, 2) == 3\n"])
def test_of_thousands_of_examples_the_first_500_are_read(line: str) -> None:
    assert len(find_examples(f"{HEAD}    pass\n{line * 20_000}")) == 500
