"""What a run learns of its sandbox's Python, by one program."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.base.text.redact import Redactor
from coder.environment.python_line import has_pytest, look_at_python, python_line
from coder.environment.workbench import Workbench
from sandbox import Policy, Sandbox, SandboxError, open_sandbox
from tests.only_pytest import only_pytest


def bench_of(opened: list[Policy], *, failures: int = 0, wall_s: float = 10) -> Workbench:
    """A workbench that notes each sandbox it opens, after so many failures."""

    @asynccontextmanager
    async def open_noted(policy: Policy) -> AsyncIterator[Sandbox]:
        opened.append(policy)
        if len(opened) <= failures:
            raise SandboxError("The machine is busy.")
        async with open_sandbox(policy) as sandbox:
            yield sandbox

    policy = Policy(python=only_pytest(), wall_s=wall_s)
    return Workbench(policy, open_noted, redactor=Redactor.from_environment())


async def test_version_packages_and_pytest_are_learned_from_one_program() -> None:
    async with bench_of([]) as bench:
        look_at_python(bench, ["shop.py"])
        looking = bench.python
        line, is_there = await asyncio.gather(python_line(bench, ["shop.py"]), has_pytest(bench))

        assert line.startswith("The sandbox has Python 3.")
        assert "with pytest " in line
        assert is_there
        assert bench.python is looking


async def test_the_time_of_the_tasks_programs_is_no_limit_for_it() -> None:
    async with bench_of([], wall_s=0.001) as bench:
        assert (await python_line(bench, ["shop.py"])).startswith("The sandbox has Python 3.")


async def test_a_project_without_python_starts_no_program() -> None:
    async with bench_of(opened := []) as bench:
        look_at_python(bench, ["main.go"])

        assert await python_line(bench, ["main.go"]) == ""
        assert (bench.python, opened) == (None, [])


async def test_after_a_failure_the_next_reader_looks_again() -> None:
    async with bench_of(opened := [], failures=1) as bench:
        look_at_python(bench, ["shop.py"])
        await asyncio.wait([bench.python])

        assert (await python_line(bench, ["shop.py"])).startswith("The sandbox has Python 3.")
        assert len(opened) == 2


async def test_the_program_ends_with_the_sandbox() -> None:
    async with bench_of([]) as bench:
        look_at_python(bench, ["shop.py"])

    assert bench.python is not None
    assert bench.python.cancelled()
