"""A purse that several runs are paid from: it holds to the last call, whoever makes it."""

import asyncio
from contextlib import suppress
from decimal import Decimal

import pytest
from pydantic import SecretStr

from coder.base.errors import ModelUnavailable, SharedBudgetEmpty
from coder.base.usage import Price
from coder.models.abilities import abilities_of
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint, Patience
from coder.models.model import Sampling
from coder.models.scripted import Scripted
from coder.models.shared_budget import BudgetedModel, SharedBudget
from coder.models.wrapper import RoleModels
from coder.run.event_types import BudgetReached, CallIntended, ModelCallFailed, parse
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.models.asking import QUESTION, QUICK, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, begins, error, faulty_endpoint, says
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

PRICE = Price(input=Decimal(0), output=Decimal(1000))
"""A thousandth of a dollar a token out: a call that may give 10 reserves a cent."""
TEN = Sampling(max_tokens=10)
FIVE = says("a", "b", "c", "d", "e")
CENT = Decimal("0.01")


async def test_calls_that_are_made_at_once_never_reserve_more_than_there_is() -> None:
    purse = SharedBudget(3 * CENT)

    with faulty_endpoint(FIVE) as server:
        ends = await _ask_at_once(server, purse, calls=8)

    # Three fit at first, and what they give back is room for others, until less than a cent is left.
    assert len(server.requests) == 5
    assert server.most_busy <= 3
    assert purse.spent == 5 * CENT / 2
    assert sum(isinstance(end, SharedBudgetEmpty) for end in ends) == 3


async def test_what_was_spent_before_counts() -> None:
    with faulty_endpoint(FIVE) as server:
        await _ask_at_once(server, SharedBudget(3 * CENT, spent=Decimal("0.021")), calls=1)

    assert server.requests == []


async def test_a_call_that_fails_gives_back_what_it_had_reserved() -> None:
    purse = SharedBudget(CENT)

    with faulty_endpoint(error(503, "down"), FIVE) as server:
        ends = [(await _ask_at_once(server, purse, calls=1, attempts=1))[0] for _ in range(2)]

    assert isinstance(ends[0], ModelUnavailable)
    assert (ends[1], purse.spent) == (None, CENT / 2)


