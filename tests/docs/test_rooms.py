"""The tree explains itself: each room says what it is, and the pages name files that are there."""

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sandbox", "coder", "benchmarks")
MODULES = [file for package in PACKAGES for file in ROOT.glob(f"{package}/**/*.py")]
ROOMS = sorted({file.parent for file in MODULES if file.stem != "__init__"})
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if page.parent.name != "decisions"),
]
"""Decisions are history, and keep their words."""
GROUPS = {
    *("coder.commands", "coder.guards", "coder.providers", "coder.routes"),
    *("sandbox.backends", "benchmarks.suites"),
}
"""Entry points."""
MOST_LINES = 5
OTHERS = {
    "coder/bin",
    "coder/issue-N",
    "coder/bin/pip",
    "coder/suites",
    "coder/config.toml",
    "benchmarks/baseline.json",
}
"""Paths on pages that are a user's own."""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_says_in_a_few_lines_what_it_is_and_which_file_to_read_first(room: Path) -> None:
    says = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""

    (first,) = re.findall(r"\bRead ((?:\w+, )*\w+)(?:\.| last\.)(?:\s|$)", says)

    assert len([line for line in says.splitlines() if line]) <= MOST_LINES
    for name in first.split(", "):
        assert (room / f"{name}.py").is_file() or (room / name / "__init__.py").is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_and_name_of_ours_on_a_page_is_there(page: Path) -> None:
    text = page.read_text()
    for path in set(re.findall(rf"(?<![\w/.-])(?:{'|'.join(PACKAGES)}|tests|tools|perf)/[\w./-]*\w", text)):
        assert path in OTHERS or (ROOT / path).exists() or in_an_example(path, text), path
    for name in set(re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]+)+)", text)) - GROUPS:
        resolve_name(name)


def in_an_example(path: str, text: str) -> bool:
    """Whether a path stands in blocks only: those show another project."""
    return path not in re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_the_page_of_architecture_has_every_room_of_coder_in_the_order_of_the_contract() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in settings["contracts"] if one.get("containers") == ["coder"])

    rooms = re.findall(r"`coder/(\w+)(?:\.py)?`", page.partition("from the top")[2].partition("\n## ")[0])

    assert rooms == [room for floor in layers for room in floor.split(" | ")]


def test_the_architecture_names_the_core_in_reading_order() -> None:
    core = (ROOT / "docs/architecture.md").read_text().partition("### coder\n")[2].partition("\n### ")[0]

    files = re.findall(r"^\d+\. `(coder/[\w/]+\.py)`(?:, `[^`]+`)*: \w", core, flags=re.MULTILINE)

    assert len(files) == len(re.findall(r"^\d+\. ", core, flags=re.MULTILINE)) >= 10
    assert all((ROOT / file).is_file() for file in files)
    assert files[0] == "coder/run/task.py"
    assert files[-1] == "coder/engine/agent.py"


def test_each_name_of_a_class_stands_for_one_thing_in_the_whole_tree() -> None:
    modules: defaultdict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].add(named(module))

    assert {name: where for name, where in modules.items() if len(where) > 1} == {}
