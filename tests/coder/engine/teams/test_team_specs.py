"""Teams as data: whose turn it is, what members read, and that any of them resumes from its log."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.engine.participants.role import wants_plan
from coder.engine.teams import Handoff, Member, Nested, Orchestrated, Panel, RoundRobin, Selector, TeamSpec
from coder.engine.teams.spec import team_of
from coder.models.model import Answer, ChatMessage, ToolCall
from coder.models.scripted import Scripted
from coder.models.wrapper import RoleModels
from coder.run.conditions import condition_of, handed_to, messages, said, spoke, turns
from coder.run.conditions import tests_pass as passing
from coder.run.costs import costs_of
from coder.run.message import Message
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.termination import Stop
from coder.tools.text_mode import speaks_tools
from tests.coder.states import started, state_of
from tests.kept_sandboxes import KEPT, keep_sandboxes, resume, solve
from tests.linear_work import assert_linear
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

CHECKS = ("assert add(2, 3) == 5",)
TASK = Task(prompt="Write add(a, b).", checks=CHECKS)
WRONG = "`solution.py`\n```python\ndef add(a, b):\n    return a - b\n```"
RIGHT = "`solution.py`\n```python\ndef add(a, b):\n    return a + b\n```"
FAST, SAFE = Member("fast", "Argue for speed.", acts=False), Member("safe", "Argue for care.", acts=False)
CODER = Member("coder", acts=False)


async def worked(
    team: TeamSpec, *answers: Any, log: MemoryLog | None = None, stop: Any = None, model: Any = None
) -> tuple[Run, Scripted, list[Message]]:
    script = Scripted(answers)
    log = log or MemoryLog()
    run = await solve(TASK, team=team, stop=stop, model=model or script, log=log)
    return run, script, list(fold_all(await log.read(run.run_id)).progress.messages)


def authors(said_by: Sequence[Message]) -> list[str]:
    return [message.author for message in said_by]


async def test_members_speak_in_order_and_read_what_the_others_said() -> None:
    run, model, messages_ = await worked(RoundRobin((FAST, SAFE, CODER)), "A dict.", "A list.", RIGHT)

    assert authors(messages_) == ["fast", "safe", "coder", "executor"]
    assert "fast:\nA dict." in model.requests[1].messages[-1].content
    assert "safe:\nA list." in model.requests[2].messages[-1].content
    assert "Argue for care." in model.requests[1].messages[0].content
    assert run.status == "solved"


async def test_of_a_nested_team_the_others_read_the_last_message_only() -> None:
    design = Nested("design", RoundRobin((FAST, SAFE)), stop=turns(4))
    run, model, messages_ = await worked(
        RoundRobin((design, CODER)), "One.", "Two.", "Three.", "Four.", RIGHT
    )

    assert authors(messages_) == ["fast", "safe", "fast", "safe", "coder", "executor"]
    assert "Three." in model.requests[3].messages[-1].content
    words = model.requests[4].messages[-1].content
    assert "Four." in words
    assert "Three." not in words
    assert messages_[0].within == ("design",)
    assert run.status == "solved"


async def test_a_nested_members_calls_go_to_its_own_model_and_are_counted_under_its_name() -> None:
    log, strong = MemoryLog(), Scripted(["Think."], name="strong/model")
    models = RoleModels(Scripted(["Fast.", RIGHT]), {"safe": strong})
    team = RoundRobin((Nested("design", RoundRobin((FAST, SAFE)), stop=turns(2)), CODER))
    run, _, _ = await worked(team, log=log, model=models)

    costs = costs_of(await log.read(run.run_id))
    assert [call.participant for call in costs.calls] == ["fast", "safe", "coder"]
    assert len(strong.requests) == 1


async def test_a_failure_goes_round_the_team_with_what_it_showed() -> None:
    critic = Member("critic", "Find the mistake.", acts=False)
    run, model, messages_ = await worked(RoundRobin((CODER, critic)), WRONG, "The sign is wrong.", RIGHT)

    assert authors(messages_) == ["coder", "executor", "critic", "coder", "executor"]
    assert "did not pass" in model.requests[1].messages[-1].content
    request_text = "\n".join(message.content for message in model.requests[2].messages)
    assert "The sign is wrong." in request_text
    assert run.status == "solved"


async def test_an_edit_of_a_member_that_does_not_fit_is_asked_for_again_with_the_nearest_lines(
    tmp_path: Path,
) -> None:
    (tmp_path / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    edit = "sums.py\n<<<<<<< SEARCH\n    return {}\n=======\n    return a + b\n>>>>>>> REPLACE\n"
    task = Task(prompt="Mend add in sums.py.", workspace=tmp_path, checks=CHECKS)
    model, log = Scripted([edit.format("b - a"), edit.format("a - b")]), MemoryLog()
    run = await solve(task, team=RoundRobin((FAST,)), model=model, log=log)

    assert (run.status, authors(fold_all(await log.read(run.run_id)).progress.messages)) == (
        "solved",
        ["fast", "executor"],
    )
    assert "return a - b" in model.requests[1].messages[-1].content
    assert model.requests[1].messages[:2] == model.requests[0].messages


async def test_code_of_any_member_is_run_whatever_the_team_says() -> None:
    team = Selector((FAST, SAFE))
    run, _, messages_ = await worked(team, "fast", f"solution.py\n{RIGHT}")

    assert authors(messages_) == ["picker", "fast", "executor"]
    assert run.status == "solved"


async def test_a_selector_asks_again_once_and_then_goes_by_the_order() -> None:
    team = Selector((FAST, SAFE, CODER))
    answers = ["nobody", "perhaps fast or safe", "First.", "coder", RIGHT]
    _, model, messages_ = await worked(team, *answers)

    assert authors(messages_) == ["picker", "fast", "picker", "coder", "executor"]
    assert messages_[0].to == "fast"
    assert "no name was given" in messages_[0].text
    assert model.requests[0].form is not None
    names = model.requests[0].form.tools[0].parameters["properties"]["name"]  # type: ignore[index, call-overload]
    assert names == {"enum": ["fast", "safe", "coder"]}
    assert (
        "fast" not in model.requests[3].messages[-1].content.partition("The members:")[2].partition("What")[0]
    )


async def test_a_choice_by_tool_is_the_name_in_its_arguments() -> None:
    call = [ToolCall(id="x", name="speak_next", arguments='{"name": "safe"}')]
    _, _, messages_ = await worked(Selector((FAST, SAFE)), call, f"solution.py\n{RIGHT}")

    assert messages_[1].author == "safe"


@pytest.mark.parametrize("arguments", ['{"name": ["safe"]}', '{"name": {"safe": 1}}', "[]", '{"name": 5}'])
async def test_a_choice_by_tool_that_is_no_name_leaves_it_to_the_order(arguments: str) -> None:
    call = [ToolCall(id="x", name="speak_next", arguments=arguments)]
    _, _, messages_ = await worked(Selector((FAST, SAFE)), call, call, f"solution.py\n{RIGHT}")

    assert messages_[1].author == "fast"


async def test_half_of_a_character_in_a_plan_keeps_nobody_from_the_next_turn() -> None:
    plan = '{"facts": "\\ud83d", "steps": [{"member": "coder", "do": "write \\udc00"}]}'
    run, model, messages_ = await worked(Orchestrated((FAST, CODER)), plan, RIGHT)

    assert (run.status, authors(messages_)[1]) == ("solved", "coder")
    assert "Your part: write \ufffd" in model.requests[1].messages[-1].content


@pytest.mark.parametrize("unit", ["\n", "\n ", "@@\n", "a/", "<="])
def test_an_answer_or_a_task_costs_no_more_than_its_length(unit: str) -> None:
    def read(text: str) -> None:
        Member("fast").message_of(text, ("safe",))
        speaks_tools(text, ["bash"])
        wants_plan(state_of([started(Task(prompt=text), plan=None)]))

    assert_linear(read, lambda size: unit * size, size=60_000)


@pytest.mark.slow
def test_rubbish_from_whoever_picks_or_plans_ends_in_a_defined_way() -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=20, deadline=None)
        @given(st.lists(st.text(max_size=40), min_size=12, max_size=12))
        def ends(rubbish: list[str]) -> None:
            for team in (Selector((FAST, SAFE)), Orchestrated((FAST, SAFE))):
                run, _, _ = runner.run(worked(team, *rubbish, stop=turns(3) | messages(12)))
                assert run.status in (
                    "unverified",
                    "limit",
                    "stuck",
                    "unsolved",
                    "error",
                    "waiting",
                    "solved",
                )

        kept = keep_sandboxes()
        runner.run(kept.__aenter__())
        try:
            ends()
        finally:
            runner.run(kept.__aexit__(None, None, None))


async def test_a_hand_off_goes_to_whom_it_names_and_without_one_to_the_next() -> None:
    team = Handoff((FAST, SAFE, CODER))
    _, model, messages_ = await worked(team, "Over.\nHANDOFF: coder", WRONG, "Hm.", "And?", RIGHT)

    assert authors(messages_) == ["fast", "coder", "executor", "fast", "safe", "coder", "executor"]
    assert (messages_[0].kind, messages_[0].to) == ("handoff", "coder")
    assert "HANDOFF: name" in model.requests[0].messages[0].content


async def test_a_hand_off_to_the_user_waits_for_an_answer_that_its_giver_reads() -> None:
    log, team = MemoryLog(), Handoff((FAST, SAFE))
    run, _, _ = await worked(team, "Dicts?\nHANDOFF: human", log=log)
    assert (run.status, run.question is not None and "Dicts?" in run.question.text) == ("waiting", True)

    model = Scripted([f"solution.py\n{RIGHT}"])
    done = await resume(run.run_id, model=model, log=log, answer=Decision(decision="", words="lists"))
    assert (done.status, "lists" in model.requests[0].messages[-1].content) == ("solved", True)
    assert fold_all(await log.read(run.run_id)).progress.messages[2].author == "fast"


async def test_a_member_that_acts_hands_over_by_a_tool_and_keeps_a_dialogue_of_its_own() -> None:
    acting = [Member("alpha", "Look.", acts=True), Member("beta", "Write.", acts=True)]
    calls = [
        [ToolCall(id="look00001", name="bash", arguments='{"command": "echo seen"}')],
        [ToolCall(id="over00001", name="to_beta", arguments='{"words": "It is empty."}')],
        f"solution.py\n{WRONG}",
        "I see nothing.",
        f"solution.py\n{RIGHT}",
    ]
    run, model, messages_ = await worked(Handoff(tuple(acting)), *calls)

    assert authors(messages_)[:3] == ["alpha", "beta", "executor"]
    assert "alpha:\nIt is empty." in "\n".join(m.content for m in model.requests[2].messages)
    assert not any("seen" in message.content for message in model.requests[2].messages)
    again = model.requests[3].messages
    assert any("seen" in message.content for message in again), "alpha goes on with its own dialogue"
    assert "did not pass" in again[-1].content
    assert run.status == "solved"


async def test_at_a_limit_what_a_member_has_changed_in_the_session_is_tried() -> None:
    write = f"cat > solution.py <<'END'\n{RIGHT.split('python')[1].strip('`')}END\n"
    call = [ToolCall(id="write0001", name="bash", arguments=json.dumps({"command": write}))]
    team = RoundRobin((Member("alpha", acts=True),))
    run = await solve(
        TASK,
        team=team,
        model=Scripted([call]),
        settings=Settings(budget=Budget(max_calls=1)),
        log=MemoryLog(),
    )

    assert (run.status, run.calls, run.verified) == ("solved", 1, "checks")


@pytest.mark.parametrize("handed", [False, True])
async def test_a_member_that_acts_is_told_once_what_was_said_however_often_its_call_failed(
    handed: bool,
) -> None:
    alpha, beta = Member("alpha", "Look.", acts=True), Member("beta", "Write.", acts=True)
    over = [[ToolCall(id=f"over0000{to}", name=f"to_{to}", arguments="{}")] for to in ("beta", "alpha")]
    log, team = MemoryLog(), Handoff((alpha, beta)) if handed else RoundRobin((alpha, beta))
    run, _, _ = await worked(team, *([*over, WRONG] if handed else ["Look!"]), log=log)
    said_before = "It did not pass" if handed else "alpha:\nLook!"
    for _ in range(2):
        run = await resume(run.run_id, model=Scripted([]), log=log)
        assert run.status == "error"
    model = Scripted([RIGHT])
    await resume(run.run_id, model=model, log=log)

    request_text = "\n".join(message.content for message in model.requests[0].messages)
    assert request_text.count(said_before) == 1


@pytest.mark.slow
async def test_each_member_that_acts_is_told_that_the_session_was_restarted() -> None:
    log, look = MemoryLog(), [ToolCall(id="look", name="bash", arguments='{"command": "ls /tmp"}')]
    team = RoundRobin((Member("alpha", acts=True), Member("beta", acts=True)))
    run, _, _ = await worked(team, look, "Hm.", look, "Hm.", log=log)
    model = Scripted([look, "Hm.", look, RIGHT])
    await resume(run.run_id, model=model, log=log)

    restart_notices = [
        request.messages[-1].content.startswith("[The session was") for request in model.requests
    ]
    assert restart_notices == [False, True, False, True]


async def test_calls_behind_a_hand_over_are_not_carried_out() -> None:
    alpha, beta = Member("alpha", "Look.", acts=True), Member("beta", "Write.", acts=False)
    over = [
        ToolCall(id="over00001", name="to_beta", arguments='{"words": "Go."}'),
        ToolCall(id="late00001", name="to_human", arguments='{"words": "Which?"}'),
    ]
    run, model, _ = await worked(Handoff((alpha, beta)), over, "No.", RIGHT)

    assert "it stands behind to_beta" in model.requests[2].messages[-1].content
    assert run.status == "solved"


async def test_members_that_hand_over_without_a_word_are_each_asked_again() -> None:
    alpha, beta = Member("alpha", "Look.", acts=True), Member("beta", "Write.", acts=True)
    over = [[ToolCall(id=f"over0000{to}", name=f"to_{to}", arguments="{}")] for to in ("beta", "alpha")]
    run, model, messages_ = await worked(Handoff((alpha, beta)), *over, RIGHT)

    assert authors(messages_) == ["alpha", "beta", "alpha", "executor"]
    assert "It is your turn" in model.requests[2].messages[-1].content
    assert run.status == "solved"


@pytest.mark.parametrize(
    "said_first", ["I see.", [ToolCall(id="d", name="done", arguments='{"summary": "-"}')]]
)
async def test_a_member_that_acts_and_speaks_twice_in_a_row_is_asked_twice(said_first: Any) -> None:
    run, model, messages_ = await worked(RoundRobin((Member("alpha", acts=True),)), said_first, RIGHT)

    assert authors(messages_) == ["alpha", "alpha", "executor"]
    assert "It is your turn" in model.requests[1].messages[-1].content
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_team_whose_member_goes_round_is_stuck() -> None:
    same = [[ToolCall(id=f"ls{n}", name="bash", arguments='{"command": "ls"}')] for n in range(4)]
    run, model, _ = await worked(RoundRobin((Member("alpha", acts=True), FAST)), *same)

    assert (run.status, len(model.requests)) == ("stuck", 3)
    assert "the same call 3 times" in run.reason


class Together(Scripted):
    """Gives its first answers, so many, once all of them have been asked for."""

    def __init__(self, answers: Sequence[str], *, count: int) -> None:
        super().__init__(answers)
        self._count, self._all_asked = count, asyncio.Event()

    async def answer(self, messages: Sequence[ChatMessage], **asking: Any) -> Answer:
        """The next answer; an error where the others aren't asked for meanwhile."""
        answer = await super().answer(messages, **asking)
        if len(self.requests) == self._count:
            self._all_asked.set()
        async with asyncio.timeout(300):
            await self._all_asked.wait()
        return answer


