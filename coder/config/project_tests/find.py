"""Find a project's test commands in its own files, as they were before a run's work. Pure.

The strongest source comes first: notes for people and agents, CI files, settings and files of a test runner,
tools that start one. A command counts only if it comes down to a known runner.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import PurePosixPath

from coder.base.errors import UsageError, own_command
from coder.config.project_tests.command_lines import PYTEST, Argv, CommandLines, quoted
from coder.config.project_tests.named_tests import (
    NODE_TEST,
    PYTHON_TEST,
    USES_PYTEST,
    USES_UNITTEST,
    in_folder,
    named_of_pytest,
)
from coder.config.project_tests.nearest import nearest_tests
from coder.config.project_tests.scripts import (
    does_more,
    just_recipes,
    lines_of_tool,
    make_targets,
    nox_commands,
    package_scripts,
    table_of,
    tox_commands,
)
from coder.config.project_tests.written import ci_lines, noted_lines
from coder.run.command_inputs import split_assignments, split_folder
from coder.run.found_tests import FoundTests
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.run.use_tests import with_found
from coder.source.manifests import OTHER_FOLDERS

MAX_FOUND = 6
"""Maximum number of commands."""
MAX_TRIED = 3
"""Maximum number of commands that a run tries."""
MANIFESTS = {
    "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "pytest.ini", "package.json", "go.mod",
    "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts",
}  # fmt: skip
"""Files that make a folder a project of its own."""
_PYTHON_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini")
_MAX_PROJECTS = 50
_SECTIONS = {
    "pytest.ini": "[pytest]", ".pytest.ini": "[pytest]", "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]",
}  # fmt: skip
"""Sections with pytest's settings, by file."""
_PART = re.compile(
    r"\w/\w|\.py$|bench|integration|e2e|end-to-end|functional|stress|smoke|release|example|docs"
)
"""Word of a command that runs a part of the tests."""
_SELECTS_PART = {
    *("-m", "-k", "-o", "--skip", "-run", "--run", "-t", "--testNamePattern", "-g", "--grep"),
}
"""Options that select a part of the tests."""
_GO_ALL = {"./..."}
_SHELL_CHARACTERS = {*"&|;<>`"}
_QUIET = {"-s", "--silent", "-q", "--quiet"}
"""Options of a package manager that leave a script as it is."""
_SCRIPTS = (
    *("test", "tests", "unit", "unit-test", "test:unit", "test-unit", "test:node", "test-node"),
    *("test-api", "test:api", "test:ci", "test-ci", "ci"),
)
"""Scripts of package.json that people run tests by, the most usual first."""
_RUNNERS_OF_NODE = tuple(
    (re.compile(rf"""^[^/\n]*\b(?:from|import|require\(|import\()\s*["']{module}["']""", re.MULTILINE), argv)
    for module, argv in (
        ("node:test", ("node", "--test")),
        ("vitest", ("npx", "vitest", "run")),
        ("@jest/globals", ("npx", "jest")),
    )
)
"""Modules that test files of Node import, with the command of their runner."""
_MAX_READ = 200
"""Maximum number of test files that are read to tell the runner."""


def with_found_tests(task: Task, settings: Settings, files: Mapping[str, StoredFile]) -> Task:
    """Return the task with the test commands of its folder, unless tests, checks or a schema are given.

    A given command that runs a target or a script is replaced by the one command that this consists of.

    Raises UsageError if the task is to mend tests, and none are found or may be looked for.
    """
    decides_elsewhere = settings.no_test or settings.judged_elsewhere or settings.subagent is not None
    if task.mends and not task.test_command and settings.no_test:
        raise UsageError(
            f"Nothing to fix: --no-test looks for no tests. Give the command that must pass: "
            f"{own_command()} fix -- pytest -q"
        )
    texts = {path: file.text for path, file in files.items() if file.text is not None}
    if task.test_command and not task.found:
        return task.model_copy(update={"test_command": _seen_through(task.test_command, texts)})
    is_given = task.test_files or task.checks or task.answer_schema
    if is_given or task.workspace is None or not task.workspace.is_dir() or decides_elsewhere:
        return task
    given = {tests.argv: tests for tests in task.found if tests.is_given}
    named = set() if task.is_quoted else _named_paths(_own_words(task), files)
    candidates = find_test_commands(texts, named=named)
    found = (*given.values(), *(tests for tests in candidates if tests.argv not in given))
    if task.mends and not found:
        raise UsageError(
            f"Nothing to fix: no tests were found in {task.workspace}. Give the command that must pass: "
            f"{own_command()} fix -- {'npm test' if 'package.json' in texts else 'pytest -q'}"
        )
    tried = _to_try(found)
    nearest = nearest_tests(tried[0], named, texts) if tried and named and not task.mends else None
    return with_found(task, (*tried[:1], *([nearest] if nearest is not None else []), *tried[1:]))


