"""Scripts whose output isn't compared line by line: within a tolerance, or by the case's own checker."""

import pytest
from pydantic import ValidationError

from benchmarks.judge.judge import Judge
from benchmarks.judge.script import are_near
from benchmarks.suite import ScriptCase, ScriptRun, Tolerance

IN_SESSION = pytest.mark.asyncio(loop_scope="session")
"""The loop of the judge that modules share."""

PRIME_FACTORS = ScriptRun(stdin="12\n", stdout="")
CHECKER = """
def check(stdin, stdout, expected):
    number = int(stdin)
    for word in stdout.split():
        number //= int(word)
    return number == 1
"""


def case(**fields: object) -> ScriptCase:
    return ScriptCase.model_validate({"id": "s", "prompt": "", "runs": [PRIME_FACTORS], **fields})


@pytest.mark.parametrize(
    ("actual", "expected", "tolerance", "near"),
    [
        ("0.30000001", "0.3", 1e-6, True),
        ("1000000.5", "1000000", 1e-6, True),
        ("1000000.5", "1000000", {"absolute": 1e-6}, False),
        ("0.0000005", "0", {"relative": 1e-6}, False),
        ("x  1.0", "x 1", 1e-6, True),
        ("y 1.0", "x 1", 1e-6, False),
        ("1 2", "1", 1e-6, False),
        ("nan", "1", 1e6, False),
        ("inf", "1", 1e6, False),
        ("1_0", "10", 1e-6, False),
        ("nan", "nan", 1e-6, True),
    ],
)
def test_numbers_are_near_by_an_absolute_or_a_relative_error(
    actual: str, expected: str, tolerance: object, near: bool
) -> None:
    assert are_near(actual, expected, Tolerance.model_validate(tolerance)) is near


@pytest.mark.parametrize(
    "fields",
    [
        {"tolerance": 0},
        {"tolerance": -1.0},
        {"tolerance": "nan"},
        {"tolerance": {}},
        {"tolerance": 1e-6, "checker": CHECKER},
        {"compare": "numbers", "tolerance": 1e-6},
    ],
)
def test_a_case_has_one_comparison_and_a_tolerance_above_0(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        case(**fields)


def test_a_case_without_them_has_the_digest_that_it_had() -> None:
    assert "tolerance" not in case().canonical_json
    assert "checker" not in case().canonical_json
    assert case(tolerance=1e-6).digest != case().digest


@IN_SESSION
@pytest.mark.parametrize(
    ("answer", "verdict", "detail"),
    [
        ("print(2, 2, 3)", "passed", ""),
        ("print(3, 4)", "passed", ""),
        ("print(5)", "failed", "run 1 of 1: the checker refuses what it printed"),
        ("print('x')", "failed", "run 1 of 1: ValueError: invalid literal for int() with base 10: 'x'"),
    ],
)
async def test_a_checker_of_the_case_decides(judge: Judge, answer: str, verdict: str, detail: str) -> None:
    judged = await judge.judge(case(checker=CHECKER), answer)

    assert (judged.verdict, judged.detail) == (verdict, detail)


@IN_SESSION
@pytest.mark.parametrize(
    ("checker", "detail"),
    [
        ("def check(a, b, c):\n    return 1\n", "TypeError: check returned 1"),
        ("def chek(a, b, c):\n    return True\n", "NameError"),
        ("def check(\n", "SyntaxError"),
    ],
)
async def test_a_checker_that_cannot_decide_is_the_fault_of_the_case(
    judge: Judge, checker: str, detail: str
) -> None:
    judged = await judge.judge(case(checker=checker), "print(2, 2, 3)")

    assert (judged.verdict, judged.of_case) == ("infrastructure", True)
    assert detail in judged.detail


@IN_SESSION
async def test_an_answer_is_not_in_the_checkers_process(judge: Judge) -> None:
    answer = (
        "import os, sys\nsys.stdout.write('2 2 3')\nsys.stdout.flush()\nopen('checker.py', 'w').write('')\n"
    )

    assert (await judge.judge(case(checker=CHECKER), answer)).verdict == "passed"
    assert (await judge.judge(case(checker=CHECKER), answer.replace("3", "4"))).verdict == "failed"


@IN_SESSION
async def test_output_within_the_tolerance_passes(judge: Judge) -> None:
    third = case(runs=[ScriptRun(stdout="0.333333\nend\n")], tolerance=1e-5)

    assert (await judge.judge(third, "print(1 / 3)\nprint('end')")).verdict == "passed"
    failed = await judge.judge(third, "print(0.3334)\nprint('end')")
    assert (failed.verdict, failed.detail) == (
        "failed",
        "run 1 of 1: line 1 is '0.3334', expected '0.333333'",
    )
