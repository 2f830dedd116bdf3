"""Patches that attack tests which run apart from them: none passes, and each right answer beside it does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.cases import sections
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

Files = dict[str, str]
CASES = sections(Path(__file__).parent / "hostile_apart.txt")
"""Files by role, each after a line `+++ role path`; roles are base, gold, test, `cheat N`, `honest N`."""


def roles(text: str) -> dict[str, Files]:
    files_by_role: dict[str, Files] = {}
    for part in text.split("+++ ")[1:]:
        heading, _, content = part.partition("\n")
        role, _, path = heading.rpartition(" ")
        files_by_role.setdefault(role, {})[path] = content.rstrip("\n") + "\n"
    return files_by_role


def repository_case(name: str) -> RepositoryCase:
    files = roles(CASES[name])
    return RepositoryCase(
        id=name.replace(" ", "-"),
        prompt="",
        files={path: text.encode() for path, text in files["base"].items()},
        hidden_tests=files["test"],
        gold_patch=diff(files["base"], files["gold"]),
        timeout_s=20,
    )


def answers(kind: str) -> list[tuple[str, str]]:
    return [(name, role) for name, text in CASES.items() for role in roles(text) if role.startswith(kind)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    suite = Suite(name="apart", version="1", cases=tuple(map(repository_case, CASES)))
    async with open_judge(suite, python=only_pytest()) as judge:
        yield judge


async def verdict(judge: Judge, name: str, role: str) -> tuple[str, str, str]:
    files = roles(CASES[name])
    patch = diff(files["base"], {**files["base"], **files[role]})
    answer_verdict = await judge.judge(repository_case(name), patch)
    return answer_verdict.verdict, answer_verdict.strength, answer_verdict.detail


@pytest.mark.parametrize(("name", "role"), answers("cheat"))
async def test_a_cheat_of_tests_that_run_apart_does_not_pass(judge: Judge, name: str, role: str) -> None:
    outcome, _, detail = await verdict(judge, name, role)

    assert outcome in ("failed", "error", "tampered", "suspicious")
    assert detail


@pytest.mark.parametrize(("name", "role"), answers("honest"))
async def test_a_right_answer_beside_a_cheat_passes(judge: Judge, name: str, role: str) -> None:
    outcome, strength, detail = await verdict(judge, name, role)

    assert (outcome, strength) == ("passed", "strong"), detail
