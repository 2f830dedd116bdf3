"""Answers as models write them: what is understood, what is refused by name, what is said of the rest."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.edits.answer import read_answer
from coder.edits.edit import Answered

A = "def f():\n    x = 1\n    return x\n\n\ndef g():\n    y = 2\n    return y\n"
FILES: dict[str, str | None] = {
    "a.py": A,
    "lib/b.txt": "one\r\ntwo\r\nthree",
    "lib/c.py": "def h():\n\tif True:\n\t\treturn 3\n",
    "image.png": None,
    "LICENSE": "old words\n",
    "my file.txt": "old words here\n",
}


def answered(answer: str, files: dict[str, str | None] | None = None, default: str = "a.py") -> Answered:
    """What an answer makes of the files."""
    return read_answer(answer, FILES if files is None else files, default=default)


def block(old: str, new: str) -> str:
    """One search/replace block."""
    return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


def named(path: str, *blocks: str) -> str:
    """Blocks in a fence, with the file's name above."""
    return f"{path}\n```\n{''.join(blocks)}```\n"


X3 = block("    x = 1\n", "    x = 3\n")
DONE = A.replace("x = 1", "x = 3")
HUNK = " def f():\n-    x = 1\n+    x = 3\n     return x\n"


@pytest.mark.parametrize(
    "answer",
    [
        f"a.py\n```python\n{X3}```\n",
        f"**`a.py`**\n\n```\n{X3}```\n",
        f"### File: a.py\n```\n{X3}```\n",
        f"```python a.py\n{X3}```\n",
        f"```python:a.py\n{X3}```\n",
        f"```\na.py\n{X3}```\n",
        f"```python\n# a.py\n{X3}```\n",
        f"./a.py\n{X3}",
        f"Without a name:\n```\n{X3}```\n",
        named("A.PY", X3),
        named("a.py", X3.replace("<<<<<<<", "<<<<<<<<<").replace(">>>>>>>", ">>>>>>>>>")),
        named("a.py", X3).replace("\n", "\r\n"),
        f"```diff\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n{HUNK}```\n",
        f"--- a.py\t2020-01-01\n+++ a.py\t2020-01-02\n@@ -1,3 +1,3 @@\n{HUNK}",
        "Here:\n\ndiff --git a/a.py b/a.py\nindex 1..2 100644\n"
        f"--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n{HUNK}-- \n2.39\n",
        f"```diff\n--- a.py\n+++ a.py\n@@ -40,9 +41,2 @@ def f\n{HUNK}```\n",
        f"```diff\n--- a.py\n+++ a.py\n@@ ... @@\n{HUNK}```\n",
        f"a.py\n```diff\n@@ -1,3 +1,3 @@\n{HUNK}```\n",
        f"```diff\n--- a.py\n+++ a.py\n@@ @@\n{HUNK.replace(' def', 'def')}```\n",
        f"*** Begin Patch\n*** Update File: a.py\n{HUNK}*** End Patch\n",
        f"```\n*** Begin Patch\n*** Update File: a.py\n@@ def f():\n{HUNK}```\n",
        f"*** Update File: a.py\n@@\n{HUNK}",
        f"a.py\n```python\n{DONE}```\n",
    ],
)
def test_one_change_is_understood_in_every_form(answer: str) -> None:
    edits = answered(answer)

    assert (edits.files, edits.problem) == ({"a.py": DONE}, None)


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ("    x = 1   \n", "    x = 3\n", DONE),
        ("x = 1\nreturn x\n", "x = 3\nreturn x\n", DONE),
    ],
)
def test_lines_that_are_nearly_right_are_found(old: str, new: str, after: str) -> None:
    assert answered(named("a.py", block(old, new))).files == {"a.py": after}


