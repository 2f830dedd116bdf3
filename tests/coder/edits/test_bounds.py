"""Very large files and answers: what is done with them grows with their size, not with its square."""

from collections.abc import Callable

import pytest

from coder.edits.answer import read_answer
from coder.edits.nesting import Fences
from tests.linear_work import assert_linear, count_calls

SIZE = 2_000_000
LINES = [f"line number {i} of a large file\n" for i in range(SIZE // 32)]
LARGE = "".join(LINES)
LONG = 500_000
"""Characters of the longest answers."""
NAMES = ["first", "second", "third", "fourth", "weight", "height", "colour", "shape"]
Read = tuple[str, str]
"""An answer, and the text of the file that it is about."""


def block(old: str, new: str) -> str:
    """One search/replace block."""
    return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


def read(given: Read) -> None:
    answer, text = given
    answered = read_answer(answer, {"f.txt": text, "f.py": "x\n"}, default="f.txt")

    assert answered.problem is not None or answered.files


@pytest.mark.slow
def test_two_thousand_edits_of_a_file_of_two_megabytes_are_all_made() -> None:
    def edits(count: int) -> str:
        return "f.txt\n```\n" + "".join(block(line, f"new {line}") for line in LINES[::31][:count]) + "```\n"

    def apply(answer: str) -> None:
        answered = read_answer(answer, {"f.txt": LARGE}, default="f.txt")
        assert answered.files["f.txt"].count("new line") == answer.count("new line")

    answered = read_answer(edits(len(LINES)), {"f.txt": LARGE}, default="f.txt")
    expected = "".join(f"new {line}" if i % 31 == 0 else line for i, line in enumerate(LINES))
    assert answered.files == {"f.txt": expected}
    assert_linear(apply, edits, size=len(LINES[::31]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        lambda n: (
            "f.txt\n```\n" + block("x\ny\n" * (n // 20) + "x\nx\n", "z\n") + "```\n",
            "x\ny\n" * (n // 4),
        ),
        lambda n: ("f.txt\n```\n" + block("x\n" * (n // 5) + "z\n", "z\n") + "```\n", "x\n" * n),
        lambda n: (
            "f.txt\n```\n" + "".join(block(f"lne {i}\na\nb\n", "z\n") for i in range(n // 50)),
            LARGE[: 4 * n],
        ),
        lambda n: (
            "f.txt\n```\n" + block("a" * (n * 9 // 5) + "\nq\nr\n", "z\n"),
            "a" * (n * 2) + "\nq\nr\n",
        ),
        lambda n: ("<<<<<<< SEARCH\n" * (n // 15), "x\n"),
        lambda n: ("<<<<<<< SEARCH\n" + "=======\n" * (n // 8) + ">>>>>>> REPLACE\n", "x\n"),
        lambda n: ("```x\n~~~\n" * (n // 9), "x\n"),
        lambda n: ("```x\n```x\n```\n" * (n // 14), "x\n"),
        lambda n: ("f.md\n```md\n```\n" * (n // 14), "x\n"),
        lambda n: ("f.py\n```py\nx = (\n```\n" * (n // 22), "x\n"),
        lambda n: ("--- f.txt\n+++ f.txt\n" + "@@ -1,90000 +1,90000 @@\n x\n" * (n // 27), "x\n"),
        lambda n: ("*** Begin Patch\n" + "*** Update File: f.txt\n@@\n" * (n // 27), "x\n"),
        lambda n: ("    *** Begin Patch\n    *** End Patch\n" * (n // 38), "x\n"),
        lambda n: ('"*** Begin Patch\\n' * (n // 18), "x\n"),
        lambda n: (
            "".join(f"f.txt\n```\nx\n# ... rest of {i}\n```\n" for i in range(n // 40)),
            LARGE[: 4 * n],
        ),
        lambda n: ("a/" * (n // 2) + "\n```\n" + block("", "x\n"), "x\n"),
        lambda n: ("f.py\n```python\n" + "x = (\n" * (n // 6), "x\n"),
    ],
)
def test_an_answer_made_to_take_long_takes_no_longer_than_it_is(given: Callable[[int], Read]) -> None:
    assert_linear(read, given, size=LONG)


@pytest.mark.slow
def test_twenty_thousand_new_files_beside_each_other_are_made() -> None:
    def patch(count: int) -> str:
        added = "".join(f"*** Add File: f/{i}\n+a\n" for i in range(count))
        return f"*** Begin Patch\n{added}*** End Patch\n"

    def make(answer: str) -> None:
        assert len(read_answer(answer, {}, default="f.txt").files) == answer.count("Add File")

    assert_linear(make, patch, size=20_000)


@pytest.mark.slow
def test_places_like_those_of_forty_edits_that_do_not_fit_are_found_without_a_pause() -> None:
    there = [
        f"    {name} = sorted(one.{name} for one in values)  # {i}\n" for i, name in enumerate(NAMES * 500)
    ]
    edits = [block("".join(there[i : i + 40]).replace("one", f"no{i}"), "z\n") for i in range(0, 400, 10)]
    answer = "f.txt\n```\n" + "".join(edits) + "```\n"

    def look() -> None:
        answered = read_answer(answer, {"f.txt": "".join(there)}, default="f.txt", in_part=True)
        assert "The nearest lines of the file are:" in (answered.problem or "")

    assert count_calls(look) < 8_000_000  # 3 million; 480 million where all places are compared


@pytest.mark.slow
def test_the_ends_of_many_blocks_are_found_in_no_longer_than_their_beginnings() -> None:
    lines = ["```"] * 50_000
    fences = Fences(lines, files=())

    def find_ends() -> None:
        ends = [fences.end(at, "other") for at in range(0, len(lines), 2)]
        assert ends == list(range(1, len(lines), 2))

    # 2.5 times as much; 36 times where each looks at 400 fences
    assert count_calls(find_ends) < 5 * count_calls(lambda: Fences(lines, files=()))
