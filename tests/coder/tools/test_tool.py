"""Typed functions as tools: their schema, and what is said of arguments and failures."""

import asyncio
import threading
from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel

from coder.models.model import ToolCall
from coder.tools.registry import Registry
from coder.tools.shortened import DEFAULT_CHARACTERS
from coder.tools.tool import Desk, read_arguments, tool_of


def add(a: int, b: int = 2, *, sign: Literal["+", "-"] = "+") -> int:
    """Add two integers."""
    if a > 100:
        raise ValueError("a is too large")
    return a + b if sign == "+" else a - b


async def repeat(text: str) -> str:
    """Say it often."""
    return text * 10_000


def fail(secret: str) -> str:
    """Fail."""
    raise KeyError(secret)


def ends(text: str) -> str:
    """End an iteration that isn't one."""
    return next(iter(()))


def table() -> dict[str, object]:
    """Give what is no text."""
    return {"rows": [1, None], "at": Ellipsis}


async def answered(desk: Desk, function: Callable[..., object], arguments: str) -> str:
    call = ToolCall(id="c", name=function.__name__, arguments=arguments)
    return (await Registry([tool_of(function)]).answer(call, desk)).text


def test_the_schema_of_a_tool_comes_from_its_types_and_its_docstring() -> None:
    spec = tool_of(add).spec

    assert (spec.name, spec.description) == ("add", "Add two integers.")
    assert spec.parameters["required"] == ["a"]
    assert spec.parameters["additionalProperties"] is False
    properties = spec.parameters["properties"]
    assert isinstance(properties, dict)
    assert properties["b"] == {"default": 2, "type": "integer"}
    assert properties["sign"] == {"default": "+", "enum": ["+", "-"], "type": "string"}


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
async def test_a_call_is_answered_with_the_result_or_with_what_is_wrong(
    desk: Desk, arguments: str, said: str
) -> None:
    assert said in await answered(desk, add, arguments)


async def test_an_async_tool_is_awaited_and_a_long_result_is_cut(desk: Desk) -> None:
    text = await answered(desk, repeat, '{"text": "ab\\n"}')

    assert text.startswith("ab\n")
    assert "\n[lines 2667–7334 left out]\n" in text
    assert len(text) <= DEFAULT_CHARACTERS + 100


async def test_a_value_that_is_no_text_is_shown_as_json(desk: Desk) -> None:
    assert await answered(desk, table, "{}") == '{"rows":[1,null],"at":"Ellipsis"}'


async def test_what_a_function_raises_is_told_without_a_traceback_and_without_secrets(desk: Desk) -> None:
    text = await answered(desk, fail, '{"secret": "s3cret-value"}')

    assert text == "error: fail failed: KeyError: '[redacted]'"


async def test_a_function_that_ends_an_iteration_ends_only_its_call(desk: Desk) -> None:
    assert await answered(desk, ends, '{"text": ""}') == "error: ends failed: StopIteration: "


async def test_a_function_that_takes_long_holds_nothing_else(desk: Desk) -> None:
    goes_on = threading.Event()

    def waits(word: str) -> str:
        """Wait."""
        assert goes_on.wait(30)
        return word

    call = asyncio.create_task(answered(desk, waits, '{"word": "done"}'))
    await asyncio.sleep(0)
    assert not call.done()
    goes_on.set()

    assert await call == "done"


async def test_a_time_limit_of_a_functions_own_is_its_failure(desk: Desk) -> None:
    def late(word: str) -> str:
        """Be late."""
        raise TimeoutError(word)

    assert (
        await answered(desk, late, '{"word": "it took long"}')
        == "error: late failed: TimeoutError: it took long"
    )


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


async def test_the_tools_of_a_run_are_ours_and_then_the_users(desk: Desk) -> None:
    registry = Registry([tool_of(add, effect=False), tool_of(repeat)])

    assert [spec.name for spec in registry.specs] == ["bash", "edit", "plan", "add", "repeat"]
    assert [registry.has_effect(name) for name in ("bash", "add", "repeat", "look")] == [
        False,
        False,
        True,
        False,
    ]


def done() -> str:
    """Take a name of ours."""
    return ""


@pytest.mark.parametrize("own", [[done], [add, add]])
def test_a_name_that_is_taken_is_refused(own: list[Callable[..., object]]) -> None:
    with pytest.raises(ValueError, match="already: rename"):
        Registry([tool_of(function) for function in own])


async def test_a_call_of_no_tool_is_told(desk: Desk) -> None:
    call = ToolCall(id="c", name="look", arguments="{}")

    text = (await Registry().answer(call, desk)).text

    assert text == "error: There is no tool 'look'. There are: bash, edit, plan."


async def test_a_run_of_calls_edits_a_file_and_runs_it(desk: Desk) -> None:
    calls = [
        ToolCall(id="a", name="edit", arguments='{"path": "a.py", "new": "print(6 * 7)\\n"}'),
        ToolCall(id="b", name="bash", arguments='{"command": "python3 a.py"}'),
        ToolCall(id="c", name="edit", arguments='{"path": "../a.py", "new": ""}'),
    ]

    results = [await Registry().answer(call, desk) for call in calls]

    assert results[0].text == "`a.py` is created (1 line)."
    assert results[1].text.startswith("42\n[exit 0, ")
    assert results[2].text.startswith("error: `../a.py` leads out of the folder.")
    assert [result.exit_code for result in results] == [None, 0, None]
    assert all(result.seconds > 0 for result in results)


class Look(BaseModel, extra="forbid"):
    path: str
    lines: int = 10
    at: str | None = "top"


def test_null_is_no_argument_where_a_field_may_be_left_out() -> None:
    assert read_arguments({"path": "a", "lines": None, "color": None}, Look, name="look").lines == 10
    assert read_arguments({"path": "a", "at": None}, Look, name="look").at is None
    with pytest.raises(ValueError, match="path"):
        read_arguments({"path": None}, Look, name="look")
    with pytest.raises(ValueError, match="color"):
        read_arguments({"path": "a", "color": 1}, Look, name="look")