def test_all_lines_are_shifted_as_the_old_ones_are() -> None:
    edit = block("if True:\n\treturn 3\n", "if True:\n\tif False:\n\t\treturn 4\n\treturn 3\n")

    edits = answered(named("lib/c.py", edit))

    assert edits.files == {"lib/c.py": "def h():\n\tif True:\n\t\tif False:\n\t\t\treturn 4\n\t\treturn 3\n"}


def test_line_ends_a_byte_order_mark_and_a_missing_last_end_stay() -> None:
    files: dict[str, str | None] = {"b.txt": "\ufeffone\r\ntwo\r\nthree"}

    by_block = answered(named("b.txt", block("three\n", "three\nfour\n")), files)
    whole = answered("b.txt\n```\none\n2\n```\n", files)

    assert by_block.files == {"b.txt": "\ufeffone\r\ntwo\r\nthree\r\nfour"}
    assert whole.files == {"b.txt": "\ufeffone\r\n2\r\n"}  # so can a missing last end be mended


@pytest.mark.parametrize(
    "answer",
    [
        named("b.txt", block("one\n", "1\n")),
        "```diff\n--- a/b.txt\n+++ b/b.txt\n@@ -1,2 +1,2 @@\n-one\n+1\n two\n```\n",
        "```diff\n--- a/b.txt\n+++ b/b.txt\n@@ -1,2 +1,2 @@\n-\ufeffone\n+\ufeff1\n two\n```\n",
        "*** Begin Patch\n*** Update File: b.txt\n@@\n-one\n+1\n two\n*** End Patch\n",
    ],
)
def test_the_first_line_behind_a_byte_order_mark_is_changed_and_the_mark_stays(answer: str) -> None:
    files: dict[str, str | None] = {"b.txt": "\ufeffone\r\ntwo\r\n"}

    assert answered(answer, files).files == {"b.txt": "\ufeff1\r\ntwo\r\n"}


@pytest.mark.parametrize("path", ["LICENSE", "bin/tool", "my file.txt"])
@pytest.mark.parametrize("above", ["**{}**\n```\n", "`{}`:\n```text\n", "```python {}\n"])
def test_a_whole_file_with_a_name_that_looks_like_none_is_that_file(path: str, above: str) -> None:
    edits = answered(f"{above.format(path)}new = 1\n```\n", {"a.py": A, path: "old = 1\n"})

    assert edits.files == {path: "new = 1\n"}


def test_several_files_and_forms_in_one_answer_are_changed_together() -> None:
    answer = (
        f"a.py\n```\n{X3}```\nand\n\n`new/n.py`\n```python\nz = 1\n```\n*** Delete File: LICENSE\n"
        + named("my file.txt", block("old words here\n", "new\n"))
        + "```\n*** Begin Patch\n*** Update File: lib/c.py\n*** Move to: lib/d.py\n"
        "-\t\treturn 3\n+\t\treturn 4\n*** Add File: e.txt\n+hello\n*** End Patch\n```\n"
    )

    assert answered(answer).files == {
        "a.py": DONE,
        "new/n.py": "z = 1\n",
        "LICENSE": None,
        "my file.txt": "new\n",
        "lib/c.py": None,
        "lib/d.py": "def h():\n\tif True:\n\t\treturn 4\n",
        "e.txt": "hello\n",
    }


def test_a_later_edit_may_be_about_what_an_earlier_one_made() -> None:
    edits = block("    x = 1\n", "    x = 3\n    z = 4\n") + block("    z = 4\n", "    z = 5\n")

    assert answered(named("a.py", edits)).files == {
        "a.py": A.replace("    x = 1\n", "    x = 3\n    z = 5\n")
    }


def test_edits_that_share_lines_which_stay_are_both_made() -> None:
    edits = block("def f():\n    x = 1\n    return x\n", "def f():\n    x = 3\n    return x\n")
    edits += block("    return x\n\n\ndef g():\n", "    return x\n\n\ndef k():\n")

    assert answered(named("a.py", edits)).files == {"a.py": DONE.replace("def g", "def k")}


