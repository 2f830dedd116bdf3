"""A patch is taken by git and by patch, and gives exactly the files that it was made from."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.workspace.diff import count_lines, diff_stat, unified_diff

CASES = {
    "changed": ({"a.py": b"one\ntwo\nthree\n"}, {"a.py": b"one\n2\nthree\n"}),
    "new": ({}, {"new/a.py": b"x = 1\n"}),
    "deleted": ({"a.py": b"x = 1\n", "b": b"b\n"}, {"b": b"b\n"}),
    "no newline before": ({"a": b"one\ntwo"}, {"a": b"one\ntwo\n"}),
    "no newline after": ({"a": b"one\ntwo\n"}, {"a": b"one\n2"}),
    "carriage returns": ({"a": b"one\r\ntwo\r\n"}, {"a": b"one\r\n2\r\n"}),
    "form feeds": ({"a": b"one\x0c\x1c\xe2\x80\xa8two\n"}, {"a": b"one\x0c\x1c\xe2\x80\xa82\n"}),
    "blank in the name": ({"a b/c d.py": b"1\n"}, {"a b/c d.py": b"2\n"}),
    "letters beyond ASCII": ({"é/ü.py": "ä\n".encode()}, {"é/ü.py": "ö\n".encode()}),
    "quotes in the name": ({'say "hi"\\n.py': b"1\n"}, {'say "hi"\\n.py': b"2\n"}),
    "lines that look like headers": ({"a": b"-- a\n++ b\n"}, {"a": b"-- b\n++ c\n"}),
    "two files": ({"a": b"1\n", "b": b"1\n"}, {"a": b"2\n", "b": b"2\n"}),
}


@pytest.mark.parametrize("tool", [["git", "apply"], ["patch", "-p1", "-s"]], ids=["git", "patch"])
@pytest.mark.parametrize("case", CASES)
def test_a_patch_gives_exactly_the_new_files(tmp_path: Path, case: str, tool: list[str]) -> None:
    before, after = CASES[case]

    assert _patched(tmp_path, before, unified_diff(before, after), tool) == after


def test_an_empty_new_file_is_taken_by_git(tmp_path: Path) -> None:
    assert _patched(tmp_path, {}, unified_diff({}, {"e.py": b""}), ["git", "apply"]) == {"e.py": b""}


TEXT = st.lists(st.sampled_from(["a", "b", "c\r", "", "\\ No newline", "--- x", "@@"]), max_size=8).map(
    "\n".join
)


@settings(max_examples=25, deadline=None)
@given(TEXT, TEXT)
def test_any_change_of_text_is_taken_by_git(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str
) -> None:
    before, after = {"a.txt": old.encode()}, {"a.txt": new.encode()}
    folder = tmp_path_factory.mktemp("repository")
    patch = unified_diff(before, after)

    assert (not patch and old == new) or _patched(folder, before, patch, ["git", "apply"]) == after


BINARY = {
    "gone": ({"a.bin": b"\0\1", "b": b"1\n"}, {"b": b"2\n"}),
    "not UTF-8": ({"a.txt": b"\xe4\n", "b": b"1\n"}, {"b": b"2\n"}),
    "text now": ({"a.bin": b"\0\1", "b": b"1\n"}, {"a.bin": b"text\n" * 99, "b": b"2\n"}),
    "new": ({"b": b"1\n"}, {"a": bytes(range(256)), "b": b"2\n"}),
}


@pytest.mark.parametrize("case", BINARY)
def test_what_is_no_text_does_not_keep_git_from_the_rest(tmp_path: Path, case: str) -> None:
    before, after = BINARY[case]

    assert _patched(tmp_path, before, unified_diff(before, after), ["git", "apply"]) == after


def test_git_refuses_to_replace_another_content_that_is_no_text(tmp_path: Path) -> None:
    patch = unified_diff({"a.bin": b"\0\1"}, {})

    with pytest.raises(subprocess.CalledProcessError):
        _patched(tmp_path, {"a.bin": b"\0\2"}, patch, ["git", "apply"])


def test_git_makes_those_files_executable_that_are_said_to_be(tmp_path: Path) -> None:
    after = {"run": b"text\n", "word": b"#!/bin/sh\n"}

    _patched(tmp_path, {}, unified_diff({}, after, executable={"run"}), ["git", "apply"])

    assert [(tmp_path / name).stat().st_mode & 0o100 != 0 for name in after] == [True, False]


def test_files_that_are_the_same_give_no_patch() -> None:
    assert unified_diff({"a": b"1\n"}, {"a": b"1\n"}) == ""


def test_lines_are_counted_without_the_headers() -> None:
    before = {"a": b"-- x\nsame\n", "b": b"1\n"}

    assert count_lines(unified_diff(before, {"a": b"++ y\n++ z\nsame\n"})) == (2, 2)


def _patched(folder: Path, before: dict[str, bytes], patch: str, tool: list[str]) -> dict[str, bytes]:
    for path, content in before.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    subprocess.run(tool, cwd=folder, input=patch.encode(), check=True)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_text_in_an_encoding_of_its_own_is_readable_in_a_patch_that_git_applies(tmp_path: Path) -> None:
    text = "# coding: latin-1\nname = 'é'\n"
    before = {"b.py": b"1\n", "people.py": text.encode("latin-1")}
    after = {"b.py": b"2\n", "people.py": text.replace("é", "è").encode("latin-1")}

    patch = unified_diff(before, after)

    assert "# -name = 'é'\n# +name = 'è'\n" in patch
    assert diff_stat(patch) == "b.py +1 -1  people.py binary, 29 bytes"
    assert diff_stat(unified_diff({}, {"people.py": after["people.py"]})) == "people.py binary, 29 bytes"
    assert _patched(tmp_path, before, patch, ["git", "apply"]) == after
