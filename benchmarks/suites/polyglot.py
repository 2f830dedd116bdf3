"""Read Aider's polyglot folders with Exercism exercises in six languages.

`LANGUAGE/exercises/practice/NAME/` holds the stub and the tests, `.docs/` the instructions, `.meta/` the
roles of the files and an example solution, which is gold. Tests run as in aider's benchmark, but offline:
https://github.com/Aider-AI/aider, `benchmark/benchmark.py`.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.suite import RepositoryCase, Runner
from benchmarks.suites.records import make, read_document, read_json_object, strings
from benchmarks.suites.repotasks import path_inside, read_text
from coder.base.errors import UsageError
from coder.workspace.diff import unified_diff

CONFIG = Path(".meta", "config.json")
PRACTICE = Path("exercises", "practice")
_PROMPT_FILES = ("introduction.md", "introduction.append.md", "instructions.md", "instructions.append.md")
_IGNORED_FOLDERS = {
    *(".meta", ".docs", "__pycache__", ".pytest_cache", ".approaches", ".articles"),
    *("node_modules", "target", "build", ".gradle"),
}
_MAX_BYTES = 64 << 20
"""Maximum size in bytes of an exercise's files together."""
_TASK = """\
Use the instructions above to change the supplied files: {files}.
Keep the names of existing functions and classes: other code uses them. Only the standard library is there.
"""


@dataclass(frozen=True, slots=True)
class _Language:
    """Settings to test the exercises of a language."""

    runner: Runner = "status"
    command: str = ""
    """Shell command in the exercise's folder; {name} is the exercise's name."""
    edit: Callable[[str], str] = str
    """Function that enables the tests that Exercism skips."""
    timeout_s: float = 180.0
    memory_mb: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


_LANGUAGES = {
    "python": _Language(runner="pytest", timeout_s=60.0),
    "go": _Language(
        runner="go",
        command="go test -v ./...",
        memory_mb=2048,
        environment={"GOCACHE": "/tmp/go-cache", "GOPATH": "/tmp/go", "GOFLAGS": "-mod=mod"},
    ),
    "rust": _Language(
        runner="cargo",
        command="cargo test --offline --no-fail-fast -- --include-ignored",
        memory_mb=2048,
        environment={"CARGO_HOME": "/tmp/cargo"},
    ),
    "javascript": _Language(
        command="node_modules/.bin/jest ./*",
        edit=lambda text: re.sub(r"\bxtest\(", "test(", text),
        memory_mb=2048,
    ),
    # CMakeLists.txt takes the exercise's name from its folder.
    "cpp": _Language(
        command="mkdir -p /tmp/{name} && cp -r ./* /tmp/{name} && cd /tmp/{name} && "
        'cmake -S . -B build -DEXERCISM_RUN_ALL_TESTS=1 -G "Unix Makefiles" && make -C build',
        memory_mb=2048,
    ),
    "java": _Language(
        command="sh ./gradlew test --offline --no-daemon",
        edit=lambda text: re.sub(r"@Disabled(\([^)]*\))?\s*\n", "", text),
        memory_mb=4096,
    ),
}


_NAMES = {
    ".py": "python",
    ".go": "go",
    ".rs": "rust",
    ".js": "javascript",
    ".cpp": "cpp",
    ".java": "java",
}
"""Languages by the suffix of test files."""


def exercises(folder: Path) -> Iterator[Path]:
    """Yield the exercises in a clone of the benchmark, in a language's folder, or in a folder of them."""
    for practice in _practice_folders(folder):
        for config in sorted(practice.glob(f"*/{CONFIG}")):
            yield config.parent.parent


def _practice_folders(folder: Path) -> list[Path]:
    """Return the folders of exercises: this folder, that of a language, or those of all languages."""
    languages = sorted(path for path in folder.iterdir() if path.is_dir())
    places = [folder, folder / PRACTICE, *(path / PRACTICE for path in languages)]
    return [place for place in places if next(place.glob(f"*/{CONFIG}"), None) is not None]


def polyglot_case(exercise: Path) -> RepositoryCase:
    """Read the case in an exercise's folder. Raises UsageError."""
    where = str(exercise / CONFIG)
    roles = read_json_object(path_inside(exercise, str(CONFIG), where)).get("files")
    if not isinstance(roles, dict):
        raise UsageError(f"{where}: it says of no file what it is for.")
    solution, tests, example = (strings(roles, role, where) for role in ("solution", "test", "example"))
    if not solution or not tests:
        raise UsageError(f"{where}: it names no solution or no test.")
    language = _NAMES.get(Path(tests[0]).suffix)
    if language is None:
        raise UsageError(f"{where}: only exercises in {', '.join(_LANGUAGES)} can be judged.")
    base_files = {path: content for path, content in _files(exercise).items() if path not in tests}
    prompt_files = [path_inside(exercise, f".docs/{name}", where) for name in _PROMPT_FILES]
    prompt = "\n\n".join(read_text(path) for path in prompt_files if path.exists())
    how = _LANGUAGES[language]
    return make(
        RepositoryCase,
        where,
        id=f"{language}/{exercise.name}",
        prompt=f"{prompt}\n\n{_TASK.format(files=', '.join(solution))}",
        timeout_s=how.timeout_s,
        memory_mb=how.memory_mb,
        files=base_files,
        hidden_tests={path: how.edit(read_text(path_inside(exercise, path, where))) for path in tests},
        gold_patch=_gold(exercise, base_files, _examples(solution, example), where),
        may_change=solution,
        runner=how.runner,
        test_commands=[how.command.format(name=shlex.quote(exercise.name))] if how.command else [],
        environment=dict(how.environment),
        shown=_packages(exercise) if language == "javascript" else {},
    )


def _packages(exercise: Path) -> dict[str, Path]:
    """Return the nearest `node_modules` of an exercise, which `npm install` makes.

    A link may only lead to another `node_modules`, since an untrusted clone may contain links.
    """
    places = [folder / "node_modules" for folder in (exercise, *exercise.parents[:4])]
    place = next((place for place in places if place.resolve().name == place.name and place.is_dir()), None)
    return {} if place is None else {place.name: place.resolve()}


def _examples(solution: tuple[str, ...], example: tuple[str, ...]) -> dict[str, str]:
    """Return example files by the solution files that they replace: by suffix, else by position."""
    if len(solution) == len(example):
        return dict(zip(solution, example, strict=True))
    examples: dict[str, str] = {}
    for path in solution:
        place = next((name for name in example if Path(name).suffix == Path(path).suffix), None)
        if place is not None and place not in examples.values():
            examples[path] = place
    return examples


def _gold(
    exercise: Path, base_files: Mapping[str, bytes], examples: Mapping[str, str], where: str
) -> str | None:
    example_files = {path: path_inside(exercise, example, where) for path, example in examples.items()}
    example_files = {path: example for path, example in example_files.items() if example.is_file()}
    if not example_files:
        return None
    gold_files = {path: read_document(example) for path, example in example_files.items()}
    return unified_diff({path: base_files.get(path) for path in gold_files}, gold_files)


def _files(exercise: Path) -> dict[str, bytes]:
    """Return the exercise's unchanged files, without links. Raises UsageError if they are too large."""
    files = {
        path.relative_to(exercise).as_posix(): path
        for path in sorted(exercise.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not _IGNORED_FOLDERS & set(path.relative_to(exercise).parts)
    }
    if sum(path.stat().st_size for path in files.values()) > _MAX_BYTES:
        raise UsageError(f"{exercise}: its files have more than {_MAX_BYTES >> 20} MiB.")
    return {name: path.read_bytes() for name, path in files.items()}
