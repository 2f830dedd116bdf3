"""The field's formats: what a solver sees, what decides, and that the canonical answer passes it."""

import json
from pathlib import Path

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.suite import FunctionCase, RepositoryCase, Suite
from benchmarks.suites.evalplus import convert_inputs, evalplus_case
from benchmarks.suites.load import load_suite
from coder.base.errors import UsageError
from sandbox import PythonCode, Sandbox


async def passes(box: Sandbox, case: FunctionCase, candidate: str, *, plus: bool = False) -> bool:
    """Whether a candidate of our own passes a test, both in one program: for the tests' sake only."""
    test = case.plus_test if plus else case.test
    program = f"{candidate}\n{case.entry_point}_ = {case.entry_point}\n{test}\ncheck({case.entry_point}_)\n"
    return (await box.run(PythonCode(source=program))).exit_code == 0


@pytest.fixture
def mbpp(data: Path) -> tuple[FunctionCase, ...]:
    suite = load_suite(data / "sanitized-mbpp.json")
    return tuple(case for case in suite.cases if isinstance(case, FunctionCase))


def test_mbpp_shows_the_first_assertion_and_no_other(mbpp: tuple[FunctionCase, ...]) -> None:
    case = mbpp[0]

    assert (case.id, case.entry_point) == ("Mbpp/2", "similar_elements")
    assert "(3, 4, 5, 6),(5, 7, 4, 10)" in case.prompt
    assert "(1, 2, 3, 4),(5, 4, 3, 7)" not in case.prompt
    assert "(1, 2, 3, 4),(5, 4, 3, 7)" in case.test
    assert case.visible == ("assert set(similar_elements((3, 4, 5, 6),(5, 7, 4, 10))) == set((4, 5))",)


@pytest.mark.slow
async def test_canonical_answers_of_mbpp_pass_their_tests_and_empty_ones_dont(
    box: Sandbox, mbpp: tuple[FunctionCase, ...]
) -> None:
    for case in mbpp[::30]:
        assert await passes(box, case, case.canonical_solution or ""), case.id
        assert not await passes(box, case, f"def {case.entry_point}(*a): return object()"), case.id


def test_the_json_lines_of_all_of_mbpp_are_read(tmp_path: Path) -> None:
    record = {
        "task_id": 601,
        "text": "Write a function.",
        "code": "class Pair: ...\ndef longest(pairs, n):\n    return 3",
        "test_list": ["assert longest([Pair(5, 24)], 4) == 3", "assert longest([], 4) == 3"],
        "test_setup_code": "import math",
        "challenge_test_list": [],
    }
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(record))

    (case,) = load_suite(tmp_path / "mbpp.jsonl").cases

    assert isinstance(case, FunctionCase)
    assert (case.id, case.entry_point) == ("Mbpp/601", "longest")
    assert case.test.startswith("import math\n")


PLUS = {
    "task_id": "HumanEval/2",
    "prompt": 'def half(x: float) -> float:\n    """Half of it."""\n',
    "entry_point": "half",
    "canonical_solution": "    return x / 2\n",
    "contract": "",
    "base_input": [[1.0]],
    "plus_input": [[3.0], [-1e300]],
    "atol": 0,
    "test": "def check(candidate): pass",
}


async def test_evalplus_decides_by_base_and_plus_inputs_apart(box: Sandbox) -> None:
    case = evalplus_case(PLUS, "line 1")
    only_base = "def half(x):\n    return 0.5"

    assert await passes(box, case, PLUS["prompt"] + PLUS["canonical_solution"])
    assert await passes(box, case, PLUS["prompt"] + PLUS["canonical_solution"], plus=True)
    assert await passes(box, case, only_base)
    assert not await passes(box, case, only_base, plus=True)


@pytest.mark.slow
async def test_the_judge_says_base_and_plus_apart() -> None:
    case = evalplus_case(PLUS, "line 1")
    async with open_judge(Suite(name="plus", version="1", cases=(case,))) as judge:
        verdict = await judge.judge(case, "def half(x):\n    return 0.5")

    assert (verdict.verdict, verdict.base, verdict.strength) == ("failed", "passed", "strong")
    assert "expected 1.5, got 0.5" in verdict.detail


async def test_floats_of_evalplus_agree_within_its_tolerance(box: Sandbox) -> None:
    case = evalplus_case(PLUS, "line 1")

    assert await passes(box, case, "def half(x):\n    return x / 2 + 1e-7")
    assert not await passes(box, case, "def half(x):\n    return x / 2 + 1e-5")
    assert not await passes(box, case, "def half(x):\n    return None")


