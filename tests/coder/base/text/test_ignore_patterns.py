"""Patterns of `.gitignore`, judged by `git check-ignore`."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coder.base.text.ignore_patterns import parse_pattern

NAMES = st.text(st.sampled_from("abAB01._- []!*?\\äé"), min_size=1, max_size=4).filter(
    lambda name: name.strip(". ") and "\\" not in name
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=8)
NAMES_AND_STARS = ["a", "b", "A", "ab", ".", "_", "0", "-", "!", "ä", "*", "**", "/", "**/", "/**", "?"]
SETS = ["[ab]", "[!a]", "[^b0]", "[a-c]", "[0-9]", "[b-a]", "[]a]", "[!]a]", "[a-]", "[-a]", "[\\]]"]
CLASSES = ["[[:alpha:]]", "[![:digit:]]", "[[:none:]]", "[[:upper:]b]"]
BROKEN = ["\\a", "\\*", "\\?", "\\[", "[", "]", "\\"]
PIECES = st.sampled_from(NAMES_AND_STARS + SETS + CLASSES + BROKEN)
# git compares bytes, where we compare characters, and reads `a**/` as `a` before `**/`: nobody means either.
ODD = re.compile(r"//|[^/*]\*\*+/|\[[^]]*/|^[!#]|^[ /]*$")
PATTERNS = st.lists(PIECES, min_size=1, max_size=6).map("".join).filter(lambda text: not ODD.search(text))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judge")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def ignored(repository: Path, pattern: str, paths: Iterable[str], *, folds: bool = False) -> set[str]:
    """The paths that git ignores by one line of `.gitignore`."""
    (repository / ".gitignore").write_text(f"{pattern}\n")
    words = [
        "git",
        "-c",
        f"core.ignorecase={str(folds).lower()}",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    ]
    done = subprocess.run(
        words, cwd=repository, input="\0".join(paths).encode(), capture_output=True, check=False
    )
    assert done.returncode < 128, done.stderr
    return set(filter(None, done.stdout.decode().split("\0")))


def comparable(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths on which characters and bytes make no difference."""
    is_bytewise = "?" in pattern or "[" in pattern
    return [path for path in paths if path.isascii() or not is_bytewise]


def covered(pattern: str, paths: Iterable[str], *, folds: bool = False) -> set[str]:
    try:
        parsed = parse_pattern(pattern)
    except ValueError:
        return set()
    return {path for path in paths if parsed.covers(path, folds=folds)}


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(PATTERNS, PATHS)
def test_a_pattern_that_folds_covers_what_git_ignores_where_case_is_none(
    repository: Path, pattern: str, paths: list[str]
) -> None:
    paths = comparable(pattern, paths)

    assert covered(pattern, paths, folds=True) >= ignored(repository, pattern, paths, folds=True)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(PATTERNS, PATHS)
@example("[ab].py", ["a.py", "b.py", "c.py", "x/a.py"])
@example("[b-a]", ["a", "b"])
@example("[]", ["[]", "]"])
@example("a[", ["a[", "a"])
@example("a\\", ["a\\", "a"])
def test_a_pattern_covers_what_git_ignores_by_it(repository: Path, pattern: str, paths: list[str]) -> None:
    paths = comparable(pattern, paths)

    assert covered(pattern, paths) == ignored(repository, pattern, paths)
