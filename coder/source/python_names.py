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
            warnings.simplefilter("ignore")  # the user's code may warn, such as for '\w' in a string
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined_names(source: str, *, imports: bool = True) -> set[str]:
    """Return the names that a module binds at its top level, also in `if` and `try`; empty if invalid.

    Args:
        imports: whether names that are only imported count.
    """
    tree = parse_source(source)
    return set() if tree is None else _bound_names(tree.body, imports=imports)


def free_names(source: str) -> list[str]:
    """Return the names that code uses but neither binds nor finds among the builtins, in order of use."""
    tree = parse_source(source)
    if tree is None:
        return []
    bound = _bound_names(node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler | ast.MatchAs) and n.name}
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    uses.sort(key=lambda node: (node.lineno, node.col_offset))
    names = [node.id for node in uses if node.id not in bound and not hasattr(builtins, node.id)]
    return list(dict.fromkeys(names))


def called_free_names(source: str) -> list[str]:
    """Return the free names of a piece of code that it calls."""
    tree = parse_source(source)
    free = set(free_names(source))
    if tree is None:
        return []
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return list(
        dict.fromkeys(
            function.id for function in calls if isinstance(function, ast.Name) and function.id in free
        )
    )


@lru_cache(maxsize=2_048)  # a run reads each test file several times, and parsing takes seconds
def imported_modules(source: str) -> Mapping[str, Sequence[str]]:
    """Return the modules that a source imports and the names from each, without relative imports."""
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
    """Return the imported modules that are neither standard, nor for tests, nor in `further`."""
    available = {"pytest", "hypothesis", "numpy", "_pytest", *further, *sys.stdlib_module_names}
    modules = imported_modules(source)
    return {module: names for module, names in modules.items() if module.split(".")[0] not in available}


def names_in_prompt(prompt: str) -> list[str]:
    """Return the function names that a task requests, such as `def f(` or `function f(`."""
    return list(dict.fromkeys(function or method for function, method in _PROMPT_NAME.findall(prompt)))


def _bound_names(body: Iterable[ast.stmt], *, imports: bool = True) -> set[str]:
    names: set[str] = set()
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases) if imports:
                names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
            case ast.Assign(targets=targets):
                names.update(
                    child.id
                    for target in targets
                    for child in ast.walk(target)
                    if isinstance(child, ast.Name)
                )
            case ast.AugAssign(target=ast.Name(id=name)) | ast.AnnAssign(ast.Name(id=name), value=ast.expr()):
                names.add(name)
            case ast.If(body=inner, orelse=other) | ast.For(body=inner, orelse=other):
                names |= _bound_names([*inner, *other], imports=imports)
            case ast.With(body=inner):
                names |= _bound_names(inner, imports=imports)
            case ast.Try(body=inner, handlers=handlers, orelse=other, finalbody=final_body):
                handled = (statement for handler in handlers for statement in handler.body)
                names |= _bound_names([*inner, *handled, *other, *final_body], imports=imports)
    return names


_MAX_CUTS = 60
"""Try to cut off the end at most this often."""


def longest_start(source: str, *, least: int = 0) -> str:
    """Return the longest beginning that is valid Python; empty if it is shorter than `least` lines."""
    lines = source.rstrip("\n").split("\n")
    for _ in range(_MAX_CUTS):
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
    """A function without a body, at the end of a prompt (as in HumanEval)."""

    name: str
    head: str
    """`def add(a, b):`"""
    words: str
    """The docstring, without quotes and common indent."""
    before: str
    """Source above the function."""
    source: str
    """The whole prompt; empty if the function has the body `pass`."""
    indent: int


def begun_function(prompt: str) -> BegunFunction | None:
    """Return the function without a body with which a prompt ends, or None."""
    text = prompt.strip("\n").rstrip()
    tree = parse_source(text) or parse_source(text + "\n    pass\n")
    function = tree.body[-1] if tree and tree.body else None
    if not isinstance(function, ast.FunctionDef) or not all(map(_says_nothing, function.body)):
        return None
    first = function.body[0]
    lines = text.splitlines()
    return BegunFunction(
        name=function.name,
        head="\n".join(lines[function.lineno - 1 : max(first.lineno - 1, function.lineno)]).rstrip(),
        words=ast.get_docstring(function) or "",
        before="".join(f"{line}\n" for line in lines[: function.lineno - 1]),
        source="" if text.endswith("pass") else text,
        indent=first.col_offset or 4,
    )


def _says_nothing(node: ast.stmt) -> bool:
    """Whether a statement is a docstring or `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is a literal, or composed of literals."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def stray_future_imports(tree: ast.Module) -> list[ast.ImportFrom]:
    """Return the imports of `__future__` after other statements, which the compiler refuses."""
    stray, has_begun = list[ast.ImportFrom](), False
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            stray += [node] if has_begun else []
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            has_begun = True
    return stray


def with_future_first(code: str) -> str:
    """Return a module with its imports of `__future__` at the top, where other code was put before it."""
    tree = parse_source(code) if "__future__" in code else None
    if tree is None or not (stray := stray_future_imports(tree)):
        return code
    dropped = {line for node in stray for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    others = [node for node in tree.body if node not in stray]
    if any(node.lineno in dropped or node.end_lineno in dropped for node in others):
        return code  # a line has another statement, too
    lines = ["" if at in dropped else line for at, line in enumerate(code.splitlines(), 1)]
    return "\n".join([*map(ast.unparse, stray), *lines]) + "\n"
