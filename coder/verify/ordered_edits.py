"""Whether the task itself orders what an edited test expects. Pure.

The new value stands in it, the old one doesn't. Only for tasks in the user's own words. All that differs
between a given test file and its edit has to be whole asserted values; the user decides on anything else.
"""

import ast
import re
from collections.abc import Iterator

from coder.source.python_names import is_literal, parse_source

_LEAST = 8
"""Characters of a value that can't stand in a task by chance."""
_QUOTES = "`'\"“”‘’«»"
_ORDERS = re.compile(
    r"\b(?:shall|should|must|ha(?:s|ve) to|needs? to|ought to|expect(?:ed|s)?|becomes?|new|is now)\b"
    r"|(?:^|[.!?;:,]\s*|\b(?:and|then|please)\s+)(?:give|let|make|print|return|show|use|write|render|output)\b"
    r"|^[ \t]*>>>",
    re.IGNORECASE | re.MULTILINE,
)
"""Words before a value, in its sentence, that order it; a sentence without them may tell of anything."""
_AGAINST = re.compile(
    r"\b(?:not|never|no|cannot|without|avoid|instead of|rather than|unlike|wrong\w*)\b|n't\b"
    r"|\b(?:stop|remove|drop|delete|why)\b",
    re.IGNORECASE,
)
"""Words anywhere in its sentence that may order the opposite."""
_ENDS = re.compile(r"[.!?](?=\s|$)")
"""End of a sentence."""


def are_ordered(task: str, before: str, after: str) -> bool:
    """Whether a test file and its edit differ in asserted values alone, each of them as the task says."""
    old, new = parse_source(before), parse_source(after)
    if old is None or new is None:
        return False
    pairs = list(zip(_asserted(old), _asserted(new), strict=False))
    changed = [(one, other) for one, other in pairs if ast.dump(one) != ast.dump(other)]
    for one, other in changed:
        texts = _text(one), _text(other)
        if texts[0] is None or texts[1] is None or texts[0] == texts[1]:
            return False
        if not _stands_in(task, texts[1]) or texts[0] in task:
            return False
    olds = {(ast.dump(other), ast.dump(one)) for one, other in changed}
    is_clear = len(olds) == len({after for after, _ in olds})  # else a value may be ordered for one alone
    return bool(changed) and is_clear and _without_values(old) == _without_values(new)


def _asserted(tree: ast.AST) -> Iterator[ast.expr]:
    """Literals that a test compares something with for equality."""
    for node in ast.walk(tree):
        operands: list[ast.expr] = []
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
            is_equality = isinstance(node.test.ops[0], ast.Eq)
            operands = [node.test.left, *node.test.comparators] if is_equality else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            operands = node.args[:2] if node.func.attr == "assertEqual" else []
        literals = [one for one in operands if is_literal(one)]
        if len(literals) == 1:  # two literals compare nothing of the code's
            yield literals[0]


def _text(node: ast.expr) -> str | None:
    """A value as a task would give it; None for bytes."""
    value = ast.literal_eval(node)
    return value if isinstance(value, str) else None if isinstance(value, bytes) else ast.unparse(node)


def _without_values(tree: ast.Module) -> str:
    """The tree with each asserted literal replaced by a blank."""
    for node in list(_asserted(tree)):
        for name in node._fields:
            delattr(node, name)
        node.__class__ = ast.Pass  # type: ignore[assignment]
    return ast.dump(tree)


def _stands_in(task: str, value: str) -> bool:
    """Whether a value stands in a task whole: as code, in quotation marks, or in a line of its own."""
    if len(value.strip()) < _LEAST:
        return False
    is_code = bool(re.search(r"[^\w\s.,;:!?'-]", value))
    places = [place.start() for place in re.finditer(re.escape(value), task)]
    return bool(places) and all(_is_whole(task, value, place, is_code=is_code) for place in places)


def _is_whole(task: str, value: str, start: int, *, is_code: bool) -> bool:
    end = start + len(value)
    line = task[task.rfind("\n", 0, start) + 1 : start]
    before, after = task[start - 1 : start], task[end : end + 1]
    is_quoted = before != "" and before in _QUOTES and after != "" and after in _QUOTES
    is_line = not line.strip() and task[end:].partition("\n")[0].strip() == ""
    is_apart = not re.match(r"\w", before) and not re.match(r"\w", after)
    return (is_quoted or is_line or (is_code and is_apart)) and _is_order(task[:start], task[end:])


def _is_order(before: str, after: str) -> bool:
    """Whether the sentence around a value orders it."""
    head = _ENDS.split(before.rstrip(f"{_QUOTES} \t\n"))[-1].strip()
    tail = _ENDS.split(after)[0]
    is_order = _ORDERS.search(head) is not None or "from now on" in tail
    return is_order and not _AGAINST.search(f"{head}\n{tail}")