async def test_a_panel_is_asked_at_once_and_speaks_in_order_then_somebody_sums_up() -> None:
    members = tuple(Member(f"m{n}", acts=False) for n in range(8))
    model = Together([*(f"I am {n}." for n in range(8)), RIGHT], count=8)
    run, _, messages_ = await worked(Panel(members, then=CODER), model=model)

    assert authors(messages_) == [*(f"m{n}" for n in range(8)), "coder", "executor"]
    assert all(f"I am {n}." in model.requests[8].messages[-1].content for n in range(8))
    assert not any("I am 0." in message.content for message in model.requests[1].messages)
    assert run.status == "solved"


async def test_best_of_n_asks_for_three_answers_at_once_and_then_for_all_others() -> None:
    model, log = Together([WRONG] * 8, count=3), MemoryLog()
    choice = Settings(strategy="best-of-n", budget=Budget(samples=8, max_calls=8))
    run = await solve(TASK, model=model, settings=choice, log=log)

    events = [event.type for event in await log.read(run.run_id) if event.type.startswith("attempt.")]
    waves = [[f"attempt.{what}"] * count for count in (3, 5) for what in ("started", "ended")]
    assert events == [*(event for wave in waves for event in wave), "attempt.chosen"]
    assert len(model.requests) == 8
    seeds = [request.sampling.seed for request in model.requests]
    assert len(set(seeds)) == 8


