"""Check a book's imports and run its tests in an environment of that book's dependencies alone.

python -m tools.book_alone BOOK [PYTEST ARGUMENTS] [-- PYTEST ARGUMENTS]

A book's dependencies stand in pyproject.toml's `dependency-groups`. Paths among the arguments stand in place
of all tests of the book. Arguments after `--` are those of a second run. The exit code is that of the first
pytest that fails, or 1 where an import has no module.
"""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
_PROJECT = "coder-agent"
_OTHER_TOOLS = ROOT / "sandbox/providers"
_VERDICTS = [ROOT / "sandbox" / name for name in ("verdicts", "inner/bridge", "inner/checker")]


def requirements(book: str) -> list[str]:
    """Return pip's arguments for what a book needs, this checkout included.

    A book that names extras of the project gets its dependencies too; another one gets none of them.
    """
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = pyproject["dependency-groups"][book]
    test_tools = [
        name
        for name in pyproject["project"]["optional-dependencies"]["dev"]
        if name.startswith(("pytest", "hypothesis"))
    ]
    extras = [need.removeprefix(_PROJECT) for need in needs if need.startswith(_PROJECT)]
    checkout = [f"--editable={ROOT}{extra}" for extra in extras]
    return [*checkout, *test_tools, *(need for need in needs if not need.startswith(_PROJECT))]


def tests_of(book: str) -> list[str]:
    """Return pytest's arguments that select the tests of a book."""
    rows = (line.split() for line in (ROOT / "tests/books.txt").read_text().splitlines())
    return next(words for name, *words in rows if name == book)


def sources_of(book: str) -> list[Path]:
    """Return the paths whose imports the book's dependencies must satisfy; none for upper books."""
    sandbox = [path for path in (ROOT / "sandbox").iterdir() if path != _OTHER_TOOLS]
    return {"sandbox": sandbox, "verdicts": _VERDICTS}.get(book, [])


def main() -> int:
    """Build the environment, run the tests in it, and remove it."""
    book, *arguments = sys.argv[1:]
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # tests run the interpreter as an ordinary user, too
        # Of links, as ./run's: a copied interpreter needs the folder that it was copied from.
        venv.create(folder, with_pip=True, symlinks=True)
        python = str(Path(folder, "bin/python3"))
        pip = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
        needs = requirements(book)
        subprocess.run([*pip, *needs], check=True, cwd=ROOT)
        if not any(need.startswith("--editable") for need in needs):
            # The entry points of the backends are found by the distribution's metadata.
            subprocess.run([*pip, "--no-deps", f"--editable={ROOT}"], check=True, cwd=ROOT)
        check = [python, "tools/check_imports.py", *map(str, sources_of(book))]
        if subprocess.run(check, check=False, cwd=ROOT).returncode:
            return 1
        if "--" not in arguments:
            return _test(python, book, arguments)
        at = arguments.index("--")
        return _test(python, book, arguments[:at]) or _test(python, book, arguments[at + 1 :])


def _test(python: str, book: str, arguments: list[str]) -> int:
    if not any((ROOT / argument).exists() for argument in arguments):
        arguments = [*tests_of(book), *arguments]
    tests = [python, "-m", "pytest", "-n", "auto", "--dist", "worksteal", *arguments]
    return subprocess.run(tests, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
