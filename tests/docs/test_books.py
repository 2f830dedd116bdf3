"""The five books: each has a page, a contract and tests of its own, and `./run test BOOK` runs these."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tools.book_alone import requirements

ROOT = Path(__file__).parents[2]
ROWS = [line.split() for line in (ROOT / "tests/books.txt").read_text().splitlines() if line[0] != "#"]
TESTS = {book: [word for word in words if not word.startswith("--")] for book, *words in ROWS}
IGNORED = {book: [word.partition("=")[2] for word in words if word.startswith("--")] for book, *words in ROWS}
SHARED = {"tests/deploy", "tests/docs", "tests"}
"""Tests of the whole: manifests, pages, layers, tiers."""


def books_of(test: str) -> list[str]:
    """The books whose tests a file is among."""

    def has(folders: list[str]) -> bool:
        return any(test.startswith(f"{folder}/") for folder in folders)

    return [book for book in TESTS if has(TESTS[book]) and not has(IGNORED[book])]


def test_the_page_has_each_book_with_its_core() -> None:
    page = (ROOT / "docs/architecture.md").read_text()

    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == [*TESTS]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [*TESTS]


def test_each_test_file_is_of_one_book_or_of_the_whole() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py")]

    wrong = {
        file: books
        for file in files
        if len(books := books_of(file)) != (0 if file.rpartition("/")[0] in SHARED else 1)
    }
    assert wrong == {}


def test_each_book_but_the_lowest_and_verdicts_has_a_contract_of_what_it_must_not_know() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    names = [re.match(r"book (\w+):", one["name"]) for one in contracts if one["type"] == "forbidden"]
    assert [match[1] for match in names if match] == ["sandbox", "coder", "benchmarks"]


@pytest.mark.parametrize("book", [*TESTS])
def test_run_passes_the_tests_of_a_book_to_pytest(book: str) -> None:
    script = (ROOT / "run").read_text()
    expansion = script[
        script.index("    while read -r book tests") : script.index('done <"$root/tests/books.txt"')
    ]
    shell = f'root={ROOT}; set -eu\n{expansion}done <"$root/tests/books.txt"\necho "$@"'

    ended = subprocess.run(
        ["sh", "-c", shell, "sh", book, "-k", "x"], capture_output=True, text=True, check=True
    )
    other = subprocess.run(
        ["sh", "-c", shell, "sh", "tests/a/b.py"], capture_output=True, text=True, check=True
    )

    words = next(words for name, *words in ROWS if name == book)
    assert ended.stdout.split() == [*words, "-k", "x"]
    assert other.stdout.split() == ["tests/a/b.py"]


def test_each_book_names_what_its_tests_need_and_the_lower_ones_nothing_of_the_agent() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = pyproject["dependency-groups"]

    assert [*groups] == [*TESTS]
    for book in ("sandbox", "verdicts"):
        needs = requirements(book)
        assert not [
            need for need in needs if "openai" in need or "coder-agent" in need or "--editable" in need
        ]
        assert set(groups[book]) < set(needs)
    for book in ("coder", "platform", "benchmarks"):
        assert any(need.startswith(f"--editable={ROOT}[") for need in requirements(book))