async def test_an_orchestrator_plans_once_while_tests_show_progress() -> None:
    plan = {
        "facts": "Simple.",
        "steps": [{"member": "fast", "do": "say how"}, {"member": "coder", "do": "write"}],
    }
    team = Orchestrated((FAST, CODER))
    run, model, messages_ = await worked(team, json.dumps(plan), "With +.", RIGHT)

    assert authors(messages_) == ["orchestrator", "fast", "coder", "executor"]
    assert "Your part: say how" in model.requests[1].messages[-1].content
    assert run.status == "solved"


@pytest.mark.slow
async def test_an_orchestrator_is_asked_again_where_two_results_show_no_progress_and_gives_up() -> None:
    team = Orchestrated((CODER,), stalls=1, replans=1)
    wrong = [f"```python\ndef add(a, b):\n    return a * {n}\n```" for n in range(20)]
    script = iter(wrong)

    class Model(Scripted):
        async def answer(self, messages: Sequence[ChatMessage], **asking: Any) -> Answer:
            if "You lead a team" in messages[0].content:
                self._answers = (*self._answers[: len(self.requests)], "{}")
            else:
                self._answers = (*self._answers[: len(self.requests)], next(script))
            return await super().answer(messages, **asking)

    model = Model([])
    run = await solve(
        TASK, team=team, model=model, log=MemoryLog(), settings=Settings(budget=Budget(max_calls=60))
    )
    assert (run.status, run.reason) == ("stuck", "2 plans brought no progress")