def _to_try(found: Sequence[FoundTests]) -> tuple[FoundTests, ...]:
    """Return the commands that a run tries, of which not all are pytest's, as it may not be installed.

    All set the same variables, which are those of the run's sandboxes.
    """
    found = [tests for tests in found if _variables(tests) == _variables(found[0])]
    of_pytest = [tests for tests in found if tests.argv[:3] == PYTEST[:3]]
    others = [tests for tests in found if tests not in of_pytest]
    kept = [*of_pytest[: MAX_TRIED - min(1, len(others))], *others]
    return tuple(tests for tests in found if tests in kept)[:MAX_TRIED]


def _variables(tests: FoundTests) -> dict[str, str]:
    return split_assignments(tests.argv)[0]


def _seen_through(argv: Argv, texts: Mapping[str, str]) -> Argv:
    """Return the command of a runner that a target or a script consists of; any other command unchanged.

    Its report names each test, where `make` has an exit code alone.
    """
    folder, inner = split_folder(argv)
    tool, name = PurePosixPath(inner[0]).name, _script_called(inner)
    own_texts = _below(texts, folder if folder != "." else "", ())
    if name is None or does_more(own_texts, tool, name):
        return argv
    lines = [line for _, line in lines_of_tool(own_texts, tool, inner[1:]) if line.strip()]
    found = (
        CommandLines(partial(lines_of_tool, own_texts)).test_command(lines[0]) if len(lines) == 1 else None
    )
    if found is None or found[0] != "." or _SHELL_CHARACTERS & set(lines[0]) or found[1][0] == tool:
        return argv
    return in_folder(folder, found[1]) or argv


def _script_called(argv: Sequence[str]) -> str | None:
    """Return the script or target that a command consists of; None if the command says more than its name."""
    tool, words = PurePosixPath(argv[0]).name, [word for word in argv[1:] if word not in _QUIET]
    if tool in ("npm", "yarn", "pnpm"):
        words = words[1:] if words[:1] in (["run"], ["run-script"]) else words
        return ("test" if words == ["t"] else words[0]) if len(words) == 1 else None
    is_name = len(words) == 1 and re.fullmatch(r"[\w][\w./-]*", words[0])
    return words[0] if tool in ("make", "gmake", "just") and is_name else None


def inner_command(argv: Argv, texts: Mapping[str, str]) -> Argv | None:
    """Return the command of a runner that tox, nox, hatch or another tool starts; None if it isn't known."""
    found = CommandLines(partial(lines_of_tool, texts)).test_command(quoted(argv))
    command = in_folder(*found[:2]) if found is not None else None
    return command if command != argv else None


def _own_words(task: Task) -> str:
    """Return a task's words without those of the sentences that a task to mend tests begins with."""
    return "\n\n".join(task.prompt.split("\n\n")[2:]) if task.mends else task.prompt


def _named_paths(prompt: str, files: Collection[str]) -> set[str]:
    """Return the files that a prompt names, and those below the folders that it names."""
    words = {word.strip("./") for word in re.findall(r"[\w./-]+", prompt)} - {""}

    @cache
    def is_named(folder: str) -> bool:
        return folder in words or ("/" in folder and is_named(folder.rpartition("/")[0]))

    return {path for path in files if path in words or is_named(path.rpartition("/")[0])}


