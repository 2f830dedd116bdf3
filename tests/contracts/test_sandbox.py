"""The contract of `Sandbox`, on every backend: with cgroups and without, as root and as an ordinary user."""

import pytest

from sandbox import Policy
from sandbox.bubblewrap import open_bubblewrap
from sandbox.docker.sandbox import open_docker
from sandbox.testing import CONTRACT, Rule
from tests.docker_engine import POLICY, require_docker
from tests.ordinary_user import run_as_ordinary_user


@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("without", [frozenset(), frozenset({"cgroup"})], ids=["best", "without cgroups"])
async def test_bubblewrap(rule: Rule, without: frozenset[str]) -> None:
    async with open_bubblewrap(Policy(), without=without) as sandbox:
        await rule(sandbox)


@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
async def test_docker(rule: Rule) -> None:
    await require_docker()
    async with open_docker(POLICY) as sandbox:
        await rule(sandbox)


def test_bubblewrap_as_an_ordinary_user() -> None:
    script = """
import asyncio
from sandbox import open_sandbox
from sandbox.testing import CONTRACT
async def main():
    for rule in CONTRACT:
        async with open_sandbox() as box:
            await rule(box)
            print(rule.__name__, flush=True)
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-4000:]
    assert ended.stdout.split() == [rule.__name__ for rule in CONTRACT]
