"""Whatever stands in a row of a suite, reading it gives a case or that row's error."""

import base64
import json
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.suite import Suite, UnreadableCase
from benchmarks.suites.load import read_cases

_STDIN = [{"input": "1", "output": "2", "testtype": "stdin"}]
_PATCH = "--- a/t.py\n+++ b/t.py\n@@ -0,0 +1 @@\n+b\n"
ROWS: dict[str, dict[str, Any]] = {
    "function": {
        "id": "a",
        "prompt": "p",
        "entry_point": "f",
        "test": "",
        "visible": ["assert 1"],
        "timeout_s": 3,
    },
    "script": {"id": "a", "prompt": "p", "runs": [{"stdin": "1", "stdout": "1", "arguments": ["a"]}]},
    "repository": {
        **{"id": "a", "prompt": "p", "files": {"a.py": "x"}, "hidden_tests": {"t.py": "x"}, "runner": "go"},
        **{"environment": {"A": "b"}, "test_commands": ["x"], "memory_mb": 100, "may_change": ["a"]},
    },
    "archive": {"id": "a", "prompt": "p", "archive": "x.tar", "hidden_tests": {"t.py": "x"}},
    "humaneval+": {
        **{
            "task_id": "HumanEval/2",
            "prompt": "def f(x):\n",
            "entry_point": "f",
            "canonical_solution": " return x",
        },
        **{"base_input": [[1], [2.5]], "plus_input": [[3]], "atol": 0.1},
    },
    "mbpp+": {
        **{"task_id": "Mbpp/2", "prompt": "assert f(1)\n", "assertion": "a", "entry_point": "f"},
        **{"canonical_solution": "", "base_input": [[[1, 2], [3]]], "plus_input": [[[3], [4]]], "atol": 0},
    },
    "mbpp+ of complex numbers": {
        **{"task_id": "Mbpp/124", "prompt": "assert f(1)\n", "assertion": "a", "entry_point": "f"},
        **{"canonical_solution": "", "base_input": [["1", "2j"]], "plus_input": [["1", "1j"]], "atol": 0},
    },
    "humaneval": {"task_id": "HumanEval/1", "prompt": "p", "entry_point": "f", "test": "t"},
    "mbpp": {
        **{"task_id": 1, "code": "def f(x): return x", "test_list": ["assert f(1) == 1"], "text": "words"},
        **{"test_imports": ["import os"], "test_setup_code": "x = 1"},
    },
    "multipl-e": {"name": "H_0", "language": "js", "prompt": "p", "tests": "t", "stop_tokens": ["\n}"]},
    "livecodebench": {
        **{"question_content": "q", "question_id": "1", "difficulty": "easy"},
        "public_test_cases": json.dumps(_STDIN),
        "private_test_cases": base64.b64encode(zlib.compress(pickle.dumps(json.dumps(_STDIN)))).decode(),
    },
    "livecodebench method": {
        **{"question_content": "q", "question_id": "1", "starter_code": "", "metadata": '{"func_name": "f"}'},
        "public_test_cases": [{"input": "1\n2", "output": "2", "testtype": "functional"}],
        "private_test_cases": [{"input": "[1]\n2", "output": "[2]", "testtype": "functional"}],
    },
    "swe-bench": {
        **{"instance_id": "a__b-1", "problem_statement": "p", "test_patch": _PATCH, "repo": "a/b"},
        **{"FAIL_TO_PASS": '["a"]', "PASS_TO_PASS": "['b']"},
    },
    "swe-bench pro": {
        **{"instance_id": "a__b-1", "problem_statement": "p", "test_patch": _PATCH, "repo": "a/b"},
        **{"fail_to_pass": "['a']", "dockerhub_tag": "x", "test_cmds": ["pytest"], "log_parser": "pytest"},
    },
    "swe-rebench": {
        **{"instance_id": "a__b-1", "problem_statement": "p", "test_patch": _PATCH, "repo": "a/b"},
        **{"FAIL_TO_PASS": ["a"], "install_config": {"log_parser": "pytest"}, "language": "python"},
    },
    "task.json": {"instance_id": "a", "problem_statement": "p", "FAIL_TO_PASS": ["a"], "dependencies": ["x"]},
    "polyglot": {"files": {"solution": ["a.py"], "test": ["a_test.py"], "example": [".meta/b.py"]}},
}
_SURROGATES = ["\ud800", "a\udfff", '"\\ud800"', '[{"input": "\\ud800", "output": "", "testtype": "stdin"}]']
_NUMBERS = [
    10**400,
    -(10**400),
    -1,
    float("nan"),
    float("inf"),
    "9" * 5000,
    "HumanEval/" + "9" * 5000,
    "Mbpp/124",
]
_PATHS = ["../x", "/etc", "\0", "x" * 5000, ".", "", "a/../b", ".meta"]
_LEAVES = st.sampled_from([None, True, 0, "[", "{}", "js", "\n", *_SURROGATES, *_NUMBERS, *_PATHS]) | st.text(
    max_size=3
)
VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "\ud800", "files"]), inner)
    ),
    max_leaves=4,
)


def _places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


def _changed(value: Any, place: tuple[Any, ...], new: object) -> Any:
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = _changed(value[place[0]], place[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from([*ROWS]))
    row = ROWS[name]
    for _ in range(draw(st.integers(1, 2))):
        row = _changed(row, draw(st.sampled_from([*_places(row)])), draw(VALUES))
    return name, row


def _write(folder: Path, name: str, row: dict[str, Any]) -> Path:
    """Write a row as its suite has it, and return the suite's path."""
    text = json.dumps(row)
    if name == "task.json":
        place = folder / "tasks" / "a" / "task.json"
        suite = folder / "tasks"
    elif name == "polyglot":
        place = folder / "exercises" / "a" / ".meta" / "config.json"
        suite = folder / "exercises"
    else:
        place = suite = folder / "suite.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text + "\n")
    for archive in (folder / "x.tar", place.with_name("repo.tar.gz")):
        with tarfile.open(archive, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("t.py"))
    place.with_name("tests.patch").write_text(_PATCH)
    if name == "polyglot":
        for file in ("a.py", "a_test.py", ".meta/b.py"):
            (place.parents[1] / file).write_text("x = 1\n")
    return suite


@pytest.mark.parametrize("name", ROWS)
def test_a_row_without_a_mutation_is_a_case(tmp_path: Path, name: str) -> None:
    (case,) = read_cases(_write(tmp_path, name, ROWS[name]))

    assert not isinstance(case, UnreadableCase), case.reason


@pytest.mark.slow
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(mutated())
def test_a_row_is_read_or_refused_by_its_own_error(
    tmp_path: Path, changed: tuple[str, dict[str, Any]]
) -> None:
    name, row = changed
    suite = _write(tmp_path, name, row)

    (case,) = read_cases(suite)

    if isinstance(case, UnreadableCase):
        assert case.trace == "", case.trace
        assert str(suite) in case.reason
    assert Suite(name="s", version="1", cases=(case,)).digest