def test_a_heading_underlined_by_the_dividers_sign_is_no_divider() -> None:
    files: dict[str, str | None] = {"t.rst": "Title\n=======\n\ntext\n"}
    edit = "<<<<<<< SEARCH\nTitle\n=======\n\ntext\n=======\nNew\n=======\n\nwords\n>>>>>>> REPLACE\n"

    assert answered(named("t.rst", edit), files).files == {"t.rst": "New\n=======\n\nwords\n"}


def test_the_anchor_chooses_among_equal_places() -> None:
    files: dict[str, str | None] = {"k.py": "class A:\n    v = 1\n\n\nclass B:\n    v = 1\n"}
    patch = "*** Begin Patch\n*** Update File: k.py\n@@ class B:\n-    v = 1\n+    v = 2\n*** End Patch\n"

    assert answered(patch, files).files == {"k.py": "class A:\n    v = 1\n\n\nclass B:\n    v = 2\n"}


def test_a_whole_file_that_holds_a_diff_is_a_whole_file() -> None:
    text = f'PATCH = """\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n{HUNK}"""\n'

    assert answered(f"t.py\n```python\n{text}```\n").files == {"t.py": text}


MISSES = [
    (named("a.py", block("    return 9\n", "    return 8\n")), "aren't there"),
    (named("a.py", X3, block("    nothing = 1\n", "")), "as they were"),
    (named("b.py", X3), "no file `b.py`"),
    (named("x/lib/b.txt", block("two\n", "2\n")), "do you mean `lib/b.txt`"),
    (named("image.png", X3), "is no text"),
    (named("a.py", block("", "x = 1\n")), "is there already"),
    (named("a.py", X3, block("    x = 1\n", "    x = 4\n")), "another of your edits changes"),
    ("a.py\n```\n<<<<<<< SEARCH\n    x = 1\n=======\n", "isn't closed"),
    ("a.py\n```\n<<<<<<< SEARCH\n    x = 1\n>>>>>>> REPLACE\n```\n", "no `=======`"),
    ("*** Begin Patch\n*** Update File: a.py\n-    x = 1\n", "isn't closed by `*** End Patch`"),
    ("diff --git a/image.png b/image.png\nBinary files a/image.png and b/image.png differ\n", "binary"),
    ("diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n", "mode"),
    (
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n",
        "can't make a link",
    ),
    ("--- a/LICENSE\n+++ /dev/null\n@@ -1 +0,0 @@\n-def f():\n", "doesn't fit"),
    ("*** Begin Patch\n*** Delete File: gone.py\n*** End Patch\n", "no file `gone.py`"),
    ("a.py/x.py\n```python\nx = 1\n```\n", "is a file, no folder"),
    ("`lib.py`\n```python\nx = 1\n```\n*** Delete File: lib\n", "no file `lib`"),
]


@pytest.mark.parametrize(("answer", "said"), MISSES)
def test_what_doesnt_fit_changes_nothing_and_is_said_exactly(answer: str, said: str) -> None:
    edits = answered(answer)

    assert (edits.files, edits.fits) == ({}, False)
    assert edits.problem is not None
    assert said in edits.problem


@pytest.mark.parametrize(
    "path",
    [
        "../a.py",
        "~/.bashrc",
        "/etc/passwd",
        "lib/../../a.py",
        ".git/config",
        "lib/.GIT/hooks/x",
        "C:\\x.py",
        "a\\b.py",
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        "{path}\n```\n" + X3 + "```\n",
        "*** Begin Patch\n*** Add File: {path}\n+x = 1\n*** End Patch\n",
        "*** Begin Patch\n*** Update File: a.py\n*** Move to: {path}\n*** End Patch\n",
        "--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+x = 1\n",
        "*** Delete File: {path}\n",
    ],
)
def test_a_path_that_no_answer_may_name_is_refused_by_name(path: str, answer: str) -> None:
    edits = answered(answer.format(path=path))

    assert (edits.files, edits.fits) == ({}, False)
    assert edits.problem is not None
    assert path.replace("\\", "\\\\") in edits.problem or path in edits.problem


