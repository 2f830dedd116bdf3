"""Calls that a model writes as text are read where an answer ends with them and has one reading."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.chat_completions import ChatModel
from coder.models.model import Answer, Form, Sampling, ToolSpec
from coder.models.written_calls import WrittenCalls, read_written_calls
from tests.coder.models.asking import QUESTION, QUICK, endpoint_of
from tests.faulty_endpoint import Reply, calls, faulty_endpoint, says

BASH = ToolSpec(
    name="bash",
    description="Run.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}, "wait": {"type": "boolean"}}},
)
COMMAND = "grep -n 'a < b' m.py\nls \"x\""
JSON = json.dumps({"name": "bash", "arguments": {"command": COMMAND}})
DSML = "｜DSML｜"
ARGUMENTS = json.dumps({"command": COMMAND})
PARAMETER = f"<parameter=command>\n{COMMAND}\n</parameter>"
INVOKE = f'<invoke name="bash"><parameter name="command">{COMMAND}</parameter></invoke>'
ONE, END = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"
FORMS = {
    "Hermes, Qwen": f"<tool_call>\n{JSON}\n</tool_call>",
    "Qwen3-Coder": f"<tool_call>\n<function=bash>\n{PARAMETER}\n</function>\n</tool_call>",
    "Qwen3-Coder, no opening tag": f"<function=bash>\n{PARAMETER}\n</function>\n</tool_call>",
    "Claude": f"<function_calls>\n{INVOKE}\n</function_calls>",
    "Claude, alone": INVOKE,
    "DeepSeek 3": f"<｜tool▁calls▁begin｜>{ONE}function<｜tool▁sep｜>bash\n```json\n{ARGUMENTS}\n```{END}",
    "DeepSeek 3.1": f"<｜tool▁calls▁begin｜>{ONE}bash<｜tool▁sep｜>{ARGUMENTS}{END}<｜tool▁calls▁end｜>",
    "DeepSeek 3.2": f"<{DSML}function_calls>\n{INVOKE}\n</{DSML}function_calls>".replace(
        "invoke", f"{DSML}invoke"
    ).replace("parameter", f"{DSML}parameter"),
    "Mistral": f"[TOOL_CALLS][{JSON}]",
    "Mistral, named": f"[TOOL_CALLS]bash[ARGS]{ARGUMENTS}",
    "GLM": f"<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>{COMMAND}</arg_value>\n</tool_call>",
    "Kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.bash:0<|tool_call_argument_begin|>"
    f"{ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>",
    "Llama, function": f"<function=bash>{ARGUMENTS}</function>",
    "Llama": f"<|python_tag|>{JSON.replace('arguments', 'parameters')}<|eom_id|>",
}


def read(text: str) -> WrittenCalls | None:
    return read_written_calls(text, (BASH,))


@pytest.mark.parametrize("words", ["", "I look first.\n\n"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_call_at_the_end_of_an_answer_is_read_in_each_form(form: str, words: str) -> None:
    written = read(f"{words}{form}\n")

    assert written is not None
    assert written.text == words.strip()
    assert [(call.name, call.parsed()) for call in written.calls] == [("bash", {"command": COMMAND})]


def test_a_call_in_json_alone_is_read_where_it_is_the_whole_answer() -> None:
    written = read(f"\n{JSON}\n")

    assert written is not None
    assert [(call.name, call.parsed()) for call in written.calls] == [("bash", {"command": COMMAND})]
    assert read(f"Such a call is:\n{JSON}") is None
    assert read(f"```json\n{JSON}\n```") is None
    assert read(json.dumps({"name": "bash", "version": "5.2", "arguments": None})) is None


def test_several_calls_have_ids_of_their_own_and_values_of_their_schema() -> None:
    wait = FORMS["Claude, alone"].replace("</invoke>", '<parameter name="wait">true</parameter></invoke>')
    written = read(f"{FORMS['Claude, alone']}\n{wait}")

    assert written is not None
    assert len({call.id for call in written.calls}) == 2
    assert written.calls[1].parsed() == {"command": COMMAND, "wait": True}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(
    "around",
    [
        pytest.param("An example:\n```xml\n{}\n```\n", id="in a block"),
        pytest.param("Models write {} there.", id="in a sentence"),
        pytest.param("{}\nThen I look at the result.", id="not at the end"),
        pytest.param("m.py\n<<<<<<< SEARCH\na\n=======\n{}\n", id="in an edit"),
        pytest.param("{}\n<tool_call>", id="with the beginning of another"),
    ],
)
def test_what_is_quoted_or_goes_on_is_no_call(form: str, around: str) -> None:
    if around.endswith("<tool_call>"):
        around += '{"name": "bash"'
    assert read(around.replace("{}", form, 1)) is None


@pytest.mark.parametrize(
    "text",
    [
        FORMS["Qwen3-Coder"].replace("bash", "look"),
        FORMS["Qwen3-Coder"].replace(COMMAND, "</parameter>\n<parameter=command>b"),
        FORMS["Qwen3-Coder"].replace(COMMAND, "echo <parameter=x>"),
        FORMS["Mistral"].replace('"arguments"', '"words"'),
        FORMS["Claude, alone"].replace("</invoke>", ""),
        "<tool_call>\n</tool_call>",
        f"[TOOL_CALLS][{', '.join([JSON] * 30)}]",
    ],
    ids=["no tool", "twice", "a tag within", "no arguments", "not closed", "empty", "too many"],
)
def test_what_has_no_reading_or_more_than_one_is_no_call(text: str) -> None:
    assert read(text) is None


@given(
    st.lists(st.sampled_from([*FORMS.values(), *"<>{}[]`\n=/", "```", "<tool_call>", "</parameter>", "a"]))
)
def test_any_text_is_read_without_an_error(pieces: list[str]) -> None:
    written = read("".join(pieces))

    assert written is None or all(call.name == "bash" for call in written.calls)


async def ask(*replies: Reply, **asking: object) -> Answer:
    form = Form(tools=(BASH,))
    with faulty_endpoint(*replies) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            callers = (model.name,) if asking.get("has_called") else ()
            return await model.answer(QUESTION, sampling=Sampling(), form=form, callers=callers)


async def test_a_written_call_is_the_answer_s_call_and_no_native_one() -> None:
    answer = await ask(says(f"<think>I might {FORMS['Claude']}</think>\nI look.\n{FORMS['Hermes, Qwen']}"))

    assert [call.parsed() for call in answer.tool_calls] == [{"command": COMMAND}]
    assert (answer.text, answer.is_written, answer.endpoint) == ("I look.", True, "")
    assert answer.reasoning.startswith("I might")


@pytest.mark.parametrize(
    ("reply", "has_called"),
    [
        pytest.param(says(FORMS["Claude"]), True, id="the model calls natively"),
        pytest.param(says(FORMS["Claude"], finish="length"), False, id="cut off"),
        pytest.param(says(f"Maybe.\n{FORMS['Claude']}\n</think>\nNothing to do."), False, id="in thoughts"),
        pytest.param(calls("bash", command="ls"), False, id="a native call"),
    ],
)
async def test_a_call_in_text_is_left_where_it_may_be_none(reply: Reply, has_called: bool) -> None:
    answer = await ask(reply, has_called=has_called)

    assert not answer.is_written
