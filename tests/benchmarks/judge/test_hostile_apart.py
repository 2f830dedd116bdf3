"""Patches that attack tests which run apart from them: none passes as `strong`, each right answer does."""

from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import sections
from tests.benchmarks.judge.patches import diff

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

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


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


async def verdict(judge: Judge, name: str, role: str) -> tuple[str, str, str]:
    files = roles(CASES[name])
    patch = diff(files["base"], {**files["base"], **files[role]})
    answer_verdict = await judge.judge(repository_case(name), patch)
    return answer_verdict.verdict, answer_verdict.strength, answer_verdict.detail


@pytest.mark.parametrize(("name", "role"), answers("cheat"))
async def test_a_cheat_of_tests_that_run_apart_does_not_pass(judge: Judge, name: str, role: str) -> None:
    outcome, strength, detail = await verdict(judge, name, role)

    assert outcome in ("failed", "error", "suspicious") or (outcome, strength) == ("passed", "weaker")
    assert detail


@pytest.mark.parametrize(("name", "role"), answers("honest"))
async def test_a_right_answer_beside_a_cheat_passes(judge: Judge, name: str, role: str) -> None:
    outcome, strength, detail = await verdict(judge, name, role)

    assert (outcome, strength) == ("passed", "strong"), detail
