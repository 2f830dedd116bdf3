"""Make cases from records of HumanEval and MBPP.

HumanEval (Chen et al. 2021): a prompt that ends in a docstring with doctests, and `check(candidate)`.
MBPP (Austin et al. 2021, "Program Synthesis with Large Language Models"; all or the sanitized cases):
a sentence and three assertions; the first is visible.
"""

import ast

from benchmarks.suite import FunctionCase
from benchmarks.suites.records import Record, make, strings
from coder.base.errors import UsageError
from coder.source.python_names import defined_names, parse_source

HUMANEVAL = frozenset({"task_id", "prompt", "entry_point", "test"})
MBPP = frozenset({"task_id", "code", "test_list"})
"""Fields that identify a record's format."""


def humaneval_case(record: Record, where: str) -> FunctionCase:
    """Make the case of one HumanEval record."""
    names = ("prompt", "entry_point", "test", "canonical_solution")
    fields = {name: record.get(name) for name in names}
    return make(FunctionCase, where, id=record.get("task_id"), **fields)


def mbpp_case(record: Record, where: str) -> FunctionCase:
    """Make the case of one MBPP record, with an id such as `Mbpp/2`, as in evalplus. Raises UsageError."""
    asserts = strings(record, "test_list", where)
    code = record.get("code")
    if not asserts or not isinstance(code, str):
        raise UsageError(f"{where}: a case of MBPP has its code, and assertions in test_list.")
    name = _entry_point(asserts, code, where)
    setup = "\n".join([*strings(record, "test_imports", where), str(record.get("test_setup_code") or "")])
    body = "\n".join(f"    {line}" for source in asserts for line in source.strip().splitlines())
    test = f"{setup.strip()}\n\n\ndef check(candidate):\n    {name} = candidate\n{body}\n"
    words = record.get("prompt", record.get("text"))
    return make(
        FunctionCase,
        where,
        id=f"Mbpp/{record.get('task_id')}",
        prompt=f"{words}\nThe function is called `{name}`. For example:\n{asserts[0]}\n" if words else None,
        entry_point=name,
        test=test.lstrip("\n"),
        canonical_solution=code,
        visible=(asserts[0],),
    )


def _entry_point(asserts: tuple[str, ...], code: str, where: str) -> str:
    """Return the name that the assertions call and the code defines. Raises UsageError if there is none."""
    defined_in_code = defined_names(code)
    for source in asserts:
        tree = parse_source(source)
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
        # Also a builtin's name: the task may ask for its own `sum`.
        if name := next(
            (call.id for call in calls if isinstance(call, ast.Name) and call.id in defined_in_code), None
        ):
            return name
    raise UsageError(f"{where}: the assertions call no function of the code.")
