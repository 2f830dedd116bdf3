"""What AutoGen's tests of its group chats show, of our teams: who speaks, in which order, and when it ends.

Of test_group_chat.py, …_nested.py, …_graph.py, …_pause_resume.py, test_magentic_one_group_chat.py and
test_society_of_mind_agent.py at 0.7.5, as `theirs` names them. Without an equivalent: runtimes, message types
to register and lists of messages as a task, since a message has one shape; `reset`, since each run is new;
`output_task_messages` and team events, since the log holds each event once; a buffered model context.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from coder.engine.participants.participant import Participant
from coder.engine.teams import Handoff, Member, Nested, Orchestrated, Panel, RoundRobin, Selector, TeamSpec
from coder.engine.teams.spec import team_of
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.conditions import handed_to, messages, said, spoke, turns
from coder.run.message import Message
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.state import State
from coder.run.termination import Stop
from tests.coder.engine.teams.test_team_specs import CODER, RIGHT, TASK, WRONG, authors, worked
from tests.coder.people.chat.test_chat_session import Person
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

A, B, C, D = (Member(name, f"For {name}.", acts=False) for name in ("anna", "bert", "cleo", "dora"))
OVER = said("OVER")
PAIR = Nested("pair", RoundRobin((B, C)), stop=turns(2))
INMOST = Nested("inmost", RoundRobin((A, B)), stop=said("OVER", by="anna") | said("OVER", by="bert"))
MIDDLE = Nested("middle", RoundRobin((INMOST, C)), stop=said("OVER", by="cleo"))
CHOSEN = Nested("middle", Selector((INMOST, C)), stop=said("OVER", by="cleo"))


def spoken(message: Message) -> str:
    """Who has spoken, or in brackets who was chosen."""
    return f"[{message.to}]" if message.kind == "choice" else message.author


def over(to: str) -> str:
    """A hand-off, as its prompt asks for it."""
    return f"HANDOFF: {to}"


@pytest.mark.parametrize(
    ("theirs", "team", "answers", "stop", "order"),
    [
        ("round_robin", RoundRobin((A, B)), ["Hi.", "Yes.", "OVER"], OVER, "anna bert anna"),
        ("round_robin max_turn", RoundRobin((A, B, C, D)), ["1", "2", "3"], turns(3), "anna bert cleo"),
        ("selector", Selector((A, B, C)), ["cleo", "1", "bert", "2", "anna", "3", "bert", "OVER"], OVER,
         "[cleo] cleo [bert] bert [anna] anna [bert] bert"),
        ("selector two_speakers", Selector((A, B)), ["bert", "1", "2", "3", "OVER"], OVER,
         "[bert] bert anna bert anna"),
        ("selector allow_repeated", Selector((A, B), repeats=True),
         ["bert", "1", "bert", "2", "anna", "OVER"], OVER, "[bert] bert [bert] bert [anna] anna"),
        ("selector 2_attempts", Selector((A, B, C)), ["bert, cleo", "bert", "1"], turns(1), "[bert] bert"),
        ("selector fall_back_to_first", Selector((A, B, C)), ["bert, cleo", "emil", "1"], turns(1),
         "[anna] anna"),
        ("selector fall_back_to_previous", Selector((A, B, C)), ["bert", "1", "bert", "bert", "2"], turns(2),
         "[bert] bert [cleo] cleo"),  # theirs lets bert speak again, though he may not
        ("selector streaming", Selector((A, B)), ["the agent should be bert", "1"], turns(1), "[bert] bert"),
        ("swarm_handoff", Handoff((B, A, C)), [over("cleo"), over("anna"), over("bert"), over("cleo"), "1"],
         turns(5), "bert cleo anna bert cleo"),
        ("swarm handoff_termination", Handoff((B, A, C)), [over("cleo")], handed_to("cleo"), "bert"),
        ("swarm to the user", Handoff((B, A, C)), [over("human")], handed_to("human"), "bert"),
        ("swarm to nobody", Handoff((B, A, C)), [over("emil"), "1"], turns(2), "bert anna"),
        ("swarm to itself", Handoff((B, A, C)), [over("bert"), "1"], turns(2), "bert anna"),
        ("swarm nested", Handoff((A, D, PAIR)), [over("pair"), "1", "2", "3"], turns(4),
         "anna bert cleo anna"),
        ("nested round_robin", RoundRobin((PAIR, A)), ["1", "2", "3", "4", "OVER"], OVER,
         "bert cleo anna bert cleo"),
        ("nested selector", Selector((PAIR, A, D)), ["pair", "1", "2", "anna", "3", "pair", "4", "5", "dora",
         "OVER"], OVER, "[pair] bert cleo [anna] anna [pair] bert cleo [dora] dora"),
        ("deeply_nested round_robin", RoundRobin((MIDDLE, D)), ["1", "OVER", "2", "3", "4", "OVER", "OVER",
         "5", "OVER", "OVER", "OVER"], said("OVER", by="dora"),
         "anna bert cleo anna bert anna cleo dora bert cleo dora"),
        ("deeply_nested selector", Selector((CHOSEN, D), repeats=True), ["middle", "inmost", "1", "2", "OVER",
         "OVER", "dora", "3", "dora", "OVER"], said("OVER", by="dora"),
         "[middle] [inmost] anna bert anna cleo [dora] dora [dora] dora"),
        ("society_of_mind multiple_rounds", Selector((PAIR, A), repeats=True), ["pair", "1", "2", "pair", "3",
         "4", "anna", "OVER"], OVER, "[pair] bert cleo [pair] bert cleo [anna] anna"),
        ("graph fanout and join", RoundRobin((A, Nested("both", Panel((B, C)), stop=turns(2)), D)), [*"1234"],
         turns(4), "anna bert cleo dora"),
        ("graph loop_with_exit", RoundRobin((A, B)), ["1", "again", "2", "again", "3", "OVER"], OVER,
         "anna bert anna bert anna bert"),
        ("graph source match", RoundRobin((A, B)), ["1", "2"], spoke("bert"), "anna bert"),
    ],
)  # fmt: skip
async def test_members_speak_in_the_order_of_autogens(
    theirs: str, team: TeamSpec, answers: list[Any], stop: Stop, order: str
) -> None:
    run, model, conversation = await worked(team, *answers, stop=stop)

    assert run.status == "unverified", theirs
    assert [spoken(message) for message in conversation] == order.split(), theirs
    assert len(model.requests) == len(answers), f"{theirs}: each answer is asked for, and no other"


async def test_a_verdict_or_a_hand_off_of_one_line_is_words_and_no_program() -> None:
    run, _, conversation = await worked(RoundRobin((A,)), "Verdict: wrong", stop=turns(1))

    assert (run.status, [message.kind for message in conversation]) == ("unverified", ["words"])


async def test_whoever_picks_reads_what_each_is_for_and_how_to_choose() -> None:
    pair = PAIR.model_copy(update={"brief": "Writes and reviews."})
    _, model, _ = await worked(Selector((pair, A), brief="Begin with anna."), "anna", "1", stop=turns(1))

    request = "\n".join(message.content for message in model.requests[0].messages)
    assert all(line in request for line in ("- pair: Writes and reviews.", "- anna: For anna.", "Begin with"))


async def test_code_of_a_nested_team_is_run_before_others_review_it() -> None:
    inner = Nested("pair", RoundRobin((CODER, Member("critic", acts=False))), stop=said("AGREED"))
    answers = [WRONG, "The sign.", WRONG.replace("a - b", "b - a"), "AGREED", "Neither.", RIGHT]
    run, model, conversation = await worked(RoundRobin((inner, A)), *answers)

    tried = ["coder", "executor", "critic"] * 2
    assert authors(conversation) == [*tried, "anna", "coder", "executor"]
    assert "AGREED" in model.requests[4].messages[-1].content
    assert run.status == "solved"


async def test_a_nested_team_goes_on_where_the_user_wants_its_change_otherwise(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text("def add(a, b):\n    return a - b\n")
    inner = Nested("pair", RoundRobin((CODER, Member("critic", acts=False))), stop=said("AGREED"))
    model, log = Scripted([RIGHT, "By sum.", RIGHT.replace("a + b", "sum((a, b))")]), MemoryLog()
    person = Person(Decision(decision="no", words="Use sum()."), Decision(decision="yes"))

    task = TASK.model_copy(update={"workspace": tmp_path})
    run = await solve(task, team=RoundRobin((inner, A)), model=model, log=log, watch=person)

    conversation = fold_all(await log.read(run.run_id)).progress.messages
    assert authors(conversation) == ["coder", "executor", "human", "critic", "coder", "executor"]
    assert run.status == "solved"


class InCode:
    """A rule of one's own that leaves a choice to a model where it has none itself."""

    def next(self, state: State) -> Participant:
        """Anna, bert, whom a model picks of cleo and dora, anna."""
        last = state.last
        if last is not None and (last.kind == "choice" or last.author == "bert"):
            return Selector((C, D)).next(state)
        return (B if last is not None and last.author == "anna" else A).participant_for(())


