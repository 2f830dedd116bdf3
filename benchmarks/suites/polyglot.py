"""Aider's polyglot folders: Exercism exercises; only those in Python can be judged.

`python/exercises/practice/NAME/` holds the stub and the tests, `.docs/` the instructions, `.meta/` the roles
of the files and an example solution, which is gold.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.suite import RepositoryCase
from benchmarks.suites.records import document, json_object, make, strings
from benchmarks.suites.repotasks import text_of
from coder.base.errors import UsageError
from coder.workspace.diff import unified_diff

CONFIG = Path(".meta", "config.json")
PRACTICE = Path("exercises", "practice")
_WORDS = ("introduction.md", "introduction.append.md", "instructions.md", "instructions.append.md")
_APART = {".meta", ".docs", "__pycache__", ".pytest_cache", ".approaches", ".articles"}
_TASK = """\
Use the instructions above to change the supplied files: {files}.
Keep the names of existing functions and classes: other code uses them. Only the standard library is there.
"""


def polyglot_cases(folder: Path) -> Iterator[RepositoryCase]:
    """The Python exercises under a folder: the benchmark's, its `python`, or a list. Raises UsageError."""
    practice = next(
        item for item in (folder / "python" / PRACTICE, folder / PRACTICE, folder) if item.is_dir()
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
    roles = json_object(exercise / CONFIG).get("files")
    if not isinstance(roles, dict):
        raise UsageError(f"{where}: it says of no file what it is for.")
    solution, tests, example = (strings(roles, role, where) for role in ("solution", "test", "example"))
    if not solution or not tests:
        raise UsageError(f"{where}: it names no solution or no test.")
    base = {path: content for path, content in _files(exercise).items() if path not in tests}
    words = [exercise / ".docs" / name for name in _WORDS]
    prompt = "\n\n".join(text_of(path) for path in words if path.exists())
    return make(
        RepositoryCase,
        where,
        id=f"python/{exercise.name}",
        prompt=f"{prompt}\n\n{_TASK.format(files=', '.join(solution))}",
        timeout_s=60.0,
        files=base,
        hidden_tests={path: text_of(exercise / path) for path in tests},
        gold_patch=_gold(exercise, base, dict(zip(solution, example, strict=False))),
        may_change=solution,
    )


def _gold(exercise: Path, base: Mapping[str, bytes], examples: Mapping[str, str]) -> str | None:
    found = {path: exercise / example for path, example in examples.items() if (exercise / example).is_file()}
    if not found:
        return None
    after = {path: document(example) for path, example in found.items()}
    return unified_diff({path: base.get(path) for path in after}, after)


def _files(exercise: Path) -> dict[str, bytes]:
    found = sorted(path for path in exercise.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        path.relative_to(exercise).as_posix(): document(path)
        for path in found
        if not _APART & set(path.relative_to(exercise).parts)
    }
