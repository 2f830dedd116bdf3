"""Typed functions as tools: their schema, what is said of arguments that don't fit, and the loop."""

from typing import Literal

import pytest

from coder.environment.workbench import Workbench
from coder.models.chat_completions import ChatModel
from coder.models.model import ChatMessage, Sampling, ToolCall
from coder.models.tool import LONGEST_RESULT, tool_of, use_tools
from coder.run.event_types import RunStarted
from coder.run.journal import Journal
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.store import MemoryLog
from coder.text.redact import Redactor
from coder.turn import Turn
from sandbox import Policy, open_sandbox
from tests.coder.models.asking import QUESTION, QUICK, endpoint_of
from tests.faulty_endpoint import Reply, chunk, faulty_endpoint, says, streams


def add(a: int, b: int = 2, *, sign: Literal["+", "-"] = "+") -> int:
    """Add two integers."""
    if a > 100:
        raise ValueError("a is too large")
    return a + b if sign == "+" else a - b


async def repeat(text: str) -> str:
    """Say it often."""
    return text * 10_000


def called(**arguments: str) -> ToolCall:
    return ToolCall(id="c", name="add", arguments=arguments.get("json", "{}"))


def test_the_schema_of_a_tool_comes_from_its_types_and_its_docstring() -> None:
    spec = tool_of(add).spec

    assert (spec.name, spec.description) == ("add", "Add two integers.")
    assert spec.parameters["required"] == ["a"]
    assert spec.parameters["additionalProperties"] is False
    properties = spec.parameters["properties"]
    assert isinstance(properties, dict)
    assert properties["b"] == {"default": 2, "title": "B", "type": "integer"}
    assert properties["sign"] == {"default": "+", "enum": ["+", "-"], "title": "Sign", "type": "string"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"a": 1}', "3"),
        ('{"a": 1, "b": 5, "sign": "-"}', "-4"),
        ('{"a": "one"}', "The arguments of add don't fit: a: Input should be a valid integer"),
        ('{"a": 1, "c": 2}', "c: Extra inputs are not permitted"),
        ('{"a": ', "The arguments of add are not valid JSON"),
        ('{"a": 101}', "a is too large"),
    ],
)
async def test_a_call_is_answered_with_the_result_or_with_what_is_wrong(arguments: str, said: str) -> None:
    message = await tool_of(add).answer(called(json=arguments))

    assert (message.role, message.tool_call_id) == ("tool", "c")
    assert said in message.content


async def test_an_async_tool_is_awaited_and_a_long_result_is_cut() -> None:
    message = await tool_of(repeat).answer(ToolCall(id="c", name="repeat", arguments='{"text": "ab"}'))

    assert message.content == "ab" * (LONGEST_RESULT // 2) + "\n[… 4000 characters more]"


def _undocumented(a: int) -> int:
    return a


def _untyped(a) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Do."""
    return 1


def _starred(*a: int) -> int:
    """Do."""
    return 1


@pytest.mark.parametrize(
    ("function", "said"),
    [(_undocumented, "no docstring"), (_untyped, "a of _untyped has no type"), (_starred, "by its name")],
)
def test_what_no_model_could_call_is_refused(function: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tool_of(function)  # type: ignore[arg-type]


def asks_for(name: str, arguments: str) -> Reply:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return streams(chunk({"tool_calls": [call]}), chunk({}, finish="tool_calls"), "[DONE]")


async def test_a_participant_calls_tools_until_the_model_says_something() -> None:
    script = (asks_for("add", '{"a": 20, "b": 22}'), asks_for("divide", "{}"), says("It is 42."))

    with faulty_endpoint(*script) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            turn, journal = await _turn(model)
            said = await use_tools(
                lambda talk, form: turn.answer(talk, sampling=Sampling(), form=form), QUESTION, [tool_of(add)]
            )

    results = [m["content"] for m in server.requests[2].body["messages"] if m["role"] == "tool"]
    assert said.text == "It is 42."
    assert results == ["42", "There is no tool 'divide'. There are: add."]
    assert journal.state.calls == 3


async def test_a_loop_of_tools_ends_after_so_many_steps() -> None:
    with faulty_endpoint(asks_for("add", '{"a": 1}')) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            said = await use_tools(
                lambda talk, form: model.answer(talk, sampling=Sampling(), form=form),
                [ChatMessage(role="user", content="Go on.")],
                [tool_of(add)],
                most_steps=3,
            )

    assert len(server.requests) == 3
    assert said.tool_calls


async def _turn(model: ChatModel) -> tuple[Turn, Journal]:
    log = MemoryLog()
    async with log.lease("run_t") as token:
        journal = Journal("run_t", log, token=token, watch=Unwatched())
        await journal.append(RunStarted(task=Task(prompt="x"), settings=Settings(), model="toy"))
    bench = Workbench(Policy(), open_sandbox, redactor=Redactor.from_environment())
    return Turn("coder", journal=journal, model=model, bench=bench), journal
