"""Edits as every form writes them, read back: what was meant comes about, and what git does with a diff."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from coder.edits.answer import read_answer
from coder.workspace.diff import unified_diff
from tests.coder.edits import rendering

LINES = st.sampled_from(
    [
        "a",
        "b",
        "",
        "  c",
        "\tc",
        "x = 1",
        "-d",
        "+e",
        "@@ f",
        "```",
        "\u2028",
        "form\x0cfeed",
        "“q”",
        "...",
        "    ",
    ]
)
TEXTS = st.lists(LINES, max_size=14).map(lambda lines: "".join(f"{line}\n" for line in lines))
FILES = st.one_of(st.none(), TEXTS)
TREES = st.fixed_dictionaries({"a.py": FILES, "d/é.txt": FILES, "Makefile": FILES})
ODD_ENDS = st.sampled_from(["", "no end", "r\r", "r\r\n"])
MARKS = st.sampled_from(["", "\ufeff"])


def there(tree: dict[str, str | None]) -> dict[str, str | None]:
    """The files of a tree that are there."""
    return {path: text for path, text in tree.items() if text is not None}


def after_answer(answer: str, before: dict[str, str | None]) -> dict[str, str | None]:
    """The tree after an answer; it has to be readable."""
    answered = read_answer(answer, there(before), default="main.py")
    assert answered.fits, f"{answered.problem}\n{answer}"
    return there({**before, **answered.files})


@pytest.mark.slow
@given(TREES, TREES)
def test_search_replace_blocks_do_what_they_say(
    before: dict[str, str | None], after: dict[str, str | None]
) -> None:
    # An empty block makes a file that isn't there; it can't make an empty one of it.
    assume(there(before) != there(after) and all(text != "" for text in (*before.values(), *after.values())))

    assert after_answer(rendering.search_replace(before, after), before) == there(after)


@pytest.mark.slow
@given(TREES, TREES)
@example({"Makefile": "```\n"}, {"Makefile": "a\n```\n"})
def test_an_apply_patch_envelope_does_what_it_says(
    before: dict[str, str | None], after: dict[str, str | None]
) -> None:
    assume(there(before) != there(after))

    assert after_answer(rendering.envelope(before, after), before) == there(after)


@pytest.mark.slow
@given(TREES, TREES)
def test_a_whole_file_is_what_it_says(before: dict[str, str | None], after: dict[str, str | None]) -> None:
    # Code in blocks is tidied up: only what is no code is taken to the letter. An empty block says nothing.
    assume(there(before) != there(after) and all(text is None or text.strip() for text in after.values()))
    before, after = (
        {path: text for path, text in tree.items() if path != "a.py"} for tree in (before, after)
    )
    assume(there(before) != there(after))

    assert after_answer(rendering.whole(before, after), before) == there(after)


@pytest.mark.slow
@given(TREES, TREES, ODD_ENDS, MARKS)
@example({"a.py": ""}, {"a.py": None}, "", "\ufeff")
@example({"a.py": "x = 1\n"}, {"a.py": ""}, "", "\ufeff")
def test_a_unified_diff_does_what_it_says(
    before: dict[str, str | None], after: dict[str, str | None], end: str, mark: str
) -> None:
    before = {path: None if text is None else mark + text + end for path, text in before.items()}
    after = {path: None if text is None else mark + text for path, text in after.items()}
    assume(there(before) != there(after))

    assert after_answer(unified_diff(as_bytes(before), as_bytes(after)), before) == there(after)


@pytest.mark.slow
@given(TREES, TREES, st.integers(0, 99))
def test_a_diff_with_wrong_numbers_does_what_it_says_or_nothing(
    before: dict[str, str | None], after: dict[str, str | None], seed: int
) -> None:
    assume(there(before) != there(after))
    diff = rendering.worse_numbers(unified_diff(as_bytes(before), as_bytes(after)), seed)

    answered = read_answer(diff, there(before), default="main.py")

    assert not answered.fits or there({**before, **answered.files}) == there(after)


@pytest.mark.slow
@settings(max_examples=60)
@given(TEXTS, TEXTS, st.lists(LINES, max_size=5), st.integers(0, 14))
@pytest.mark.parametrize(
    "tool", [["git", "apply", "-p1"], ["patch", "-p1", "-s", "-F0", "--no-backup-if-mismatch"]]
)
def test_where_git_or_patch_take_a_diff_for_another_text_we_make_the_same_of_it_or_ask(
    tool: list[str], old: str, new: str, added: list[str], at: int
) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is missing: apt-get install {tool[0]}")
    lines = old.split("\n")
    moved = "\n".join([*lines[:at], *added, *lines[at:]])
    diff = unified_diff({"f.txt": old.encode()}, {"f.txt": new.encode()})
    assume(diff and moved)

    theirs = _by_tool(tool, diff, moved)
    edits = read_answer(diff, {"f.txt": moved}, default="f.txt")

    if theirs is not None and edits.fits:
        assert edits.files.get("f.txt", moved) == theirs


def _by_tool(tool: list[str], diff: str, text: str) -> str | None:
    """What a tool makes of the file; None where it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "f.txt")
        file.write_bytes(text.encode())
        done = subprocess.run(tool, input=diff.encode(), cwd=folder, capture_output=True, check=False)
        return file.read_bytes().decode() if done.returncode == 0 and file.exists() else None


def as_bytes(tree: dict[str, str | None]) -> dict[str, bytes | None]:
    """The tree as `unified_diff` takes it."""
    return {path: None if text is None else text.encode() for path, text in tree.items()}
