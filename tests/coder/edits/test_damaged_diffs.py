"""Diffs damaged as models damage them: each lands as it was meant, or is refused; never half of it."""

import pytest

from coder.edits.answer import read_answer
from coder.edits.edit import Answered

LINES = [f"    line {i}\n" for i in range(30)]
TEXT = "".join(LINES)
DONE = TEXT.replace("line 3\n", "three\n").replace("line 20\n", "twenty\n")
NAMES = "--- a/a.txt\n+++ b/a.txt\n"
FIRST = "@@ -3,3 +3,3 @@\n     line 2\n-    line 3\n+    three\n     line 4\n"
SECOND = "@@ -20,3 +20,3 @@\n     line 19\n-    line 20\n+    twenty\n     line 21\n"


def answered(answer: str, text: str = TEXT) -> Answered:
    """What an answer makes of the one file."""
    return read_answer(answer, {"a.txt": text}, default="main.py")


@pytest.mark.parametrize(
    "answer",
    [
        f"{NAMES}{FIRST}\n{SECOND}",
        f"{NAMES}{FIRST}\nAnd further down:\n\n{SECOND}\nDone.\n",
        f"{NAMES}\n{FIRST}{SECOND}",
        f"{NAMES}{FIRST}...\n{SECOND}",
        f"+++ b/a.txt\n{FIRST}{SECOND}",
        f"```diff\n{NAMES}{FIRST}```\nand\n```diff\n{SECOND}```\n",
        f"```diff\n{NAMES}{FIRST}\n...\n\n{SECOND}```\n",
    ],
)
def test_hunks_of_a_file_belong_together_whatever_stands_between(answer: str) -> None:
    edits = answered(answer)

    assert (edits.files, edits.problem) == ({"a.txt": DONE}, None)


@pytest.mark.parametrize("form", ["```diff\n{}```\nDone.\n", "```diff\n{}```\n", "{}"])
@pytest.mark.parametrize("counts", ["@@ -1,5 +1,5 @@", "@@ -1,9 +1,2 @@", "@@"])
def test_a_fence_in_a_files_own_lines_ends_no_diff(form: str, counts: str) -> None:
    text = "Run\n```\nold\n```\nand\nlast\n"
    hunk = f"{NAMES}{counts}\n Run\n ```\n-old\n+new\n ```\n-and\n+then\n last\n"

    assert answered(form.replace("{}", hunk), text).files == {"a.txt": "Run\n```\nnew\n```\nthen\nlast\n"}


def test_a_fence_in_a_patchs_own_lines_ends_no_section() -> None:
    text = "Run\n```\nold\n```\nand\nlast\n"
    patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-old\n+new\n ```\n-and\n+then\n*** End Patch\n"

    assert answered(f"```\n{patch}```\n", text).files == {"a.txt": "Run\n```\nnew\n```\nthen\nlast\n"}


@pytest.mark.parametrize(
    "answer",
    [
        f"```diff\n{NAMES}@@ -3,3 +3,3 @@\n    line 2\n+    new\n    line 3\n```\n",
        "*** Begin Patch\n*** Update File: a.txt\n@@\n    line 2\n+    new\n    line 3\n*** End Patch\n",
    ],
)
def test_a_hunk_whose_lines_lack_their_blank_is_not_taken_for_a_shifted_one(answer: str) -> None:
    assert not answered(answer).fits


@pytest.mark.parametrize("hunk", [" a1\n b1\n-c1\n+c2\n", " a1\n\n\n\n b1\n-c1\n+c2\n"])
def test_blank_lines_that_an_answer_leaves_out_or_adds_are_no_lines_of_the_file(hunk: str) -> None:
    assert not answered(f"```diff\n{NAMES}@@\n{hunk}```\n", "a1\n\nb1\nc1\n").fits


@pytest.mark.parametrize("form", ["{}", "```diff\n{}```\n"])
@pytest.mark.parametrize("numbers", ["-{n},3 +3,3", "-3,{n} +3,3", "-3,3 +3,{n}"])
def test_a_number_that_no_line_has_is_refused_in_words(form: str, numbers: str) -> None:
    hunk = FIRST.replace("-3,3 +3,3", numbers.format(n="9" * 5000))

    edits = answered(form.format(NAMES + hunk))

    assert edits.files in ({}, {"a.txt": TEXT.replace("line 3\n", "three\n")})
    assert edits.files or edits.problem
