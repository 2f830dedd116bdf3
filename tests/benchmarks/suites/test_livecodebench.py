"""LiveCodeBench: its records are cases, its private tests are never unpickled, and its comparisons hold."""

import base64
import json
import pickle
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judge.judge import open_judge
from benchmarks.judge.script import are_equal_numbers
from benchmarks.suite import FunctionCase, ScriptCase, Suite
from benchmarks.suites.livecodebench import livecodebench_case
from benchmarks.suites.load import load_suite
from benchmarks.suites.samples import read_samples
from coder.base.errors import UsageError

Test = dict[str, str]


def packed(value: object) -> str:
    """Return private tests as most records have them."""
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def stdin(given_text: str, output: str) -> Test:
    return {"input": given_text, "output": output, "testtype": "stdin"}


def functional(arguments: str, output: str) -> Test:
    return {"input": arguments, "output": output, "testtype": "functional"}


DOUBLE = {
    "question_title": "Double",
    "question_content": "Print twice the number.",
    "platform": "atcoder",
    "question_id": "abc001_a",
    "contest_id": "abc001",
    "contest_date": "2024-01-01T00:00:00",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": json.dumps([stdin("1\n", "2\n")]),
    "private_test_cases": packed(json.dumps([stdin("5\n", "10.0\n"), stdin("-1\n", "-2")])),
    "metadata": "{}",
}
APPEND = {
    **DOUBLE,
    "question_content": "Add an item to a list.",
    "question_id": "2727",
    "starter_code": "class Solution:\n    def added(self, items: List[int], item: int) -> list:\n        ",
    "public_test_cases": json.dumps([functional("[1]\n2", "[1, 2]")]),
    "private_test_cases": json.dumps([functional("[]\n7", "[7]"), functional("[true]\n0", "[true, 0]")]),
    "metadata": json.dumps({"func_name": "added"}),
}


def read(tmp_path: Path, *records: object) -> Suite:
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return load_suite(tmp_path / "test.jsonl")


def test_a_solver_sees_the_public_tests_alone(tmp_path: Path) -> None:
    script, method = read(tmp_path, DOUBLE, APPEND).cases

    assert isinstance(script, ScriptCase)
    assert isinstance(method, FunctionCase)
    assert [run.stdin for run in script.visible] == ["1\n"]
    assert [run.stdin for run in script.runs] == ["1\n", "5\n", "-1\n"]
    assert method.visible == ("assert Solution().added([1], 2) == [1, 2]",)
    assert "def added(self" in method.prompt
    assert "[True, 0]" in method.test
    assert "[True, 0]" not in method.prompt
    assert (script.id, script.difficulty) == ("abc001_a", "easy")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "answer", "outcome"),
    [
        pytest.param(DOUBLE, "print(2 * int(input()))", "passed", id="a number that prints otherwise"),
        pytest.param(DOUBLE, "print(2 * int(input()), '')", "passed", id="blanks at the end"),
        pytest.param(
            DOUBLE, "print(f'  {2 * int(stdin.readline())}')", "passed", id="names that are imported"
        ),
        pytest.param(DOUBLE, "print(2 * int(input()))\nprint(0)", "failed", id="a line too many"),
        pytest.param(
            DOUBLE, "n = int(input())\nprint(2 * n if n < 5 else 11)", "failed", id="another number"
        ),
        pytest.param(DOUBLE, "print('sNaN')", "failed", id="no number"),
        pytest.param(
            APPEND, "class Solution:\n    def added(self, a, b): return [*a, b]", "passed", id="a method"
        ),
        pytest.param(
            APPEND,
            "class Solution:\n    def added(self, a: List[int], b): return (*a, b)",
            "passed",
            id="a tuple",
        ),
        pytest.param(
            APPEND, "class Solution:\n    def added(self, a, b): return a", "failed", id="a wrong method"
        ),
        pytest.param(
            APPEND,
            "class Any(list):\n    __eq__ = lambda a, b: True\n"
            "class Solution:\n    def added(self, a, b): return Any()",
            "failed",
            id="a value that equals everything",
        ),
    ],
)
async def test_answers_are_compared_as_livecodebench_compares_them(
    tmp_path: Path, record: object, answer: str, outcome: str
) -> None:
    suite = read(tmp_path, record)

    async with open_judge(suite) as judge:
        verdict = await judge.judge(suite.cases[0], answer)

    assert (verdict.verdict, verdict.strength) == (outcome, "strong"), verdict.detail


def test_answers_in_the_format_of_its_evaluator_are_samples(tmp_path: Path) -> None:
    answers = [{"question_id": "abc001_a", "code_list": ["print(1)", "print(2)"]}]
    (tmp_path / "answers.json").write_text(json.dumps(answers))

    samples = [*read_samples(tmp_path / "answers.json", ["abc001_a"])]

    assert [(sample.id, sample.sample, sample.text) for sample in samples] == [
        ("abc001_a", 0, "print(1)"),
        ("abc001_a", 1, "print(2)"),
    ]


class Opener:
    """Makes a pickle that calls a function when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "called"
    pickle.loads(pickle.dumps(Opener(trace)))
    assert trace.exists()
    trace.unlink()

    with pytest.raises(UsageError, match="holds more than a string"):
        read(tmp_path, {**DOUBLE, "private_test_cases": packed(Opener(trace))})

    assert not trace.exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("private_test_cases", packed(["a", "b"]), "holds more than a string"),
        ("private_test_cases", "%%%", "can't be unpacked"),
        ("private_test_cases", base64.b64encode(b"no zlib").decode(), "can't be unpacked"),
        ("private_test_cases", packed("[")[:-12], "cut off|can't be unpacked"),
        ("private_test_cases", packed("no json"), "not JSON"),
        ("private_test_cases", json.dumps([functional("1", "1")]), "all of stdin"),
        ("public_test_cases", "[{}]", "field 0.input"),
        ("question_content", 3, "question_content has to be a string"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_damaged_record_is_named_with_its_line(
    tmp_path: Path, field: str, value: object, words: str
) -> None:
    with pytest.raises(UsageError, match=f"line 1.*({words})"):
        read(tmp_path, {**DOUBLE, field: value})


def test_tests_that_unpack_to_more_than_the_limit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.suites.livecodebench.MAX_TESTS", 1000)

    with pytest.raises(UsageError, match="larger than"):
        read(tmp_path, {**DOUBLE, "private_test_cases": packed("x" * 100_000)})


@pytest.mark.slow
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_private_tests_of_any_text_are_read_in_any_protocol(
    pairs: list[tuple[str, str]], protocol: int
) -> None:
    tests = json.dumps([stdin(text, output) for text, output in pairs])
    data = base64.b64encode(zlib.compress(pickle.dumps(tests, protocol))).decode()

    case = livecodebench_case({**DOUBLE, "private_test_cases": data}, "here")

    assert isinstance(case, ScriptCase)
    assert [(run.stdin, run.stdout) for run in case.runs[1:]] == pairs


def test_a_line_of_very_many_numbers_takes_little_memory() -> None:
    line = "12 " * 300_000
    tracemalloc.start()
    try:
        is_equal = are_equal_numbers(line, "12")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert not is_equal
    assert most < 4 * len(line)