async def test_the_orchestrators_satisfaction_proves_nothing() -> None:
    team = Orchestrated((FAST,))
    run, _, _ = await worked(team, '{"satisfied": true, "steps": []}')

    assert (run.status, run.exit_code) == ("unverified", 8)


async def test_twelve_turns_with_progress_take_at_most_four_calls_of_the_orchestrator() -> None:
    steps = [{"member": name, "do": "work"} for name in ("fast", "safe", "coder") * 4]
    wrong = [f"```python\ndef add(a, b):\n    return a * {n}\n```" for n in range(3)]
    answers: list[str] = [json.dumps({"facts": "", "steps": steps[:8]})]
    for n in range(3):
        answers += ["Words.", "Words.", wrong[n]]
        answers += ['{"steps": []}'] if n == 2 else []
    answers += ["Words.", "Words.", RIGHT]
    run, _, messages_ = await worked(Orchestrated((FAST, SAFE, CODER)), *answers)

    member_turns = [message for message in messages_ if message.kind in ("words", "code")]
    assert run.status == "solved"
    assert len(member_turns) == 12
    assert sum(message.kind == "ledger" for message in messages_) <= 0.3 * len(member_turns)


TEAMS: dict[str, Callable[[], tuple[TeamSpec, list[Any]]]] = {
    "round-robin": lambda: (RoundRobin((FAST, CODER)), ["Hm.", RIGHT]),
    "nested": lambda: (
        RoundRobin((Nested("pair", RoundRobin((FAST, SAFE)), stop=turns(2)), CODER)),
        ["One.", "Two.", RIGHT],
    ),
    "panel": lambda: (Panel((FAST, SAFE), then=CODER), ["One.", "Two.", RIGHT]),
    "selector": lambda: (Selector((FAST, SAFE, CODER)), ["fast", "One.", "coder", RIGHT]),
    "handoff": lambda: (Handoff((FAST, SAFE, CODER)), ["Go.\nHANDOFF: coder", RIGHT]),
    "orchestrated": lambda: (
        Orchestrated((FAST, CODER)),
        ['{"facts": "F", "steps": [{"member": "fast", "do": "x"}]}', "One.", RIGHT],
    ),
}


