"""Decide whether the task itself states what an edited test expects. Pure.

The task must contain the new value and not the old one, in the user's own words. A given test file and
its edit may only differ in whole asserted values; otherwise the user decides.
"""

import ast
import re
from collections.abc import Iterator

from coder.source.python_names import is_literal, parse_source

_MIN_CHARACTERS = 8
"""Minimum length of a value; a shorter one may be in a task by chance."""
_QUOTES = "`'\"“”‘’«»"
_INSTRUCTIONS = re.compile(
    r"\b(?:shall|should|must|ha(?:s|ve) to|needs? to|ought to|expect(?:ed|s)?|becomes?|new|is now)\b"
    r"|(?:^|[.!?;:,]\s*|\b(?:and|then|please)\s+)(?:give|let|make|print|return|show|use|write|render|output)\b"
    r"|^[ \t]*>>>",
    re.IGNORECASE | re.MULTILINE,
)
"""Words before a value that make its sentence an instruction."""
_NEGATIONS = re.compile(
    r"\b(?:not|never|no|cannot|without|avoid|instead of|rather than|unlike|wrong\w*)\b|n't\b"
    r"|\b(?:stop|remove|drop|delete|why)\b",
    re.IGNORECASE,
)
"""Words that may turn an instruction into its opposite."""
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
"""End of a sentence."""


def are_ordered(task: str, before: str, after: str) -> bool:
    """Return whether a test file and its edit only differ in asserted values that the task states."""
    old_tree, new_tree = parse_source(before), parse_source(after)
    if old_tree is None or new_tree is None:
        return False
    pairs = list(zip(_asserted_literals(old_tree), _asserted_literals(new_tree), strict=False))
    changed_pairs = [
        (old_node, new_node) for old_node, new_node in pairs if ast.dump(old_node) != ast.dump(new_node)
    ]
    for old_node, new_node in changed_pairs:
        texts = _text(old_node), _text(new_node)
        if texts[0] is None or texts[1] is None or texts[0] == texts[1]:
            return False
        if not _contains_value(task, texts[1]) or texts[0] in task:
            return False
    dumps = {(ast.dump(new_node), ast.dump(old_node)) for old_node, new_node in changed_pairs}
    is_clear = len(dumps) == len(
        {after for after, _ in dumps}
    )  # else the task may mean only one of the values
    return bool(changed_pairs) and is_clear and _without_values(old_tree) == _without_values(new_tree)


def _asserted_literals(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the literals that a test compares for equality."""
    for node in ast.walk(tree):
        operands: list[ast.expr] = []
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
            is_equality = isinstance(node.test.ops[0], ast.Eq)
            operands = [node.test.left, *node.test.comparators] if is_equality else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            operands = node.args[:2] if node.func.attr == "assertEqual" else []
        literals = [operand for operand in operands if is_literal(operand)]
        if len(literals) == 1:  # a comparison of two literals doesn't test the code
            yield literals[0]


def _text(node: ast.expr) -> str | None:
    """Return a value as a task would write it; None for bytes."""
    value = ast.literal_eval(node)
    return value if isinstance(value, str) else None if isinstance(value, bytes) else ast.unparse(node)


def _without_values(tree: ast.Module) -> str:
    """Return a dump of the tree with each asserted literal blanked."""
    for node in list(_asserted_literals(tree)):
        for name in node._fields:
            delattr(node, name)
        node.__class__ = ast.Pass  # type: ignore[assignment]
    return ast.dump(tree)


def _contains_value(task: str, value: str) -> bool:
    """Return whether a task contains a whole value: as code, in quotation marks, or on a line of its own."""
    if len(value.strip()) < _MIN_CHARACTERS:
        return False
    is_code = bool(re.search(r"[^\w\s.,;:!?'-]", value))
    positions = [match.start() for match in re.finditer(re.escape(value), task)]
    return bool(positions) and all(_is_whole(task, value, match, is_code=is_code) for match in positions)


def _is_whole(task: str, value: str, start: int, *, is_code: bool) -> bool:
    end = start + len(value)
    line = task[task.rfind("\n", 0, start) + 1 : start]
    preceding, following = task[start - 1 : start], task[end : end + 1]
    is_quoted = preceding != "" and preceding in _QUOTES and following != "" and following in _QUOTES
    is_line = not line.strip() and task[end:].partition("\n")[0].strip() == ""
    is_separate = not re.match(r"\w", preceding) and not re.match(r"\w", following)
    return (is_quoted or is_line or (is_code and is_separate)) and _is_instruction(task[:start], task[end:])


def _is_instruction(before: str, after: str) -> bool:
    """Return whether the sentence around a value is an instruction."""
    head = _SENTENCE_END.split(before.rstrip(f"{_QUOTES} \t\n"))[-1].strip()
    tail = _SENTENCE_END.split(after)[0]
    is_order = _INSTRUCTIONS.search(head) is not None or "from now on" in tail
    return is_order and not _NEGATIONS.search(f"{head}\n{tail}")
