"""Target: which file the answer's code belongs to, and which names it must define."""

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from coder.run.command_inputs import MODULES, SETTINGS, deciding_files, more_tests
from coder.run.examples import find_examples
from coder.run.ownership import Openers, Ownership
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.source.manifests import are_declared
from coder.source.named_sources import is_source, named_sources, outside_fences, sources_to_write
from coder.source.python_names import (
    called_free_names,
    defined_names,
    free_names,
    imported_modules,
    names_in_prompt,
    unknown_modules,
)

DEFAULT_PATH = "solution.py"
_STARTS_BY_ITSELF = {"sitecustomize.py", "usercustomize.py"}
_REGISTERS_PLUGINS = (".dist-info", ".egg-info", ".egg-link")
_TEST_NAME = re.compile(r"^(test_.*|.*_test|conftest)\.py$")


@dataclass(frozen=True, slots=True)
class Target:
    """What the code of an answer is for."""

    path: str
    """Relative path of the file that code without a name belongs to."""
    names: tuple[str, ...]
    """Names that this file must define, so far as the task says."""
    tests: tuple[str, ...]
    """Paths that hold tests, or through which the test command decides: never written by an answer."""
    is_known: bool = True
    """False: it may be about other files of the user's too; the path is a last resort."""
    writes_tests: bool = False
    """The folder holds neither code nor tests: the answer writes both, and the test command runs them."""
    is_asked_for: bool = True
    """The task, its checks or its tests need a file of this name; False: any other name would do as well."""
    ownership: Ownership | None = field(default=None, compare=False, repr=False)
    """Which other files only the tests use; None where no test decides."""

    def is_of_tests(self, path: str) -> bool:
        """Whether a path holds tests, or what only they and the test command use."""
        return path in self.tests or (self.ownership is not None and self.ownership.side(path) == "tests")

    def is_unclear(self, path: str) -> bool:
        """Whether only the tests use a file, which may be what they test or a part of them."""
        return self.ownership is not None and self.ownership.side(path) == "unclear"

    @property
    def is_python(self) -> bool:
        """One file is asked for, and it is Python."""
        return self.is_known and self.path.endswith(".py")

    @property
    def module(self) -> str:
        """The path as a dotted module name."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def target_of(state: State) -> Target:
    """The target of a run's task, on its files."""
    return find_target(
        state.task, state.files, opened=state.progress.baseline.opened if state.progress.baseline else None
    )


def find_target(task: Task, files: Mapping[str, StoredFile], *, opened: Openers | None = None) -> Target:
    """Read the target off the tests, checks, examples, the user's files and the prompt, in that order.

    Args:
        opened: files that open or import a file in the tests' run before the work, by its path.
    """
    if is_greenfield(task, files):
        path = next(iter(_to_write(task, ())), DEFAULT_PATH)
        return Target(path, names=(), tests=(), is_known=False, writes_tests=True)
    tests = {path for path in files if is_test(path)} | {test.path for test in task.test_files}
    texts = {path: file.text for path, file in files.items()}
    if task.test_command:
        tests |= more_tests(texts, task.test_command, tests)
        tests |= deciding_files(task.test_command, texts, prompt=task.prompt)
    sources = {test.path: test.text for test in task.test_files}
    if not sources and task.test_command:
        sources = {path: files[path].text or "" for path in tests if path in files and path.endswith(".py")}
    wanted = _imports_missing(task.prompt, sources, files)
    imported = {path for source in sources.values() for path in _imported(source, files)}
    under_test = list(imported) if len(imported) == 1 else []
    names = [] if under_test and not wanted else _names(task, wanted, files)
    named = _paths(task, files, tests, wanted, names)
    paths = list(dict.fromkeys([*under_test, *named]))
    # What tests import may only pass on another file's fault, unless there is no other.
    is_alone = under_test == [path for path in files if is_source(path) and path not in tests]
    return Target(
        path=paths[0] if paths else DEFAULT_PATH,
        names=tuple(names),
        tests=tuple(sorted(tests)),
        is_known=(len(paths) == 1 and (is_alone or named == paths))
        or not (paths or any(map(is_source, files))),
        is_asked_for=bool(paths) or task.workspace is None or _is_imported(task),
        ownership=_ownership(task, texts, tests, opened),
    )


def _ownership(
    task: Task, texts: dict[str, str | None], tests: Collection[str], opened: Openers | None
) -> Ownership | None:
    if not task.test_command and not task.test_files:
        return None
    texts |= {test.path: test.text for test in task.test_files}
    words = [word for argument in task.test_command or () for word in argument.split()]
    return Ownership(texts, tests, started=words, prompt=task.prompt, opened=opened)


def _is_imported(task: Task) -> bool:
    """Whether checks, given tests or examples import what is written, by its name."""
    examples = not task.test_command and find_examples(task.prompt)
    return bool(task.checks or task.test_files or examples)


def is_greenfield(task: Task, files: Collection[str]) -> bool:
    """Whether a test command is given for a folder without code or tests, so that the answer writes both."""
    folder = task.workspace
    if task.test_command is None or task.test_files or task.mends or folder is None:
        return False
    is_folder = folder.is_dir() or not folder.suffix
    return is_folder and not any(is_test(path) or is_source(path) for path in files)


