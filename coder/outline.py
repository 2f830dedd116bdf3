"""Outline: a function's head and docstring, for a model to go on with rather than to talk about.

A small model that was trained on code knows what follows a docstring better than what a person wants of it.
"""

import ast
import re
from collections import Counter
from collections.abc import Sequence

from coder.names import parse_source

# The blank before a body's first word belongs to that word's token, so an outline ends one blank earlier.
_INDENT = "\n   "
_KINDS = {
    str: "text",
    int: "n",
    float: "x",
    bool: "flag",
    dict: "mapping",
    list: "items",
    tuple: "items",
    set: "items",
}
ENDS = ("\ndef ", "\nclass ", "\nif __name__", "\nprint", "\nassert", "\n#", "\n```", '\n"""', "\n@", "\n>>>")
"""What follows a function that is complete."""


def outline(prompt: str, name: str, *, examples: Sequence[str] = ()) -> str | None:
    """Source that ends where the body of the function `name` begins; None where nothing says how to call it.

    Args:
        examples: statements that call it, such as `assert add(2, 3) == 5`.
    """
    return _begun(prompt, name) or _made(prompt, name, examples)


def finished(source: str) -> str:
    """An outline that was gone on with, without what stands behind the function, or was cut off in it."""
    lines = source.rstrip().splitlines()
    for end in range(len(lines), 0, -1):
        text = "\n".join(lines[:end]) + "\n"
        if parse_source(text) is not None:
            return text
    return source


def says_something(source: str, name: str) -> bool:
    """Whether a function has a body: more than a docstring, `pass`, or a plain return of nothing."""
    tree = parse_source(source)
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            body = [one for one in node.body if not _says_nothing(one)]
            returns = any(isinstance(one, ast.Return | ast.Yield | ast.Raise) for one in ast.walk(node))
            return bool(body) and returns
    return False


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _begun(prompt: str, name: str) -> str | None:
    """The prompt itself, where it is source that ends in this function's docstring."""
    text = prompt.strip("\n").rstrip()
    tree = parse_source(text + "\n    pass\n") or parse_source(text + "\n\tpass\n")
    last = tree.body[-1] if tree and tree.body else None
    if not isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) or last.name != name:
        return None
    if any(not _says_nothing(node) for node in last.body):
        return None
    return text + _INDENT


def _made(prompt: str, name: str, examples: Sequence[str]) -> str | None:
    """A head with as many parameters as the examples have arguments, and the prompt as a docstring."""
    call = next((found for source in examples if (found := _call(source, name))), None)
    if call is None:
        return None
    shown = [line for source in examples[:3] if (line := _shown(source))]
    kept = (line for line in prompt.strip().splitlines() if not line.strip().startswith("assert "))
    words = re.sub(r"\s*(?:For example:?|Examples?:)\s*$", "", "\n".join(kept).strip())
    told = words.replace("\\", "\\\\").replace('"""', "'''")
    lines = [*told.splitlines(), *(["", *shown] if shown else []), ""]
    docstring = "\n".join([lines[0], *(f"    {line}" if line else "" for line in lines[1:-1]), "    "])
    return f'def {name}({", ".join(_parameters(call))}):\n    """{docstring}"""{_INDENT}'


def _call(source: str, name: str) -> ast.Call | None:
    tree = parse_source(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            return node
    return None


def _shown(source: str) -> str | None:
    """An assertion as an interactive session shows it, on two lines."""
    tree = parse_source(source)
    node = tree.body[0] if tree and tree.body else None
    if not isinstance(node, ast.Assert):
        return None
    test = node.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return f">>> {ast.unparse(test.left)}\n    {ast.unparse(test.comparators[0])}"
    return f">>> {ast.unparse(test)}\n    True"


def _parameters(call: ast.Call) -> list[str]:
    """Names by what the arguments are: text, n, items; numbered where one comes again."""
    kinds = [_kind(argument) for argument in call.args]
    often, seen = Counter(kinds), Counter[str]()
    names: list[str] = []
    for kind in kinds:
        seen[kind] += 1
        names.append(f"{kind}{seen[kind]}" if often[kind] > 1 else kind)
    return [*names, *(keyword.arg for keyword in call.keywords if keyword.arg)]


def _kind(argument: ast.expr) -> str:
    try:
        value = ast.literal_eval(argument)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return "value"
    return _KINDS.get(type(value), "value")