def test_names_are_said_once_in_all_of_a_team() -> None:
    with pytest.raises(ValidationError, match="two members are named 'fast'"):
        RoundRobin((Nested("inner", RoundRobin((FAST,))), FAST))


@pytest.mark.parametrize("name", ["human", "picker", "Fast", "a b", ""])
def test_a_name_that_is_taken_or_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Member(name)


MEMBERS = st.builds(
    Member,
    st.from_regex(r"[a-z][a-z0-9]{3,8}", fullmatch=True).filter(
        lambda name: name not in ("coder", "human", "picker", "expert", "planner", "executor", "attempts")
    ),
    st.text(max_size=20),
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(MEMBERS, min_size=2, max_size=4, unique_by=lambda member: member.name), st.data())
def test_a_team_comes_back_from_its_json_as_it_was(members: list[Member], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([RoundRobin, Panel, Selector, Handoff, Orchestrated]))
    inner = Nested("inside", kind(tuple(members[1:])), stop="turns(3)")
    team = data.draw(st.sampled_from([RoundRobin, Selector, Handoff, Orchestrated]))((members[0], inner))
    written = json.loads(
        json.dumps(team.model_dump(mode="json", exclude_defaults=True) | {"kind": team.kind})
    )

    assert team_of(written) == team


async def test_a_team_from_python_that_is_no_data_is_asked_for_again() -> None:
    class Own:
        def next(self, state: Any) -> Any:
            return CODER.participant_for(())

    log = MemoryLog()
    run = await solve(TASK, team=Own(), model=Scripted([WRONG]), log=log)
    with pytest.raises(UsageError, match="given from Python"):
        await resume(run.run_id, model=Scripted([RIGHT]), log=log)


