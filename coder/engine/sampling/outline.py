"""Outline: a function's head and description as source, for a small model to continue.

A small model trained on code continues a docstring better than it follows a request in words. Its answers
vary more with the form than with random draws, so several forms are tried before several draws.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coder.source.python_names import begun_function, defined_names, longest_start, parse_source

_KINDS = {str: "text", int: "n", float: "x", bool: "flag", dict: "mapping"}
_SHOWN_EXAMPLES = 3
ENDS = ("\ndef ", "\nclass ", "\nif __name__", "\nprint", "\nassert", "\n#", "\n```", '\n"""', "\n@", "\n>>>")
"""Texts that follow a complete function."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One function without its body."""

    head: str
    """The `def` line, such as `def add(a, b):`."""
    words: str
    """The function's description, without quotes and common indent."""
    examples: tuple[str, ...] = ()
    """Examples as lines of an interactive session, if `words` holds none."""
    before: str = ""
    """Source above the function."""
    source: str = ""
    """The prompt, if it consists of `before`, the head and the docstring."""
    indent: int = 4

    @property
    def body(self) -> str:
        """A line break and the indentation without its last blank, which is part of the next token."""
        return "\n" + " " * (self.indent - 1)

    def with_docstring(self) -> str:
        """Return the source up to the body, with `words` in the docstring."""
        if self.source:
            return self.source + self.body
        docstring = self.words.replace("\\", "\\\\").replace('"""', "'''")
        lines = [*docstring.splitlines(), *(["", *self.examples] if self.examples else [])] or [""]
        further_lines = "".join(f"\n    {line}" if line else "\n" for line in lines[1:])
        return f'{self.before}{self.head}\n    """{lines[0]}{further_lines}\n    """{self.body}'

    def with_comment(self) -> str:
        """Return the source up to the body, with `words` in a comment above the head."""
        lines = [*self.words.splitlines(), *self.examples]
        comment = "".join(f"# {line}".rstrip() + "\n" for line in lines)
        return f"{self.before}{comment}{self.head}{self.body}"

    def unheaded(self) -> str:
        """Return the source without the parameters of a generated head, so that the model names them."""
        return f"{self.before}{self.head}{self.body}" if self.source else self.head.partition("(")[0] + "("


def outline(prompt: str, name: str, *, examples: Sequence[str] = ()) -> Outline | None:
    """Return the outline of the function `name`; None if neither prompt nor examples show a call."""
    function_start = begun_function(prompt)
    if function_start is None or function_start.name != name:
        return _from_examples(prompt, name, examples)
    return Outline(
        function_start.head,
        function_start.words,
        before=function_start.before,
        source=function_start.source,
        indent=function_start.indent,
    )


def missing_function(prompt: str, names: Sequence[str]) -> str | None:
    """Return the single function that a task asks for: the one its prompt ends in, else the only name."""
    function_start = begun_function(prompt)
    if function_start is not None:
        return (
            function_start.name
            if set(names) <= {*defined_names(function_start.before), function_start.name}
            else None
        )
    return names[0] if len(names) == 1 else None


def without_cut_statement(source: str) -> str:
    """Return a completed outline without a last statement that was cut off."""
    return longest_start(source.rstrip()) or source


def _from_examples(prompt: str, name: str, examples: Sequence[str]) -> Outline | None:
    """Return the outline for a prompt in words: as many parameters as the examples have arguments."""
    call = next((call for source in examples for call in calls_of(source, name)), None)
    if call is None:
        return None
    prompt_lines = (line for line in prompt.strip().splitlines() if not line.strip().startswith("assert "))
    words = re.sub(r"\s*(?:For example:?|Examples?:)\s*$", "", "\n".join(prompt_lines).strip())
    lines = [line for source in examples[:_SHOWN_EXAMPLES] for line in _session(source)]
    return Outline(f"def {name}({', '.join(_parameters(call))}):", words, tuple(lines))


def calls_of(source: str, name: str) -> Iterator[ast.Call]:
    """Yield the calls of the function `name` in a source; none if it doesn't parse."""
    tree = parse_source(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _session(source: str) -> list[str]:
    """Return an assertion as an interactive session shows it."""
    tree = parse_source(source)
    node = tree.body[0] if tree and tree.body else None
    if not isinstance(node, ast.Assert):
        return []
    test = node.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return [f">>> {ast.unparse(test.left)}", ast.unparse(test.comparators[0])]
    return [f">>> {ast.unparse(test)}", "True"]


def _parameters(call: ast.Call) -> list[str]:
    """Return parameter names by the arguments' types: text, n, items; repeated ones are numbered."""
    kinds = [_kind(argument) for argument in call.args]
    totals, counts = Counter(kinds), Counter[str]()
    names: list[str] = []
    for kind in kinds:
        counts[kind] += 1
        names.append(f"{kind}{counts[kind]}" if totals[kind] > 1 else kind)
    return [*names, *(keyword.arg for keyword in call.keywords if keyword.arg)]


def _kind(argument: ast.expr) -> str:
    try:
        value = ast.literal_eval(argument)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return "value"
    return "items" if isinstance(value, list | tuple | set) else _KINDS.get(type(value), "value")
