"""The five books: each has a page, a contract and tests of its own, and `./run test BOOK` runs these."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.book_alone import requirements, sources_of

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


def test_an_import_within_a_function_needs_its_module_too(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("import json\nfrom . import good\n")
    (tmp_path / "late.py").write_text("def f():\n    from missing_package.part import x\n    return x\n")

    check = [sys.executable, str(ROOT / "tools/check_imports.py")]
    ended = subprocess.run([*check, str(tmp_path)], capture_output=True, text=True, check=False)
    good = subprocess.run([*check, str(tmp_path / "good.py")], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (1, f"{tmp_path}/late.py: no module missing_package\n")
    assert (good.returncode, good.stdout) == (0, "")


def test_the_imports_of_the_lower_books_are_checked_in_all_their_files() -> None:
    files = {path for book in ("sandbox", "verdicts") for place in sources_of(book) for path in _files(place)}

    missing = {*(ROOT / "sandbox").rglob("*.py")} - files
    assert {path.relative_to(ROOT).parts[:2] for path in missing} == {("sandbox", "providers")}


def _files(place: Path) -> list[Path]:
    return [*place.rglob("*.py")] if place.is_dir() else [place]
