"""Patches applied in memory: what git makes, what models make, and what is refused."""

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.suites.patch import PatchRefused, apply_patch, find_stubs, touched_paths
from coder.workspace.diff import unified_diff

LINES = [
    "a",
    "b",
    "",
    "  c",
    "-d",
    "+e",
    "@@ f",
    "\\ g",
    "diff --git a/x b/x",
    "form\x0cfeed",
    "r\r",
    "\u2028",
]
TEXT = st.lists(st.sampled_from(LINES), max_size=12)
FILE = st.one_of(st.none(), st.tuples(TEXT, st.booleans()).map(lambda pair: joined(*pair)))
Tree = dict[str, bytes | None]
TREE = st.fixed_dictionaries({"a.py": FILE, "b c.py": FILE, "d/é.py": FILE})


def joined(lines: list[str], newline: bool) -> bytes:
    text = "\n".join(lines) + ("\n" if newline and lines else "")
    return text.encode()


@pytest.mark.slow
@given(TREE, TREE)
def test_what_a_diff_says_comes_about(before: Tree, after: Tree) -> None:
    old, new = ({path: text for path, text in tree.items() if text is not None} for tree in (before, after))

    assert apply_patch(old, unified_diff(before, after)) == new


@pytest.mark.slow
@settings(max_examples=25)
@given(TREE, TREE)
def test_gits_own_diffs_are_applied(before: Tree, after: Tree) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is missing: apt-get install git")
    old, new = ({path: text for path, text in tree.items() if text is not None} for tree in (before, after))

    assert apply_patch(old, _git_diff(old, new)) == new


def _git_diff(old: dict[str, bytes], new: dict[str, bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false", "-C", folder]
        subprocess.run([*git, "init", "-q"], check=True)
        for tree in (old, new):
            for path in {"a.py", "b c.py", "d/é.py"}:
                file = Path(folder, path)
                file.parent.mkdir(exist_ok=True)
                file.unlink(missing_ok=True)
                if path in tree:
                    file.write_bytes(tree[path])
            subprocess.run([*git, "add", "-A"], check=True)
            if tree is old:
                subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "old"], check=True)
        return subprocess.run(
            [*git, "diff", "--cached", "-M"], check=True, capture_output=True
        ).stdout.decode()


BASE = {"a.py": b"one\ntwo\nthree\n"}
HUNK = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"


@pytest.mark.parametrize(
    "patch",
    [
        f"--- a/a.py\n+++ b/a.py\n{HUNK}",
        f"--- a.py\t2020-01-01\n+++ a.py\t2020-01-02\n{HUNK}",
        f"Here is the fix:\n\ndiff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n{HUNK}-- \n2.39\n",
        "--- a/a.py\n+++ b/a.py\n@@ -7,3 +7,3 @@ def f():\n one\n-two\n+2\n three",
        "--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-two\n+2\n",
    ],
)
def test_a_patch_is_applied_with_words_around_it_and_lines_that_moved(patch: str) -> None:
    assert apply_patch(BASE, patch) == {"a.py": b"one\n2\nthree\n"}
    assert touched_paths(patch) == {"a.py"}


def test_an_empty_patch_changes_nothing() -> None:
    assert apply_patch(BASE, "") == BASE


def test_a_rename_moves_the_file() -> None:
    patch = "diff --git a/a.py b/b.py\nsimilarity index 100%\nrename from a.py\nrename to b.py\n"

    assert apply_patch(BASE, patch) == {"b.py": BASE["a.py"]}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("I would change line two.", "no unified diff"),
        (f"--- a/b.py\n+++ b/b.py\n{HUNK}", "b.py isn't in the tree"),
        ("--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+x\n", "in the tree already"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-zwei\n+2\n", "doesn't fit"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1,9 +1,9 @@\n one\n", "ends in the middle"),
        (f"--- a/../../x\n+++ b/../../x\n{HUNK}", "leads out"),
        ("diff --git a/. b/.\n--- /dev/null\n+++ b/.\n@@ -0,0 +1 @@\n+x\n", "leads out"),
        (f"--- /etc/passwd\n+++ /etc/passwd\n{HUNK}", "leads out"),
        ("diff --git a/a.py b/a.py\nGIT binary patch\nliteral 3\n", "binary"),
        (HUNK, "without the name"),
    ],
)
def test_what_doesnt_fit_is_refused_in_words(patch: str, said: str) -> None:
    with pytest.raises(PatchRefused, match=said):
        apply_patch(BASE, patch)


@given(st.text(alphabet='-+@ ,0123456789ab/\n\\"diflgt'))
def test_any_text_is_applied_or_refused(patch: str) -> None:
    with suppress(PatchRefused):
        apply_patch(BASE, f"--- a/a.py\n+++ b/a.py\n{patch}")


def test_a_patch_whose_line_ends_became_crlf_is_applied_without_them() -> None:
    patch = "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n".replace("\n", "\r\n")

    assert apply_patch({"m.py": b"a\nb\n"}, patch) == {"m.py": b"a\nc\n"}
    assert apply_patch({"m.py": b"a\r\nb\r\n"}, patch) == {"m.py": b"a\r\nc\r\n"}


def test_a_patch_whose_lines_became_lf_is_applied_with_the_line_ends_of_each_file() -> None:
    patch = "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n"
    other = "--- a/n.py\n+++ b/n.py\n@@ -1 +1 @@\n-e\n+f\n"

    assert apply_patch({"m.py": b"a\r\nb\r\n", "n.py": b"e\n"}, patch + other) == {
        "m.py": b"a\r\nc\r\nd\r\n",
        "n.py": b"f\n",
    }


def test_a_patch_of_which_only_the_bodies_became_crlf_is_applied() -> None:
    patch = "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n"

    assert apply_patch({"m.py": b"a\nb\n"}, patch) == {"m.py": b"a\nc\n"}


def test_what_does_not_fit_with_other_line_ends_either_is_refused_for_the_first_reason() -> None:
    with pytest.raises(PatchRefused, match=r"m\.py: the hunk at line 1 doesn't fit"):
        apply_patch({"m.py": b"x\r\n"}, "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n")


def test_files_of_which_a_patch_has_no_content_are_found() -> None:
    stub = "diff --git a/a.png b/a.png\nnew file mode 100644\nBinary files /dev/null and b/a.png differ\n"

    assert find_stubs(f"--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n{stub}") == {"a.png"}
    assert find_stubs("--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n") == set()