async def test_a_rule_in_python_may_leave_a_turn_to_a_model_that_picks() -> None:
    log, model = MemoryLog(), Scripted(["1", "2", "dora", "3", "4"])
    run = await solve(TASK, team=InCode(), stop=turns(4), model=model, log=log)

    conversation = fold_all(await log.read(run.run_id)).progress.messages
    assert [spoken(message) for message in conversation] == ["anna", "bert", "[dora]", "dora", "anna"]


async def test_tools_that_are_called_beside_a_hand_off_are_called_once_and_before_it() -> None:
    called: list[str] = []

    def first(x: int) -> str:
        """First."""
        called.append(f"first {x}")
        return "one"

    def second(x: int) -> str:
        """Second."""
        called.append(f"second {x}")
        return "two"

    names = (("first", {"x": 1}), ("second", {"x": 2}), ("to_beta", {"words": "Yours."}))
    calls = [
        ToolCall(id=f"c{i:08}", name=n, arguments=json.dumps(arguments))
        for i, (n, arguments) in enumerate(names)
    ]
    team = Handoff((Member("alpha", acts=True), Member("beta", acts=True)))
    model, log = Scripted([calls, "Hello.\nOVER"]), MemoryLog()
    run = await solve(TASK, team=team, stop=OVER, model=model, log=log, tools=[first, second])

    conversation = fold_all(await log.read(run.run_id)).progress.messages
    assert [(message.author, message.kind) for message in conversation] == [
        ("alpha", "handoff"),
        ("beta", "words"),
    ]
    assert called == ["first 1", "second 2"]
    assert any("alpha:\nYours." in message.content for message in model.requests[1].messages)


