"""Find names of one class or module that give one object, or objects that the candidate calls equal."""

from __future__ import annotations

import ast
from collections.abc import Collection


class Identities:
    """The named objects of one candidate, with those that are the same."""

    def __init__(self) -> None:
        self.asked: Collection[str] = ()
        """The names in the tests' source; others are read as a module is imported whole."""
        self._names: dict[int, dict[int, str]] = {}
        """By the number of an object that stands for all equal ones: its names by their owner's number."""
        self._equal: dict[int, int] = {}

    def is_named(self, number: int) -> bool:
        """Whether a class or module has this object."""
        return self._root(number) in self._names

    def note(self, owner: int, name: str, number: int) -> None:
        """Note a name of an object, if it's the first one that its owner has for it."""
        names = self._names.setdefault(self._root(number), {})
        if name in self.asked:
            names.setdefault(owner, name)

    def has_other_name(self, owner: int, name: str, number: int) -> bool:
        """Note a name of an object; return whether its owner has it by another one, too."""
        self.note(owner, name, number)
        return name in self.asked and self._names[self._root(number)][owner] != name

    def are_named_apart(self, one: int, other: int) -> bool:
        """Note that two objects are equal; return whether an owner has both, by different names."""
        one, other = self._root(one), self._root(other)
        if one == other:
            return False
        names, others = self._names.get(one, {}), self._names.pop(other, {})
        self._equal[other] = one
        differ = any(names.get(owner, name) != name for owner, name in others.items())
        if names or others:
            self._names[one] = {**others, **names}
        return differ

    def _root(self, number: int) -> int:
        while number in self._equal:
            number = self._equal[number]
        return number


def names_in(tree: ast.AST) -> frozenset[str]:
    """Return the names of variables, attributes and imports in a source."""
    kinds = {ast.Name: "id", ast.Attribute: "attr", ast.alias: "name"}
    return frozenset(getattr(node, kinds[type(node)]) for node in ast.walk(tree) if type(node) in kinds)