@pytest.mark.parametrize(
    "answer", ["/etc/x.py\n```python\nx = 1\n```\n", "```python /etc/x.py\nx = 1\n```\n"]
)
def test_a_whole_file_with_an_absolute_path_is_refused_and_is_no_other_file(answer: str) -> None:
    edits = answered(answer)

    assert (edits.files, edits.fits) == ({}, False)
    assert (
        edits.problem
        == "Nothing was written. `/etc/x.py` leads out of the folder. Name paths relative to it."
    )


def in_part(answer: str) -> Answered:
    return read_answer(answer, FILES, default="a.py", in_part=True)


def test_in_part_every_block_that_fits_is_made_and_the_others_are_named() -> None:
    misses = [block(f"    z{i} = 1\n", "    z = 3\n") for i in range(6)]

    edits = in_part(named("a.py", misses[0], X3, *misses[1:]))

    assert (edits.fits, edits.files) == (False, {"a.py": DONE})
    assert edits.problem is not None
    assert "z3 = 1" in edits.problem
    assert "2 more edits of your answer: do not fit either." in edits.problem


def test_in_part_nothing_is_made_of_an_answer_that_cannot_be_read_to_its_end() -> None:
    edits = in_part(f"{named('a.py', X3)}\nlib/c.py\n```\n<<<<<<< SEARCH\n\tif True:\n")

    assert (edits.fits, edits.files) == (False, {})


def test_an_edit_that_fits_two_places_is_made_at_neither() -> None:
    files: dict[str, str | None] = {"two.py": "a = 1\nb = 2\n\na = 1\nc = 3\n"}

    edits = answered(named("two.py", block("a = 1\n", "a = 2\n")), files)

    assert edits.files == {}
    assert "equally well at lines 1, 4" in (edits.problem or "")


def test_a_hunk_that_nothing_follows_is_not_put_by_its_number_where_it_fits_the_end_too() -> None:
    diff = "--- a/b.txt\n+++ b/b.txt\n@@ -1 +1,2 @@\n b\n+a\n"

    assert not answered(diff, {"b.txt": "b\nb\n"}).fits


def test_one_line_that_is_only_alike_is_never_taken() -> None:
    files: dict[str, str | None] = {"n.py": "total = total + 1\n"}

    assert answered(named("n.py", block("total = total - 1\n", "total = 0\n")), files).files == {}


def test_the_nearest_lines_are_named_with_their_numbers() -> None:
    edit = block("def g():\n    y = 22\n    return  yy\n", "def g():\n    return 2\n")

    problem = answered(named("a.py", edit)).problem or ""

    assert "   7|     y = 2" in problem
    assert "    y = 22" in problem


def test_edits_that_are_made_already_are_said_to_be() -> None:
    files: dict[str, str | None] = {"a.py": A.replace("x = 1", "longer_name = 3")}
    edit = block("    x = 1\n", "    longer_name = 3\n")

    edits = answered(named("a.py", edit), files)

    assert edits.files == {}
    assert "already" in (edits.problem or "")


def test_an_edit_made_already_beside_others_is_no_slip() -> None:
    files: dict[str, str | None] = {"a.py": A.replace("x = 1", "longer_name = 3")}
    edits = block("    x = 1\n", "    longer_name = 3\n") + block("    y = 2\n", "    y = 3\n")

    assert answered(named("a.py", edits), files).files == {
        "a.py": A.replace("x = 1", "longer_name = 3").replace("y = 2", "y = 3")
    }


@pytest.mark.parametrize(
    "line", ["# ... existing code ...", "    # rest of the code unchanged", "... (rest of file)"]
)
def test_a_whole_file_with_a_line_that_stands_for_others_is_asked_for_again(line: str) -> None:
    edits = answered(f"a.py\n```python\ndef f():\n    return 3\n{line}\n```\n")

    assert edits.files == {}
    assert line.strip() in (edits.problem or "")


