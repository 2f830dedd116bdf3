"""Print the tests that a change concerns, a path a line: `./run test changed [--all] [REVISION]`.

The change is what differs from REVISION, by default from HEAD, or from the commit before it where nothing
does. Functions that only look different haven't changed. A module concerns, from near to far: the tests with
its name; single tests that hold a text of a changed line; tests that import it, and those with the name of a
module that does; single tests that hold another text of a changed function; tests of its folder, all if they
are few, else those up to three imports away. Another file concerns the tests that name it.

The nearest ones are taken, up to 90 seconds of a processor by estimate; with `--all`, every one.
"""

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import grimp

from tools.costs_of_tests import ROOT, Costs, is_test_function, nearest, parts_of, source_of

PACKAGES = ("coder", "sandbox", "benchmarks", "tests")
"""Our packages, the tests last."""
_BUDGET_S = 90
_PAGES = "tests/docs/test_docs.py"
"""What every page has to pass."""
_FEW_FILES, _FEW_TESTS = 8, 30
"""Files of a folder, and tests that hold a text, which are all taken."""
_TEXT = 5
"""Shortest text of the code that is looked for in tests, in characters."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Strings in changed functions."""

    changed: frozenset[str] = field(default_factory=frozenset)
    """Of the lines that changed, before and after."""
    beside: frozenset[str] = field(default_factory=frozenset)


def changed_files(revision: str) -> list[str]:
    """Return the paths of files that differ from a revision, or are new."""
    return [*_git("diff", "--name-only", revision), *_git("ls-files", "--others", "--exclude-standard")]


def tests_of(
    paths: Iterable[str],
    graph: grimp.ImportGraph,
    tests: Iterable[str],
    texts: Mapping[str, Texts],
) -> dict[str, int]:
    """Return the test files that a change of these paths concerns, and single tests, with their distances.

    Args:
        tests: all test files.
        texts: by path, the texts of the functions that changed.
    """
    by_name: dict[tuple[str, str], list[str]] = {}
    for test in tests:
        path = PurePosixPath(test)
        by_name.setdefault((str(path.parent), path.stem), []).append(test)
    distances: dict[str, int] = {}
    for path in map(PurePosixPath, paths):
        of_path = texts.get(str(path), Texts())
        for distance, found in (
            *_tests_of_file(path, graph, by_name),
            (1, _tests_with(path, of_path.changed, graph, by_name)),
            (4, _tests_with(path, of_path.beside, graph, by_name)),
        ):
            for test in found:
                distances[test] = min(distance, distances.get(test, distance))
    return distances


def _tests_of_file(
    path: PurePosixPath, graph: grimp.ImportGraph, by_name: dict[tuple[str, str], list[str]]
) -> Iterator[tuple[int, Iterable[str]]]:
    if path.suffix != ".py":
        # A name without an ending is also a word.
        named = re.compile(
            rf"\b{re.escape(path.name)}\b" if path.suffix else rf'(\./|/ ")({re.escape(path.name)})\b'
        )
        tests = [test for files in by_name.values() for test in files]
        yield 0, [test for test in tests if named.search(source_of(test))]
        yield 0, [_PAGES] if path.suffix == ".md" else []
        return
    yield 0, _of_name(path, by_name)
    importing, of_importers = _of_importers(path, graph, by_name, steps=1)
    yield 2, importing
    yield 3, of_importers
    folder = str(PurePosixPath("tests", path.parent))
    if path.parts[0] in PACKAGES[:-1]:
        beside = [test for (place, _), files in by_name.items() if place == folder for test in files]
        near = beside
        if len(beside) > _FEW_FILES:
            near = [test for found in _of_importers(path, graph, by_name, steps=3) for test in found]
        yield 5, {*beside} & {*near}


def _of_importers(
    path: PurePosixPath,
    graph: grimp.ImportGraph,
    by_name: dict[tuple[str, str], list[str]],
    *,
    steps: int,
) -> tuple[list[str], list[str]]:
    """Return the tests that import a module, and those with the name of a module that does."""
    modules = {_module_of(path)} & graph.modules
    for _ in range(steps):
        modules |= {one for module in modules for one in graph.find_modules_that_directly_import(module)}
    importing, of_importers = list[str](), list[str]()
    for importer in sorted(modules - {_module_of(path)}):
        importer_path = PurePosixPath(*importer.split(".")).with_suffix(".py")
        if importer_path.parts[0] == "tests" and importer_path.name.startswith("test_"):
            importing.append(str(importer_path))
        else:
            of_importers += _of_name(importer_path, by_name)
    return importing, of_importers


def _tests_with(
    path: PurePosixPath,
    texts: Iterable[str],
    graph: grimp.ImportGraph,
    by_name: dict[tuple[str, str], list[str]],
) -> Iterator[str]:
    """Yield the single tests that hold a text of a changed function."""
    near: set[str] | None = None
    for text in texts:
        every = [
            test for files in by_name.values() for file in files for test in _tests_that_hold(file, text)
        ]
        if len(every) > _FEW_TESTS:
            if near is None:
                near = {test for found in _of_importers(path, graph, by_name, steps=2) for test in found}
            every = [test for test in every if test.partition("::")[0] in near]
        yield from every if len(every) <= 2 * _FEW_TESTS else ()


def _tests_that_hold(file: str, text: str) -> Iterator[str]:
    if text not in (source := source_of(file)):
        return
    lines = source.splitlines()
    for part in parts_of(file):
        first, last = part.lines
        if text in "\n".join(lines[first - 1 : last]):
            yield f"{file}::{part.name}"


