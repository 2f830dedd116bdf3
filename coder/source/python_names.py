"""Read definitions, imports, free names and unfinished functions of Python source without running it."""

import ast
import builtins
import re
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_PROMPT_NAME = re.compile(r"\bdef\s+([A-Za-z_]\w*)\s*\(|\b(?:function|method)\s+`?([A-Za-z_]\w*)`?\s*\(")


def parse_source(source: str) -> ast.Module | None:
    """Parse Python source; None if it is invalid."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that isn't ours, such as '\w' in a string
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined_names(source: str) -> set[str]:
    """Names that a module binds at its top level, also within `if` and `try`; none if it is invalid."""
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


@lru_cache(maxsize=2_048)  # a run asks several times of each test file, and parsing all of them takes seconds
def imported_modules(source: str) -> Mapping[str, Sequence[str]]:
    """Modules that a source imports and the names from each, without relative imports."""
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


def unknown_modules(source: str, further: Iterable[str] = ()) -> dict[str, Sequence[str]]:
    """Imported modules that a candidate must bring: neither standard nor `further`."""
    outside = {"pytest", "hypothesis", "numpy", "_pytest", *further, *sys.stdlib_module_names}
    modules = imported_modules(source)
    return {module: names for module, names in modules.items() if module.split(".")[0] not in outside}


def names_in_prompt(prompt: str) -> list[str]:
    """Function names that a task requests in text: `def f(`, `function f(`."""
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
            case ast.AugAssign(target=ast.Name(id=name)) | ast.AnnAssign(ast.Name(id=name), value=ast.expr()):
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
    """The longest beginning that is Python; empty if it is shorter than `least` lines."""
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


@dataclass(frozen=True, slots=True)
class BegunFunction:
    """A function without its body, in whose docstring a prompt ends (HumanEval)."""

    name: str
    head: str
    """`def add(a, b):`"""
    words: str
    """The docstring, without quotes and common indent."""
    before: str
    """Source above it."""
    source: str
    """All of the prompt; empty where it holds a body of `pass`."""
    indent: int


def begun_function(prompt: str) -> BegunFunction | None:
    """The function in whose docstring a prompt ends, if there is one."""
    text = prompt.strip("\n").rstrip()
    tree = parse_source(text) or parse_source(text + "\n    pass\n")
    last = tree.body[-1] if tree and tree.body else None
    if not isinstance(last, ast.FunctionDef) or not all(map(_says_nothing, last.body)):
        return None
    first = last.body[0]
    lines = text.splitlines()
    return BegunFunction(
        name=last.name,
        head="\n".join(lines[last.lineno - 1 : max(first.lineno - 1, last.lineno)]).rstrip(),
        words=ast.get_docstring(last) or "",
        before="".join(f"{line}\n" for line in lines[: last.lineno - 1]),
        source="" if text.endswith("pass") else text,
        indent=first.col_offset or 4,
    )


def _says_nothing(node: ast.stmt) -> bool:
    """A docstring, or `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is a literal, or made of literals alone."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