def find_test_commands(texts: Mapping[str, str], *, named: Collection[str] = ()) -> tuple[FoundTests, ...]:
    """Return the test commands of a project, the likeliest first.

    In a repository of several projects these are the commands of the projects that hold the named files, then
    those of the root, then the others'.

    Args:
        texts: texts of the project's files, by path.
        named: paths that the task names.
    """
    folders = _projects(texts)
    is_python = any(name in texts for name in _PYTHON_MANIFESTS)  # a workspace runs its members' tests
    nearest = [folder for folder in folders if any(path.startswith(f"{folder}/") for path in named)]
    nearest.sort(key=len, reverse=True)
    others = [folder for folder in folders if folder not in nearest]
    found: dict[Argv, FoundTests] = {}
    for folder in (*nearest, "", *others):
        own_texts = texts if is_python and not folder else _below(texts, folder, folders)
        place = f"{folder}/" if folder else ""
        candidates = [
            found
            for found in _in_project(own_texts)
            if _exists(f"{place}{found[1]}" if found[1] != "." else folder or ".", found[2], texts)
        ]
        for place, inner, argv in sorted(candidates, key=lambda found: is_partial(found[2])):
            command = in_folder(str(PurePosixPath(folder or ".", inner)), argv)
            if command is not None:
                place_in_root = str(PurePosixPath(folder or ".", place))
                found.setdefault(command, FoundTests(argv=command, place=place_in_root))
        if len(found) >= MAX_FOUND:
            break
    return tuple(found.values())[:MAX_FOUND]


def _projects(texts: Mapping[str, str]) -> list[str]:
    """Return the folders below the root that are projects of their own, by depth."""
    folders = {
        folder
        for path in texts
        for folder, _, name in (path.rpartition("/"),)
        if folder and name in MANIFESTS
        if not (OTHER_FOLDERS & {*folder.split("/")} or folder.startswith("."))
    }
    return sorted(folders, key=lambda folder: (folder.count("/"), folder))[:_MAX_PROJECTS]


def _below(texts: Mapping[str, str], folder: str, folders: Sequence[str]) -> dict[str, str]:
    """Return the texts of a project by their paths in it, without the projects inside it."""
    prefix = f"{folder}/" if folder else ""
    inner = tuple(f"{other}/" for other in folders if other != folder and other.startswith(prefix))
    return {
        path.removeprefix(prefix): text
        for path, text in texts.items()
        if path.startswith(prefix) and not path.startswith(inner)
    }


def is_partial(argv: Argv) -> bool:
    """Whether a command runs a part of the tests, or runs them with variables of its own."""
    paths = [word for word in argv[1:] if not word.startswith("-") and word not in _GO_ALL]
    is_one_script = argv[0] in ("python", "node") and len(argv) == 2
    options = argv[3:] if argv[0] == "python" else argv[1:]
    return not is_one_script and (
        "=" in argv[0]
        or _names_part(argv)
        or any(word.partition("=")[0] in _SELECTS_PART for word in options)
        or any(_PART.search(word.rstrip("/")) for word in (*paths, *argv[3:]))
    )


def _names_part(argv: Argv) -> bool:
    """Whether the word after a runner is a module or a test that it runs alone."""
    match argv:
        case ("python", "-m", "unittest", first, *_):
            return re.search(r"\.|^test_|_test$", first) is not None and not first.startswith("-")
        case ("python", "manage.py", "test", first, *_):
            return not first.startswith("-")
        case ("cargo", "test", first, *_):
            return not first.startswith("-") or first in ("--test", "--lib", "--doc", "--bin", "--example")
    return False


def _exists(folder: str, argv: Argv, texts: Mapping[str, str]) -> bool:
    """Whether the folder of a command, and the files and folders that it names, are in the project."""
    prefix = "" if folder == "." else f"{folder}/"
    has_folder = not prefix or any(path.startswith(prefix) for path in texts)
    named = [word.removeprefix("./") for word in argv[1:] if word.endswith(".py") and "*" not in word]
    places = [f"{prefix}{word.removeprefix('./')}" for word in named_of_pytest(argv)]
    return (
        has_folder
        and all(f"{prefix}{path}" in texts for path in named)
        and all(place in texts or any(path.startswith(f"{place}/") for path in texts) for place in places)
    )


