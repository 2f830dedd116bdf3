"""Whether a file of the folder belongs to the given tests: only they, and what they use, use it.

The search goes from the file up through everything that names it. It ends at the tests and the files of the
test command, or at code under test. Only files that a change writes are searched for: each costs one pass
over the folder's texts.
"""

import re
import sys
from collections.abc import Collection, Mapping
from copy import copy
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal, Self

from coder.run.command_inputs import TOOL_FILES
from coder.source.file_uses import find_users, is_code, is_script, names, split_scripts
from coder.source.python_names import imported_modules

Side = Literal["tests", "product", "unclear"]
Openers = Mapping[str, Collection[str]]
"""Files whose code opens or imports a file in a run of the tests, by that file's path."""
_MANIFEST = "package.json"
_TEST_WORDS = {"test", "tests", "testing", "spec", "specs", "testutil", "testutils", "testlib"}
_FRAMEWORK = re.compile(
    r"(?m)^[ \t]*(?:import|from)[ \t]+(?:pytest|unittest|doctest|hypothesis)\b"
    r"|[\"'](?:node:test|vitest|chai|@jest/globals|mocha|ava)[\"']|\bpytest_\w+\(|^#.*\bbats\b"
)
_ASSERTS = re.compile(r"assert|\bexpect\(", re.IGNORECASE)
_SHELL_DECIDES = re.compile(r"\bassert|\bfail\b|\bexit [1-9]|\breturn [1-9]|\b(?:diff|cmp)\b")
_COMPARES = re.compile(r"\b(?:diff|cmp|comm)\b|\bgrep\b.* -\w*f")
_NAMES = re.compile(r"`(?:\w+\.)*(\w{3,})|\b(\w{2,})\(")
"""Names of functions and classes in a task."""
_MOST_SEARCHES = 24
"""Passes over the folder's texts; files beyond are unclear."""
_PATH = re.compile(r"[\w-][\w./-]*")
_STEM = re.compile(r"^(?:tests?|spec)[_.-]|[_.-](?:tests?|spec)$|(?<=[a-z])(?:Tests?|Spec)$")


