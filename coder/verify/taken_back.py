"""A change whose functions do again what they did before it: what passes there shows nothing of them. Pure.

Names, constants, texts and new files stay as the change has them. So a test of a constant passes, a program
that looks into a source, and one that only imports or swallows what it finds.
"""

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from coder.source.python_names import parse_source
from coder.verify.change_trace import Seen

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def take_back(
    before: Mapping[str, str], after: Mapping[str, str], project: Mapping[str, str], seen: Seen
) -> dict[str, str]:
    """Return sources in which the functions of a change are those from before, by path.

    New functions do nothing, and neither does an old one that reads what the change sets outside of
    functions, or opens data that it changes. Of a file that ran as a program, all code is that from before.

    Args:
        before: texts of the changed files from before.
        after: their new texts.
        project: texts of all sources with the change but for the tests.
    """
    trees = {path: tree for path, text in project.items() if (tree := _parse(path, text)) is not None}
    old_trees = {path: _parse(path, before.get(path, "")) or ast.Module([], []) for path in after}
    names = _ChangedNames(trees)
    for path in after.keys() & trees.keys():
        names.add_differences(path, old_trees[path], trees[path])
    for path, lines in seen.openers.items():
        names.add_lines(path, lines)
    names.follow()
    taken_back = {}
    for path, tree in trees.items():
        old_tree = old_trees.get(path, tree)
        is_program = path in seen.programs and path in after
        own_lines = seen.openers.get(path, frozenset())
        try:
            new_tree = old_tree if is_program else _merge(old_tree, deepcopy(tree), path, names, own_lines)
            if ast.dump(new_tree) != ast.dump(tree):
                taken_back[path] = _source_of(new_tree, project[path])
        except RecursionError:  # an expression of hundreds of operators
            continue
    return taken_back


def _parse(path: str, text: str) -> ast.Module | None:
    return parse_source(text) if path.endswith(".py") else None


def _source_of(tree: ast.Module, text: str) -> str:
    """Return the source of a module behind the text of another one, in comments."""
    lines = text.splitlines()
    first = [line for line in lines[:1] if line.startswith("#!")]
    comments = (f"# {line}" for line in lines[len(first) :])
    return "\n".join([*first, *comments, ast.unparse(ast.fix_missing_locations(tree)), ""])


@dataclass(slots=True)
class _ChangedNames:
    """Names that hold something else by what a change does outside of functions."""

    trees: Mapping[str, ast.Module]
    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    """Those of classes, which are read from any object."""
    unnamed: set[str] = field(default_factory=set)
    """Paths of modules with a changed statement that names nothing."""

    def add_differences(self, path: str, old: ast.Module, new: ast.Module) -> None:
        """Add what the statements bind or use by which one module differs from another."""
        functions = {
            node.name
            for tree in self.trees.values()
            for node in ast.walk(tree)
            if isinstance(node, _Function)
        }
        counts = [Counter(ast.dump(node) for node, _ in _statements(tree)) for tree in (old, new)]
        for tree, others in ((old, counts[1]), (new, counts[0])):
            for node, is_of_class in _statements(tree):
                if ast.dump(node) in others:
                    continue
                bound = {*_bound(node), *self._starred(node)}
                (self.attributes if is_of_class else self.names).update(bound)
                self.names |= functions & _loaded(node)
                if not bound and not functions & _loaded(node):
                    self.unnamed.add(path)

    def add_lines(self, path: str, lines: Collection[int]) -> None:
        """Add what the statements outside of functions bind that hold these lines."""
        for node, _ in _statements(self.trees.get(path, ast.Module([], []))):
            if any(node.lineno <= line <= (node.end_lineno or 0) for line in lines):
                self.names.update(_bound(node))

    def follow(self) -> None:
        """Add the names that are bound by means of others."""
        statements = [(path, node) for path, tree in self.trees.items() for node, _ in _statements(tree)]
        count = -1
        while count != len(self.names):
            count = len(self.names)
            for path, node in statements:
                if self.are_read(path, node):
                    self.names.update(_bound(node))

    def are_read(self, path: str, node: ast.AST) -> bool:
        """Return whether code of a module reads one of the names."""
        if isinstance(node, ast.ImportFrom):
            return any(alias.name in self.names for alias in node.names)
        if self.names & _loaded(node):
            return True
        attributes = [part for part in ast.walk(node) if isinstance(part, ast.Attribute)]
        imported = _imported(self.trees[path]) if attributes else set()
        return any(
            part.attr in self.attributes
            or (part.attr in self.names and isinstance(part.value, ast.Name) and part.value.id in imported)
            for part in attributes
        )

    def _starred(self, node: ast.stmt) -> Iterator[str]:
        """Yield what `from … import *` may bind."""
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            stem = (node.module or "").rpartition(".")[2]
            for path, tree in self.trees.items():
                if PurePosixPath(path).stem == stem:
                    yield from (part.name for part in tree.body if isinstance(part, _Definition))