def test_conditions_read_back_as_they_are_written() -> None:
    stop = (passing | said("GIVE UP", by="coder")) & turns(4) | handed_to("human")

    assert condition_of(stop.text).text == stop.text
    assert stop.text == "(((tests_pass() | said('GIVE UP', by='coder')) & turns(4)) | handed_to('human'))"


@pytest.mark.parametrize(
    "text", ["turns", "exec('x')", "turns(4) and said('x')", "turns(", "__import__('os')", ""]
)
def test_what_is_no_condition_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(UsageError, match="is no condition"):
        condition_of(text)


async def test_a_conversation_ends_by_its_own_conditions() -> None:
    team = RoundRobin((FAST, SAFE))
    for stop, count in ((turns(3), 3), (said("DONE", by="safe"), 2), (spoke("safe"), 2), (messages(1), 1)):
        run, _, messages_ = await worked(team, "One.", "DONE", "Three.", "Four.", stop=stop)
        assert (run.status, len(messages_)) == ("unverified", count), stop.text


TEST = "from solution import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"


@pytest.mark.slow
async def test_given_tests_that_a_member_rewrites_decide_as_they_were_given(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "test_add.py").write_text(TEST)
    cheat = "test_add.py\n```python\ndef test_add():\n    assert True\n```"
    task = Task(prompt="Mend add.", workspace=tmp_path, test_command=("python", "-m", "pytest", "-q"))
    run = await solve(
        task, team=RoundRobin((FAST,)), stop=turns(2), model=Scripted([cheat] * 8), log=MemoryLog()
    )

    assert run.status != "solved"
    assert (tmp_path / "test_add.py").read_text() == TEST


@pytest.mark.parametrize("stop", [turns(1), said("DONE")])
async def test_code_that_a_condition_comes_with_is_still_run(stop: Any, tmp_path: Path) -> None:
    task = Task(prompt="Write add(a, b).", workspace=tmp_path, checks=CHECKS)
    run = await solve(
        task, team=RoundRobin((CODER,)), stop=stop, model=Scripted([f"DONE\n{RIGHT}"]), log=MemoryLog()
    )

    assert (run.status, run.landed) == ("solved", ("solution.py",))


async def test_code_that_failed_lands_nowhere_whatever_condition_ends_the_team(tmp_path: Path) -> None:
    task = Task(prompt="Write add(a, b).", workspace=tmp_path, checks=CHECKS)
    run = await solve(
        task,
        team=RoundRobin((CODER,)),
        stop=turns(1),
        model=Scripted([WRONG]),
        settings=Settings(accept_unverified=True),
        log=MemoryLog(),
    )

    assert (run.status, run.exit_code, run.landed) == ("unsolved", 1, ())