def concerns_itself(versions: Iterable[tuple[str, set[int]]]) -> bool:
    """Say whether a file changed within tests alone, so that none that imports it is concerned.

    Args:
        versions: the text of the file before and after, each with the numbers of the lines that changed.
    """
    return all(
        any(
            part.lineno <= line <= (part.end_lineno or 0)
            for part in ast.parse(source).body
            if is_test_function(part)
        )
        for source, lines in versions
        for line in lines
    )


def _changed_lines(path: str, revision: str) -> list[tuple[str, set[int]]]:
    """Return the text of a file before and after a change, each with the numbers of the lines in it."""
    old, new = set[int](), set[int]()
    for line in _git("diff", "-U0", revision, "--", path):
        if hunk := re.match(r"@@ -(\d+),?(\d*) \+(\d+),?(\d*)", line):
            before, removed, after, added = (int(number or 1) for number in hunk.groups())
            old |= set(range(before, before + removed))
            new |= set(range(after, after + added))
    earlier = "\n".join(_git("show", f"{revision}:{path}")) if _git("ls-tree", revision, "--", path) else ""
    later = source_of(path)
    if later and not new and not old:  # git doesn't know it yet
        new = set(range(1, later.count("\n") + 2))
    return [(earlier, old), (later, new)]


def looks_different_only(before: str, after: str) -> bool:
    """Say whether two versions of a module differ in comments, blanks and line breaks alone."""
    return ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))


def texts_of(before: tuple[str, set[int]], after: tuple[str, set[int]]) -> Texts:
    """Return the strings in the functions, or other statements, of a module that differ between two versions.

    Args:
        before: text of the module, and the numbers of its lines that changed.
        after: as for `before`.
    """
    dumps = [Counter(map(ast.dump, _parts(ast.parse(source)))) for source, _ in (before, after)]
    changed, beside = set[str](), set[str]()
    for (source, lines), other in zip((before, after), reversed(dumps), strict=True):
        for part in _parts(ast.parse(source)):
            if other[ast.dump(part)]:
                continue
            for text, its_lines in _strings(part):
                (changed if lines & its_lines else beside).add(text)
    return Texts(frozenset(changed), frozenset(beside - changed))


def _strings(part: ast.stmt) -> Iterator[tuple[str, set[int]]]:
    """Yield the lines of the strings of a statement, but of its docstring, and where these stand."""
    is_function = isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
    doc = (ast.get_docstring(part, clean=False) if is_function else None) or ""  # type: ignore[arg-type]
    for node in ast.walk(part):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            lines = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            for piece in map(str.strip, node.value.splitlines()):
                if len(piece) >= _TEXT and piece not in doc:
                    yield piece, lines


def _parts(tree: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    for part in tree.body:
        yield from _parts(part) if isinstance(part, ast.ClassDef) else (part,)


def _of_name(path: PurePosixPath, by_name: dict[tuple[str, str], list[str]]) -> list[str]:
    """Return the tests that have the name of a file, or begin with it, at its path below `tests`."""
    if path.parts[0] == "tests":
        return by_name.get((str(path.parent), path.stem), [])
    folder = str(PurePosixPath("tests", path.parent))
    return [
        test
        for (test_folder, name), files in by_name.items()
        if test_folder == folder and f"{name}_".startswith(f"test_{path.stem}_")
        for test in files
    ]


def _module_of(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _distances(revision: str, tests: list[str]) -> dict[str, int]:
    """Return the tests that the change since a revision concerns, with their distances."""
    concerned, texts, alone = list[str](), dict[str, Texts](), list[str]()
    for path in changed_files(revision):
        if not path.endswith(".py"):
            concerned.append(path)
            continue
        before, after = _changed_lines(path, revision)
        ast.parse(after[0], path)  # it names the file in its error
        if looks_different_only(before[0], after[0]):
            continue
        if path in tests and concerns_itself((before, after)):
            alone.append(path)
            continue
        concerned.append(path)
        if not path.startswith("tests/"):
            texts[path] = texts_of(before, after)
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {**tests_of(concerned, graph, tests, texts), **dict.fromkeys(alone, 0)}


def main() -> int:
    """Print the tests."""
    parser = argparse.ArgumentParser(prog="./run test changed", description="Print the tests of a change.")
    parser.add_argument("revision", nargs="?", help="what it is compared with")
    parser.add_argument("--all", action="store_true", help="take also those that a budget of time leaves out")
    arguments = parser.parse_args()
    tests = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    revision = arguments.revision or ("HEAD" if _git("status", "--porcelain") else "HEAD~1")
    budget_s = float("inf") if arguments.all else _BUDGET_S
    try:
        distances = _distances(revision, tests)
    except subprocess.CalledProcessError as error:
        parser.error(error.stderr.strip())
    except SyntaxError as error:
        parser.error(f"{error.filename}, line {error.lineno}, isn't Python: {error.msg}")
    taken, left_out_s = nearest(distances, Costs(tests), budget_s)
    for test in taken:
        print(test)
    if taken:
        left_out = (
            f"; left out are farther ones of about {left_out_s:.0f} s: ./run test changed --all {revision}"
        )
        print(
            f"The nearest tests of the change take about {sum(taken.values()):.0f} s of a processor"
            f"{left_out if left_out_s else ''}",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
