"""MBPP: a sentence, and three assertions. Of those the solver sees the first, as an example; all decide.

Austin et al. 2021, "Program Synthesis with Large Language Models": the sanitized JSON list, and the JSON
Lines of all cases. Ids are written as evalplus does: `Mbpp/2`.
"""

import ast

from benchmarks.errors import BadSuite
from benchmarks.suite import FunctionCase
from benchmarks.suites.fields import make, strings
from benchmarks.suites.records import Record
from coder.source.python_names import defined_names, parse_source

FIELDS = frozenset({"task_id", "code", "test_list"})


def mbpp_case(record: Record, where: str) -> FunctionCase:
    """The case of one record.

    Raises:
        BadSuite: a field is missing, of another type, or the assertions call nothing of the code.
    """
    asserts = strings(record, "test_list", where)
    code = record.get("code")
    if not asserts or not isinstance(code, str):
        raise BadSuite(f"{where}: a case of MBPP has its code, and assertions in test_list.")
    name = _entry_point(asserts, code, where)
    setup = "\n".join(
        [*strings(record, "test_imports", where), str(record.get("test_setup_code") or "")]
    ).strip()
    words = record.get("prompt", record.get("text"))
    return make(
        FunctionCase,
        where,
        id=f"Mbpp/{record.get('task_id')}",
        prompt=f"{words}\nThe function is called `{name}`. For example:\n{asserts[0]}\n" if words else None,
        entry_point=name,
        test=check_of(asserts, name, setup=setup),
        canonical_solution=code,
        visible=(asserts[0],),
    )


def check_of(asserts: tuple[str, ...], entry_point: str, *, setup: str = "") -> str:
    """Assertions as a HumanEval `check(candidate)`, in which the function has its own name, too."""
    body = "\n".join(f"    {line}" for source in asserts for line in source.strip().splitlines())
    return f"{setup}\n\n\ndef check(candidate):\n    {entry_point} = candidate\n{body}\n".lstrip("\n")


def _entry_point(asserts: tuple[str, ...], code: str, where: str) -> str:
    """What the assertions call and the code defines."""
    defined = defined_names(code)
    for source in asserts:
        tree = parse_source(source)
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
        # Also a name that Python itself has: the task may ask for a `sum` of its own.
        if name := next((one.id for one in calls if isinstance(one, ast.Name) and one.id in defined), None):
            return name
    raise BadSuite(f"{where}: the assertions call no function of the code.")
