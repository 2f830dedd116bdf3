"""A router of real models behind loopback endpoints: who is asked when the first can't answer."""

from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.errors import ContextTooLong, ModelAuthError, ModelError, ModelUnavailable
from coder.base.usage import Price
from coder.models.answer_parts import Retry, Switch
from coder.models.catalog import UserModels
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Patience
from coder.models.model import Answer, Model, Sampling
from coder.models.recorder import Recorder
from coder.models.roles import Asked, open_roles, resolve_roles
from coder.models.scripted import Scripted
from coder.models.wrapper import RoleModels, Router, model_for
from tests.coder.models.asking import QUESTION, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, Reply, chunk, error, faulty_endpoint, resets, says, streams

ONCE = Patience(first_wait_s=0, attempts=1)


def routes(*servers: FaultyEndpoint, contexts: tuple[int | None, ...] = (None, None, None)) -> list[Model]:
    """A model at each server, named first, second, third."""
    names = ("first/m", "second/m", "third/m")
    return [
        ChatModel(endpoint_of(server, name=name, context=context), patience=ONCE)
        for server, name, context in zip(servers, names, contexts, strict=False)
    ]


async def asked(router: Router, told: list[Retry | Switch] | None = None) -> Answer:
    async def tell(event: Retry | Switch) -> None:
        if told is not None:
            told.append(event)

    return await router.answer(QUESTION, sampling=Sampling(), on_retry=tell)


REFUSED = streams(chunk({"refusal": "I won't."}), chunk({}, finish="stop"), "[DONE]")
HEALED = {
    "a limit": error(429, "slow down"),
    "an outage": error(503, "down"),
    "a reset": resets(),
    "too long": error(400, "?", code="context_length_exceeded"),
    "no credit": error(429, "pay", code="insufficient_quota"),
    "a refusal": REFUSED,
}


@pytest.mark.parametrize("fault", HEALED.values(), ids=HEALED.keys())
async def test_the_next_model_answers_and_the_switch_is_told(fault: Reply) -> None:
    events: list[Retry | Switch] = []

    with faulty_endpoint(fault) as first, faulty_endpoint(says("hello")) as second:
        async with Router(routes(first, second)) as router:
            answer = await asked(router, events)

    assert answer.text == "hello"
    (switch,) = events
    assert isinstance(switch, Switch)
    assert (switch.model, switch.next) == ("first/m", "second/m")
    assert switch.reason


LASTING = {
    "a wrong key": error(401, "no"),
    "an unknown model": error(404, "no"),
    "a bad request": error(400, "no"),
}


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING.keys())
async def test_what_another_model_would_only_hide_is_raised_at_once(fault: Reply) -> None:
    with faulty_endpoint(fault) as first, faulty_endpoint(says("hello")) as second:
        async with Router(routes(first, second)) as router:
            with pytest.raises(ModelError):
                await asked(router)

    assert second.connections == 0


async def test_a_model_that_was_out_rests_while_others_answer() -> None:
    with faulty_endpoint(error(503, "down"), says("back")) as first, faulty_endpoint(says("hello")) as second:
        async with Router(routes(first, second)) as router:
            texts = [(await asked(router)).text for _ in range(3)]

    assert texts == ["hello"] * 3
    assert len(first.requests) == 1


async def test_a_model_that_rests_is_asked_all_the_same_when_nobody_else_can() -> None:
    with (
        faulty_endpoint(error(503, "down"), says("back")) as first,
        faulty_endpoint(error(503, "down")) as second,
    ):
        async with Router(routes(first, second)) as router:
            with pytest.raises(ModelUnavailable):
                await asked(router)
            answer = await asked(router)

    assert answer.text == "back"


async def test_a_conversation_that_is_too_long_goes_only_to_who_may_read_more() -> None:
    too_long = error(400, "?", code="context_length_exceeded")

    with faulty_endpoint(too_long) as first, faulty_endpoint() as small, faulty_endpoint(says("big")) as big:
        async with Router(routes(first, small, big, contexts=(8000, 4000, 32000))) as router:
            answer = await asked(router)
        async with Router(routes(first, small, contexts=(8000, 4000))) as router:
            with pytest.raises(ContextTooLong):
                await asked(router)

    assert answer.text == "big"
    assert small.connections == 0


async def test_a_refusal_stays_one_when_nobody_else_answers() -> None:
    with faulty_endpoint(REFUSED) as first:
        async with Router(routes(first)) as router:
            answer = await asked(router)

    assert (answer.text, answer.finish) == ("I won't.", "refusal")


async def test_a_router_reserves_what_the_dearest_of_its_models_costs() -> None:
    with faulty_endpoint() as server:
        prices = (Price(input=1, output=2), Price(input=3, output=1), None)
        models = [ChatModel(endpoint_of(server, price=price)) for price in prices]

    assert Router(models[:2]).price(1_000_000, 1_000_000) == Decimal(4)
    assert Router(models).price(1, 1) is None


async def test_roles_have_models_of_their_own_also_behind_a_recorder(tmp_path: Path) -> None:
    run, planner = Scripted(["code"], name="scripted/coder"), Scripted(["plan"], name="scripted/planner")
    cast = RoleModels(run, {"planner": planner})

    async with Recorder(cast, tmp_path / "r.jsonl") as recorder:
        plan = await model_for(recorder, "planner").answer(QUESTION, sampling=Sampling())
        code = await model_for(recorder, "coder").answer(QUESTION, sampling=Sampling())

    assert (plan.text, code.text) == ("plan", "code")
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 3


async def test_everyone_who_was_named_is_chosen_before_anyone_is_asked() -> None:
    with faulty_endpoint(says("main")) as server:
        book = UserModels(aliases={"other": f"toy@{server.url}"})
        models = Asked(model="toy", base_url=server.url, fallback=("other",), roles={"planner": "openai/x"})

        with pytest.raises(ModelAuthError, match="OPENAI_API_KEY"):
            await resolve_roles(models, environ={}, book=book)
        roles = await resolve_roles(models.model_copy(update={"roles": {}}), environ={}, book=book)
        async with open_roles(roles) as model:
            answer = await model.answer(QUESTION, sampling=Sampling())

    assert answer.text == "main"
    assert [choice.name for choice in roles.all] == [f"127.0.0.1:{server.port}/toy"] * 2


async def test_what_rests_in_one_run_rests_in_the_next_run_of_the_same_process() -> None:
    down = error(503, "down")

    with faulty_endpoint(down, says("back")) as first, faulty_endpoint(says("hello")) as second:
        models = Asked(model="toy", base_url=first.url, fallback=(f"toy@{second.url}",))
        roles = await resolve_roles(models, environ={})
        texts = []
        for _ in range(2):  # they are opened for each run
            async with open_roles(roles, patience=ONCE) as model:
                texts.append((await model.answer(QUESTION, sampling=Sampling())).text)

    assert texts == ["hello", "hello"]
    assert (len(first.requests), len(second.requests)) == (1, 2)
