"""Messages to a run that works are kept until its process reads them, and not from anybody."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coder.base.errors import UsageError
from coder.platform.server.problems import Problem
from coder.platform.server.run_messages import send_message
from coder.run.event_types import FlowStarted
from coder.run.prompt import MAX_PROMPT
from coder.show.client_runs import Runs
from tests.coder.states import started, state_of
from tests.memory_log import MemoryLog


def server() -> Any:
    """The parts of a server that a message meets."""
    return SimpleNamespace(live={}, log=MemoryLog())


async def test_a_run_keeps_as_many_unread_messages_as_a_prompt_has_room_for(tmp_path: Path) -> None:
    serving, state = server(), state_of([started()])
    runs = Runs(tmp_path)

    await send_message(serving, runs, state, "x" * (MAX_PROMPT - 1))
    await send_message(serving, runs, state, "y")
    with pytest.raises(Problem) as refused:
        await send_message(serving, runs, state, "z")

    assert refused.value.status == 429
    assert [one.text[:1] for one in await serving.log.messages.unread(state.run)] == ["x", "y"]


@pytest.mark.parametrize("text", [" \n", "half of a pair \ud800"])
async def test_a_message_that_says_nothing_or_that_no_model_could_read_is_not_kept(
    text: str, tmp_path: Path
) -> None:
    serving, state = server(), state_of([started()])

    with pytest.raises(UsageError):
        await send_message(serving, Runs(tmp_path), state, text)

    assert await serving.log.messages.unread(state.run) == []


async def test_a_client_writes_to_no_run_that_the_operator_began_in_a_terminal(tmp_path: Path) -> None:
    serving, state = server(), state_of([started()])

    with pytest.raises(Problem) as refused:
        await send_message(serving, Runs(tmp_path, client="ana"), state, "Land it.")

    assert refused.value.status == 409
    assert await serving.log.messages.unread(state.run) == []


async def test_a_flow_that_works_takes_no_message(tmp_path: Path) -> None:
    state = state_of([started(), FlowStarted(flow="shop:waits", digest="0" * 64)])

    with pytest.raises(UsageError, match="reads no messages"):
        await send_message(server(), Runs(tmp_path), state, "Hurry.")
