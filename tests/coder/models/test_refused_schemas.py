"""An endpoint that refuses the schema of one server's tool: the tool is left out, the others stay."""

from itertools import chain

import pytest

from coder.base.errors import ModelRefused, ToolsRefused
from coder.models.chat_completions import ChatModel
from coder.models.model import Answer, Form, Sampling, ToolSpec
from coder.models.refused_tools import ServerTool
from coder.run.event_types import CallRetried
from coder.show.render import progress
from tests.coder.models.asking import QUESTION, QUICK, Retries, endpoint_of
from tests.coder.models.test_refused_tools import looks
from tests.faulty_endpoint import FaultyEndpoint, Reply, Request, calls, error, faulty_endpoint, status

OBJECT = {"type": "object"}
OWN = (ToolSpec(name="look", description="Look.", parameters=OBJECT),)
SERVERS = tuple(
    ServerTool(name=f"git_{name}", description=name, parameters=OBJECT)
    for name in ("log", "list", "list_all")
)
FORM = Form(tools=(*OWN, *SERVERS, ToolSpec(name="done", description="End.", parameters=OBJECT)))
WORDS = "Invalid schema for function 'git_list': array schema missing items."
LOCATION = ["body", "tools", 2, "function", "parameters"]
REFUSALS = {
    "OpenAI": error(400, "array schema missing items.", param="tools[2].function.parameters"),
    "OpenAI's name": error(400, WORDS, code="invalid_function_parameters", param=None),
    "Responses": error(400, WORDS, param="tools[2].parameters"),
    "Anthropic": status(
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "tools.2.custom.input_schema: JSON schema is invalid.",
            },
        },
    ),
    "Google": error(
        400,
        "* GenerateContentRequest.tools[0].function_declarations[2].parameters.items: missing field.",
    ),
    "pydantic": status(422, {"detail": [{"type": "missing", "loc": LOCATION, "msg": "Field required"}]}),
    "OpenRouter": error(400, "Provider returned error", metadata={"raw": f'{{"message": "{WORDS}"}}'}),
}
"""Refusals of `git_list`, the third tool of the request, in their providers' forms."""
UNKNOWN = {
    "no tool": error(400, "JSON schema is invalid.", param=None),
    "one of coder's own": error(400, "Invalid schema for function 'look'."),
    "the index of one of coder's own": error(400, "array schema missing items.", param="tools[0].function"),
    "a longer name": error(400, "Invalid schema for function 'git_list_any' in tools."),
    "no index": error(400, "too many tools, 2 of them, tools: 2", param="tools"),
    "another parameter": error(400, "git_list isn't known", param="messages[2].tool_calls"),
}


async def ask_with(
    server: FaultyEndpoint,
    *,
    times: int = 1,
    retries: Retries | None = None,
    api: str = "chat",
    callers: tuple[str, ...] = (),
) -> Answer:
    async with ChatModel(endpoint_of(server, api=api), patience=QUICK) as model:
        for _ in range(times):
            answer = await model.answer(
                QUESTION, sampling=Sampling(), form=FORM, on_retry=retries, callers=callers
            )
        return answer


def names_sent(request: Request) -> list[str]:
    return [tool.get("function", tool)["name"] for tool in request.body["tools"]]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
async def test_a_tool_whose_schema_is_refused_is_left_out_and_the_others_stay(
    refusal: Reply, api: str
) -> None:
    retries = Retries()

    with faulty_endpoint(refusal, looks(api)) as server:
        answer = await ask_with(server, times=2, retries=retries, api=api)

    assert [call.name for call in answer.tool_calls] == ["look"]
    assert list(map(names_sent, server.requests)) == [
        ["look", "git_log", "git_list", "git_list_all", "done"],
        ["look", "git_log", "git_list_all", "done"],
        ["look", "git_log", "git_list_all", "done"],
    ]
    assert [retry.reason.split(" (HTTP")[0] for retry in retries] == [
        "toy/toy refuses the tool git_list, which is left out from now on"
    ]


async def test_each_refused_tool_is_left_out_in_turn_by_its_place_in_the_request_that_was_refused() -> None:
    second = error(400, "array schema missing items.", param="tools[2].function.parameters")

    with faulty_endpoint(REFUSALS["OpenAI"], second, calls("look")) as server:
        await ask_with(server)

    assert names_sent(server.requests[-1]) == ["look", "git_log", "done"]


@pytest.mark.parametrize("refusal", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_a_refusal_that_names_no_tool_of_a_server_leaves_none_out(refusal: Reply) -> None:
    with faulty_endpoint(refusal) as server, pytest.raises(ModelRefused):
        await ask_with(server)

    assert set(chain(*map(names_sent, server.requests))) == {tool.name for tool in FORM.tools}


async def test_a_tool_that_was_accepted_before_is_never_left_out() -> None:
    with faulty_endpoint(calls("look"), REFUSALS["OpenAI"]) as server, pytest.raises(ToolsRefused):
        await ask_with(server, times=2)

    assert all("git_list" in names_sent(request) for request in server.requests)


async def test_a_model_that_has_called_tools_is_asked_again_before_a_new_tool_is_left_out() -> None:
    refusal = REFUSALS["OpenAI"]

    with faulty_endpoint(refusal, refusal, refusal, calls("look")) as server:
        await ask_with(server, callers=("toy/toy",))

    assert ["git_list" in names_sent(request) for request in server.requests] == [True, True, True, False]


async def test_a_call_that_the_model_wrote_wrongly_costs_its_tool_nothing() -> None:
    broken = error(400, "Failed to call a function: git_list", code="tool_use_failed")

    with faulty_endpoint(broken, calls("look")) as server:
        await ask_with(server)

    assert all("git_list" in names_sent(request) for request in server.requests)


def test_the_person_reads_which_tool_is_left_out() -> None:
    line = progress(CallRetried(call=1, attempt=1, wait_s=0, reason="toy refuses the tool git_list"))

    assert line == "  ! toy refuses the tool git_list; asking again"
