"""Two changes of one text become one where they don't meet."""

from pathlib import Path

import pytest

from coder.workspace.git.run_git import GitFailed
from coder.workspace.rebase import merge

T = Path("/nonexistent")
BASE = b"".join(b"line %d\n" % n for n in range(20))


def test_changes_of_different_lines_are_joined() -> None:
    one, other = BASE.replace(b"line 2\n", b"mine\n"), BASE.replace(b"line 15\n", b"theirs\n")

    assert merge(BASE, one, other, tree=T) == one.replace(b"line 15\n", b"theirs\n")


def test_changes_of_the_same_line_are_a_conflict() -> None:
    assert merge(BASE, BASE.replace(b"line 2\n", b"a\n"), BASE.replace(b"line 2\n", b"b\n"), tree=T) is None


def test_more_conflicts_than_an_exit_code_counts_are_one_too() -> None:
    base = b"".join(b"%d\n\n\n\n\n" % n for n in range(300))

    assert (
        merge(
            base,
            base.replace(b"\n\n\n\n\n", b"a\n\n\n\n\n"),
            base.replace(b"\n\n\n\n\n", b"b\n\n\n\n\n"),
            tree=T,
        )
        is None
    )


def test_line_ends_and_a_missing_last_one_stay() -> None:
    base = b"a\r\nb\r\nc\r\nd\r\ne\r\nf"

    assert (
        merge(base, base.replace(b"a\r", b"A\r"), base.replace(b"f", b"F"), tree=T)
        == b"A\r\nb\r\nc\r\nd\r\ne\r\nF"
    )


def test_binary_texts_are_not_merged() -> None:
    with pytest.raises(GitFailed, match="binary"):
        merge(b"\0a", b"\0b", b"\0c", tree=T)