@pytest.mark.parametrize(
    ("path", "text", "old", "new", "said"),
    [
        ("a.py", A, "    x = 1\n", "    x = (1\n", "line 2: '(' was never closed"),
        ("p.json", '{\n "a": 1\n}\n', ' "a": 1\n', ' "a": 1,\n', "line 3"),
        ("p.toml", "[a]\nb = 1\n", "b = 1\n", "b = \n", "line 2"),
        ("p.yaml", "a:\n  - b\n", "  - b\n", "  - [b\n", "line 3"),
    ],
)
def test_a_file_that_an_edit_breaks_is_named_with_its_line(
    path: str, text: str, old: str, new: str, said: str
) -> None:
    edits = answered(f"{path}\n```\n{block(old, new)}```\n", {path: text})

    assert edits.fits
    assert said in (edits.problem or "")


def test_a_file_that_was_broken_before_may_be_edited() -> None:
    files: dict[str, str | None] = {"a.py": "def f(:\n    pass\n\n\nx = 1\n"}

    assert answered(named("a.py", block("x = 1\n", "x = 2\n")), files).problem is None


PIECES = [
    "<<<<<<< SEARCH",
    "=======",
    ">>>>>>> REPLACE",
    "```",
    "```diff",
    "--- a/a.py",
    "+++ b/a.py",
    "@@ -1,3 +1,3 @@",
]
PIECES += [
    "*** Begin Patch",
    "*** Update File: a.py",
    "*** Add File: n",
    "*** End Patch",
    "@@ def f():",
    " def f():",
]
PIECES += [
    "-    x = 1",
    "+    x = 3",
    "    x = 1",
    "a.py",
    "",
    "diff --git a/a.py b/a.py",
    "\\ No newline at end of file",
]
PIECES += ["*** Move to: q", "rename from a.py", "*** End of File", "/dev/null", "--- /dev/null", '"a\\303"']


@pytest.mark.slow
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=30))
def test_any_answer_is_understood_or_refused_in_words(lines: list[str]) -> None:
    edits = answered("\n".join(lines))

    assert edits.files or edits.problem
    assert edits.fits or not edits.files
    with suppress(UnicodeEncodeError):
        (edits.problem or "").encode()


@pytest.mark.parametrize(
    "answer",
    [
        "LIB/B.txt\n```\nfour\n```\n",
        named("LIB/B.txt", block("one\n", "four\n")),
        "*** Begin Patch\n*** Delete File: license\n*** End Patch\n",
        "--- a/Lib/b.txt\n+++ b/Lib/b.txt\n@@ -1 +1 @@\n-one\n+four\n",
    ],
)
def test_a_file_that_no_answer_may_write_is_none_in_another_case_either(answer: str) -> None:
    kept = {"lib/b.txt", "LICENSE"}

    read = read_answer(answer, FILES, default="a.py", ignored=kept.__contains__)

    assert read.files == {}
    assert (read.problem or "").startswith("Nothing was changed: no answer may change `")


@pytest.mark.parametrize(("before", "after"), [(A, DONE), (f"# a.py\n{A}", f"# a.py\n{DONE}")])
def test_a_comment_that_names_the_file_stays_out_of_one_that_had_none(before: str, after: str) -> None:
    edits = answered(f"```python\n# a.py\n{DONE}```\n", {"a.py": before})

    assert edits.files == {"a.py": after}


@pytest.mark.parametrize(
    "answer",
    [
        "*** Begin Patch\n*** Delete File: old.bin\n*** End Patch\n",
        "*** Delete File: old.bin\n\n`a.py`\n```\nx = 2\n```\n",
    ],
)
def test_a_file_that_is_no_text_can_be_deleted(answer: str) -> None:
    read = read_answer(answer, {"old.bin": None, "a.py": "x = 1\n"}, default="a.py")

    assert read.problem is None
    assert read.files["old.bin"] is None
