"""Test files of a project: how they are told, and the command that runs given ones. Pure."""

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from coder.config.project_tests.command_lines import PYTEST, Argv, quoted
from coder.config.project_tests.scripts import package_scripts
from coder.source.shell import command_words

PYTHON_TEST = re.compile(r"(?:.*/)?(?:test_\w+|\w+_test|tests?)\.py")
NODE_TEST = re.compile(r"(?:.*/)?[\w.-]+\.(?:test|spec)\.[cm]?[jt]sx?|(?:test|tests)/[\w./-]+\.[cm]?js")
USES_PYTEST = re.compile(
    r"^\s*(?:import pytest|from pytest)\b|^(?:async )?def test_|^class Test\w*:", re.MULTILINE
)
USES_UNITTEST = re.compile(r"\bTestCase\b")


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
