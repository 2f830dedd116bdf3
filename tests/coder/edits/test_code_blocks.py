"""The code-block parser: lenient on form, exact on content."""

import ast
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.edits.code_blocks import find_blocks, whole_files


class Parsed(NamedTuple):
    """The whole files of an answer, and what to ask for again."""

    files: dict[str, str]
    problem: str | None


def parse_answer(text: str, *, default: str, expected: tuple[str, ...] | list[str] = ()) -> Parsed:
    """The whole files of an answer."""
    return Parsed(*whole_files(text, find_blocks(text), default=default, expected=expected))


ADD = "def add(a, b):\n    return a + b\n"


def test_one_block_is_the_default_file() -> None:
    parsed = parse_answer(f"Sure:\n```python\n{ADD}```\nDone.", default="solution.py", expected=["add"])

    assert parsed.files == {"solution.py": ADD}
    assert parsed.problem is None


def test_an_answer_without_code_is_asked_for_again() -> None:
    parsed = parse_answer("I am sorry, I can't do that.", default="solution.py")

    assert parsed.files == {}
    assert parsed.problem is not None
    assert "no code" in parsed.problem


def test_of_two_blocks_the_one_with_the_expected_name_is_taken() -> None:
    answer = f"```python\n{ADD}```\nUse it:\n```python\nprint(add(1, 2))\n```"

    parsed = parse_answer(answer, default="solution.py", expected=["add"])

    assert parsed.files == {"solution.py": ADD}


def test_two_blocks_that_define_the_names_together_are_joined() -> None:
    answer = f"```python\n{ADD}```\nand\n```python\ndef sub(a, b):\n    return a - b\n```"

    parsed = parse_answer(answer, default="solution.py", expected=["add", "sub"])

    assert "def add" in parsed.files["solution.py"]
    assert "def sub" in parsed.files["solution.py"]


def test_prose_inside_a_block_is_dropped() -> None:
    answer = f"```python\nHere is the function you asked for:\n{ADD}I hope this helps!\n```"

    parsed = parse_answer(answer, default="solution.py", expected=["add"])

    assert parsed.files == {"solution.py": ADD}


def test_a_wrong_function_name_is_asked_for_again_by_name() -> None:
    parsed = parse_answer(f"```python\n{ADD}```", default="solution.py", expected=["plus"])

    assert parsed.problem is not None
    assert "`plus`" in parsed.problem


def test_a_syntax_error_is_no_slip_of_form() -> None:
    parsed = parse_answer(
        "```python\ndef add(a, b:\n    return a\n```", default="solution.py", expected=["add"]
    )

    assert parsed.problem is None
    assert "def add(a, b:" in parsed.files["solution.py"]


def test_a_block_that_is_cut_off_goes_to_the_end() -> None:
    parsed = parse_answer(f"```python\n{ADD}", default="solution.py", expected=["add"])

    assert parsed.files == {"solution.py": ADD}


def test_an_answer_that_is_all_code_needs_no_fence() -> None:
    parsed = parse_answer(ADD, default="solution.py", expected=["add"])

    assert parsed.files == {"solution.py": ADD}


def test_an_interpreter_transcript_is_read_as_code() -> None:
    answer = "```python\n>>> def add(a, b):\n...     return a + b\n```"

    parsed = parse_answer(answer, default="solution.py", expected=["add"])

    assert parsed.files == {"solution.py": ADD}


def test_files_are_named_in_the_fence_above_it_or_in_a_comment() -> None:
    answer = (
        "```python pkg/a.py\nx = 1\n```\n\n### `pkg/b.py`\n```python\ny = 2\n```\n"
        '```python\n# file: c.py\nz = 3\n```\n**data.json**\n```json\n{"k": 1}\n```\n'
    )

    parsed = parse_answer(answer, default="solution.py")

    assert sorted(parsed.files) == ["c.py", "data.json", "pkg/a.py", "pkg/b.py"]
    assert parsed.files["data.json"] == '{"k": 1}\n'


def test_a_fence_inside_a_longer_fence_is_content() -> None:
    answer = "````markdown\n```python\nx = 1\n```\n````"

    blocks = find_blocks(answer)

    assert [block.text for block in blocks] == ["```python\nx = 1\n```\n"]


@given(st.text(max_size=2000))
def test_no_answer_breaks_the_parser(answer: str) -> None:
    parsed = parse_answer(answer, default="solution.py", expected=["f"])

    assert parsed.files or parsed.problem


_LINES = st.lists(st.from_regex(r"x[a-z]{0,7} = [1-9][0-9]{0,3}", fullmatch=True), min_size=1, max_size=20)


@pytest.mark.slow
@given(
    lines=_LINES,
    before=st.text(alphabet="abc \n", max_size=60),
    after=st.text(alphabet="abc .\n", max_size=60),
    mark=st.sampled_from(["```", "````", "~~~"]),
    language=st.sampled_from(["", "python", "py", "Python3"]),
)
def test_code_in_a_fence_comes_out_as_it_went_in(
    lines: list[str], before: str, after: str, mark: str, language: str
) -> None:
    code = "\n".join(lines) + "\n"
    answer = f"{before}\n{mark}{language}\n{code}{mark}\n{after}"

    parsed = parse_answer(answer, default="solution.py")

    assert ast.dump(ast.parse(parsed.files["solution.py"])) == ast.dump(ast.parse(code))


@pytest.mark.parametrize("path", [".github/workflows/ci.yml", ".envrc", "pkg/a.py"])
@pytest.mark.parametrize(
    "line", ["**{}**", "File: `{}`", "### {}", "{}:", "1. `{}`:", "Here is the corrected `{}`:", "- **`{}`**"]
)
def test_the_line_above_a_block_names_its_file_with_the_dot_that_it_begins_with(line: str, path: str) -> None:
    parsed = parse_answer(f"{line.format(path)}\n```\nx = 1\n```\n", default="solution.py")

    assert parsed.files == {path: "x = 1\n"}


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("An example of how to use `a.py`:", "python"),
        ("With the new `a.py`, you get:", "console"),
        ("`a.py` and `b.py` are alike:", "python"),
    ],
)
def test_a_block_that_is_about_a_file_is_not_that_file(line: str, language: str) -> None:
    (block,) = find_blocks(f"{line}\n```{language}\nx = 1\n```\n")

    assert block.name is None
