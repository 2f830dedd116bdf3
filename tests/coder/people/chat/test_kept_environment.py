"""What a conversation has opened while its first message was typed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coder import Settings, Task
from coder.engine.chat.kept_environment import KeptEnvironment
from coder.run.find_target import find_target
from coder.workspace.read import read_workspace
from sandbox import Policy, Sandbox, open_sandbox
from sandbox.errors import SandboxBroken

pytestmark = pytest.mark.asyncio


class Opening:
    """Opens real sandboxes, and counts them; the first ones may fail."""

    def __init__(self, *, failing: int = 0) -> None:
        self.failing, self.opened, self.open = failing, 0, 0
        self.has_begun = asyncio.Event()

    @asynccontextmanager
    async def __call__(self, policy: Policy) -> AsyncIterator[Sandbox]:
        self.opened += 1
        self.has_begun.set()
        if self.opened <= self.failing:
            raise SandboxBroken("It can't be opened just now.")
        async with open_sandbox(policy) as box:
            self.open += 1
            try:
                yield box
            finally:
                self.open -= 1


def asked(folder: Path) -> Task:
    return Task(prompt="What is x?", workspace=folder)


async def test_a_message_takes_what_was_opened_while_it_was_typed(folder: Path) -> None:
    kept, opening, task = KeptEnvironment(), Opening(), asked(folder)
    kept.prepare(task, Settings(), {"sandbox": opening})
    await kept.ready()
    opened = opening.opened

    files = read_workspace(task, lands=False).files
    target = find_target(task, files)
    async with kept.use(task, Settings(), files, {"sandbox": opening}, target=target) as bench:
        assert await bench.has_sessions()
    await kept.close()

    assert opened > 0
    assert (opening.opened, opening.open) == (opened, 0)


async def test_what_could_not_be_prepared_is_opened_with_the_message(folder: Path) -> None:
    kept, opening, task = KeptEnvironment(), Opening(failing=1), asked(folder)
    kept.prepare(task, Settings(), {"sandbox": opening})

    target = find_target(task, {})
    async with kept.use(task, Settings(), {}, {"sandbox": opening}, target=target) as bench:
        assert (await bench.candidate()).backend
    await kept.close()

    assert opening.open == 0


async def test_who_leaves_at_once_leaves_no_sandbox_behind(folder: Path) -> None:
    kept, opening, task = KeptEnvironment(), Opening(), asked(folder)
    kept.prepare(task, Settings(), {"sandbox": opening})
    await opening.has_begun.wait()

    await kept.close()

    assert opening.open == 0
