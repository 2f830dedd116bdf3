"""Messages to a run that works are kept until its model reads them, and not without end."""

from types import SimpleNamespace
from typing import Any

import pytest

from coder.platform.server.problems import Problem
from coder.platform.server.run_messages import send_message
from coder.run.task import MAX_PROMPT


async def test_a_run_keeps_as_many_unread_messages_as_a_prompt_has_room_for() -> None:
    serving: Any = SimpleNamespace(live={"run_a": object()}, unread={"run_a": []})
    state: Any = SimpleNamespace(run="run_a", progress=SimpleNamespace(stopped=None))
    runs: Any = None

    await send_message(serving, runs, state, "x" * (MAX_PROMPT - 1))
    await send_message(serving, runs, state, "y")
    with pytest.raises(Problem) as refused:
        await send_message(serving, runs, state, "z")

    assert refused.value.status == 429
    assert [text[:1] for text in serving.unread["run_a"]] == ["x", "y"]
