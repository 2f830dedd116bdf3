"""Very large files and answers: what is done with them grows with their size, not with its square."""

import time

import pytest

from coder.edits.answer import read_answer
from coder.edits.nesting import Fences

SIZE = 2_000_000
LINES = [f"line number {i} of a large file\n" for i in range(SIZE // 32)]
LARGE = "".join(LINES)
PART = SIZE // 4
SAME = "x\n" * PART
NAMES = ["first", "second", "third", "fourth", "weight", "height", "colour", "shape"]
MOST_S = 40.0
"""Processor time, some thirty times what the slowest takes; squares of these sizes take hours."""


def block(old: str, new: str) -> str:
    """One search/replace block."""
    return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


@pytest.mark.slow
def test_two_thousand_edits_of_a_file_of_two_megabytes_are_all_made() -> None:
    answer = "f.txt\n```\n" + "".join(block(line, f"new {line}") for line in LINES[::31]) + "```\n"

    began = time.process_time()
    answered = read_answer(answer, {"f.txt": LARGE}, default="f.txt")

    expected = "".join(f"new {line}" if i % 31 == 0 else line for i, line in enumerate(LINES))
    assert answered.files == {"f.txt": expected}
    assert time.process_time() - began < MOST_S


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("f.txt\n```\n" + block("x\ny\n" * 25_000 + "x\nx\n", "z\n") + "```\n", "x\ny\n" * (PART // 4)),
        ("f.txt\n```\n" + block("x\n" * 100_000 + "z\n", "z\n") + "```\n", SAME),
        ("f.txt\n```\n" + "".join(block(f"lne {i}\na\nb\n", "z\n") for i in range(10_000)), LARGE),
        ("f.txt\n```\n" + block("a" * 900_000 + "\nq\nr\n", "z\n"), "a" * 1_000_000 + "\nq\nr\n"),
        ("<<<<<<< SEARCH\n" * (PART // 15), "x\n"),
        ("<<<<<<< SEARCH\n" + "=======\n" * (PART // 8) + ">>>>>>> REPLACE\n", "x\n"),
        ("```x\n~~~\n" * (PART // 9), "x\n"),
        ("```x\n```x\n```\n" * (PART // 14), "x\n"),
        ("f.md\n```md\n```\n" * (PART // 14), "x\n"),
        ("f.py\n```py\nx = (\n```\n" * (PART // 22), "x\n"),
        ("--- f.txt\n+++ f.txt\n" + "@@ -1,90000 +1,90000 @@\n x\n" * (PART // 27), "x\n"),
        ("*** Begin Patch\n" + "*** Update File: f.txt\n@@\n" * (PART // 27), "x\n"),
        ("    *** Begin Patch\n    *** End Patch\n" * (PART // 38), "x\n"),
        ('"*** Begin Patch\\n' * (PART // 18), "x\n"),
        ("".join(f"f.txt\n```\nx\n# ... rest of {i}\n```\n" for i in range(PART // 40)), LARGE),
        ("a/" * (PART // 2) + "\n```\n" + block("", "x\n"), "x\n"),
        ("f.py\n```python\n" + "x = (\n" * (PART // 6), "x\n"),
    ],
)
def test_an_answer_made_to_take_long_takes_no_longer_than_it_is(answer: str, text: str) -> None:
    began = time.process_time()
    answered = read_answer(answer, {"f.txt": text, "f.py": "x\n"}, default="f.txt")

    assert answered.problem is not None or answered.files
    assert time.process_time() - began < MOST_S


@pytest.mark.slow
def test_twenty_thousand_new_files_beside_each_other_are_made() -> None:
    patch = (
        "*** Begin Patch\n" + "".join(f"*** Add File: f/{i}\n+a\n" for i in range(20_000)) + "*** End Patch\n"
    )

    began = time.process_time()
    answered = read_answer(patch, {}, default="f.txt")

    assert len(answered.files) == 20_000
    assert time.process_time() - began < MOST_S


@pytest.mark.slow
def test_places_like_those_of_forty_edits_that_do_not_fit_are_found_without_a_pause() -> None:
    there = [
        f"    {name} = sorted(one.{name} for one in values)  # {i}\n" for i, name in enumerate(NAMES * 500)
    ]
    edits = [block("".join(there[i : i + 40]).replace("one", f"no{i}"), "z\n") for i in range(0, 400, 10)]
    answer = "f.txt\n```\n" + "".join(edits) + "```\n"

    began = time.process_time()
    answered = read_answer(answer, {"f.txt": "".join(there)}, default="f.txt", in_part=True)

    assert "The nearest lines of the file are:" in (answered.problem or "")
    assert time.process_time() - began < 4.0


@pytest.mark.slow
def test_the_ends_of_many_blocks_are_found_in_no_longer_than_their_beginnings() -> None:
    lines = ["```"] * 50_000

    began = time.process_time()
    fences = Fences(lines, files=())
    scan_end = time.process_time()
    ends = [fences.end(at, "other") for at in range(0, len(lines), 2)]
    ended = time.process_time()

    assert ends == list(range(1, len(lines), 2))
    assert ended - scan_end < 5 * (scan_end - began)  # 1.7 times; 18 where each looks at 400 fences
