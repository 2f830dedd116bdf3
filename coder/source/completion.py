"""Outline: a function's head and what is said of it, for a model to go on with rather than to talk about.

A small model that was trained on code knows what follows a docstring better than what a person wants of it.
What it writes hangs on the form more than on chance, so that several forms are worth more than several draws.
"""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from coder.source.python_names import defined_names, names_in_prompt, parse_source

_KINDS = {str: "text", int: "n", float: "x", bool: "flag", dict: "mapping"}
_MOST_SHOWN = 3
ENDS = ("\ndef ", "\nclass ", "\nif __name__", "\nprint", "\nassert", "\n#", "\n```", '\n"""', "\n@", "\n>>>")
"""What follows a function that is complete."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One function, without its body."""

    head: str
    """`def add(a, b):`"""
    words: str
    """What is said of it, without quotes and common indent."""
    shown: tuple[str, ...] = ()
    """Examples as lines of an interactive session, where the words hold none."""
    before: str = ""
    """Source that stands in front of it."""
    given: str = ""
    """Head, docstring and what stands in front of it, where the prompt was just that."""
    indent: int = 4

    @property
    def body(self) -> str:
        """What a body begins with. The blank before its first word belongs to that word's token."""
        return "\n" + " " * (self.indent - 1)

    def with_docstring(self) -> str:
        """Source up to the body, all of the words in the docstring."""
        if self.given:
            return self.given + self.body
        told = self.words.replace("\\", "\\\\").replace('"""', "'''")
        lines = [*told.splitlines(), *(["", *self.shown] if self.shown else [])] or [""]
        rest = "".join(f"\n    {line}" if line else "\n" for line in lines[1:])
        return f'{self.before}{self.head}\n    """{lines[0]}{rest}\n    """{self.body}'

    def with_comment(self) -> str:
        """Source up to the body, all of the words in a comment in front."""
        lines = [*self.words.splitlines(), *self.shown]
        comment = "".join(f"# {line}".rstrip() + "\n" for line in lines)
        return f"{self.before}{comment}{self.head}{self.body}"

    def unheaded(self) -> str:
        """Source up to the parameters, where the head was made here: a model may well know better ones."""
        return f"{self.before}{self.head}{self.body}" if self.given else self.head.partition("(")[0] + "("

    def bare(self) -> str:
        """Source up to the body, without the words."""
        return f"{self.before}{self.head}{self.body}"


def outline(prompt: str, name: str, *, examples: Sequence[str] = ()) -> Outline | None:
    """What the prompt says of the function `name`; None where nothing says how it is called.

    Args:
        examples: statements that call it, such as `assert add(2, 3) == 5`.
    """
    return _begun(prompt, name) or _made(prompt, name, examples)


def missing_function(prompt: str, names: Sequence[str]) -> str | None:
    """The one function that a task is about: which its prompt ends in, else the only name that is known."""
    last = next(reversed(names_in_prompt(prompt)), None)
    begun = _begun(prompt, last) if last is not None else None
    if begun is not None:
        defined = {*defined_names(begun.before), last}
        return last if set(names) <= defined else None
    return names[0] if len(names) == 1 else None


def finished(source: str) -> str:
    """An outline that was gone on with, without what stands behind the function, or was cut off in it."""
    lines = source.rstrip().splitlines()
    for end in range(len(lines), 0, -1):
        text = "\n".join(lines[:end]).rstrip() + "\n"
        if parse_source(text) is not None:
            return text
    return source


def _begun(prompt: str, name: str) -> Outline | None:
    """Of a prompt that is source which ends in this function's docstring."""
    text = prompt.strip("\n").rstrip()
    tree = parse_source(text) or parse_source(text + "\n    pass\n")
    last = tree.body[-1] if tree and tree.body else None
    if not isinstance(last, ast.FunctionDef) or last.name != name:
        return None
    if not all(map(_says_nothing, last.body)):
        return None
    first = last.body[0]
    lines = text.splitlines()
    return Outline(
        head="\n".join(lines[last.lineno - 1 : max(first.lineno - 1, last.lineno)]).rstrip(),
        words=ast.get_docstring(last) or "",
        before="".join(f"{line}\n" for line in lines[: last.lineno - 1]),
        given="" if text.endswith("pass") else text,
        indent=first.col_offset or 4,
    )


def _says_nothing(node: ast.stmt) -> bool:
    """A docstring, or `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _made(prompt: str, name: str, examples: Sequence[str]) -> Outline | None:
    """Of a prompt in words: as many parameters as the examples have arguments."""
    call = next((found for source in examples if (found := _call(source, name))), None)
    if call is None:
        return None
    kept = (line for line in prompt.strip().splitlines() if not line.strip().startswith("assert "))
    words = re.sub(r"\s*(?:For example:?|Examples?:)\s*$", "", "\n".join(kept).strip())
    shown = [line for source in examples[:_MOST_SHOWN] for line in _session(source)]
    return Outline(f"def {name}({', '.join(_parameters(call))}):", words, tuple(shown))


def _call(source: str, name: str) -> ast.Call | None:
    tree = parse_source(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            return node
    return None


def _session(source: str) -> list[str]:
    """An assertion as an interactive session shows it."""
    tree = parse_source(source)
    node = tree.body[0] if tree and tree.body else None
    if not isinstance(node, ast.Assert):
        return []
    test = node.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return [f">>> {ast.unparse(test.left)}", ast.unparse(test.comparators[0])]
    return [f">>> {ast.unparse(test)}", "True"]


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
    return "items" if isinstance(value, list | tuple | set) else _KINDS.get(type(value), "value")
