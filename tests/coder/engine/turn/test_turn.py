"""A turn's calls: shortened, gone on with, held to budgets, and never made twice."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import ContextTooLong
from coder.base.text.redact import Redactor
from coder.base.usage import Price
from coder.engine.turn.logged_calls import BudgetSpent
from coder.engine.turn.turn import Turn
from coder.engine.turn.whole_answer import ask_whole_answer
from coder.environment.workbench import Workbench
from coder.models.chat_completions import ChatModel
from coder.models.model import ChatMessage, Form, Model, Sampling, ToolSpec
from coder.models.scripted import Scripted
from coder.models.tokens import MIN_SHORTENED, input_tokens, shorten_longest
from coder.run.event_types import (
    Body,
    BudgetReached,
    CallAnswered,
    CallIntended,
    ModelCallFailed,
    RunStarted,
    parse,
)
from coder.run.events import Draft, Event
from coder.run.journal import Journal
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from sandbox import Policy, open_sandbox
from tests.coder.models.asking import QUICK, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, chunk, error, faulty_endpoint, says, streams
from tests.memory_log import MemoryLog

LONG = [
    ChatMessage(role="system", content="Be brief."),
    ChatMessage(role="user", content="\n".join(f"line {n}" for n in range(400))),
]
ASKED = [*LONG[:1], ChatMessage(role="user", content="Say hello.")]
TOO_LONG = error(400, "?", code="context_length_exceeded")
GREEDY = Sampling(temperature=0, max_tokens=100)


@asynccontextmanager
async def turn_of(
    model: Model, *, log: MemoryLog | None = None, budget: Budget | None = None
) -> AsyncIterator[Turn]:
    """A turn in a run that has just begun, or goes on from this log."""
    log = log or MemoryLog()
    async with log.lease("run_x") as token:
        journal = Journal("run_x", log, token=token, watch=Unwatched())
        if await log.read("run_x"):
            await journal.load()
        else:
            settings = Settings(budget=budget or Budget())
            await journal.append(RunStarted(task=Task(prompt="x"), settings=settings, model=model.name))
        bench = Workbench(Policy(), open_sandbox, redactor=Redactor())
        yield Turn("coder", journal=journal, model=model, bench=bench)


def model_of(server: FaultyEndpoint, **changes: object) -> ChatModel:
    return ChatModel(endpoint_of(server, **changes), patience=QUICK)


async def bodies(log: MemoryLog) -> list[Body]:
    parse_results = [parse(event) for event in await log.read("run_x")]
    return [body for body in parse_results if body is not None]


async def test_a_conversation_that_is_too_long_is_asked_again_at_half_its_longest_message() -> None:
    with faulty_endpoint(TOO_LONG, says("hello")) as server:
        async with model_of(server) as model, turn_of(model) as turn:
            text = await ask_whole_answer(turn, LONG, sampling=GREEDY)

    assert text == "hello"
    first, second = (request.body["messages"][1]["content"] for request in server.requests)
    assert 0.4 < len(second) / len(first) < 0.6
    assert "characters are left out here" in second
    assert second.startswith("line 0\n")
    assert second.endswith("line 399")


async def test_a_conversation_that_stays_too_long_ends_by_name() -> None:
    with faulty_endpoint(TOO_LONG) as server:
        async with model_of(server) as model, turn_of(model, budget=Budget(max_calls=100)) as turn:
            with pytest.raises(ContextTooLong):
                await ask_whole_answer(turn, LONG, sampling=GREEDY)

    assert len(server.requests) <= 5


async def test_a_resumed_turn_makes_no_call_again_that_was_too_long_or_answered() -> None:
    log = MemoryLog()
    with faulty_endpoint(TOO_LONG, says("hello")) as server:
        async with model_of(server) as model, turn_of(model, log=log) as turn:
            await ask_whole_answer(turn, LONG, sampling=GREEDY)

    async with turn_of(Scripted([]), log=log) as turn:
        text = await ask_whole_answer(turn, LONG, sampling=GREEDY)

    assert text == "hello"


class SlowLog(MemoryLog):
    """A log that lets others run while it writes, as one on a server does."""

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        await asyncio.sleep(0.001)
        return await super().append(run, drafts, after=after, token=token)


def asked_for(name: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=f"Say {name}.")]


async def said_side_by_side(log: MemoryLog, names: Sequence[str], *answers: str) -> list[str]:
    async with turn_of(Scripted(answers), log=log) as turn:
        return await asyncio.gather(
            *(ask_whole_answer(turn, asked_for(name), sampling=GREEDY) for name in names)
        )


async def test_calls_side_by_side_are_numbered_apart_on_a_log_that_waits() -> None:
    log = SlowLog()

    texts = await said_side_by_side(log, ["a", "b", "c"], "1", "2", "3")

    assert sorted(texts) == ["1", "2", "3"]
    intents = [body.call for body in await bodies(log) if isinstance(body, CallIntended)]
    assert intents == [1, 2, 3]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
async def test_a_resumed_turn_repeats_no_call_in_whatever_order_it_asks(order: Sequence[str]) -> None:
    log = MemoryLog()
    first = dict(zip("abc", await said_side_by_side(log, "abc", "1", "2", "3"), strict=True))

    again = dict(zip(order, await said_side_by_side(log, order), strict=True))

    assert again == first


async def test_a_request_that_was_made_twice_has_both_its_answers_again() -> None:
    log = MemoryLog()
    first = await said_side_by_side(log, "aa", "1", "2")

    assert await said_side_by_side(log, "aa") == first == ["1", "2"]


async def test_an_answer_that_was_cut_off_at_its_limit_is_gone_on_with() -> None:
    log = MemoryLog()
    with faulty_endpoint(says("hel", finish="length"), says("lo")) as server:
        async with model_of(server) as model, turn_of(model, log=log) as turn:
            text = await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    async with turn_of(Scripted([]), log=log) as turn:
        again = await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    assert text == again == "hello"
    assert [m["role"] for m in server.requests[1].body["messages"]] == ["system", "user", "assistant", "user"]
    assert [b.finish for b in await bodies(log) if isinstance(b, CallAnswered)] == ["length", "stop"]


async def test_an_answer_without_end_is_gone_on_with_twice() -> None:
    with faulty_endpoint(says("x", finish="length")) as server:
        async with model_of(server) as model, turn_of(model) as turn:
            text = await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    assert (text, len(server.requests)) == ("xxx", 3)


async def test_calls_of_tools_and_reasoning_stand_in_the_log() -> None:
    tool = ToolSpec(name="add", description="Add.", parameters={"type": "object"})
    log = MemoryLog()

    async with turn_of(Scripted(["done"]), log=log) as turn:
        answer = await turn.answer(ASKED, sampling=GREEDY, form=Form(tools=(tool,)))

    intent = next(body for body in await bodies(log) if isinstance(body, CallIntended))
    assert (answer.text, intent.form) == ("done", Form(tools=(tool,)))


async def test_events_without_anything_new_are_written_as_before() -> None:
    log = MemoryLog()

    async with turn_of(Scripted(["done"]), log=log) as turn:
        await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    _, request, answered = await log.read("run_x")
    assert "form" not in request.body
    assert not {"reasoning", "tool_calls"} & answered.body.keys()


CENT = Price(input=10, output=10)
"""100 tokens out are reserved at $0.001, so that a budget of a cent holds nine calls and no tenth."""


async def test_a_budget_stops_a_run_before_the_call_that_could_break_it() -> None:
    with faulty_endpoint(says(*("x" for _ in range(100)))) as server:
        budget = Budget(max_cost=Decimal("0.01"), max_calls=100)
        async with model_of(server, price=CENT) as model, turn_of(model, budget=budget) as turn:
            for _ in range(8):
                await ask_whole_answer(turn, ASKED, sampling=GREEDY)
            with pytest.raises(BudgetSpent, match=r"limit of \$0\.01"):
                await ask_whole_answer(turn, ASKED, sampling=GREEDY)
            spent = turn.state.spend.usd

    assert len(server.requests) == 8
    assert spent <= Decimal("0.01")


async def test_one_call_may_cost_no_more_than_it_was_allowed() -> None:
    budget = Budget(max_call_cost=Decimal("0.0005"))

    with faulty_endpoint(says("hello")) as server:
        async with model_of(server, price=CENT) as model, turn_of(model, budget=budget) as turn:
            with pytest.raises(BudgetSpent, match=r"more than the \$0.0005 that one may"):
                await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    assert not server.requests


async def test_a_call_that_failed_is_in_the_log_by_name() -> None:
    log = MemoryLog()
    with faulty_endpoint(TOO_LONG) as server:
        async with model_of(server) as model, turn_of(model, log=log) as turn:
            with pytest.raises(ContextTooLong):
                await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    assert [b.error for b in await bodies(log) if isinstance(b, ModelCallFailed)] == ["ContextTooLong"]


def test_other_scripts_are_reserved_as_the_dearest_tokenizer_counts_them() -> None:
    def tokens(text: str) -> int:
        return input_tokens([ChatMessage(role="user", content=text)])

    assert tokens("word " * 60) - tokens("") == 100
    assert tokens("字" * 300) - tokens("") == 600


TEXTS = st.lists(st.text(alphabet="ab\n", max_size=3 * MIN_SHORTENED), max_size=4)


@given(TEXTS)
def test_what_is_shrunk_is_shorter_each_time_and_comes_to_an_end(texts: Sequence[str]) -> None:
    messages: list[ChatMessage] | None = [ChatMessage(role="user", content=text) for text in texts]
    sizes = []

    while messages is not None:
        sizes.append(sum(len(message.content) for message in messages))
        messages = shorten_longest(messages)

    assert sizes == sorted(set(sizes), reverse=True)


DEAR = Price(input=Decimal(5), output=Decimal(25))
"""US dollars per million tokens."""
THOUGHT = streams(
    chunk({"reasoning_content": "hm"}),
    {
        **chunk({}, finish="length"),
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 900,
            "completion_tokens_details": {"reasoning_tokens": 900},
        },
    },
    "[DONE]",
)
"""An answer that ended before its first word."""


async def test_a_dear_model_with_long_answers_is_asked_under_the_usual_budget() -> None:
    log = MemoryLog()
    with faulty_endpoint(says("hello")) as server:
        async with (
            model_of(server, max_output=128_000, price=DEAR) as model,
            turn_of(model, log=log) as turn,
        ):
            text = await ask_whole_answer(turn, ASKED, sampling=Sampling())

    intent = next(body for body in await bodies(log) if isinstance(body, CallIntended))
    assert text == "hello"
    assert 19_900 < server.requests[0].body["max_tokens"] < 20_000  # half of a dollar at $25 a million
    assert Decimal("0.49") < (intent.reserved_usd or 0) < Decimal("0.51")
    assert intent.sampling == Sampling()


async def test_a_limit_of_cost_without_room_for_an_answer_refuses_the_call() -> None:
    with faulty_endpoint(says("hello")) as server:
        budget = Budget(max_cost=Decimal("0.05"))
        async with model_of(server, price=DEAR) as model, turn_of(model, budget=budget) as turn:
            with pytest.raises(BudgetSpent):
                await ask_whole_answer(turn, ASKED, sampling=Sampling())

    assert server.requests == []


async def test_a_limit_of_tokens_holds_where_no_limit_of_the_answer_is_known() -> None:
    with faulty_endpoint(says("hello")) as server:
        async with model_of(server) as model, turn_of(model, budget=Budget(max_tokens=20_000)) as turn:
            await ask_whole_answer(turn, ASKED, sampling=Sampling())

    assert 9_800 < server.requests[0].body["max_tokens"] < 10_000


async def test_reasoning_that_took_all_of_an_answer_ends_the_run_by_name_and_more_room_goes_on() -> None:
    log = MemoryLog()
    with faulty_endpoint(THOUGHT) as server:
        async with model_of(server) as model, turn_of(model, log=log) as turn:
            with pytest.raises(BudgetSpent, match="used up the 900 tokens of its answer by reasoning"):
                await ask_whole_answer(turn, ASKED, sampling=Sampling())

    reached = (await bodies(log))[-1]
    assert isinstance(reached, BudgetReached)
    assert (reached.limit, reached.least) == ("answer", 1_800)
    async with turn_of(Scripted(["hello"]), log=log) as turn:
        assert await ask_whole_answer(turn, ASKED, sampling=Sampling()) == "hello"


async def test_a_brief_answer_gets_all_the_room_there_is_where_its_model_reasons_first() -> None:
    log = MemoryLog()
    with faulty_endpoint(THOUGHT, says("1. Do it.")) as server:
        async with model_of(server) as model, turn_of(model, log=log) as turn:
            text = await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    async with turn_of(Scripted([]), log=log) as turn:
        again = await ask_whole_answer(turn, ASKED, sampling=GREEDY)

    assert text == again == "1. Do it."
    assert [request.body.get("max_tokens") for request in server.requests] == [100, None]


@pytest.mark.parametrize(
    ("bound", "limit", "words"),
    [
        ({"max_output": 900}, "answer", "name another model"),
        ({"price": Price(input=Decimal(1), output=Decimal(20))}, "cost", "the budget left no more"),
    ],
)
async def test_the_limit_that_left_no_room_is_named(bound: dict[str, object], limit: str, words: str) -> None:
    log = MemoryLog()
    with faulty_endpoint(THOUGHT) as server:
        async with model_of(server, **bound) as model, turn_of(model, log=log) as turn:
            with pytest.raises(BudgetSpent, match=words):
                await ask_whole_answer(turn, ASKED, sampling=Sampling())

    reached = (await bodies(log))[-1]
    assert isinstance(reached, BudgetReached)
    assert reached.limit == limit
