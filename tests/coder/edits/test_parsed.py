"""Edits that break the syntax of files in other languages, told by a confined process with a grammar."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.edits.answer import Answered
from coder.edits.lines import split_lines
from coder.edits.parsed import changed_lines, parsed
from tests.coder.edits.test_in_the_loop import block, solved_by
from tests.less_python import run_without

SCRIPT = """import x from 'y';

function add(a, b) {
  if (a) {
    return `${a + b}`;
  }
  return 0;
}

class K {
  m() { return 1; }
}
"""
GO = "package p\n\nfunc add(a, b int) int {\n\tif a > 0 {\n\t\treturn a + b\n\t}\n\treturn 0\n}\n"
RUST = "fn add(a: i32) -> i32 {\n    let Some(x) = f(a) else { return 0; };\n    x\n}\n"
JAVA = "class A {\n    int f(Object o) {\n        return o instanceof Integer x ? x : 0;\n    }\n}\n"
C = "#include <stdio.h>\n\nint add(int a, int b)\n{\n    return a + b;\n}\n"
RUBY = "def add(a)\n  if a\n    1\n  end\nend\n"


async def said(path: str, before: str, old: str, new: str) -> str | None:
    """What is said of an edit that puts new text in the place of old."""
    assert old in before
    answered = await parsed(Answered({path: before.replace(old, new, 1)}), {path: before})
    return answered.problem


@pytest.mark.parametrize(
    ("path", "before", "old", "new", "words"),
    [
        ("a.js", SCRIPT, "a + b", "a + ", "line 5"),
        ("a.jsx", SCRIPT, "  if (a) {\n", "  if (a)\n", "4 `{` and 5 `}`"),
        ("a.tsx", SCRIPT, "    return `${a + b}`;\n  }\n", "    return 1;\n", "4 `{` and 3 `}`"),
        ("a.ts", SCRIPT, "return 0;", "... the rest", "line 7"),
        ("a.go", GO, "\t}\n", "", "2 `{` and 1 `}`"),
        ("a.go", GO, "func add", "add", "line 3"),
        ("a.rs", RUST, "0; };", "0; }", "line 2: `;` is missing"),
        ("A.java", JAVA, " : 0;", " : 0", "line 3: `;` is missing"),
        ("a.c", C, "a + b;", "a + b);", "line 5"),
        ("a.cpp", C, "return", "return return", "line 5"),
        ("a.rb", RUBY, "  end\n", "", "line 4"),
    ],
)
async def test_an_edit_that_breaks_a_file_is_told_with_its_line(
    path: str, before: str, old: str, new: str, words: str
) -> None:
    problem = await said(path, before, old, new)

    assert problem is not None
    assert f"`{path}` is no longer valid" in problem
    assert words in problem
    assert "| " in problem


@pytest.mark.parametrize(
    ("path", "before", "old", "new"),
    [
        ("a.js", SCRIPT, "return 0;", "return a?.b ?? 0n;"),
        ("a.ts", SCRIPT, "return 0;", "return 0 satisfies number;"),
        ("a.go", GO, "return 0", "return min(a, b)"),
        ("a.rs", RUST, "    x\n", "    async move || x\n"),
        ("a.rb", RUBY, "    1\n", "    [1].map { it + 1 }\n"),
        ("a.js", SCRIPT.replace("if (a)", "if (a"), "return 0;", "return 1 +;"),
        ("a.go", GO, GO, "\n"),
        ("a.unknown", "a {\n", "{", "{{"),
        ("a.py", "x = 1\n", "1", "("),
    ],
    ids=["js", "ts", "go", "rust", "ruby", "broken before", "emptied", "unknown", "checked elsewhere"],
)
async def test_nothing_is_said_of_what_is_right_unknown_or_was_broken(
    path: str, before: str, old: str, new: str
) -> None:
    assert await said(path, before, old, new) is None


async def test_new_and_deleted_files_and_large_ones_are_left_to_whatever_runs_them() -> None:
    before = {"gone.js": SCRIPT, "large.js": SCRIPT * 2000}
    answered = Answered({"new.js": "if (", "gone.js": None, "large.js": SCRIPT * 2000 + "if ("})

    assert await parsed(answered, before) == answered


async def test_a_file_that_a_parser_takes_too_long_for_is_not_judged() -> None:
    assert await said("a.rb", "x\n", "x\n", "x\n" + "%w(" * 60_000) is None


def test_without_grammars_nothing_is_checked_and_nothing_said(tmp_path: Path) -> None:
    program = (
        "import asyncio\n"
        "from coder.edits.answer import Answered\n"
        "from coder.edits.parsed import parsed\n"
        "print(asyncio.run(parsed(Answered({'a.js': 'if ('}), {'a.js': 'x;'})).problem)\n"
    )

    finished = run_without("tree_sitter", program, tmp_path)

    assert (finished.stdout, finished.stderr) == ("None\n", "")


async def test_a_run_asks_again_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "add.js").write_text(SCRIPT)
    broken = block("  if (a) {\n", "  if (a)\n", "add.js")
    right = block("    return a - b\n", "    return a + b\n")

    run, model = await solved_by(tmp_path, broken + right, right)

    assert (run.status, run.calls, run.attempts) == ("solved", 2, 1)
    assert "`add.js` is no longer valid" in model.requests[1].messages[-1].content
    assert (tmp_path / "add.js").read_text() == SCRIPT


_LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=7).map("".join)


@given(_LINES, _LINES)
def test_all_that_changed_is_between_the_lines_that_are_said_to_have(was: str, text: str) -> None:
    first, last = changed_lines(was, text)

    before, after = split_lines(was), split_lines(text)
    behind = len(after) - last
    assert 1 <= first <= last + 1 <= len(after) + 1
    assert before[: first - 1] == after[: first - 1]
    assert before[len(before) - behind :] == after[last:]
    assert first - 1 + behind <= len(before)