class Ownership:
    """Sides of the files of a folder: the given tests', the product's, or unclear.

    Args:
        tests: given tests, and the files that the test command names.
        started: words of the test command.
        prompt: words of the task: the only file that they name is the product's.
        opened: by the run of the tests before the work. For data that isn't there, texts that name its
            folder or ending are uses, too.
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
        self._names = {a or b for a, b in _NAMES.findall(prompt)}
        stems = {_stem(path) for path in {*tests, *filter(is_code, texts)}}
        self._subjects = {_STEM.sub("", stem) for stem in stems if _STEM.search(stem)} - _TEST_WORDS
        self._scripts = split_scripts(texts.get(_MANIFEST) or "", started)
        self._sides: dict[str, Side | None] = {}
        self._users: dict[str, list[str]] = {}

    def anew(self) -> Self:
        """The same files before any search: a search has a number of passes, and shares what it has found."""
        again = copy(self)
        again._sides, again._users = {}, {}
        return again

    def side(self, path: str) -> Side:
        """Whose a file is; new ones are the product's."""
        if path in self._tests:
            return "tests"
        if path not in self._texts or self._is_subject(path):
            return "product"
        if path not in self._sides:
            self._sides[path] = None
            side = self._by_users(path)
            if _stem(path) in self._words and not (side == "tests" and self._is_check(path)):
                side = "unclear" if side == "tests" else "product"
            self._sides[path] = side
        return self._sides[path] or "tests"  # a file of a circle of uses adds nothing to its own side

    def _is_check(self, path: str) -> bool:
        """Whether a program decides, though the task speaks of it: its command is what has to pass."""
        is_started = any(is_script(user) or user in TOOL_FILES for user in self._users.get(path, ()))
        is_named = PurePosixPath(path).name in self._prompt
        return is_code(path) and is_started and (is_named or not is_script(path))

    def _by_users(self, path: str) -> Side:
        if is_code(path) and self._is_of_code(path):
            return "product"
        if _MANIFEST in self._tests and names(self._scripts[1], path):
            return "product"
        if len(self._users) >= _MOST_SEARCHES:
            return "unclear"
        guesses = path not in self._opened
        users = self._users[path] = self._find_users(path, guesses=guesses)
        if _MANIFEST in self._tests and names(self._scripts[0], path):
            users.append(_MANIFEST)
        sides: set[Side] = set()
        for user in sorted(users, key=lambda one: one not in self._tests):
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
        """Whether code of the product that the tests don't reach may form the path of opened data."""
        if path not in self._opened or is_code(path):
            return False
        users = self._find_users(path, guesses=True)
        return any(self.side(user) == "product" for user in users if user not in self._users[path])

    def _by_nature(self, path: str, users: Collection[str]) -> Side:
        """The side of a file that nothing but tests and their own files use."""
        from_commands = [user for user in users if is_script(user) or user in TOOL_FILES]
        text = self._texts[path] or ""
        if _TEST_WORDS & set(re.split(r"[/_.-]", path.lower())) or _FRAMEWORK.search(text):
            return "tests"
        if not is_code(path):
            return self._side_of_data(path, users, from_commands)
        if is_script(path):
            makes = any(user.endswith(".mk") or "make" in user.lower() for user in from_commands)
            decides = bool(from_commands) and (makes or _SHELL_DECIDES.search(text) is not None)
            return "tests" if decides else "unclear"
        if not self._is_beside_others(path, bool(from_commands)):
            tops = {module.partition(".")[0] for module in imported_modules(text)}
            if not (from_commands and path.endswith(".py") and tops - sys.stdlib_module_names):
                return "product"
        is_outermost = "/" not in path or bool(from_commands)
        return "tests" if is_outermost and _ASSERTS.search(text) else "unclear"

    def _side_of_data(self, path: str, users: Collection[str], commands: Collection[str]) -> Side:
        if self._is_of_code(path) or not self._is_beside_others(path, bool(commands)):
            return "product"  # tests that use no code test the data itself
        if self._is_beside_code(path):
            return "unclear"
        if len(commands) < len(users):
            return "tests"
        lines = [line for user in commands for line in (self._texts.get(user) or "").splitlines()]
        lines = [line for line in lines if _COMPARES.search(line) and names(line, path)]
        both = {word for line in lines for word in _PATH.findall(line)} & self._texts.keys() - {path}
        return "tests" if lines and not both else "unclear"

    def _is_subject(self, path: str) -> bool:
        """Whether the task names no other file, or a function of it, or a test's name names it."""
        if self._named == {path}:
            return True
        if not is_code(path):
            return False
        text = self._texts.get(path) or ""
        defines = any(
            re.search(rf"\b(?:def|class|function)\s+{re.escape(one)}\b", text) for one in self._names
        )
        return defines or _stem(path) in self._subjects

    def _is_of_code(self, path: str) -> bool:
        """Whether a file lies in a folder of code, by its name or as a subject of the tests is in it."""
        top, _, below = path.partition("/")
        if not below:
            return False
        return top in self._subjects | self._tops_of_subjects

    def _is_beside_code(self, path: str) -> bool:
        """Whether a folder below the outermost one holds a file and code that isn't the tests'."""
        folder = PurePosixPath(path).parent
        beside = (one for one in self._texts if is_code(one) and PurePosixPath(one).parent == folder)
        return bool(folder.name) and any(one not in self._tests for one in beside)

    @cached_property
    def _named(self) -> set[str]:
        words = set(_PATH.findall(self._prompt))
        ends = {PurePosixPath(word.rstrip(".")).name for word in words if "." in word}
        return {path for path in self._texts if PurePosixPath(path).name in ends}

    @cached_property
    def _tops_of_subjects(self) -> set[str]:
        code = (path for path in self._texts if path not in self._tests and "/" in path and is_code(path))
        return {path.partition("/")[0] for path in code if _stem(path) in self._subjects}

    def _is_beside_others(self, path: str, is_started: bool) -> bool:
        """Whether the tests that use a program use other code too, which may be what they test."""
        above = [path]
        for one in above:
            above += [user for user in self._users.get(one, ()) if user not in above]
        texts = [self._texts.get(user) or "" for user in above[0 if is_started else 1 :]]
        others = (
            other
            for other in self._texts
            if other not in self._tests and other not in above and is_code(other) and not is_script(other)
        )
        return any(names(text, other) for other in others for text in texts)


def _stem(path: str) -> str:
    pure = PurePosixPath(path)
    name = pure.parent.name if pure.stem in ("__init__", "index") and pure.parent.name else pure.stem
    return name.partition(".")[0] or name
