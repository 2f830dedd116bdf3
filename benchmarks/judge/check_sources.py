"""What both sides of a trial are given of a function case: the canonical module, and the prompt's helpers."""

import ast
import functools

from benchmarks.suite import FunctionCase


def canonical_module(case: FunctionCase) -> str | None:
    """The case's own answer as a whole module; None where it has none."""
    if case.canonical_solution is None:
        return None
    if _defines(case.canonical_solution, case.entry_point):
        return with_setup(case, case.canonical_solution)
    return with_setup(case, case.prompt + case.canonical_solution)


def with_setup(case: FunctionCase, module: str) -> str:
    """A module after the imports and helpers that the case gives to both sides."""
    return f"{case.setup.rstrip()}\n\n\n{module}" if case.setup.strip() else module


def prelude(case: FunctionCase) -> str:
    """What a test may use of the prompt: all that it defines besides the function that is asked for."""
    helpers = _helpers(case.prompt, case.entry_point)
    return "\n\n".join(part for part in (case.setup, helpers) if part.strip())


@functools.lru_cache(maxsize=4096)
def _helpers(prompt: str, entry_point: str) -> str:
    for ending in ("\n    pass\n", "\n"):
        try:
            tree = ast.parse(prompt + ending)
        except (SyntaxError, ValueError, RecursionError):
            continue
        tree.body = [node for node in tree.body if getattr(node, "name", None) != entry_point]
        return ast.unparse(tree)
    return ""  # prose: it defines nothing


def _defines(source: str, name: str) -> bool:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(name in _names(node) for node in tree.body)


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.ImportFrom | ast.Import):
        return {alias.asname or alias.name for alias in node.names}
    return set()
