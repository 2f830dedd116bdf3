"""Find tests inside of source files, Rust's `#[test]` and Python's doctests, that a change edits or removes.

An answer may write such a file, so that a test could be made to pass by another expectation.
"""

import ast
import doctest
import re
from collections.abc import Iterator, Mapping

from coder.run.message import CodeMessage, Outcome
from coder.run.state import State
from coder.run.verdict_words import join_names
from coder.source.python_names import parse_source

_RUST_TEST = re.compile(
    r"#\[(?:\w+::)*test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)[^{;]*\{"
)
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def without_edited(state: State, code: CodeMessage, outcome: Outcome) -> Outcome:
    """Return the outcome; nothing shows it if the change edits failing tests inside of source files."""
    if not outcome.passed or outcome.unshown or not (names := edited_tests(state, code.changes.files)):
        return outcome
    unshown = f"it changes tests that failed: {join_names(names)}"
    return outcome.model_copy(update={"verified": "none", "strength": "none", "unshown": unshown})


def edited_tests(state: State, files: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the tests that failed before the work and that these changed files don't hold as they were."""
    baseline = state.progress.baseline
    failing = [name for name, passed in baseline.before.items() if not passed] if baseline is not None else []
    edited = []
    for path in files.keys() & state.files.keys() if failing else ():
        tests_before = _tests_in(path, state.files[path].text or "")
        tests_now = _tests_in(path, files[path] or "")
        for name, parts in tests_before.items():
            if not parts <= tests_now.get(name, set()):
                edited += [test for test in failing if _is_named(test, path, name)]
    return tuple(dict.fromkeys(edited))


def _tests_in(path: str, text: str) -> dict[str, set[str]]:
    """Return the parts of each test of a file, by its name in the file."""
    if path.endswith(".rs"):
        return {match[1]: {_block(text, match.end())} for match in _RUST_TEST.finditer(text)}
    if path.endswith(".py") and ">>>" in text and (tree := parse_source(text)) is not None:
        return dict(_doctests(tree, ""))
    return {}


def _is_named(test: str, path: str, name: str) -> bool:
    """Whether a test's name in the report is that of a test in a file."""
    if path.endswith(".rs"):
        return test.rpartition("::")[2] == name
    place, _, dotted = test.partition("::")
    if path in test.split():  # a command, which names the file
        return True
    return place == path and (dotted.endswith(f".{name}") if name else True)


def _block(text: str, start: int) -> str:
    """Return what follows an opening brace up to its end, without the layout."""
    depth = 1
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return " ".join(text[start:position].split())
    return " ".join(text[start:].split())


def _doctests(node: _Documented, name: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the examples of each docstring below a node, by the name of what is documented."""
    document = ast.get_docstring(node) or ""
    try:
        examples = doctest.DocTestParser().get_examples(document) if ">>>" in document else []
        parts = {f"{example.source}{example.want}" for example in examples}
    except ValueError:
        parts = {document}
    if parts:
        yield name, parts
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _doctests(child, f"{name}.{child.name}" if name else child.name)
