"""Odd forms, as strong models really write them: what is understood, and what is never written by mistake."""

import json

import pytest

from coder.edits.code_blocks import MAX_ANSWER
from tests.coder.edits.test_read_answer import DONE, HUNK, X3, A, answered, block, named

PATCH = f"*** Begin Patch\n*** Update File: a.py\n@@\n{HUNK}*** End Patch\n"


def indented(text: str) -> str:
    """The text four blanks further in."""
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(
    "answer",
    [
        f"apply_patch <<'PATCH-1'\n{PATCH}PATCH-1\n",
        f"<patch>\n{PATCH}</patch>\n",
        PATCH.replace("@@", "@@ -1,3 +1,3 @@"),
        PATCH.replace("*** End", "@@ nothing of this\n is there\n*** End"),
        named("a.py", X3, X3),
        f"a.py\n```python\n@@ -1,3 +1,3 @@\n{HUNK}```\n",
        f"a.py\n```diff\n@@ def f():\n{HUNK}```\n",
        f"a.py\n```diff\n{HUNK}```\n",
        "```diff\n-    x = 1\n+    x = 3\n```\n",
        f"```diff\n+++ b/a.py\n@@ -1,3 +1,3 @@\n{HUNK}```\n",
    ],
)
def test_an_odd_form_is_understood(answer: str) -> None:
    edits = answered(answer)

    assert (edits.files, edits.problem) == ({"a.py": DONE}, None)


@pytest.mark.parametrize(
    "answer",
    [
        f"```bash\napply_patch <<'EOF'\n{PATCH}EOF\n```\n",
        "```json\n" + json.dumps({"command": ["apply_patch", PATCH]}, indent=1) + "\n```\n",
        json.dumps({"input": PATCH}),
        PATCH.replace("a.py", "`a.py`"),
        PATCH.replace("Update File", "Modify File"),
        PATCH.replace("@@", "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@ def f():"),
        f"*** Begin Patch\n*** Update File: a.py\n```\n@@\n{HUNK}```\n*** End Patch\n",
        indented(PATCH),
        "*** Begin Patch\n*** Add File: q.py\n+x = 9\ny = 8\n*** End Patch\n",
        "*** Begin Patch\n*** Create File: q.py\n+x = 9\n*** End Patch\n",
        "```\n<<<<<<< SEARCH a.py\n    x = 1\n=======\n    x = 3\n>>>>>>> REPLACE\n```\n",
        named("a.py", X3.replace("<<<<<<< SEARCH", "------- SEARCH").replace(">>>>>>>", "+++++++")),
        "a.py\n" + block("```python\n    x = 1\n```\n", "```python\n    x = 3\n```\n"),
        named("a.py", block("    return x\ndef g():\n", "    return x\n\n\ndef k():\n")),
        named("a.py", block("x = \n", "x = 3\n")),
        f"```diff\n--- a.py 2024-01-01 00:00:00\n+++ a.py 2024-01-01 00:00:01\n@@ -1,3 +1,3 @@\n{HUNK}",
    ],
)
def test_a_form_that_is_not_read_changes_nothing_and_is_asked_for_again(answer: str) -> None:
    edits = answered(answer)

    assert edits.files == {}
    assert edits.problem is not None


@pytest.mark.parametrize(
    "answer",
    [
        PATCH.replace("*** End", "  *** Update File: b.py\n@@\n-y = 1\n+y = 2\n*** End"),
        PATCH.replace("*** End", "  *** Update File: b.py\n-y = 1\n+y = 2\n*** End"),
        PATCH.replace("*** End", "\t*** Update File: b.py\n-y = 1\n+y = 2\n*** End"),
        f"{PATCH.replace('*** End Patch', '*** Update File: b.py')}@@\n-y = 1\n+y = 2\n*** End Patch\n",
    ],
)
def test_a_section_may_begin_behind_blanks(answer: str) -> None:
    assert answered(answer, {"a.py": A, "b.py": "y = 1\n"}).files == {"a.py": DONE, "b.py": "y = 2\n"}


@pytest.mark.parametrize("heading", ["", "@@\n"])
def test_a_section_of_new_lines_alone_is_appended(heading: str) -> None:
    answer = f"*** Begin Patch\n*** Update File: b.py\n{heading}+y = 2\n*** End Patch\n"

    assert answered(answer, {"b.py": "y = 1\n"}).files == {"b.py": "y = 1\ny = 2\n"}


def test_a_context_line_that_looks_like_a_section_stays_context() -> None:
    text = "Patches:\n*** Update File: q.py\n x = 1\nlast\n"
    body = "@@\n Patches:\n *** Update File: q.py\n  x = 1\n-last\n+end\n"
    answer = f"*** Begin Patch\n*** Update File: b.py\n{body}*** End Patch\n"

    assert answered(answer, {"b.py": text}).files == {"b.py": text.replace("last", "end")}


def test_a_name_alone_in_a_block_is_the_path_of_the_next_blocks_edit() -> None:
    answer = "```\nb.py\n```\n```python\n" + block("y = 1\n", "y = 2\n") + "```\n"

    assert answered(answer, {"b.py": "y = 1\n"}).files == {"b.py": "y = 2\n"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\ny = 1\n", "\ny = 2\n"),
        ("\ny = 1\n", "y = 2\n"),
        ("y = 1\n\n", "y = 2\n\n"),
        ("\ny = 1\n\n", "y = 2\n"),
    ],
)
def test_a_blank_line_around_a_block_that_the_file_does_not_have_fails_no_edit(old: str, new: str) -> None:
    answer = named("b.py", block(old, new))

    assert answered(answer, {"b.py": "y = 1\nz = 3\n"}).files == {"b.py": "y = 2\nz = 3\n"}