async def test_a_plan_that_is_made_anew_gives_other_parts_and_may_solve_it() -> None:
    def plan(facts: str, member: str) -> str:
        return json.dumps({"facts": facts, "steps": [{"member": member, "do": f"Your {facts}."}] * 3})

    wrong = [WRONG.replace("a - b", f"a * {n}") for n in range(3)]
    answers = [plan("first", "coder"), *wrong, plan("second", "anna"), f"solution.py\n{RIGHT}"]
    run, model, conversation = await worked(Orchestrated((CODER, A), stalls=1, replans=1), *answers)

    assert authors(conversation)[-3:] == ["orchestrator", "anna", "executor"]
    assert "Your part: Your second." in model.requests[-1].messages[-1].content
    assert run.status == "solved"


@pytest.mark.parametrize(
    "team",
    [
        RoundRobin((A, PAIR)),
        Selector((A, PAIR), brief="Choose.", repeats=True),
        Handoff((A, PAIR)),
        Panel((A, B), then=CODER),
        Orchestrated((A, PAIR), stalls=5, replans=7),
        RoundRobin((Nested("outer", Selector((MIDDLE, D)), stop=messages(9), brief="Deep."),)),
        RoundRobin((Member("anna", model="openai/gpt-5", tools=("deploy",), acts=True),)),
    ],
)
def test_a_team_comes_back_from_its_json_with_all_that_was_set(team: TeamSpec) -> None:
    assert team_of(json.loads(json.dumps(team.model_dump(mode="json", exclude_defaults=True)))) == team
