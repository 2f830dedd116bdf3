"""Names in Python source, read without running it: what it defines, imports, and expects of others."""

import ast
import builtins
import re
import sys
import warnings
from collections.abc import Iterable

_PROMPT_NAME = re.compile(r"\bdef\s+([A-Za-z_]\w*)\s*\(|\b(?:function|method)\s+`?([A-Za-z_]\w*)`?\s*\(")


def parse_source(source: str) -> ast.Module | None:
    """The syntax tree; None where the source doesn't parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that isn't ours, such as '\w' in a string
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined_names(source: str) -> set[str]:
    """Names that a module binds at its top level, below `if` and `try` too; none where it doesn't parse."""
    tree = parse_source(source)
    return set() if tree is None else _bound(tree.body)


def free_names(source: str) -> list[str]:
    """Names that a piece of code uses but neither binds nor finds among the builtins, in order of use."""
    tree = parse_source(source)
    if tree is None:
        return []
    bound = _bound(node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler | ast.MatchAs) and n.name}
    loads = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    loads.sort(key=lambda node: (node.lineno, node.col_offset))
    names = [node.id for node in loads if node.id not in bound and not hasattr(builtins, node.id)]
    return list(dict.fromkeys(names))


def called_free_names(source: str) -> list[str]:
    """The free names of a piece of code that it calls."""
    tree = parse_source(source)
    free = set(free_names(source))
    if tree is None:
        return []
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return list(dict.fromkeys(f.id for f in calls if isinstance(f, ast.Name) and f.id in free))


def imported_modules(source: str) -> dict[str, list[str]]:
    """Modules that a source imports, each with the names taken from it; relative imports left out."""
    tree = parse_source(source)
    modules: dict[str, list[str]] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules.setdefault(alias.name, [])
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = modules.setdefault(node.module, [])
            names.extend(alias.name for alias in node.names if alias.name != "*")
    return modules


def unknown_modules(source: str, known: Iterable[str] = ()) -> dict[str, list[str]]:
    """Imported modules that are neither standard nor known: those that a candidate must bring."""
    outside = {"pytest", "hypothesis", "numpy", "_pytest", *known, *sys.stdlib_module_names}
    found = imported_modules(source)
    return {module: names for module, names in found.items() if module.split(".")[0] not in outside}


def names_in_prompt(prompt: str) -> list[str]:
    """Function names that a task in words asks for: `def f(`, `function f(`."""
    return list(dict.fromkeys(a or b for a, b in _PROMPT_NAME.findall(prompt)))


def _bound(body: Iterable[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
            case ast.Assign(targets=targets):
                names.update(n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.If(body=inner, orelse=other) | ast.For(body=inner, orelse=other):
                names |= _bound(inner) | _bound(other)
            case ast.With(body=inner):
                names |= _bound(inner)
            case ast.Try(body=inner, handlers=handlers, orelse=other, finalbody=last):
                names |= _bound([*inner, *(s for h in handlers for s in h.body), *other, *last])
    return names


_CUTS = 60
"""Ends that are tried until what is left is Python."""


def longest_start(source: str, *, least: int = 0) -> str:
    """The source up to where it stops being Python; empty where that is within the first `least` lines."""
    lines = source.rstrip("\n").split("\n")
    for _ in range(_CUTS):
        if len(lines) <= least:
            return ""
        text = "\n".join(lines) + "\n"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
        except SyntaxError as error:
            del lines[min(error.lineno or len(lines), len(lines)) - 1 :]
        except (ValueError, RecursionError, MemoryError):
            return ""
        else:
            return text
    return ""