async def test_inputs_are_copied_for_the_candidate(box: Sandbox) -> None:
    record = {**PLUS, "canonical_solution": "    return sum(x)\n", "base_input": [[[1, 2]], [[1, 2]]]}
    case = evalplus_case(record, "line 1")

    assert await passes(box, case, "def half(x):\n    x.append(sum(x))\n    return x[-1]")


@pytest.mark.parametrize(
    ("name", "arguments", "right", "wrong"),
    [
        ("Diff", "[[1, 2], [3]]", "return [2, 1]", "return [1]"),
        ("text_match_three", "['a', 'b']", "return 'anything'", "return None"),
        ("sum_div", "[8, 4]", "return 0", "return 1"),
        ("digit_distance_nums", "[1, 100]", "return 2", "return 5"),
        ("surface_Area", "[3, 4]", "return 35", "return 37"),
    ],
)
async def test_special_cases_of_mbpp_plus_are_decided_as_evalplus_does(
    box: Sandbox, name: str, arguments: str, right: str, wrong: str
) -> None:
    canonical = {
        "Diff": "return a + b[:0]",
        "text_match_three": "return True",
        "sum_div": "return 12",
        "digit_distance_nums": "return 99",
        "surface_Area": "return 33",
    }[name]
    record = {
        **PLUS,
        "task_id": "Mbpp/769",
        "entry_point": name,
        "prompt": '"""Words."""\n',
        "canonical_solution": f"def {name}(a, b):\n    {canonical}\n",
        "base_input": [json.loads(arguments.replace("'", '"'))],
        "atol": 0.01,
    }
    case = evalplus_case(record, "line 1")

    assert await passes(box, case, f"def {name}(a, b):\n    {right}")
    assert not await passes(box, case, f"def {name}(a, b):\n    {wrong}")


@pytest.mark.parametrize(
    ("number", "arguments", "real"),
    [
        (2, [[1], [2]], [(1,), (2,)]),
        (63, [[[1, 2]]], [[(1, 2)]]),
        (75, [[[1]], 2], [[(1,)], 2]),
        (106, [[1], [2]], [[1], (2,)]),
        (115, [[[1], []]], [[{1}, {}]]),
        (124, ["1.5", "2j"], [1.5, 2j]),
        (252, ["1+2j"], [1 + 2j]),
        (259, [[[1]], [[2]]], [((1,),), ((2,),)]),
        (278, [[1, [2]]], [(1, (2,))]),
        (307, [[1], 2, 3], [(1,), 2, 3]),
        (580, [[1, [2]]], ((1, (2,)),)),
        (722, [{"a": [1]}, 2], [{"a": (1,)}, 2]),
        (999, [[1]], [[1]]),
    ],
)
def test_types_that_json_lost_come_back(number: int, arguments: list[object], real: object) -> None:
    assert convert_inputs(number, [arguments]) == [real]


@pytest.mark.parametrize(
    ("given", "read"), [("15 min - 1 hour", "15 min - 1 hour"), ({"score": 2}, None), (None, None)]
)
def test_instances_of_swe_bench_name_their_image(tmp_path: Path, given: object, read: str | None) -> None:
    record = {
        "instance_id": "Org__repo-12",
        "repo": "org/repo",
        "base_commit": "c",
        "problem_statement": "It breaks.",
        "patch": "gold",
        "test_patch": "tests",
        "FAIL_TO_PASS": '["t.py::a"]',
        "PASS_TO_PASS": ["t.py::b"],
        "version": "1",
        "difficulty": given,
    }
    (tmp_path / "swe.jsonl").write_text(json.dumps(record))

    (case,) = load_suite(tmp_path / "swe.jsonl").cases

    assert isinstance(case, RepositoryCase)
    assert case.image == "swebench/sweb.eval.x86_64.org_1776_repo-12:latest"
    assert (case.fail_to_pass, case.pass_to_pass) == (("t.py::a",), ("t.py::b",))
    assert (case.test_patch, case.tree, case.files) == ("tests", "/testbed", {})
    assert case.difficulty == read


@pytest.mark.parametrize("name", ["boltons-truncated-traceback", "sqlparse-keep-hints"])
def test_a_repository_folder_without_its_tree_says_how_to_make_it(data: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"rebuild\.py"):
        load_suite(data / "repo_tasks" / name)
