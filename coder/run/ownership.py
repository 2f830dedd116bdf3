"""Decide whether a file belongs to the given tests, because only the tests and their files use it.

The search follows the files that name a file, up to the tests, the files of the test command, or the code
under test. Only files that a change writes are searched for, because each costs one pass over all texts.
"""

import re
import sys
from collections.abc import Collection, Mapping
from copy import copy
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal, Self

from coder.run.command_inputs import TOOL_FILES
from coder.source.file_uses import find_users, holds_data, is_code, is_script, names, sees, split_scripts
from coder.source.python_names import imported_modules
from coder.source.shipped import find_shipped

Side = Literal["tests", "product", "unclear"]
Openers = Mapping[str, Collection[str]]
"""Files that opened or imported a file in a run of the tests, by the path of the opened file."""
_MANIFEST = "package.json"
_TEST_WORDS = {"test", "tests", "testing", "spec", "specs", "testutil", "testutils", "testlib"}
_FRAMEWORK = re.compile(
    r"(?m)^[ \t]*(?:import|from)[ \t]+(?:pytest|unittest|doctest|hypothesis)\b"
    r"|[\"'](?:node:test|vitest|chai|@jest/globals|mocha|ava)[\"']|\bpytest_\w+\(|^#.*\bbats\b"
)
_ASSERTS = re.compile(r"assert|\bexpect\(", re.IGNORECASE)
_SHELL_DECIDES = re.compile(r"\bassert|\bfail\b|\bexit [1-9]|\breturn [1-9]|\b(?:diff|cmp)\b")
_ENDS = re.compile(r"assert|\bexit\b|\bthrow\b|\braise\b|\bpanic|\bexpect\(", re.IGNORECASE)
"""What a program says that fails by itself, unlike one whose output is compared."""
_COMPARES = re.compile(r"\b(?:diff|cmp|comm)\b|\bgrep\b.* -\w*f")
_NAMES = re.compile(r"`(?:\w+\.)*(\w{3,})|\b(\w{2,})\(")
"""Names of functions and classes in a prompt."""
_MAX_SEARCHES = 24
"""Maximum passes over the folder's texts; further files are unclear."""
_PATH = re.compile(r"[\w-][\w./-]*")
_TEST_AFFIX = re.compile(r"^(?:tests?|spec)[_.-]|[_.-](?:tests?|spec)$|(?<=[a-z])(?:Tests?|Spec)$")