async def test_a_panel_gives_words_and_its_members_never_act() -> None:
    members = (Member("alpha", "A.", acts=True), Member("beta", "B.", acts=True))
    run, model, messages_ = await worked(Panel(members, then=CODER), RIGHT, "Words.", RIGHT)

    assert [message.kind for message in messages_] == ["words", "words", "code", "outcome"]
    assert all(request.form is None for request in model.requests)
    assert "A." in model.requests[0].messages[0].content
    assert "B." in model.requests[1].messages[0].content
    assert run.status == "solved"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Panel((Nested("inner", RoundRobin((FAST,))),)),  # type: ignore[arg-type]
        lambda: RoundRobin((Member("executor"),)),
        lambda: Nested("human", RoundRobin((FAST,))),
        lambda: Panel((FAST,), then=FAST),
        lambda: team_of({"kind": ["x"], "members": [{"name": "a"}]}),
        lambda: turns("many"),  # type: ignore[arg-type]
        lambda: said(3),  # type: ignore[arg-type]
    ],
)
def test_a_team_that_could_not_work_is_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


@pytest.mark.parametrize("kind", [RoundRobin, Selector, Handoff, Orchestrated])
async def test_the_executor_among_the_members_has_no_turn_of_its_own(kind: Any) -> None:
    answers = {Selector: ["coder", RIGHT], Orchestrated: ["{}", RIGHT]}.get(kind, [RIGHT])
    team = (
        kind((CODER, Member("executor"))) if kind is not Selector else kind((CODER, Member("executor"), FAST))
    )
    run, _, _ = await worked(team, *answers)

    assert run.status == "solved"


def test_a_condition_takes_its_arguments_by_name_too() -> None:
    assert condition_of("turns(n=4)").text == turns(n=4).text


async def test_a_resume_with_other_settings_keeps_the_team() -> None:
    log = MemoryLog()
    run, _, _ = await worked(RoundRobin((FAST, CODER)), "Hm.", log=log)
    done = await resume(run.run_id, model=Scripted([RIGHT]), log=log, settings=Settings(keep=True))

    state = fold_all(await log.read(run.run_id))
    assert (done.status, isinstance(state.settings.team, dict)) == ("solved", True)


async def test_a_stop_of_ones_own_joins_what_ends_every_team_and_a_resume_needs_it() -> None:
    log, never = MemoryLog(), Stop(lambda state: None)
    run, _, _ = await worked(RoundRobin((FAST, CODER)), "Hm.", RIGHT, stop=never)
    assert run.status == "solved"

    cut, _, _ = await worked(RoundRobin((FAST, CODER)), "Hm.", stop=never, log=log)
    with pytest.raises(UsageError, match="stop of this run"):
        await resume(cut.run_id, model=Scripted([RIGHT]), log=log)
    assert (await resume(cut.run_id, model=Scripted([RIGHT]), log=log, stop=never)).status == "solved"


async def test_what_a_user_does_not_want_is_no_result_of_a_run_for_the_others(tmp_path: Path) -> None:
    log, task = MemoryLog(), Task(prompt="Write add(a, b).", workspace=tmp_path, checks=CHECKS)
    choice = Settings(approve=("landing",))
    first = await solve(
        task, team=RoundRobin((CODER, FAST)), model=Scripted([RIGHT]), log=log, settings=choice
    )
    model = Scripted(["I see.", RIGHT.replace("a + b", "b + a")])
    await resume(first.run_id, model=model, log=log, answer=Decision(decision="no", words="b first"))

    assert (
        "The user does not want it like that, and says:]\nb first" in model.requests[0].messages[-1].content
    )


async def test_a_team_that_a_resume_brings_has_its_members_own_models() -> None:
    log = MemoryLog()
    first_model = Scripted(["Hm."], name="ollama/x")
    run, _, _ = await worked(RoundRobin((FAST, CODER)), log=log, model=first_model)

    with pytest.raises(UsageError, match="nosuch"):
        await resume(run.run_id, team=RoundRobin((Member("fast", model="nosuch/x"), CODER)), log=log)
