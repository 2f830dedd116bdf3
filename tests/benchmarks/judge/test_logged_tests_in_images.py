"""Rows of SWE-bench with Django's and SymPy's runners, two made here for each, judged in an image."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from textwrap import dedent

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.suites.records import Record
from benchmarks.suites.swebench import swebench_case
from tests.benchmarks.judge.patches import diff
from tests.benchmarks.judge.test_logged_tests import (
    DJANGO,
    DJANGO_GOLD,
    DJANGO_TESTS,
    SYMPY,
    SYMPY_GOLD,
    SYMPY_TESTS,
)
from tests.docker_engine import IMAGE
from tests.docker_images import build_from, remove

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
NAME = f"coder-test-rows:{secrets.token_hex(4)}"
FILES = {**DJANGO, **SYMPY}
DOCKERFILE = f"FROM {IMAGE}\nUSER root\nCOPY tree /testbed\n"


def row(name: str, gold: dict[str, str], tests: dict[str, str], more: Record) -> RepositoryCase:
    record = {
        "instance_id": f"org__{name}",
        "repo": "org/repo",
        "base_commit": "c",
        "problem_statement": "It is wrong.",
        "patch": diff(FILES, gold),
        "test_patch": diff(FILES, tests),
        **more,
    }
    return swebench_case(record, "rows.jsonl, line 1")


def logged_rows() -> dict[str, tuple[RepositoryCase, RepositoryCase]]:
    """Rows with the runners of Django and SymPy; the second ones mend the same and name one test."""
    slugs = {"tests/text/tests.py": dedent(DJANGO_TESTS)}
    adds = {"sympy/core/tests/test_add.py": dedent(SYMPY_TESTS)}
    django: Record = {
        "image_name": NAME,
        "repo": "django/django",
        "FAIL_TO_PASS": ["test_blank (text.tests.SlugTests.test_blank)"],
    }
    sympy: Record = {"image_name": NAME, "repo": "sympy/sympy", "FAIL_TO_PASS": ["test_add"]}
    return {
        "Django": (
            row("django-1", DJANGO_GOLD, slugs, {**django, "PASS_TO_PASS": ["Letters are lower."]}),
            row("django-2", DJANGO_GOLD, slugs, {**django, "PASS_TO_PASS": []}),
        ),
        "SymPy": (
            row("sympy-1", SYMPY_GOLD, adds, {**sympy, "PASS_TO_PASS": ["test_zero"]}),
            row("sympy-2", SYMPY_GOLD, adds, {**sympy, "PASS_TO_PASS": []}),
        ),
    }


ROWS = logged_rows()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def judge(docker_engine: None) -> AsyncIterator[Judge]:
    await asyncio.to_thread(
        build_from, NAME, DOCKERFILE, {f"tree/{path}": text for path, text in FILES.items()}
    )
    cases = tuple(case for pair in ROWS.values() for case in pair)
    async with open_judge(Suite(name="sets", version="1", cases=cases)) as judge:
        yield judge
    await asyncio.to_thread(remove, NAME)


@pytest.mark.parametrize("cases", ROWS.values(), ids=ROWS)
async def test_the_patch_of_a_row_passes_and_its_base_fails(
    judge: Judge, cases: tuple[RepositoryCase, RepositoryCase]
) -> None:
    for case in cases:
        own = await judge.judge(case, case.gold_patch or "")
        nothing = await judge.judge(case, "")

        assert (own.verdict, own.strength) == ("passed", "weak"), own.detail
        assert nothing.verdict == "failed", nothing.detail
