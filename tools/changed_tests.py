"""Print the tests that a change concerns, a path a line: `./run test changed [REVISION]`.

The change is what differs from REVISION, by default from HEAD, or from the commit before it where nothing
does. A file concerns the tests at the same path below `tests`; a module those that import it, too, and those
with the name of a module that does; any other file those that name it.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import grimp

ROOT = Path(__file__).parents[1]
PACKAGES = ("coder", "sandbox", "benchmarks", "tests")
"""Our packages, the tests last."""
_PAGES = "tests/docs/test_docs.py"
"""What every page has to pass."""


def changed_files(revision: str | None) -> list[str]:
    """Return the paths of files that differ from a revision, or are new."""
    if revision is not None:
        return [*_git("diff", "--name-only", revision), *_git("ls-files", "--others", "--exclude-standard")]
    return changed_files("HEAD") or changed_files("HEAD~1")


def tests_of(paths: Iterable[str], graph: grimp.ImportGraph, tests: Iterable[str]) -> list[str]:
    """Return the test files that a change of these paths concerns.

    Args:
        tests: all test files.
    """
    by_name: dict[tuple[str, str], list[str]] = {}
    for test in tests:
        path = PurePosixPath(test)
        by_name.setdefault((str(path.parent), path.stem), []).append(test)
    concerned = set[str]()
    for path in paths:
        concerned |= set(_tests_of_file(PurePosixPath(path), graph, by_name))
    return sorted(concerned)


def _tests_of_file(
    path: PurePosixPath, graph: grimp.ImportGraph, by_name: dict[tuple[str, str], list[str]]
) -> Iterator[str]:
    if path.name.startswith("test_"):
        yield from _of_name(path, by_name)
    elif path.parts[0] in PACKAGES[:-1]:
        folder = str(PurePosixPath("tests", path.parent))
        yield from (test for (place, _), files in by_name.items() if place == folder for test in files)
    if path.suffix != ".py":
        tests = (test for files in by_name.values() for test in files)
        yield from (test for test in tests if path.name in (ROOT / test).read_text())
        yield from [_PAGES] if path.suffix == ".md" else ()
        return
    module = _module_of(path)
    if module not in graph.modules:
        return
    for importer in graph.find_modules_that_directly_import(module):
        importer_path = PurePosixPath(*importer.split(".")).with_suffix(".py")
        if importer_path.parts[0] == "tests" and importer_path.name.startswith("test_"):
            yield str(importer_path)
        else:
            yield from _of_name(importer_path, by_name)


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
    changed = changed_files(sys.argv[1] if len(sys.argv) > 1 else None)
    existing = [test for test in tests_of(changed, graph, tests) if (ROOT / test).exists()]
    print("\n".join(existing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
