"""However a conversation of a team ended, a resume goes on with whoever is next, and asks nobody twice.

AutoGen's tests of the same: …_state, …_with_resume_and_reset, …_max_turn, …_cancellation, …_pause_and_resume,
…_with_handoff_termination, …_exception_raised_from_… of test_group_chat.py, …_nested_teams_save_load_state,
graph_flow_stateful_pause_and_resume and resume_with_termination_condition.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from coder.engine.teams import Handoff, Orchestrated, Panel, RoundRobin, Selector, TeamSpec
from coder.models.model import Answer, ChatMessage
from coder.models.scripted import Scripted
from coder.run.conditions import handed_to, turns
from coder.run.message import Message
from coder.run.reducer import fold_all
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.termination import Reason, Stop
from tests.coder.engine.teams.test_group_chats import CHOSEN, MIDDLE, A, B, C, D, over
from tests.coder.engine.teams.test_team_specs import TASK
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

STEPS = [{"member": name, "do": "Think."} for name in ("bert", "anna", "bert", "cleo")]
CHATS: dict[str, tuple[TeamSpec, list[str]]] = {
    "round-robin": (RoundRobin((A, B, C)), ["1", "2", "3", "4"]),
    "panel": (Panel((A, B), then=C), ["1", "2", "3", "4", "5"]),
    "selector": (Selector((A, B, C)), ["cleo", "1", "anna", "2", "cleo", "3", "bert", "4"]),
    "handoff": (Handoff((A, B, C)), [over("cleo"), over("bert"), "3", "4"]),
    "orchestrated": (Orchestrated((A, B, C)), [json.dumps({"steps": STEPS}), "1", "2", "3", "4"]),
    "nested": (RoundRobin((MIDDLE, D)), ["1", "OVER", "OVER", "4"]),
    "nested selector": (Selector((CHOSEN, D)), ["middle", "inmost", "1", "OVER", "OVER", "4"]),
}
END = turns(4)
Told = list[tuple[str, str, str]]


class Hanging(Scripted):
    """Answers so many requests, then calls a function and waits."""

    def __init__(self, answers: Sequence[str], then: Callable[[], object]) -> None:
        super().__init__(answers)
        self._then = then

    async def answer(self, messages: Sequence[ChatMessage], **asking: Any) -> Answer:
        """The next answer, or none."""
        if len(self.requests) < len(self._answers):
            return await super().answer(messages, **asking)
        if asyncio.iscoroutine(waits := self._then()):
            await waits
        return await asyncio.Event().wait()  # type: ignore[return-value]


async def told(log: MemoryLog) -> Told:
    """Who has said what to whom."""
    messages: Sequence[Message] = fold_all(await log.read("run_a")).progress.messages
    return [(message.author, getattr(message, "to", ""), message.text) for message in messages]


async def ended(how: str, team: TeamSpec, answers: Sequence[str], log: MemoryLog) -> str:
    """The status of a run that ends before more than these answers were given."""
    options: dict[str, Any] = {"team": team, "stop": END, "log": log, "run_id": "run_a"}
    if how == "an error of its model":
        return (await solve(TASK, model=Scripted(answers), **options)).status
    if how == "a limit":
        limits = Settings(budget=Budget(max_calls=len(answers)))
        return (await solve(TASK, model=Scripted(answers), settings=limits, **options)).status
    if how == "somebody's stop":
        model = Hanging(answers, lambda: log.request_stop("run_a", "ann"))
        return (await solve(TASK, model=model, **options)).status
    begun = asyncio.Event()
    work = asyncio.create_task(solve(TASK, model=Hanging(answers, begun.set), **options))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    return "interrupted"


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("an error of its model", "error"),
        ("a limit", "limit"),
        ("somebody's stop", "interrupted"),
        ("a cancellation", "interrupted"),
    ],
)
async def test_a_conversation_goes_on_where_it_ended(kind: str, how: str, status: str) -> None:
    team, answers = CHATS[kind]
    whole, log, answer_count = MemoryLog(), MemoryLog(), len(answers) // 2
    await solve(TASK, team=team, stop=END, model=Scripted(answers), log=whole, run_id="run_a")

    assert await ended(how, team, answers[:answer_count], log) == status
    rest = Scripted(answers[answer_count:])
    done = await resume("run_a", model=rest, log=log, budget=Budget(max_calls=50))

    assert (done.status, done.reason) == ("unverified", "4 turns were taken")
    assert await told(log) == await told(whole)
    assert len(rest.requests) == len(answers) - answer_count


@pytest.mark.parametrize(
    ("team", "answers", "first", "order"),
    [
        (RoundRobin((A, B, C, D)), ["1", "2", "3", "4", "5"], turns(2), "anna bert cleo dora anna"),
        (Handoff((B, A, C)), [over("cleo"), "2", "3"], handed_to("cleo"), "bert cleo bert"),
    ],
)
async def test_what_a_condition_ended_goes_on_with_the_next_where_a_resume_brings_another(
    team: TeamSpec, answers: list[str], first: Stop, order: str
) -> None:
    log, model = MemoryLog(), Scripted(answers)
    whole = await solve(TASK, team=team, stop=first, model=model, log=log, run_id="run_a")
    again = await resume("run_a", model=Scripted([]), log=log)
    rest = Scripted(answers[len(model.requests) :])
    done = await resume("run_a", stop=turns(len(answers)), model=rest, log=log)

    assert (again.status, again.reason) == (whole.status, whole.reason)
    assert done.reason == f"{len(answers)} turns were taken"
    assert [author for author, _, _ in await told(log)] == order.split()


async def test_an_error_in_a_condition_is_raised_and_the_run_goes_on_with_a_mended_one() -> None:
    def flaky(state: State) -> Reason | None:
        if len(state.progress.messages) == 2:
            raise RuntimeError("I am flaky")
        return None

    log, team = MemoryLog(), RoundRobin((A, B, C))
    with pytest.raises(RuntimeError, match="I am flaky"):
        await solve(TASK, team=team, stop=Stop(flaky), model=Scripted("123"), log=log, run_id="run_a")
    done = await resume("run_a", stop=turns(3), model=Scripted("3"), log=log)

    assert (done.status, [text for _, _, text in await told(log)]) == ("unverified", ["1", "2", "3"])