def test_a_diff_of_a_new_file_that_removes_lines_is_refused() -> None:
    edits = answered("```diff\n--- /dev/null\n+++ b/n.py\n@@ -1,1 +1,1 @@\n-old\n+new\n```\n")

    assert edits.files == {}
    assert "has no lines to remove" in (edits.problem or "")


@pytest.mark.parametrize(
    ("there", "old", "said"),
    [
        ("y\t= 1\n", "y = 1\n", "has 1 tab where yours has 1 blank"),
        ("if y:\n    y = 1\n  z = 2\n", "if y:\n  y = 1\n  z = 2\n", "has 4 blanks where yours has 2 blanks"),
        ("y = 'a\u200b b'\n", "y = 'a  b'\n", "has ZERO WIDTH SPACE where yours has 2 blanks"),
        ("y = 'ab'\n", "y = 'a b'\n", "has no blank where yours has 1 blank"),
    ],
)
def test_a_refusal_names_the_difference_that_cannot_be_seen(there: str, old: str, said: str) -> None:
    edits = answered(named("b.py", block(old, "y = 2\n")), {"b.py": there})

    assert edits.files == {}
    assert said in (edits.problem or "")


@pytest.mark.parametrize("body", ["+x = 9\n", "+x = 9\n*** End of File\n", "+x = 9\n\n"])
def test_a_new_files_lines_are_only_its_lines(body: str) -> None:
    answer = f"*** Begin Patch\n*** Add File: q.py\n{body}*** End Patch\n"

    assert answered(answer).files == {"q.py": "x = 9\n"}


@pytest.mark.parametrize(
    "code",
    [
        "<<<<<<< HEAD\n    x = 1\n=======\n    x = 3\n>>>>>>> new\n",
        "<<<<<<< HEAD\ndef f():\n    x = 1\n=======\ndef f():\n    x = 3\n>>>>>>> new\n",
        f"{'&lt;' * 7} SEARCH\n    x = 1\n=======\n    x = 3\n{'&gt;' * 7} REPLACE\n",
    ],
)
@pytest.mark.parametrize("path", ["a.py", "new.py"])
def test_an_edit_in_no_known_form_is_not_written_into_the_file(path: str, code: str) -> None:
    edits = answered(f"{path}\n```python\n{code}```\n")

    assert edits.files == {}
    assert "in no form that is understood" in (edits.problem or "")


def test_a_file_of_a_diff_is_written_as_it_is() -> None:
    assert answered("fix.patch\n```diff\n-a\n+b\n```\n").files == {"fix.patch": "-a\n+b\n"}


def test_a_file_with_a_conflict_may_be_written_with_it() -> None:
    conflict = "<<<<<<< HEAD\nx = 1\n=======\nx = 3\n>>>>>>> new\ny = 1\n"

    edits = answered(f"b.txt\n```\n{conflict}z = 1\n```\n", {"b.txt": conflict})

    assert edits.files == {"b.txt": f"{conflict}z = 1\n"}


def test_a_file_that_the_answer_ends_in_is_asked_for_again() -> None:
    edits = answered("a.py\n```python\ndef f():\n    x = 3\n    ret")

    assert edits.files == {}
    assert "ends in the middle" in (edits.problem or "")


def test_a_whole_file_whose_block_is_only_not_closed_is_taken() -> None:
    assert answered(f"a.py\n```python\n{DONE}").files == {"a.py": DONE}


def test_a_whole_file_of_data_that_is_broken_now_is_named_with_its_line() -> None:
    edits = answered('p.json\n```json\n{\n "a": 2,\n}\n```\n', {"p.json": '{\n "a": 1\n}\n'})

    assert "`p.json` is no longer valid: line 3" in (edits.problem or "")


@pytest.mark.slow
def test_of_an_answer_that_is_too_long_to_be_read_no_file_is_half_written() -> None:
    edits = answered("new.txt\n```\n" + "words\n" * (MAX_ANSWER // 4) + "```\n")

    assert edits.files == {}
    assert "`new.txt` was not written" in (edits.problem or "")


def test_new_lines_that_stand_for_others_are_asked_for_again() -> None:
    edit = block("    x = 1\n    return x\n", "    x = 3\n    # ... existing code ...\n")

    edits = answered(named("a.py", edit))

    assert (edits.files, edits.fits) == ({}, False)
    assert "`# ... existing code ...` stands for code" in (edits.problem or "")


def test_a_whole_file_beside_edits_may_not_leave_code_out_either() -> None:
    edits = answered(named("a.py", X3) + "lib/b.txt\n```\n# ... rest of the file unchanged\n```\n")

    assert edits.files == {}


def test_the_likeness_of_another_function_is_never_taken() -> None:
    body = "    best = xs[0]\n    for x in xs:\n        if x < best:\n            best = x\n    return best\n"
    least = f"def least(xs):\n{body}"
    edit = block(least.replace("least", "largest"), "def largest(xs):\n    return max(xs)\n")

    assert answered(named("a.py", edit), {"a.py": least}).files == {}


def test_a_blank_line_that_a_patch_names_is_one_of_the_file() -> None:
    patch = "*** Begin Patch\n*** Update File: b.txt\n@@\n+a\n \n*** End Patch\n"

    assert answered(patch, {"b.txt": "\n"}).files == {"b.txt": "a\n\n"}


def test_what_was_there_before_is_whole() -> None:
    assert answered(f"a.py\n```python\n{A}```\n").files == {"a.py": A}
