"""`.gitignore` files, as git reads them."""

import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.context.ignoring import ignores

PATHS = [
    "a.log",
    "b.py",
    "build/x.py",
    "build/keep.py",
    "src/a.log",
    "src/build/y.py",
    "src/deep/er/z.txt",
    "w x.txt",
]
PATHS += [
    "src/a.b.log",
    "logs/1/a.txt",
    "logs/2/b.txt",
    "doc/a1.md",
    "doc/b2.md",
    "#hash",
    "!bang",
    "a/b/a/b/c",
]


@pytest.mark.parametrize(
    "rules",
    [
        "*.log",
        "build/",
        "/build",
        "/build/*\n!/build/keep.py",
        "build/*\n!keep.py",
        "**/deep",
        "logs/**",
        "src/**/z.txt",
        "logs/*/a.txt",
        "*.log\n!src/*.log",
        "doc/[ab]1.md",
        "doc/[!a]*.md",
        "d?c/",
        "\\#hash",
        "\\!bang",
        "# comment\n\n*.py  ",
        "a/**/c",
        "**/b/c",
        "src/\n!src/a.log",
        "*",
        "*\n!*/\n!*.py",
        "w\\ x.txt",
        "src/a.*.log",
        "[",
        "a[",
        "**",
        "*.*.*",
        "src/***/z.txt",
        "[[:alpha:]].[^[:digit:]]*\nlogs/[[:digit:]]",
        "[[:nothing:]]*",
        "doc/[]ab]1.md",
        "doc/[\\a]1.md",
        "doc/[b-a]1.md",
        "logs/[0-1-]",
    ],
)
def test_patterns_mean_what_git_means(tmp_path: Path, rules: str) -> None:
    assert visible(PATHS, {".gitignore": rules}) == _by_git(tmp_path, PATHS, rules)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab*?/!.[]-^"), min_size=1, max_size=6), min_size=1, max_size=3))
def test_any_patterns_mean_what_git_means(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    paths = ["a", "b/a", "b/b/a", "ab/a.b", "a.a", "b/ab/b"]
    # In git a bracket may reach over a slash, and `a**/` is read as `**/` behind an a: nobody means that.
    odd = re.compile(r"//|\[[^]]*/|[^/*]\*\*+/")
    plain = [line for line in lines if not odd.search(line)]
    rules = "\n".join(line for line in plain if line.strip("/!"))

    assert visible(paths, {".gitignore": rules}) == _by_git(tmp_path_factory.mktemp("g"), paths, rules)


def test_a_deeper_file_wins() -> None:
    texts = {".gitignore": "*.txt", "keep/.gitignore": "!*.txt"}

    assert visible(["a.txt", "keep/a.txt", "a.py"], texts) == ["keep/a.txt", "a.py"]


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "**/a/" * 60 + "b", "[a" * 100, "?*" * 100 + "b"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    """Where each star is tried again for each other one, this would never end."""
    paths = ["a" * 2_000, "a/" * 60 + "c"]

    assert set(paths) <= set(visible(paths, {".gitignore": pattern}))


def visible(paths: list[str], texts: dict[str, str]) -> list[str]:
    """The paths that are not left out, with all folders above them."""
    is_left_out = ignores(texts)
    return [
        path
        for path in paths
        if not any(is_left_out(f"{folder}/") for folder in [*PurePosixPath(path).parents][-2::-1])
        and not is_left_out(path)
    ]


def _by_git(root: Path, paths: list[str], rules: str) -> list[str]:
    """The paths that git doesn't ignore."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / ".gitignore").write_text(rules)
    subprocess.run(["git", "init", "-q", str(root)], check=True, capture_output=True)
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [path for path in paths if path in listed]
