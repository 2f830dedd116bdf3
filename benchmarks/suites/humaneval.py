"""HumanEval: one function a case, a prompt that ends in a docstring, and `check(candidate)`.

The format of Chen et al. 2021, JSON Lines, packed or not. The solver sees the prompt, whose doctests are
the examples that it may check itself by.
"""

from benchmarks.suite import FunctionCase
from benchmarks.suites.fields import make
from benchmarks.suites.records import Record

FIELDS = frozenset({"task_id", "prompt", "entry_point", "test"})


def humaneval_case(record: Record, where: str) -> FunctionCase:
    """The case of one line."""
    return make(
        FunctionCase,
        where,
        id=record.get("task_id"),
        prompt=record.get("prompt"),
        entry_point=record.get("entry_point"),
        test=record.get("test"),
        canonical_solution=record.get("canonical_solution"),
    )
