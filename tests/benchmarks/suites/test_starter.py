"""Our own suite: thirty cases, each with an answer that passes and tests that a wrong one doesn't."""

from collections import Counter

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.suite import FunctionCase, RepositoryCase, ScriptCase, Suite
from benchmarks.suites.patch import apply_patch
from benchmarks.suites.starter import starter
from coder.run.examples import find_examples
from sandbox import Limits, PythonCode, Sandbox
from tests.only_pytest import opened

SUITE = starter()
FUNCTIONS = [case for case in SUITE.cases if isinstance(case, FunctionCase)]
SCRIPTS = [case for case in SUITE.cases if isinstance(case, ScriptCase)]
REPOSITORIES = [case for case in SUITE.cases if isinstance(case, RepositoryCase)]


def test_there_are_thirty_cases_of_each_kind_and_grade() -> None:
    grades = Counter(case.id.partition("/")[0] for case in SUITE.cases)

    assert grades == {"easy": 7, "medium": 7, "hard": 6, "script": 6, "repository": 4}
    assert len({case.id for case in SUITE.cases}) == 30
    assert all(case.difficulty == case.id.partition("/")[0] for case in FUNCTIONS)
    assert {case.difficulty for case in (*SCRIPTS, *REPOSITORIES)} == {None}


@pytest.mark.slow
async def test_canonical_functions_pass_as_strongly_as_can_be() -> None:
    async with open_judge(Suite(name="f", version="1", cases=tuple(FUNCTIONS))) as judge:
        answers = [(case, f"{case.prompt}{case.canonical_solution}") for case in FUNCTIONS]
        verdicts = [await judge.judge(case, code) for case, code in answers]

    assert {(one.id, one.verdict, one.strength) for one in verdicts} == {
        (case.id, "passed", "strong") for case in FUNCTIONS
    }


@pytest.mark.slow
async def test_functions_that_return_a_constant_fail() -> None:
    async with open_judge(Suite(name="f", version="1", cases=tuple(FUNCTIONS))) as judge:
        values = ("None", "0", "[]", "''")
        wrong = [(case, f"{case.prompt}    return {value}\n") for case in FUNCTIONS for value in values]
        verdicts = [await judge.judge(case, code) for case, code in wrong]

    assert [one.id for one in verdicts if one.verdict != "failed"] == []


@pytest.mark.parametrize("case", FUNCTIONS, ids=lambda case: case.id)
def test_each_function_shows_an_example(case: FunctionCase) -> None:
    assert find_examples(case.prompt)


@pytest.mark.slow
async def test_canonical_scripts_print_what_is_expected(box: Sandbox) -> None:
    for case in SCRIPTS:
        for run in case.runs:
            program = PythonCode(source=case.canonical_solution or "", arguments=run.arguments)
            result = await box.run(program, stdin=run.stdin.encode())
            assert (result.stdout, result.exit_code) == (run.stdout, 0), (case.id, run)


def test_scripts_show_one_run_and_hide_others() -> None:
    for case in SCRIPTS:
        assert case.visible == case.runs[:1]
        assert len({run.stdout for run in case.runs}) > 2


@pytest.mark.slow
@pytest.mark.parametrize("case", REPOSITORIES, ids=lambda case: case.id)
async def test_a_repositorys_tests_fail_before_and_pass_after_the_gold_patch(case: RepositoryCase) -> None:
    async with opened() as box:
        before, after = await outcomes(box, case, case.files), await outcomes(box, case, gold(case))

    assert before == {**dict.fromkeys(case.fail_to_pass, False), **dict.fromkeys(case.pass_to_pass, True)}
    assert after == dict.fromkeys([*case.fail_to_pass, *case.pass_to_pass], True)


def gold(case: RepositoryCase) -> dict[str, bytes]:
    return apply_patch(case.files, case.gold_patch or "")


async def outcomes(box: Sandbox, case: RepositoryCase, tree: dict[str, bytes]) -> dict[str, bool]:
    """Whether each test passed, by its node id."""
    files = {**tree, **{path: text.encode() for path, text in case.hidden_tests.items()}}
    arguments = ("-rA", "-q", "--no-header", "-p", "no:cacheprovider")
    run = PythonCode(source="import pytest, sys\nsys.exit(pytest.main())", arguments=arguments)
    result = await box.run(run, fresh=True, files=files, limits=Limits(wall_s=60))
    lines = [line.partition(" - ")[0].partition(" ") for line in result.stdout.splitlines()]
    return {name: word == "PASSED" for word, _, name in lines if word in ("PASSED", "FAILED")}


async def test_a_verdict_holds_the_end_of_what_a_candidate_printed() -> None:
    case = FUNCTIONS[0]
    async with open_judge(Suite(name="f", version="1", cases=(case,))) as judge:
        noisy = f"print('x' * 5000 + ' the end')\n{case.prompt}{case.canonical_solution}"
        verdict = await judge.judge(case, noisy)

    assert verdict.verdict == "passed"
    assert verdict.output.endswith(" the end")
    assert len(verdict.output) < 1100
