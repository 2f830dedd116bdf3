"""The function that a prompt begins, where it is source that ends in a head and a docstring (HumanEval)."""

import ast
from dataclasses import dataclass

from coder.source.python_names import parse_source


@dataclass(frozen=True, slots=True)
class BegunFunction:
    """A function without its body."""

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
    """The function in whose docstring the prompt ends, if it is such source."""
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
