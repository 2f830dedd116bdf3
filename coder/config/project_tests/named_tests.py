"""Test files of a project: how they are told, and the commands that run some of them. Pure."""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from coder.config.project_tests.command_lines import PYTEST, Argv, quoted
from coder.config.project_tests.scripts import package_scripts
from coder.run.command_inputs import split_folder
from coder.run.found_tests import FoundTests
from coder.source.file_uses import find_users
from coder.source.shell import command_words

PYTHON_TEST = re.compile(r"(?:.*/)?(?:test_\w+|\w+_test|tests?)\.py")
NODE_TEST = re.compile(r"(?:.*/)?[\w.-]+\.(?:test|spec)\.[cm]?[jt]sx?|(?:test|tests)/[\w./-]+\.[cm]?js")
USES_PYTEST = re.compile(
    r"^\s*(?:import pytest|from pytest)\b|^(?:async )?def test_|^class Test\w*:", re.MULTILINE
)
USES_UNITTEST = re.compile(r"\bTestCase\b")
_OTHER_TEST = re.compile(r".*[._-](?:test|spec)\.\w+|(?:.*/)?(?:tests?|__tests__|spec)/.*\.[cm]?[jt]sx?")
_TEST_AFFIX = re.compile(r"^tests?_|_tests?$|[._-](?:test|spec)$")
_PLACES_OF_PYTEST = {
    *("-c", "--config-file", "--rootdir", "--confcutdir", "--basetemp"),
    *("--ignore", "--ignore-glob", "--deselect"),
}
"""Options of pytest whose value is a file or folder that it doesn't run."""
_MAX_NAMED = 20
"""Maximum number of named files that tests are looked for."""
_MAX_NEAREST = 10
"""Maximum number of test files that are nearest to a task's."""


def nearest_tests(found: FoundTests, named: Collection[str], texts: Mapping[str, str]) -> FoundTests | None:
    """Return the tests of a command's runner that are nearest to named files; None if there are none.

    These are the named test files, then those with a named file's name, then those that import or name it.
    Only pytest, unittest, jest, vitest, Node's own runner and Go can be asked for files.
    """
    folder, argv = split_folder(found.argv)
    prefix = "" if folder == "." else f"{folder}/"
    own_texts = {path.removeprefix(prefix): text for path, text in texts.items() if path.startswith(prefix)}
    own_named = [path.removeprefix(prefix) for path in named if path.startswith(prefix)][:_MAX_NAMED]
    tests = list(dict.fromkeys(_near(own_named, own_texts)))
    if not tests:
        return None
    of_kind = [path for path in tests if PurePosixPath(path).suffix == PurePosixPath(tests[0]).suffix]
    narrowed = _narrowed(argv, of_kind[:_MAX_NEAREST], own_texts)
    command = in_folder(folder, narrowed) if narrowed is not None else None
    return FoundTests(argv=command, place=found.place, nearest_to=tuple(own_named)) if command else None


def _near(named: Sequence[str], texts: Mapping[str, str]) -> Iterator[str]:
    yield from (path for path in named if _is_test(path))
    tests = {path: text for path, text in texts.items() if _is_test(path)}
    sources = [path for path in named if not _is_test(path)]
    stems = {PurePosixPath(path).stem for path in sources}
    yield from (path for path in tests if _TEST_AFFIX.sub("", PurePosixPath(path).stem) in stems)
    for path in sources:
        folder = PurePosixPath(path).parent
        if path.endswith(".go"):  # a package's tests lie beside it, and don't import it
            yield from (test for test in tests if PurePosixPath(test).parent == folder)
        else:
            yield from find_users(path, tests)


def _is_test(path: str) -> bool:
    return (PYTHON_TEST if path.endswith(".py") else _OTHER_TEST).fullmatch(path) is not None


def _narrowed(argv: Argv, tests: Sequence[str], texts: Mapping[str, str]) -> Argv | None:
    """Return a command that runs these test files as `argv` runs all; None if the runner takes no files."""
    match argv:
        case ("python", "-m", "pytest", *_):
            return (*_without_places(argv, texts), *tests)
        case ("python", "-m", "unittest", *_):
            command = test_file_command(tests, texts)
            return command if command[:3] == argv[:3] else None
        case ("go", "test", *_) if "./..." in argv:
            folders = dict.fromkeys(f"./{PurePosixPath(path).parent}" for path in tests)
            return (*(word for word in argv if word != "./..."), *folders)
        case ("npm", *_) if any(
            name in package_scripts(texts).get(argv[-1], "") for name in ("jest", "vitest")
        ):
            return (*argv, "--", *tests)
        case ("npx", "jest" | "vitest", *_) | ("node", "--test"):
            return (*argv, *tests)
    return None


def _without_places(argv: Argv, texts: Mapping[str, str]) -> Argv:
    """Return pytest's command without the files and folders that it runs."""
    folders = {str(parent) for path in texts for parent in PurePosixPath(path).parents}
    kept, option = list[str](), ""
    for word in argv:
        is_place = word.strip("./").partition("::")[0] in folders | texts.keys()
        if not is_place or option in _PLACES_OF_PYTEST:
            kept.append(word)
        option = word
    return tuple(kept)


def in_folder(folder: str, argv: Argv) -> Argv | None:
    """Return a command that runs in a folder of the project; None if the folder is outside."""
    if folder == ".":
        return argv
    if folder.startswith(("/", "..")) or "/../" in folder:
        return None
    return command_words(f"cd {shlex.quote(folder)} && {quoted(argv)}")


def named_of_pytest(argv: Argv) -> list[str]:
    """Return the paths that pytest is to run, without those that may be an option's value."""
    if argv[: len(PYTEST)] != PYTEST:
        return []
    pairs = pairwise(("-q", *argv[len(PYTEST) :]))
    words = [word for before, word in pairs if before == "-q" or not before.startswith("-")]
    return [word for word in words if not word.startswith("-") and not re.search(r"::|[*?\[]", word)]


def test_file_command(tests: Sequence[str], texts: Mapping[str, str]) -> Argv:
    """Return the command that runs these test files, or single tests in them.

    Args:
        texts: texts of the test files and of package.json, by path.
    """
    paths = [test.partition("::")[0] for test in tests]
    match PurePosixPath(paths[0]).suffix:
        case ".py":
            sources = [texts.get(path, "") for path in paths]
            is_unittest = all(
                USES_UNITTEST.search(source) and not USES_PYTEST.search(source) for source in sources
            )
            return (
                ("python", "-m", "unittest", *paths)
                if is_unittest and paths == [*tests]
                else (*PYTEST, *tests)
            )
        case ".go":
            return ("go", "test", *dict.fromkeys(f"./{PurePosixPath(path).parent}" for path in paths))
        case _:
            script = package_scripts(texts).get("test", "")
            runner = next((name for name in ("jest", "vitest", "mocha") if name in script), None)
            if runner is None:
                return ("node", "--test", *paths)
            return ("npx", runner, *(["run"] if runner == "vitest" else []), *paths)