async def test_a_call_that_is_cut_off_by_its_caller_counts_as_it_was_reserved() -> None:
    purse = SharedBudget(CENT)

    with faulty_endpoint(begins("hel", ending="hang")) as server:
        asking = asyncio.create_task(_ask_at_once(server, purse, calls=1))
        await asyncio.to_thread(server.wait_until, lambda seen: seen.busy == 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    assert purse.spent == CENT


async def test_what_breaks_off_is_spent_and_ends_the_tries_when_nothing_is_left() -> None:
    purse = SharedBudget(CENT)

    with faulty_endpoint(begins("x" * 8, ending="reset"), FIVE) as server:
        (end,) = await _ask_at_once(server, purse, calls=1)

    # Two tokens were lost, so that another try could take more than there is.
    assert isinstance(end, SharedBudgetEmpty)
    assert (len(server.requests), purse.spent) == (1, Decimal("0.002"))


async def test_what_a_lost_owner_reserved_is_spent_and_a_late_settlement_corrects_it() -> None:
    purse = SharedBudget(3 * CENT)
    lost, kept = purse.try_reserve(CENT, "lost"), purse.try_reserve(CENT, "kept")
    assert lost is not None
    assert kept is not None

    purse.forfeit("lost")
    after_loss = (purse.spent, await purse.free())
    purse.settle(lost, CENT / 4)
    purse.settle(kept, CENT / 2)

    assert after_loss == (CENT, CENT)
    assert purse.spent == CENT * 3 / 4


async def test_a_forfeit_ends_the_wait_of_calls_that_can_be_paid_no_more() -> None:
    purse = SharedBudget(CENT)
    purse.try_reserve(CENT, "lost")
    waiting = asyncio.create_task(purse.reserve(CENT))
    await asyncio.sleep(0)

    purse.forfeit("lost")

    with pytest.raises(SharedBudgetEmpty):
        await waiting


async def test_a_model_without_a_price_is_not_asked() -> None:
    with faulty_endpoint(FIVE) as server:
        async with ChatModel(endpoint_of(server)) as model:
            with pytest.raises(SharedBudgetEmpty, match="price of toy/toy is unknown"):
                await BudgetedModel(model, SharedBudget(CENT)).answer(QUESTION, sampling=TEN)

    assert server.requests == []


async def test_a_role_is_paid_from_the_same_purse() -> None:
    with faulty_endpoint(FIVE) as server:
        purse, model = SharedBudget(CENT), ChatModel(endpoint_of(server, price=PRICE))
        cast = BudgetedModel(RoleModels(model, {"planner": model}), purse)
        planner = cast.role("planner")
        assert planner is not None
        await planner.answer(QUESTION, sampling=TEN)
        await cast.close()

    assert purse.spent == CENT / 2
    assert cast.role("coder") is None


async def test_runs_that_share_a_purse_end_at_its_limit_and_the_call_is_not_made() -> None:
    purse, log = SharedBudget(Decimal(4)), MemoryLog()
    task = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
    settings = Settings(plan=False, budget=Budget(max_cost=Decimal(50)))

    with faulty_endpoint(FIVE) as server:
        async with ChatModel(endpoint_of(server, price=PRICE), patience=QUICK) as model:
            # A call of a run reserves 4,096 tokens, $4.096.
            run = await solve(task, model=BudgetedModel(model, purse), settings=settings, log=log)

    bodies = [parse(event) for event in await log.read(run.run_id)]
    assert (run.status, run.exit_code, run.limit, server.requests) == ("limit", 3, "shared", [])
    assert [type(body) for body in bodies[1:4]] == [CallIntended, ModelCallFailed, BudgetReached]
    assert "all runs together" in run.reason
    assert run.cost == 0


async def _ask_at_once(
    server: FaultyEndpoint, purse: SharedBudget, *, calls: int, attempts: int = 5
) -> list[BaseException | None]:
    patience = Patience(first_wait_s=0, attempts=attempts)
    async with ChatModel(endpoint_of(server, price=PRICE), patience=patience) as model:
        requests = [BudgetedModel(model, purse).answer(QUESTION, sampling=TEN) for _ in range(calls)]
        ends = await asyncio.gather(*requests, return_exceptions=True)
    return [end if isinstance(end, BaseException) else None for end in ends]


async def test_a_purse_that_is_large_enough_leaves_the_endpoint_its_own_limit() -> None:
    with faulty_endpoint(FIVE) as server:
        async with ChatModel(endpoint_of(server, price=PRICE)) as model:
            for usd in (10_000, 40):
                await BudgetedModel(model, SharedBudget(Decimal(usd))).answer(QUESTION, sampling=Sampling())

    assert [request.body.get("max_tokens") for request in server.requests] == [None, 10_000]


def test_whoever_pays_hides_nothing_of_what_a_model_can_do() -> None:
    endpoint = Endpoint(name="a/m", model="m", url=SecretStr("http://127.0.0.1:9"), context=9000, tools=True)
    inside = ChatModel(endpoint)

    assert abilities_of(BudgetedModel(inside, SharedBudget(Decimal(1)))) == abilities_of(inside)


def test_the_models_of_roles_are_wrapped_as_the_runs_own_is() -> None:
    cast = RoleModels(Scripted(["a"]), {"planner": Scripted(["b"])})

    pursed = BudgetedModel(cast, SharedBudget(Decimal(1)))

    assert pursed.roles == ("planner",)
    assert isinstance(pursed.role("planner"), BudgetedModel)
    assert pursed.role("coder") is None


async def test_a_budget_is_spent_by_the_length_of_the_answers_so_far() -> None:
    # 4,096 tokens cost $4.096; an answer of five costs half a cent, and the next ones get 512.
    purse = SharedBudget(Decimal("4.12"))
    with faulty_endpoint(FIVE) as server:
        async with ChatModel(endpoint_of(server, price=PRICE)) as model:
            budgeted = BudgetedModel(model, purse)
            with suppress(SharedBudgetEmpty):
                while True:
                    await budgeted.answer(QUESTION, sampling=Sampling())

    rooms = [request.body["max_tokens"] for request in server.requests]
    assert (rooms[0], rooms[-1]) == (4096, 512)
    assert Decimal("3.6") <= purse.spent <= purse.usd


CUT = says("a", "b", "c", "d", "e", finish="length")


async def test_an_answer_that_the_budget_cut_ends_its_run_at_the_limit_and_its_cost_is_logged() -> None:
    purse, log = SharedBudget(Decimal("4.2")), MemoryLog()
    task = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))

    with faulty_endpoint(FIVE, CUT) as server:
        async with ChatModel(endpoint_of(server, price=PRICE), patience=QUICK) as model:
            settings = Settings(plan=False, budget=Budget(max_cost=Decimal(50)))
            run = await solve(task, model=BudgetedModel(model, purse), settings=settings, log=log)

    assert (run.status, run.limit, len(server.requests)) == ("limit", "shared", 2), run.reason
    assert "left an answer 1,048 tokens, and it took more" in run.reason
    assert (run.cost, purse.spent) == (0.01, CENT)


async def test_an_answer_that_ends_at_the_models_own_limit_is_an_answer() -> None:
    with faulty_endpoint(CUT) as server:
        async with ChatModel(endpoint_of(server, price=PRICE)) as model:
            answer = await BudgetedModel(model, SharedBudget(CENT)).answer(QUESTION, sampling=TEN)

    assert answer.finish == "length"
