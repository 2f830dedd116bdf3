"""Tests that a change adds to given test files, and leaves all else there as it was.

The given tests decide as they were. What is added is run after them, and then lands with the change.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from difflib import SequenceMatcher
from typing import Any

from coder.run.message import CodeMessage, Outcome
from coder.run.state import State
from coder.source.python_names import bound_names, parse_source
from coder.verify.finding import feedback, gist
from coder.verify.new_tests import holds_tests, is_test_of
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files

Logged = Callable[[str, dict[str, bytes]], AbstractAsyncContextManager[dict[str, Any]]]
"""Function of a program's purpose and files; its context manager logs the program's start and end."""
_MAX_LINES = 5_000
"""Most lines of a file whose lines are compared."""
_WORD = re.compile(r"\w+")
_IMPORTS = re.compile(r"\s*(?:import|from|use|using|require)\b|.*\brequire\(")
"""Line that may name more than before: an import of JavaScript, Rust, Java or another language."""
_STRINGS = re.compile(r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\"""")
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


async def join_added_tests(
    verification: Verification, code: CodeMessage, outcome: Outcome, logged: Logged
) -> tuple[CodeMessage, Outcome]:
    """Run the tests that a passing change adds to given test files.

    Returns:
        The change with these files among its own, and the outcome with the new tests: a failure if one of
        them fails and no given test shows success. Both unchanged if no test is added, if a given test shows
        success without those that fail, or if an earlier test no longer passes beside them.
    """
    state, changes = verification.state, code.changes
    baseline = state.progress.baseline
    added = _additions(state, code)
    if not (outcome.passed and added and baseline is not None and baseline.told) or baseline.is_long:
        return code, outcome
    rest = {path: text for path, text in changes.test_edits.items() if path not in added}
    joined = changes.model_copy(update={"files": {**changes.files, **added}, "test_edits": rest})
    async with logged("added tests", workspace_files(state, joined.files)) as end_fields:
        run = await verification.run_command()
        end_fields |= {"status": run.result.status, "exit_code": run.result.exit_code}
    new = [line for line in run.lines if line.name not in {*baseline.before, *baseline.flaky}]
    passed_before = {name for name, passed in baseline.before.items() if passed}
    if not new or not passed_before <= run.passing:
        return code, outcome
    if any(path.endswith(".py") and not any(is_test_of(path, line.name) for line in new) for path in added):
        return code, outcome
    if failing := [line for line in new if not line.passed]:
        if rest or outcome.verified == "tests":  # they may need what was left out; given tests decide
            return code, outcome
        failed = {"passed": False, "feedback": feedback(failing, run.result), "gist": gist(run.result)}
        return code, outcome.model_copy(update={**failed, "checks": (*failing, *outcome.checks)})
    update = {"added_to": tuple(added), "checks": (*outcome.checks, *new)}
    return code.model_copy(update={"changes": joined}), outcome.model_copy(update=update)


def _additions(state: State, code: CodeMessage) -> dict[str, str]:
    """Return the given test files that a change only adds to, with their new texts."""
    edits = {path: text for path, text in code.changes.test_edits.items() if path in state.files}
    return {
        path: text
        for path, text in edits.items()
        if text is not None and holds_tests(path) and adds_alone(path, state.files[path].text or "", text)
    }


def adds_alone(path: str, before: str, after: str) -> bool:
    """Return whether a version of a test file keeps all that it held, and binds no name of it anew.

    Imports may name more. Of other languages than Python only the lines are known: what is added has to
    close the brackets that it opens.
    """
    if not path.endswith(".py"):
        return _adds_lines(before.splitlines(), after.splitlines())
    trees = parse_source(before), parse_source(after)
    return trees[0] is not None and trees[1] is not None and _adds(trees[0].body, trees[1].body)


def _adds(before: Sequence[ast.stmt], after: Sequence[ast.stmt]) -> bool:
    """Return whether statements follow one another as before, with only definitions and imports between."""
    old = [node for node in before if not isinstance(node, ast.Import | ast.ImportFrom)]
    added: list[ast.stmt] = []
    for node in after:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if old and _keeps(old[0], node):
            old.pop(0)
        else:
            added.append(node)
    imports_before, imports_after = _imports(before), _imports(after)
    new_names = [name for node in added for name in bound_names([node])]
    new_names += [name for *_, name in imports_after - imports_before]
    return (
        not old
        and imports_before <= imports_after
        and all(isinstance(node, _DEFINITIONS) for node in added)
        and len({*new_names}) == len(new_names)
        and "*" not in new_names
        and bound_names(before).isdisjoint(new_names)
    )


def _keeps(before: ast.stmt, after: ast.stmt) -> bool:
    """Return whether a statement is as before; a class may have got more in its body."""
    if ast.dump(before) == ast.dump(after):
        return True
    if not (isinstance(before, ast.ClassDef) and isinstance(after, ast.ClassDef)):
        return False
    heads = [
        (node.name, [ast.dump(part) for part in (*node.bases, *node.keywords, *node.decorator_list)])
        for node in (before, after)
    ]
    return heads[0] == heads[1] and _adds(before.body, after.body)


def _imports(body: Sequence[ast.stmt]) -> set[tuple[str, int, str, str]]:
    """Return (module, level, name, bound name) of each import."""
    return {
        (
            getattr(node, "module", None) or "",
            getattr(node, "level", 0),
            alias.name,
            alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]),
        )
        for node in body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _adds_lines(before: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether lines are kept in order, what is added is balanced, and only imports name more."""
    if max(len(before), len(after)) > _MAX_LINES:
        return False
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after, False).get_opcodes():
        old, new = "\n".join(before[start:end]), "\n".join(after[new_start:new_end])
        lost_words = Counter(_WORD.findall(old)) - Counter(_WORD.findall(new))
        is_import = end - start == 1 and _IMPORTS.match(old) is not None
        if kind == "delete" or (kind == "replace" and (lost_words or not is_import)):
            return False
        if kind == "insert" and not _is_balanced(new):
            return False
    return True


def _is_balanced(text: str) -> bool:
    bare = _STRINGS.sub("", text)
    return all(bare.count(opening) == bare.count(closing) for opening, closing in _PAIRS)
