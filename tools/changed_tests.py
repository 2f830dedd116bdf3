"""Print the tests that a change concerns, a path a line: `./run test changed [REVISION]`.

The change is what differs from REVISION, by default from HEAD, or from the commit before it where nothing
does. A module concerns the tests with its name, those that import it, and those with the name of a module
that does; of its folder, all if they are few, else those up to three imports away; and each single test that
holds a text of a changed function, if few do, or where it is up to two imports away. Another file concerns
the tests that name it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import grimp

ROOT = Path(__file__).parents[1]
PACKAGES = ("coder", "sandbox", "benchmarks", "tests")
"""Our packages, the tests last."""
_PAGES = "tests/docs/test_docs.py"
"""What every page has to pass."""
_FEW_FILES, _FEW_TESTS = 8, 30
"""Files of a folder, and tests that hold a text, which are all taken."""
_TEXT = 5
"""Shortest text of the code that is looked for in tests, in characters."""


def changed_files(revision: str) -> list[str]:
    """Return the paths of files that differ from a revision, or are new."""
    return [*_git("diff", "--name-only", revision), *_git("ls-files", "--others", "--exclude-standard")]


def tests_of(
    paths: Iterable[str],
    graph: grimp.ImportGraph,
    tests: Iterable[str],
    texts: Mapping[str, Iterable[str]],
) -> list[str]:
    """Return the test files that a change of these paths concerns, and single tests of other files.

    Args:
        tests: all test files.
        texts: by path, the texts of the functions that changed.
    """
    by_name: dict[tuple[str, str], list[str]] = {}
    for test in tests:
        path = PurePosixPath(test)
        by_name.setdefault((str(path.parent), path.stem), []).append(test)
    files, single = set[str](), set[str]()
    for path in map(PurePosixPath, paths):
        files |= set(_tests_of_file(path, graph, by_name))
        single |= set(_tests_with(path, texts.get(str(path), ()), graph, by_name))
    return sorted(files | {test for test in single if test.partition("::")[0] not in files})


def _tests_of_file(
    path: PurePosixPath, graph: grimp.ImportGraph, by_name: dict[tuple[str, str], list[str]]
) -> Iterator[str]:
    if path.suffix != ".py":
        # A name without an ending is also a word.
        named = re.compile(
            rf"\b{re.escape(path.name)}\b" if path.suffix else rf'(\./|/ ")({re.escape(path.name)})\b'
        )
        tests = (test for files in by_name.values() for test in files)
        yield from (test for test in tests if named.search((ROOT / test).read_text()))
        yield from [_PAGES] if path.suffix == ".md" else ()
        return
    yield from _of_name(path, by_name)
    folder = str(PurePosixPath("tests", path.parent))
    if path.parts[0] in PACKAGES[:-1]:
        beside = [test for (place, _), files in by_name.items() if place == folder for test in files]
        near = set(_of_importers(path, graph, by_name, steps=3)) if len(beside) > _FEW_FILES else beside
        yield from (test for test in beside if test in near)
    yield from _of_importers(path, graph, by_name)


def _of_importers(
    path: PurePosixPath,
    graph: grimp.ImportGraph,
    by_name: dict[tuple[str, str], list[str]],
    *,
    steps: int = 1,
) -> Iterator[str]:
    """Yield the tests that import a module, and those with the name of a module that does."""
    modules = {_module_of(path)} & graph.modules
    for _ in range(steps):
        modules |= {one for module in modules for one in graph.find_modules_that_directly_import(module)}
    for importer in modules - {_module_of(path)}:
        importer_path = PurePosixPath(*importer.split(".")).with_suffix(".py")
        if importer_path.parts[0] == "tests" and importer_path.name.startswith("test_"):
            yield str(importer_path)
        else:
            yield from _of_name(importer_path, by_name)


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
            near = set(_of_importers(path, graph, by_name, steps=2)) if near is None else near
            every = [test for test in every if test.partition("::")[0] in near]
        yield from every if len(every) <= 2 * _FEW_TESTS else ()


def _tests_that_hold(file: str, text: str) -> Iterator[str]:
    source = _source(file)
    if text not in source:
        return
    lines = source.splitlines()
    for part in _test_functions(_parsed(file)):
        first = min(one.lineno for one in (part, *part.decorator_list))
        if text in "\n".join(lines[first - 1 : part.end_lineno]):
            yield f"{file}::{part.name}"


def _test_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for part in tree.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name.startswith("test_"):
            yield part


@cache
def _source(file: str) -> str:
    path = ROOT / file
    return path.read_text() if path.exists() else ""


@cache
def _parsed(file: str) -> ast.Module:
    return ast.parse(_source(file))


def changed_texts(path: str, revision: str) -> set[str]:
    """Return the texts in the functions of a module that changed since a revision, before and after."""
    return {text for source, lines in _changed_lines(path, revision) for text in texts_of(source, lines)}


def concerns_itself(versions: Iterable[tuple[str, set[int]]]) -> bool:
    """Say whether a file changed within tests alone, so that none that imports it is concerned.

    Args:
        versions: the text of the file before and after, each with the numbers of the lines that changed.
    """
    return all(
        any(part.lineno <= line <= (part.end_lineno or 0) for part in _test_functions(ast.parse(source)))
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
    later = ROOT / path
    return [(earlier, old), (later.read_text() if later.exists() else "", new)]


def texts_of(source: str, lines: set[int]) -> set[str]:
    """Return the strings in the functions, or other statements, to which some lines belong."""
    texts = set[str]()
    for part in _parts(ast.parse(source)):
        if lines & set(range(part.lineno, (part.end_lineno or part.lineno) + 1)):
            strings = (node.value for node in ast.walk(part) if isinstance(node, ast.Constant))
            pieces = (
                piece.strip() for text in strings if isinstance(text, str) for piece in text.splitlines()
            )
            doc = (
                ast.get_docstring(part, clean=False)
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
                else ""
            )
            texts |= {piece for piece in pieces if len(piece) >= _TEXT and piece not in (doc or "")}
    return texts


def _parts(tree: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    for part in tree.body:
        yield from _parts(part) if isinstance(part, ast.ClassDef) else (part,)


def _of_name(path: PurePosixPath, by_name: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """Yield the tests that have the name of a file, or begin with it, at its path below `tests`."""
    if path.parts[0] == "tests":
        yield from by_name.get((str(path.parent), path.stem), ())
        return
    folder = str(PurePosixPath("tests", path.parent))
    for (test_folder, name), files in by_name.items():
        if test_folder == folder and f"{name}_".startswith(f"test_{path.stem}_"):
            yield from files


def _module_of(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def main() -> int:
    """Print the tests."""
    tests = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    revision = sys.argv[1] if len(sys.argv) > 1 else "HEAD" if _git("status", "--porcelain") else "HEAD~1"
    changed = changed_files(revision)
    modules = (path for path in changed if path.endswith(".py") and not path.startswith("tests/"))
    texts = {path: changed_texts(path, revision) for path in modules}
    alone = {path for path in changed if path in tests and concerns_itself(_changed_lines(path, revision))}
    found = tests_of([path for path in changed if path not in alone], graph, tests, texts)
    existing = [test for test in sorted({*found, *alone}) if (ROOT / test.partition("::")[0]).exists()]
    print("\n".join(existing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
