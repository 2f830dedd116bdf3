"""Change one constant of a test that runs: in its function, or one of its parameters."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from random import Random
from types import CodeType, FunctionType
from typing import Any

from sandbox.inner.checker.line_trace import FUNCTIONS
from sandbox.inner.checker.other_values import Unchangeable, change, constants_in

Alter = Callable[[], Any]
"""Makes a change in this process; returns what takes it back."""
_MOST_DRAWN = 1_000
"""Constants that are drawn, as some have no other value."""


class ConstantsOfTest:
    """The constants of one test of a file."""

    def __init__(self, tree: ast.Module, path: str, name: str, parameters: dict[str, Any] | None) -> None:
        """Take the file's tree, which is changed, and the test's name in it, as `Class::function`."""
        self._path, self._parameters = path, parameters if parameters is not None else {}
        self._tree = ast.Module([], [])
        self._function: ast.FunctionDef | ast.AsyncFunctionDef | None = None
        self._find(tree, name.split("::"))

    def _find(self, tree: ast.Module, names: list[str]) -> None:
        inside: list[ast.stmt] = tree.body
        outer: Any = self._tree
        for name in names:
            node = next((one for one in reversed(inside) if getattr(one, "name", "") == name), None)
            if isinstance(node, ast.ClassDef):
                copy = ast.ClassDef(name, [], [], [], [])
                outer.body, outer, inside = [ast.copy_location(copy, node)], copy, node.body
            elif isinstance(node, FUNCTIONS):
                node.decorator_list, outer.body, self._function = [], [node], node
                return
            else:
                return

    def changed(self, chance: Random) -> Iterator[Alter]:
        """Yield changes of one constant each."""
        node = self._function
        constants = [one for part in node.body for one in constants_in(part, "")] if node is not None else []
        functions = self._functions() if constants else []
        places: list[Any] = [*(constants if functions else ()), *self._parameters]
        for _ in range(_MOST_DRAWN if places else 0):
            place = chance.choice(places)
            with suppress(Unchangeable, SyntaxError, ValueError, RecursionError):
                if isinstance(place, ast.Constant):
                    yield partial(_recode, functions, self._code_with(place, chance))
                else:
                    yield partial(_replace, self._parameters, place, change(self._parameters[place], chance))

    def _code_with(self, constant: ast.Constant, chance: Random) -> CodeType:
        """Return the code of the test with another value of a constant."""
        right = constant.value
        try:
            constant.value = change(right, chance)
            return _code_of(compile(self._tree, self._path, "exec", dont_inherit=True), self._name)
        finally:
            constant.value = right

    @property
    def _name(self) -> str:
        return self._function.name if self._function is not None else ""

    def _functions(self) -> list[FunctionType]:
        """Return this process's functions that have the code of the test."""
        node = self._function
        assert node is not None
        return [
            one
            for one in gc.get_objects()
            if type(one) is FunctionType
            and one.__code__.co_name == node.name
            and one.__code__.co_filename.endswith(self._path)
            and one.__code__.co_firstlineno <= node.lineno <= node.body[0].lineno
        ]


class ConstantsOfStatement:
    """The constants of statements that are compiled after the start of their test."""

    def __init__(self, source: str, replace: Callable[[str], object]) -> None:
        """`replace`: takes the source that is compiled instead."""
        self._source, self._replace = source, replace

    def changed(self, chance: Random) -> Iterator[Alter]:
        """Yield changes of one constant each."""
        with suppress(SyntaxError, ValueError, RecursionError):
            tree = ast.parse(self._source)
            places = [*constants_in(tree, "")]
            for _ in range(_MOST_DRAWN if places else 0):
                constant = chance.choice(places)
                right = constant.value
                with suppress(Unchangeable):
                    constant.value = change(right, chance)
                    source = ast.unparse(tree)
                    constant.value = right
                    yield partial(self._replaced, source)

    def _replaced(self, source: str) -> Alter:
        self._replace(source)
        return partial(self._replace, "")


def _recode(functions: list[FunctionType], code: CodeType) -> Alter:
    before = [one.__code__ for one in functions]
    for function in functions:
        with suppress(ValueError):  # it has other free variables
            function.__code__ = code

    def undo() -> None:
        for function, its_code in zip(functions, before, strict=True):
            function.__code__ = its_code

    return undo


def _replace(parameters: dict[str, Any], name: str, value: object) -> Alter:
    before, parameters[name] = parameters[name], value
    return partial(parameters.update, {name: before})


def _code_of(code: CodeType, name: str) -> CodeType:
    """Return the code of the function of this name in a module's code."""
    pending = [code]
    while pending:
        one = pending.pop()
        if one.co_name == name and one is not code:
            return one
        pending.extend(part for part in one.co_consts if isinstance(part, CodeType))
    raise ValueError(name)
