"""Handle answers of a model in training: extract code, define results, split a case into single tests."""

import ast
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from benchmarks.suite import Case, FunctionCase, ScriptCase
from benchmarks.verdict import Outcome, Seconds, Strength
from coder.source.python_names import parse_source
from sandbox.result import Value


class JudgedAnswer(Value):
    """Result of judging one answer."""

    verdict: Outcome
    strength: Strength
    number: int = Field(default=0, exclude=True)
    """Number of the answer in its request."""
    reward: Annotated[float, Field(ge=0, le=1)] | None
    """1.0 for a pass, else 0.0 or the share of passed tests; None if the machine couldn't judge."""
    tests_passed: int | None = None
    tests: int | None = None
    """Number of tests; None if tests weren't counted."""
    cpu_s: Seconds = 0.0
    detail: str = ""


def split_tests(case: Case) -> Sequence[Case]:
    """Return a case for each test: a run of a script, or an assertion about the candidate; else the case.

    Earlier assertions run first, passing or not, so that the candidate gets the same calls as in the case.
    """
    if isinstance(case, ScriptCase):
        return [case.model_copy(update={"runs": (run,)}) for run in case.runs]
    if not isinstance(case, FunctionCase):
        return [case]
    tests = [
        assertion for source in (case.test, case.plus_test) if source for assertion in _assertions(source)
    ]
    return [case.model_copy(update={"test": test, "plus_test": None}) for test in tests]


def _assertions(source: str) -> Sequence[str]:
    tree = parse_source(source) or ast.Module([], [])
    check = next(
        (
            statement
            for statement in tree.body
            if isinstance(statement, ast.FunctionDef) and statement.name == "check"
        ),
        None,
    )
    if check is None or not check.args.args:
        return [source]
    sources, body, call_start = [], check.body, f"{check.args.args[0].arg}("
    tests = [
        statement
        for statement in body
        if "assert " in (text := ast.unparse(statement)) and call_start in text
    ]
    ignore_error = ast.ExceptHandler(ast.Name("Exception"), None, [ast.Pass()])
    for test in tests:
        earlier_statements = body[: body.index(test)]
        guarded_statements = [
            ast.Try([statement], [ignore_error], [], []) if statement in tests else statement
            for statement in earlier_statements
        ]
        check.body = [*guarded_statements, test]
        sources.append(ast.unparse(ast.fix_missing_locations(tree)))
    return sources or [source]