def _statements(
    tree: ast.Module | ast.ClassDef, *, is_of_class: bool = False
) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the statements outside of functions but docstrings, and whether they are of a class."""
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.ClassDef):
            yield from _statements(node, is_of_class=True)
        elif not isinstance(node, _Function | ast.Pass) and not (number == 0 and _is_text(node)):
            yield node, is_of_class


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement sets, whole or in part."""
    for part in ast.walk(node):
        if isinstance(part, ast.alias) and part.name != "*":
            yield (part.asname or part.name).partition(".")[0]
        elif isinstance(part, ast.Name | ast.Attribute | ast.Subscript) and not isinstance(
            part.ctx, ast.Load
        ):
            place: ast.expr = part
            while isinstance(place, ast.Attribute | ast.Subscript):
                if isinstance(place, ast.Attribute):
                    yield place.attr
                place = place.value
            if isinstance(place, ast.Name):
                yield place.id


def _loaded(node: ast.AST) -> set[str]:
    return {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def _imported(tree: ast.Module) -> set[str]:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return {name for node in imports for name in _bound(node)}


def _merge(
    old: ast.Module, new: ast.Module, path: str, names: _ChangedNames, opener_lines: Collection[int]
) -> ast.Module:
    """Return the new module with the functions of the old one."""
    own_classes = {
        node.name
        for tree in names.trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    _Merger(old, path, names, opener_lines, own_classes | {"object"}).visit(new)
    bound = {name for node, _ in _statements(new) for name in _bound(node)}
    lost = [
        node
        for node, is_of_class in _statements(old)
        if not is_of_class and (own := {*_bound(node)}) and not own & bound
    ]
    position = sum(_is_text(node) or _is_future(node) for node in new.body[:9])
    new.body[position:position] = lost
    return new


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


class _Merger(ast.NodeTransformer):
    """Puts the functions of an old module into a new one, and empties those that the old one lacks."""

    def __init__(
        self,
        old: ast.Module,
        path: str,
        names: _ChangedNames,
        opener_lines: Collection[int],
        own_classes: Collection[str],
    ) -> None:
        self._path, self._names, self._lines, self._own = path, names, opener_lines, own_classes
        self._old: dict[str, list[_Definition]] = {}
        self._old_assignments: dict[str, ast.stmt] = {}
        self._seen: Counter[str] = Counter()
        self._outer = ""
        self._note(old, "")

    def _note(self, scope: ast.AST, outer: str) -> None:
        for node in ast.iter_child_nodes(scope):
            if isinstance(node, _Definition):
                self._old.setdefault(outer + node.name, []).append(node)
                if isinstance(node, ast.ClassDef):
                    self._note(node, f"{outer}{node.name}.")
            else:
                if isinstance(node, ast.Assign | ast.AnnAssign):
                    self._old_assignments[outer + ",".join(_bound(node))] = node
                self._note(node, outer)

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Merge a module."""
        self.generic_visit(node)
        node.body += self._lost("")
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> _Definition:
        """Put the old function in place of a new one."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> _Definition:
        """Put the old function in place of a new one."""
        return self._function(node)

    def _function(self, node: _Function) -> _Definition:
        old = self._next_old(node.name)
        if old is None:
            return _emptied(node)
        if ast.dump(old) != ast.dump(node):
            return _with_docstring_of(node, old)
        line = min(part.lineno for part in (node, *node.decorator_list))
        is_reader = (
            line in self._lines
            or self._path in self._names.unnamed
            or node.name in self._names.names
            or self._names.are_read(self._path, node)
        )
        return _emptied(node) if is_reader else node

    def _next_old(self, name: str) -> _Definition | None:
        """Return the old definition of a name; of several ones, the next."""
        full_name = self._outer + name
        olds = self._old.get(full_name, [])
        self._seen[full_name] += 1
        return olds[min(self._seen[full_name], len(olds)) - 1] if olds else None

    def visit_ClassDef(self, node: ast.ClassDef) -> _Definition:
        """Merge a class; the statements of one that other code reads, as an enumeration, are the old ones."""
        old = self._next_old(node.name)
        outer, self._outer = self._outer, f"{self._outer}{node.name}."
        is_read = bool(node.decorator_list or node.keywords) or any(
            not (isinstance(base, ast.Name | ast.Attribute) and _last_name(base) in self._own)
            for base in node.bases
        )
        if is_read:
            keeps = [*node.body[: _is_text(node.body[0])]] if old is None else [*old.body]
            known = {part.name for part in keeps if isinstance(part, _Definition)}
            added = [part for part in node.body if isinstance(part, _Definition) and part.name not in known]
            node.body = [*keeps, *(self.visit(part) for part in added)]
        else:
            self.generic_visit(node)
            node.body += self._lost(self._outer)
        if isinstance(old, ast.ClassDef):
            node.bases, node.keywords, node.decorator_list = old.bases, old.keywords, old.decorator_list
        node.body = node.body or [ast.Pass()]
        self._outer = outer
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """Treat lambdas as functions."""
        return self._assignment(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """Treat lambdas as functions."""
        return self._assignment(node)

    def _assignment(self, node: ast.Assign | ast.AnnAssign) -> ast.stmt:
        if not any(isinstance(part, ast.Lambda) for part in ast.walk(node)):
            return node
        old = self._old_assignments.get(self._outer + ",".join(_bound(node)))
        if old is not None and ast.dump(old) != ast.dump(node):
            return old
        if old is None or self._names.are_read(self._path, node):
            for part in ast.walk(node):
                if isinstance(part, ast.Lambda):
                    part.body = ast.Constant(None)
        return node

    def _lost(self, outer: str) -> list[_Definition]:
        """Return the old definitions of a scope that the new one lacks."""
        depth = outer.count(".")
        return [
            node
            for name, nodes in self._old.items()
            if name.startswith(outer) and name.count(".") == depth and name not in self._seen
            for node in nodes
        ]


def _last_name(base: ast.Name | ast.Attribute) -> str:
    return base.id if isinstance(base, ast.Name) else base.attr


def _emptied(node: _Function) -> _Function:
    """Return a function without a body."""
    emptied = deepcopy(node)
    emptied.body = emptied.body[: _is_text(emptied.body[0])] or [ast.Pass()]
    return emptied


def _with_docstring_of(node: _Function, old: _Definition) -> _Definition:
    """Return an old function with the docstring of the new one."""
    result = deepcopy(old)
    docstring: Sequence[ast.stmt] = node.body[: _is_text(node.body[0])]
    result.body = [*docstring, *result.body[_is_text(result.body[0]) :]] or [ast.Pass()]
    return result
