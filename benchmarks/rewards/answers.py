"""An answer of a model in training: the code in it, what judging found, and a case's tests one by one."""

import ast
import re
from collections.abc import Sequence

from benchmarks.suite import Case, FunctionCase, ScriptCase
from benchmarks.suites.extract import program_of
from benchmarks.suites.samples import Sample
from benchmarks.verdict import Outcome, Strength
from coder.edits.code_blocks import find_blocks
from coder.source.python_names import parse_source
from sandbox.result import Value

_THOUGHTS = re.compile(r"\A(?:\s*<think>.*?(?:</think>|\Z)|.*</think>[ \t]*$)", re.DOTALL | re.MULTILINE)


class JudgedAnswer(Value):
    """What judging found."""

    verdict: Outcome
    strength: Strength
    reward: float | None
    """1.0 for a pass, else 0.0 or its part of the tests; None if the machine kept it from being judged."""
    tests_passed: int | None
    tests: int | None
    """None unless tests were counted."""
    cpu_s: float
    detail: str


def code_of(case: Case, text: str) -> str:
    """The code in an answer: a chat's last fenced block, what follows the prompt, or all but thoughts."""
    text = _THOUGHTS.sub("", text, count=1)
    if isinstance(case, FunctionCase):
        return program_of(case, Sample(case.id, 0, "completion", text, ""), last=True)
    fenced = find_blocks(text)
    return fenced[-1].text if fenced else text


def single_tests(case: Case) -> Sequence[Case]:
    """A case for each test: a run of a script, an assertion about the candidate; else the case itself.

    An assertion comes behind those before it, whether they hold or not, so that calls are counted together.
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
    counted, body, about = [], check.body, f"{check.args.args[0].arg}("
    tests = [
        statement for statement in body if "assert " in (text := ast.unparse(statement)) and about in text
    ]
    passing = ast.ExceptHandler(ast.Name("Exception"), None, [ast.Pass()])
    for test in tests:
        before = body[: body.index(test)]
        tried = [ast.Try([item], [passing], [], []) if item in tests else item for item in before]
        check.body = [*tried, test]
        counted.append(ast.unparse(ast.fix_missing_locations(tree)))
    return counted or [source]
