"""Make cases from records of HumanEval, MBPP and SWE-bench.

HumanEval (Chen et al. 2021): a prompt that ends in a docstring with doctests, and `check(candidate)`.
MBPP (Austin et al. 2021, "Program Synthesis with Large Language Models"; all or the sanitized cases):
a sentence and three assertions; the first is visible. SWE-bench: an image per instance contains the tree.
"""

import ast
import json

from benchmarks.suite import FunctionCase, RepositoryCase
from benchmarks.suites.records import Record, make, strings
from coder.base.errors import UsageError
from coder.source.python_names import defined_names, parse_source

HUMANEVAL = frozenset({"task_id", "prompt", "entry_point", "test"})
MBPP = frozenset({"task_id", "code", "test_list"})
SWEBENCH = frozenset({"instance_id", "problem_statement", "test_patch", "FAIL_TO_PASS"})
"""Fields that identify a record's format."""
_TREE = "/testbed"
"""Path of the repository in SWE-bench's official images."""
_TIMEOUT_S = 1800.0
"""Time limit of the official harness for the tests of one instance."""


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


def swebench_case(record: Record, where: str) -> RepositoryCase:
    """Make the case of one SWE-bench record."""
    instance = str(record.get("instance_id"))
    official_image = f"swebench/sweb.eval.x86_64.{instance.lower().replace('__', '_1776_')}:latest"
    return make(
        RepositoryCase,
        where,
        **instance_fields(record, where),
        timeout_s=_TIMEOUT_S,
        files={},
        tree=_TREE,
        hidden_tests={},
        test_patch=record.get("test_patch"),
        gold_patch=record.get("patch"),
        image=record.get("image") or record.get("image_name") or official_image,
    )


def instance_fields(record: Record, where: str) -> dict[str, object]:
    """Return the fields common to SWE-bench's records and the `task.json` of a folder."""
    difficulty = record.get("difficulty")  # other data sets store other types under that name
    return {
        "id": record.get("instance_id"),
        "prompt": record.get("problem_statement"),
        "fail_to_pass": _node_ids(record, "FAIL_TO_PASS", where),
        "pass_to_pass": _node_ids(record, "PASS_TO_PASS", where),
        "difficulty": difficulty if isinstance(difficulty, str) else None,
    }


def _node_ids(record: Record, field: str, where: str) -> tuple[str, ...]:
    """Return the node ids in a field: a list, or SWE-bench's list in a string. Raises UsageError."""
    value = record.get(field)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as cause:
            raise UsageError(f"{where}: {field} is a string that holds no list.") from cause
    return strings({field: value}, field, where)