def is_test(path: str) -> bool:
    """Whether a path holds tests, by pytest's own conventions."""
    folder, _, name = path.rpartition("/")
    return bool(_TEST_NAME.match(name)) or "tests" in folder.split("/")


def decides(path: str, task: Task, target: Target) -> bool:
    """Whether a path decides what passes, so that an answer may not write it.

    Given tests and files to read only, always; with a test command also settings and plugins of pytest and
    what starts with Python, unless the answer writes the tests. New tests decide nothing.
    """
    parts = PurePosixPath(path).parts
    if target.is_of_tests("/".join(parts)) or any(fnmatchcase(path, glob) for glob in task.read):
        return True
    if MODULES in parts[:-1]:
        return True  # what was installed there is shown to programs, and no copy holds it
    name = parts[-1]
    if target.writes_tests:
        return False
    settings = name in SETTINGS | _STARTS_BY_ITSELF | {"conftest.py"} or name.endswith(".pth")
    settings = settings or any(part.lower().endswith(_REGISTERS_PLUGINS) for part in parts)
    return task.test_command is not None and settings


def _imports_missing(
    prompt: str, sources: Mapping[str, str], files: Mapping[str, StoredFile]
) -> dict[str, list[str]]:
    """Modules that the tests import and that are to be written, with the names taken from them.

    A missing module may be installed: it is to be written if the prompt or a test file's name has it, or if
    the tests import nothing of the folder and no manifest declares it.
    """
    present = {path.partition("/")[0].removesuffix(".py") for path in files}
    modules = [path for path in files if path.endswith(".py") and not is_test(path)]
    own = {part for path in modules for part in path.removesuffix(".py").split("/")}
    present |= own
    beside = {PurePosixPath(path).stem for path in sources}
    found: dict[str, list[str]] = {}
    for source in sources.values():
        for module, names in unknown_modules(source, present | beside).items():
            found.setdefault(module, []).extend(names)
    about = {word for stem in beside for word in (stem.removeprefix("test_"), stem.removesuffix("_test"))}
    about |= set(re.findall(r"\w+", prompt))
    named = {module: names for module, names in found.items() if about & {*module.split(".")}}
    if named or not found or any(map(own.intersection, map(_packages, sources.values()))):
        return named
    texts = {path: file.text for path, file in files.items()}
    return {module: names for module, names in found.items() if not are_declared([module], texts)}


def _packages(source: str) -> set[str]:
    return {module.partition(".")[0] for module in imported_modules(source)}


def _imported(source: str, files: Mapping[str, StoredFile]) -> list[str]:
    """The user's files that a source imports, by their paths from the root or from `src`."""
    modules = imported_modules(source)
    dotted = {*modules, *(f"{module}.{name}" for module, names in modules.items() for name in names)}
    paths = {name.replace(".", "/") for name in dotted}
    return [
        path
        for path, file in files.items()
        if path.endswith(".py") and not is_test(path) and file.text
        if path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__") in paths
    ]


def _names(task: Task, wanted: Mapping[str, list[str]], files: Mapping[str, StoredFile]) -> list[str]:
    if wanted:
        return list(dict.fromkeys(next(iter(wanted.values()))))
    checked = [n for check in task.checks for n in free_names(check) if n not in sys.stdlib_module_names]
    shown = [name for example in find_examples(task.prompt) for name in called_free_names(example.source)]
    called = [name for test in task.test_files for name in called_free_names(test.text)]
    bare = [name for name in called if not name.startswith("test")]
    # Beside files that are there, code in a prompt is quoted from them, or from a traceback.
    asked = outside_fences(task.prompt) if any(map(is_source, files)) else task.prompt
    return list(dict.fromkeys([*checked, *bare, *shown])) or names_in_prompt(asked)[:1]


def _paths(
    task: Task,
    files: Mapping[str, StoredFile],
    tests: Collection[str],
    wanted: Mapping[str, list[str]],
    names: list[str],
) -> list[str]:
    """The files that the task may be about, the likeliest first; none where nothing names any."""
    if task.workspace is not None and task.workspace.suffix and not task.workspace.is_dir():
        return [task.workspace.name]
    if wanted:
        return [next(iter(wanted)).replace(".", "/") + ".py"]
    code = [path for path in files if path not in tests and not is_test(path) and is_source(path)]
    python = {path: text for path in code if path.endswith(".py") and (text := files[path].text)}
    # Parsing all of a large folder would take minutes: most files don't hold the words.
    holders = (p for p, text in python.items() if names and all(name in text for name in names))
    definer = next((path for path in holders if set(names) <= defined_names(python[path])), None)
    found = [*([definer] if definer else []), *named_sources(task.prompt, python or code)]
    if found:
        return list(dict.fromkeys(found))
    if new := _to_write(task, tests):
        return new
    return code if len(code) == 1 and not code[0].endswith(".py") else []


def _to_write(task: Task, tests: Collection[str]) -> list[str]:
    """Files that the prompt asks for; where checks import it, one that Python can import from there."""
    found = sources_to_write(task.prompt, anywhere=task.workspace is not None)
    found = [path for path in found if path not in tests and not is_test(path)]
    if _is_imported(task):
        taken = sys.stdlib_module_names
        return [path for path in found if path.endswith(".py") and PurePosixPath(path).parts[0] not in taken]
    return found
