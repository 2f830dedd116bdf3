"""Find the target of a task in its tests, checks, examples, files and prompt.

A run does this once and stores the target, which depends on whether the workspace is a folder on disk.
"""

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from coder.run.command_inputs import deciding_files, more_tests
from coder.run.examples import find_examples
from coder.run.ownership import Openers, Ownership
from coder.run.stored_file import StoredFile
from coder.run.target import DEFAULT_PATH, Target, is_test
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


def find_target(task: Task, files: Mapping[str, StoredFile], *, opened: Openers | None = None) -> Target:
    """Determine the target from the tests, checks, examples, the user's files and the prompt, in that order.

    Args:
        opened: for each file, the files that opened or imported it when the tests ran before the change.
    """
    if is_greenfield(task, files):
        path = next(iter(_files_to_write(task, ())), DEFAULT_PATH)
        return Target(path=path, names=(), tests=(), is_known=False, writes_tests=True)
    tests = {path for path in files if is_test(path)} | {test.path for test in task.test_files}
    texts = {path: file.text for path, file in files.items()}
    if task.test_command:
        tests |= more_tests(texts, task.test_command, tests)
        tests |= deciding_files(task.test_command, texts, prompt=task.prompt)
    test_sources = {test.path: test.text for test in task.test_files}
    if not test_sources and task.test_command and not task.is_found:
        test_sources = {
            path: files[path].text or "" for path in tests if path in files and path.endswith(".py")
        }
    missing = _imports_missing(task.prompt, test_sources, files)
    imported = {path for source in test_sources.values() for path in _imported_files(source, files)}
    under_test = list(imported) if len(imported) == 1 else []
    names = [] if under_test and not missing else _names(task, missing, files)
    candidate_paths = _paths(task, files, tests, missing, names)
    paths = list(dict.fromkeys([*under_test, *candidate_paths]))
    # The imported file may not be the faulty one, unless it is the only one.
    is_only_source = under_test == [path for path in files if is_source(path) and path not in tests]
    target = Target(
        path=paths[0] if paths else DEFAULT_PATH,
        names=tuple(names),
        tests=tuple(sorted(tests)),
        is_known=(len(paths) == 1 and (is_only_source or candidate_paths == paths))
        or not (paths or any(map(is_source, files))),
        is_asked_for=bool(paths) or task.workspace is None or _is_imported(task),
    )
    return with_ownership(target, task, files, opened=opened)


def with_ownership(
    target: Target, task: Task, files: Mapping[str, StoredFile], *, opened: Openers | None = None
) -> Target:
    """Return the target with the ownership of these files.

    Args:
        opened: see `find_target`.
    """
    if target.writes_tests or not (task.test_command or task.test_files):
        return target
    texts = {path: file.text for path, file in files.items()}
    texts |= {test.path: test.text for test in task.test_files}
    words = [word for argument in task.test_command or () for word in argument.split()]
    ownership = Ownership(texts, target.tests, started=words, prompt=task.prompt, opened=opened)
    return target.model_copy(update={"ownership": ownership})


def _is_imported(task: Task) -> bool:
    """Whether checks, given tests or examples import the written code by name."""
    examples = (task.found or not task.test_command) and find_examples(task.prompt)
    return bool(task.checks or task.test_files or examples)


def is_greenfield(task: Task, files: Collection[str]) -> bool:
    """Whether a test command is given for a folder without code or tests, so that the answer writes both."""
    folder = task.workspace
    if task.test_command is None or task.found or task.test_files or task.mends or folder is None:
        return False
    is_folder = folder.is_dir() or not folder.suffix
    return is_folder and not any(is_test(path) or is_source(path) for path in files)