def _in_project(texts: Mapping[str, str]) -> Iterator[tuple[str, str, Argv]]:
    """Yield (file, folder, command) of one project, the likeliest first."""
    reader = CommandLines(partial(lines_of_tool, texts))
    for path, line in noted_lines(texts):
        if (found := reader.test_command(line)) is not None:
            yield found[2] or path, *found[:2]
    for path, folder, script in ci_lines(texts):
        if (found := reader.test_command(script)) is not None:
            yield found[2] or path, str(PurePosixPath(folder, found[0])), found[1]
    yield from ((path, ".", argv) for path, argv in _of_python(texts, reader))
    yield from ((path, ".", argv) for path, argv in _of_node(texts, reader))
    if "go.mod" in texts:
        yield "go.mod", ".", ("go", "test", "./...")
    if (manifest := texts.get("Cargo.toml")) is not None:
        is_workspace = "[workspace]" in manifest
        yield "Cargo.toml", ".", ("cargo", "test", *(["--workspace"] if is_workspace else []))
    if "pom.xml" in texts:
        yield "pom.xml", ".", ("./mvnw" if "mvnw" in texts else "mvn", "test")
    for path in ("build.gradle", "build.gradle.kts"):
        if path in texts:
            yield path, ".", ("./gradlew" if "gradlew" in texts else "gradle", "test")
    for tool, names in (("make", make_targets(texts)), ("just", just_recipes(texts))):
        for name in names:
            if (found := reader.test_command(f"{tool} {name}")) is not None:
                lines = [line for line in lines_of_tool(texts, tool, [name]) if line[1].strip()]
                is_alone = len(lines) == 1 and not does_more(texts, tool, name)
                yield (found[2], *found[:2]) if is_alone else (lines[0][0], ".", (tool, name))


def _of_python(texts: Mapping[str, str], reader: CommandLines) -> Iterator[tuple[str, Argv]]:
    """Yield the commands that pytest's settings, test files, tox, nox and hatch imply."""
    tests = [path for path in texts if PYTHON_TEST.fullmatch(path)]
    settings = next((path for path, section in _SECTIONS.items() if section in texts.get(path, "")), None)
    if settings is None and table_of(texts, "tool", "pytest"):
        settings = "pyproject.toml"
    if settings is None:
        settings = next((path for path in texts if path.rpartition("/")[2] == "conftest.py"), None)
    read = tests[:_MAX_READ]
    if settings is None:
        settings = next((path for path in read if USES_PYTEST.search(texts[path])), None)
    if settings is not None and (tests or settings in _SECTIONS or settings == "pyproject.toml"):
        yield settings, PYTEST
    unittests = [path for path in read if USES_UNITTEST.search(texts[path])]
    if settings is None and unittests:
        yield unittests[0], _unittest(unittests, texts)
        yield unittests[0], PYTEST
    for path, line in (*tox_commands(texts), *nox_commands(texts)):
        if (found := reader.test_command(line)) is not None and found[0] == ".":
            yield found[2] or path, found[1]
    if "manage.py" in texts and tests:
        yield "manage.py", ("python", "manage.py", "test")


def _unittest(tests: Sequence[str], texts: Collection[str]) -> Argv:
    """Return the command that discovers these files of unittest's."""
    first = PurePosixPath(tests[0])
    pattern = () if first.name.startswith("test") else ("-p", "*_test.py")
    folders = [str(parent) for parent in first.parents][:-1]  # from the inside
    outside = [folder for folder in folders if f"{folder}/__init__.py" not in texts]
    if outside:  # a folder without __init__.py isn't searched from above
        return ("python", "-m", "unittest", "discover", "-s", outside[0], *pattern)
    return ("python", "-m", "unittest", *(("discover", *pattern) if pattern else ()))


def _of_node(texts: Mapping[str, str], reader: CommandLines) -> Iterator[tuple[str, Argv]]:
    """Yield the command of package.json's script, or of Node's own runner."""
    scripts = package_scripts(texts)
    for name in _SCRIPTS:
        found = reader.test_command(f"npm run {name}") if name in scripts else None
        if found is not None and found[0] == ".":
            yield found[2] or "package.json", found[1]
    tests = [path for path in texts if NODE_TEST.fullmatch(path)]
    for module, argv in _RUNNERS_OF_NODE:
        path = next((path for path in tests[:_MAX_READ] if module.search(texts[path])), None)
        if path is not None:
            yield path, argv
