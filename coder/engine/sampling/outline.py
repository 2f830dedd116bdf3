"""Outline: a function's head and description as source, for a small model to continue.

A small model trained on code knows what follows a docstring better than what a request in words wants. Its
answer depends on the form more than on chance, so several forms are worth more than several draws.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coder.source.python_names import begun_function, defined_names, longest_start, parse_source

_KINDS = {str: "text", int: "n", float: "x", bool: "flag", dict: "mapping"}
_MOST_SHOWN = 3
ENDS = ("\ndef ", "\nclass ", "\nif __name__", "\nprint", "\nassert", "\n#", "\n```", '\n"""', "\n@", "\n>>>")
"""What follows a complete function."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One function, without its body."""

    head: str
    """`def add(a, b):`"""
    words: str
    """Its description, without quotes and common indent."""
    examples: tuple[str, ...] = ()
    """Examples as lines of an interactive session, where the words hold none."""
    before: str = ""
    """Source above it."""
    source: str = ""
    """The prompt, where that is the source above, the head and the docstring."""
    indent: int = 4

    @property
    def body(self) -> str:
        """The beginning of a body. The blank before its first word belongs to that word's token."""
        return "\n" + " " * (self.indent - 1)

    def with_docstring(self) -> str:
        """Source up to the body, all of the words in the docstring."""
        if self.source:
            return self.source + self.body
        docstring = self.words.replace("\\", "\\\\").replace('"""', "'''")
        lines = [*docstring.splitlines(), *(["", *self.examples] if self.examples else [])] or [""]
        rest = "".join(f"\n    {line}" if line else "\n" for line in lines[1:])
        return f'{self.before}{self.head}\n    """{lines[0]}{rest}\n    """{self.body}'

    def with_comment(self) -> str:
        """Source up to the body, all of the words in a comment above the head."""
        lines = [*self.words.splitlines(), *self.examples]
        comment = "".join(f"# {line}".rstrip() + "\n" for line in lines)
        return f"{self.before}{comment}{self.head}{self.body}"

    def unheaded(self) -> str:
        """The source; a head that was made here ends before its parameters, which the model names."""
        return f"{self.before}{self.head}{self.body}" if self.source else self.head.partition("(")[0] + "("


def outline(prompt: str, name: str, *, examples: Sequence[str] = ()) -> Outline | None:
    """The outline of the function `name`; None where neither prompt nor examples show how to call it."""
    begun = begun_function(prompt)
    if begun is None or begun.name != name:
        return _from_examples(prompt, name, examples)
    return Outline(begun.head, begun.words, before=begun.before, source=begun.source, indent=begun.indent)


def missing_function(prompt: str, names: Sequence[str]) -> str | None:
    """The one function that a task is about: the one its prompt ends in, else the only known name."""
    begun = begun_function(prompt)
    if begun is not None:
        return begun.name if set(names) <= {*defined_names(begun.before), begun.name} else None
    return names[0] if len(names) == 1 else None


def finished(source: str) -> str:
    """A completed outline without a last statement that was cut off."""
    return longest_start(source.rstrip()) or source


def _from_examples(prompt: str, name: str, examples: Sequence[str]) -> Outline | None:
    """The outline for a prompt in words: as many parameters as the examples have arguments."""
    call = next((call for source in examples for call in calls_of(source, name)), None)
    if call is None:
        return None
    kept = (line for line in prompt.strip().splitlines() if not line.strip().startswith("assert "))
    words = re.sub(r"\s*(?:For example:?|Examples?:)\s*$", "", "\n".join(kept).strip())
    lines = [line for source in examples[:_MOST_SHOWN] for line in _session(source)]
    return Outline(f"def {name}({', '.join(_parameters(call))}):", words, tuple(lines))


def calls_of(source: str, name: str) -> Iterator[ast.Call]:
    """The calls of the function `name` in a source; none where it doesn't parse."""
    tree = parse_source(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


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
    """Names by the kinds of the arguments: text, n, items; numbered where one repeats."""
    kinds = [_kind(argument) for argument in call.args]
    often, counts = Counter(kinds), Counter[str]()
    names: list[str] = []
    for kind in kinds:
        counts[kind] += 1
        names.append(f"{kind}{counts[kind]}" if often[kind] > 1 else kind)
    return [*names, *(keyword.arg for keyword in call.keywords if keyword.arg)]


def _kind(argument: ast.expr) -> str:
    try:
        value = ast.literal_eval(argument)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return "value"
    return "items" if isinstance(value, list | tuple | set) else _KINDS.get(type(value), "value")
