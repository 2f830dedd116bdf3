"""Read Aider's polyglot folders with Exercism exercises; only Python exercises can be judged.

`python/exercises/practice/NAME/` holds the stub and the tests, `.docs/` the instructions, `.meta/` the roles
of the files and an example solution, which is gold.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.suite import RepositoryCase
from benchmarks.suites.records import make, read_document, read_json_object, strings
from benchmarks.suites.repotasks import read_text
from coder.base.errors import UsageError
from coder.workspace.diff import unified_diff

CONFIG = Path(".meta", "config.json")
PRACTICE = Path("exercises", "practice")
_PROMPT_FILES = ("introduction.md", "introduction.append.md", "instructions.md", "instructions.append.md")
_IGNORED_FOLDERS = {".meta", ".docs", "__pycache__", ".pytest_cache", ".approaches", ".articles"}
_TASK = """\
Use the instructions above to change the supplied files: {files}.
Keep the names of existing functions and classes: other code uses them. Only the standard library is there.
"""


def polyglot_cases(folder: Path) -> Iterator[RepositoryCase]:
    """Yield the Python exercises of the benchmark's folder, of `python` or of a list. Raises UsageError."""
    practice = next(
        path for path in (folder / "python" / PRACTICE, folder / PRACTICE, folder) if path.is_dir()
    )
    exercises = sorted(path.parent.parent for path in practice.glob(f"*/{CONFIG}"))
    if not exercises:
        raise UsageError(
            f"{folder} holds no exercises in Python (python/exercises/practice/NAME/.meta/config.json).\n"
            "Exercises in other languages can't be judged here."
        )
    for exercise in exercises:
        yield _case(exercise)


def is_polyglot(folder: Path) -> bool:
    """Whether a folder has the benchmark's layout."""
    places = (folder, folder / PRACTICE, *(path / PRACTICE for path in folder.iterdir() if path.is_dir()))
    return any(next(place.glob(f"*/{CONFIG}"), None) is not None for place in places)


def _case(exercise: Path) -> RepositoryCase:
    where = str(exercise / CONFIG)
    roles = read_json_object(exercise / CONFIG).get("files")
    if not isinstance(roles, dict):
        raise UsageError(f"{where}: it says of no file what it is for.")
    solution, tests, example = (strings(roles, role, where) for role in ("solution", "test", "example"))
    if not solution or not tests:
        raise UsageError(f"{where}: it names no solution or no test.")
    base_files = {path: content for path, content in _files(exercise).items() if path not in tests}
    prompt_files = [exercise / ".docs" / name for name in _PROMPT_FILES]
    prompt = "\n\n".join(read_text(path) for path in prompt_files if path.exists())
    return make(
        RepositoryCase,
        where,
        id=f"python/{exercise.name}",
        prompt=f"{prompt}\n\n{_TASK.format(files=', '.join(solution))}",
        timeout_s=60.0,
        files=base_files,
        hidden_tests={path: read_text(exercise / path) for path in tests},
        gold_patch=_gold(exercise, base_files, dict(zip(solution, example, strict=False))),
        may_change=solution,
    )


def _gold(exercise: Path, base_files: Mapping[str, bytes], examples: Mapping[str, str]) -> str | None:
    example_files = {
        path: exercise / example for path, example in examples.items() if (exercise / example).is_file()
    }
    if not example_files:
        return None
    gold_files = {path: read_document(example) for path, example in example_files.items()}
    return unified_diff({path: base_files.get(path) for path in gold_files}, gold_files)


def _files(exercise: Path) -> dict[str, bytes]:
    paths = sorted(path for path in exercise.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        path.relative_to(exercise).as_posix(): read_document(path)
        for path in paths
        if not _IGNORED_FOLDERS & set(path.relative_to(exercise).parts)
    }