def _imports_missing(
    prompt: str, sources: Mapping[str, str], files: Mapping[str, StoredFile]
) -> dict[str, list[str]]:
    """Return the modules that the tests import and the answer must write, with the imported names.

    A missing module may be a package to install. It must be written if the prompt or a test file's name
    contains its name, or if the tests import nothing from the folder and no manifest declares it.
    """
    present = {path.partition("/")[0].removesuffix(".py") for path in files}
    module_paths = [path for path in files if path.endswith(".py") and not is_test(path)]
    module_parts = {part for path in module_paths for part in path.removesuffix(".py").split("/")}
    present |= module_parts
    test_stems = {PurePosixPath(path).stem for path in sources}
    unknown: dict[str, list[str]] = {}
    for source in sources.values():
        for module, names in unknown_modules(source, present | test_stems).items():
            unknown.setdefault(module, []).extend(names)
    words = {word for stem in test_stems for word in (stem.removeprefix("test_"), stem.removesuffix("_test"))}
    words |= set(re.findall(r"\w+", prompt))
    named_modules = {module: names for module, names in unknown.items() if words & {*module.split(".")}}
    if named_modules or not unknown or any(map(module_parts.intersection, map(_packages, sources.values()))):
        return named_modules
    texts = {path: file.text for path, file in files.items()}
    return {module: names for module, names in unknown.items() if not are_declared([module], texts)}


def _packages(source: str) -> set[str]:
    return {module.partition(".")[0] for module in imported_modules(source)}


def _imported_files(source: str, files: Mapping[str, StoredFile]) -> list[str]:
    """Return the user's files that a source imports, by their paths from the root or from `src`."""
    modules = imported_modules(source)
    dotted_names = {*modules, *(f"{module}.{name}" for module, names in modules.items() for name in names)}
    paths = {name.replace(".", "/") for name in dotted_names}
    return [
        path
        for path, file in files.items()
        if path.endswith(".py") and not is_test(path) and file.text
        if path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__") in paths
    ]


def _names(task: Task, missing: Mapping[str, list[str]], files: Mapping[str, StoredFile]) -> list[str]:
    if missing:
        return list(dict.fromkeys(next(iter(missing.values()))))
    names_in_checks = [
        n for check in task.checks for n in free_names(check) if n not in sys.stdlib_module_names
    ]
    names_in_examples = [
        name for example in find_examples(task.prompt) for name in called_free_names(example.source)
    ]
    names_in_tests = [name for test in task.test_files for name in called_free_names(test.text)]
    non_tests = [name for name in names_in_tests if not name.startswith("test")]
    # If there are source files, code in the prompt is quoted from them or from a traceback.
    prompt = outside_fences(task.prompt) if any(map(is_source, files)) else task.prompt
    return (
        list(dict.fromkeys([*names_in_checks, *non_tests, *names_in_examples])) or names_in_prompt(prompt)[:1]
    )


def _paths(
    task: Task,
    files: Mapping[str, StoredFile],
    tests: Collection[str],
    missing: Mapping[str, list[str]],
    names: list[str],
) -> list[str]:
    """Return the files that the task may be about, the likeliest first."""
    if task.workspace is not None and task.workspace.suffix and not task.workspace.is_dir():
        return [task.workspace.name]
    if missing:
        return [next(iter(missing)).replace(".", "/") + ".py"]
    code = [path for path in files if path not in tests and not is_test(path) and is_source(path)]
    python = {path: text for path in code if path.endswith(".py") and (text := files[path].text)}
    # Parsing a large folder would take minutes, and most files don't contain the names.
    holders = (
        candidate for candidate, text in python.items() if names and all(name in text for name in names)
    )
    definer = next((path for path in holders if set(names) <= defined_names(python[path])), None)
    paths = [*([definer] if definer else []), *named_sources(task.prompt, python or code)]
    if paths:
        return list(dict.fromkeys(paths))
    if new_paths := _files_to_write(task, tests):
        return new_paths
    return code if len(code) == 1 and not code[0].endswith(".py") else []


def _files_to_write(task: Task, tests: Collection[str]) -> list[str]:
    """Return the files that the prompt asks for; only importable Python files if checks import them."""
    paths = sources_to_write(task.prompt, anywhere=task.workspace is not None)
    paths = [path for path in paths if path not in tests and not is_test(path)]
    if _is_imported(task):
        stdlib = sys.stdlib_module_names
        return [path for path in paths if path.endswith(".py") and PurePosixPath(path).parts[0] not in stdlib]
    return paths