class Ownership:
    """Classifier of a folder's files by side: the given tests, the product, or unclear.

    Args:
        tests: given tests, and the files that the test command names.
        started: words of the test command.
        prompt: the task; if it names only one file, that file is the product's.
        opened: files opened when the tests ran before the change. For other data files, texts that name
            only the folder or suffix count as uses, too.
    """

    def __init__(
        self,
        texts: Mapping[str, str | None],
        tests: Collection[str],
        *,
        started: Collection[str],
        prompt: str,
        opened: Openers | None = None,
    ) -> None:
        self._texts, self._tests, self._prompt = texts, frozenset(tests), prompt
        self._opened = opened or {}
        self._words = set(re.findall(r"[\w-]+", prompt))
        self._names = {name or call for name, call in _NAMES.findall(prompt)}
        stems = {_stem(path) for path in {*tests, *filter(is_code, texts)}}
        self._subjects = {
            _TEST_AFFIX.sub("", stem) for stem in stems if _TEST_AFFIX.search(stem)
        } - _TEST_WORDS
        self._scripts = split_scripts(texts.get(_MANIFEST) or "", started)
        self._sides: dict[str, Side | None] = {}
        self._sides_by_users: dict[str, Side] = {}
        self._users: dict[str, list[str]] = {}

    def anew(self) -> Self:
        """Return a copy without search results, because each search has a limited number of passes."""
        fresh = copy(self)
        fresh._sides, fresh._sides_by_users, fresh._users = {}, {}, {}
        return fresh

    def side(self, path: str) -> Side:
        """Return the side to which a file belongs; new files are the product's."""
        if path in self._tests:
            return "tests"
        if path not in self._texts or self._is_subject(path):
            return "product"
        if path not in self._sides:
            self._sides[path] = None
            side = self._sides_by_users[path] = self._by_users(path)
            if _stem(path) in self._words and not (side == "tests" and self._is_check(path)):
                side = "unclear" if side == "tests" else "product"
            self._sides[path] = side
        return self._sides[path] or "tests"  # in a circle of uses, a file doesn't influence itself

    def is_support(self, path: str) -> bool:
        """Whether a file is no code under test: a change of it alone makes tests pass, and solves nothing.

        Only tests or the test command use it, the task doesn't name it, and the project doesn't ship it, but
        for data that only such tests read as call other code: they expect it of that. Where nothing says
        what a project ships, data counts, and programs that decide the command's result.
        """
        self.side(path)
        if path not in self._users:
            return False
        is_product = self._sides_by_users[path] == "product" or path in self._shipped
        if is_product and not self._is_expected(path):
            return False
        users = self._users[path]
        commands = [user for user in users if is_script(user) or user in TOOL_FILES]
        is_meant = _stem(path) in self._words and not (commands and is_code(path))
        if is_meant or PurePosixPath(path).name in self._prompt:
            return False
        text = self._texts[path] or ""
        is_data = not is_code(path) or (not is_script(path) and holds_data(path, text))
        is_of_tests = is_data and (len(commands) < len(users) or not is_code(path))
        is_check = (
            bool(commands)
            and _ENDS.search(text) is not None
            and self._is_beside_others(path, is_started=True)
        )
        return bool(self._shipped) or is_check or is_of_tests

    def _is_expected(self, path: str) -> bool:
        """Whether only tests, or what they start, read a data file, and call other code."""
        users = self._users[path]
        is_of_tests = bool(users) and all(self.side(user) != "product" for user in users)
        if is_code(path) or not is_of_tests or self._may_be_used(path):
            return False
        if not self._opened:
            return self._is_beside_others(path, is_started=False)
        code = (other for other in self._opened if is_code(other) and other not in self._tests)
        return any(user in users for other in code for user in self._opened[other])

    def _is_check(self, path: str) -> bool:
        """Whether a program that others start is a check; a script is one only if the task names it."""
        is_started = any(is_script(user) or user in TOOL_FILES for user in self._users.get(path, ()))
        is_named = PurePosixPath(path).name in self._prompt
        return is_code(path) and is_started and (is_named or not is_script(path))

    def _by_users(self, path: str) -> Side:
        if is_code(path) and self._is_of_code(path):
            return "product"
        if _MANIFEST in self._tests and names(self._scripts[1], path):
            return "product"
        if len(self._users) >= _MAX_SEARCHES:
            return "unclear"
        guesses = path not in self._opened
        users = self._users[path] = self._find_users(path, guesses=guesses)
        if _MANIFEST in self._tests and names(self._scripts[0], path):
            users.append(_MANIFEST)
        sides: set[Side] = set()
        for user in sorted(users, key=lambda path: path not in self._tests):
            sides.add(self.side(user))
            if "product" in sides:
                return "product"
        if not sides:
            return "product"
        side = "unclear" if "unclear" in sides else self._by_nature(path, users)
        return "unclear" if side == "tests" and self._may_be_used(path) else side

    def _find_users(self, path: str, *, guesses: bool) -> list[str]:
        openers = [user for user in self._opened.get(path, ()) if user in self._texts]
        users = find_users(path, self._texts, also=self._tests - {_MANIFEST}, guesses=guesses)
        return list(dict.fromkeys([*openers, *users]))

    def _may_be_used(self, path: str) -> bool:
        """Whether product code that the tests don't reach may build the path of this data file."""
        if path not in self._opened or is_code(path):
            return False
        users = self._find_users(path, guesses=True)
        return any(self.side(user) == "product" for user in users if user not in self._users[path])

    def _by_nature(self, path: str, users: Collection[str]) -> Side:
        """Return the side of a file that only tests and their own files use."""
        from_commands = [user for user in users if is_script(user) or user in TOOL_FILES]
        text = self._texts[path] or ""
        if _TEST_WORDS & set(re.split(r"[/_.-]", path.lower())) or _FRAMEWORK.search(text):
            return "tests"
        if not is_code(path):
            return self._side_of_data(path, users, from_commands)
        if is_script(path):
            is_by_make = any(user.endswith(".mk") or "make" in user.lower() for user in from_commands)
            is_deciding = bool(from_commands) and (is_by_make or _SHELL_DECIDES.search(text) is not None)
            return "tests" if is_deciding else "unclear"
        if not self._is_beside_others(path, is_started=bool(from_commands)):
            tops = {module.partition(".")[0] for module in imported_modules(text)}
            if not (from_commands and path.endswith(".py") and tops - sys.stdlib_module_names):
                return "product"
        is_outermost = "/" not in path or bool(from_commands)
        return "tests" if is_outermost and _ASSERTS.search(text) else "unclear"

    def _side_of_data(self, path: str, users: Collection[str], commands: Collection[str]) -> Side:
        if self._is_of_code(path) or not self._is_beside_others(path, is_started=bool(commands)):
            return "product"  # tests that use no code test the data
        if self._is_beside_code(path):
            return "unclear"
        if len(commands) < len(users):
            return "tests"
        lines = [line for user in commands for line in (self._texts.get(user) or "").splitlines()]
        lines = [line for line in lines if _COMPARES.search(line) and names(line, path)]
        other_files = {word for line in lines for word in _PATH.findall(line)} & self._texts.keys() - {path}
        return "tests" if lines and not other_files else "unclear"

    def _is_subject(self, path: str) -> bool:
        """Whether the task names only this file or a function in it, or a test is named after it."""
        if self._named_files == {path}:
            return True
        if not is_code(path):
            return False
        text = self._texts.get(path) or ""
        is_definer = any(
            re.search(rf"\b(?:def|class|function)\s+{re.escape(name)}\b", text) for name in self._names
        )
        return is_definer or _stem(path) in self._subjects

    def _is_of_code(self, path: str) -> bool:
        """Whether a file lies in a folder of code under test."""
        top, _, remainder = path.partition("/")
        if not remainder:
            return False
        return top in self._subjects | self._tops_of_subjects

    def _is_beside_code(self, path: str) -> bool:
        """Whether a file lies in a subfolder that also contains code other than tests."""
        folder = PurePosixPath(path).parent
        neighbours = (
            other for other in self._texts if is_code(other) and PurePosixPath(other).parent == folder
        )
        return bool(folder.name) and any(other not in self._tests for other in neighbours)

    @cached_property
    def _shipped(self) -> frozenset[str]:
        return find_shipped(self._texts)

    @cached_property
    def _named_files(self) -> set[str]:
        words = set(_PATH.findall(self._prompt))
        file_names = {PurePosixPath(word.rstrip(".")).name for word in words if "." in word}
        return {path for path in self._texts if PurePosixPath(path).name in file_names}

    @cached_property
    def _tops_of_subjects(self) -> set[str]:
        code = (path for path in self._texts if path not in self._tests and "/" in path and is_code(path))
        return {path.partition("/")[0] for path in code if _stem(path) in self._subjects}

    def _is_beside_others(self, path: str, *, is_started: bool) -> bool:
        """Whether the tests that use a program use other code, too, which may be the code under test."""
        user_chain = [path]
        for member in user_chain:
            user_chain += [user for user in self._users.get(member, ()) if user not in user_chain]
        callers = user_chain[0 if is_started else 1 :]
        texts = [self._texts.get(user) or "" for user in callers]
        other_code = (
            other
            for other in self._texts
            if other not in self._tests
            and other not in user_chain
            and is_code(other)
            and not is_script(other)
        )
        return any(
            any(names(text, other) for text in texts) or any(sees(user, other) for user in callers)
            for other in other_code
        )


def _stem(path: str) -> str:
    pure_path = PurePosixPath(path)
    name = (
        pure_path.parent.name
        if pure_path.stem in ("__init__", "index") and pure_path.parent.name
        else pure_path.stem
    )
    return name.partition(".")[0] or name
