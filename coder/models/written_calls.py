"""Read calls of tools that a model has written as text, in the forms that models are trained to write.

Some servers pass such an answer on as it is: without a parser for the model, or where theirs fails. Only the
end of an answer is read, outside of code blocks, and only if all of it has one reading.

Sources: the chat templates of Hermes and Qwen (`<tool_call>`), Qwen3-Coder (`<function=…>`), DeepSeek
(`<｜tool▁call▁begin｜>`, `<｜DSML｜invoke …>`), Mistral (`[TOOL_CALLS]`), Llama (`<|python_tag|>`, or JSON),
GLM (`<arg_key>`) and Kimi (`<|tool_call_begin|>`), and Anthropic's `<invoke …>`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from coder.models.model import JsonObject, ToolCall, ToolSpec

_MOST_STARTS, _MOST_CALLS = 20, 20
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_EDIT = re.compile(r"^(?:<{5,} SEARCH|(>{5,} REPLACE))", re.MULTILINE)
_PREFIX = r"(?:antml:|minimax:|｜DSML｜)?"
_START = re.compile(
    rf"<(?:function=|{_PREFIX}(?:function_calls|tool_call)>|{_PREFIX}invoke[ ]name=|\|python_tag\|>"
    r"|\|tool_calls?(?:_section)?_begin\|>|｜tool▁calls?▁begin｜>)|\[TOOL_CALLS\]|(?P<alone>\{\s*\"name\"\s*:)",
)
_WRAPPER = re.compile(
    rf"\s*(?:</?(?:tool_call|{_PREFIX}(?:function_calls|tool_call))>|<\|(?:python_tag|eom_id|eot_id)\|>"
    r"|<\|tool_calls?(?:_section)?_(?:begin|end)\|>|<｜(?:tool▁calls?▁(?:begin|end)|end▁of▁sentence)｜>)\s*"
)
"""What stands around calls; models leave one of a pair out."""
_HEAD = re.compile(
    rf"""<(?:function=(?P<function>["']?[\w-]+["']?)"""
    rf"""|(?P<prefix>{_PREFIX})invoke[ ]name=["'](?P<invoke>[\w-]+)["'])>\s*"""
)
_PARAMETER = re.compile(
    rf"""<(?:parameter=(?P<key>["']?[\w-]+["']?)"""
    rf"""|{_PREFIX}parameter[ ]name=["'](?P<name>[\w-]+)["'][^<>]{{0,40}})>"""
)
_PAIRS_HEAD = re.compile(r"(?P<name>[\w-]+)\s*(?=<arg_key>)")
_PAIR = re.compile(r"<arg_key>(?P<key>[\w-]+)</arg_key>\s*<arg_value>")
_TAG = re.compile(rf"</?(?:function|parameter|arg_key|arg_value|{_PREFIX}(?:parameter|invoke))\b")
_NAMED = re.compile(
    r"(?:function<｜tool▁sep｜>|functions\.)?(?P<name>[\w-]+)"
    r"(?:<｜tool▁sep｜>|\[ARGS\]|:\d{1,4}\s*<\|tool_call_argument_begin\|>|\s*(?=\{|```json))\s*"
)
_JSON_FENCE = re.compile(r"```json\s*")


@dataclass(frozen=True, slots=True)
class WrittenCalls:
    """Calls at the end of an answer, and the text before them."""

    text: str
    calls: tuple[ToolCall, ...]


class _NoCall(Exception):
    """The text has no reading, or more than one."""


def read_written_calls(text: str, tools: Sequence[ToolSpec]) -> WrittenCalls | None:
    """Return the calls that end an answer; None if it ends otherwise, or in a call of no tool."""
    schemas = {tool.name: tool.parameters for tool in tools}
    starts = [
        match.start()
        for match in _START.finditer(text)
        if match["alone"] is None or not text[: match.start()].strip()
    ]
    for start in starts[:_MOST_STARTS]:
        if _is_quoted(text, start):
            continue
        try:
            calls = _read(text.rstrip(), start, schemas)
        except (_NoCall, ValueError, RecursionError):
            continue
        return WrittenCalls(text[:start].rstrip(), calls)
    return None


def _is_quoted(text: str, start: int) -> bool:
    """Whether a place is in a code block, in an edit, or behind other words of its line."""
    line_start = text.rfind("\n", 0, start) + 1
    marks = [match[1] is None for match in _EDIT.finditer(text, 0, start)]
    is_in_block = len(_FENCE.findall(text, 0, start)) % 2 == 1
    return is_in_block or bool(marks and marks[-1]) or bool(text[line_start:start].strip())


def _read(text: str, start: int, schemas: Mapping[str, JsonObject]) -> tuple[ToolCall, ...]:
    position, calls = start, list[ToolCall]()
    while position < len(text):
        if wrapper := _WRAPPER.match(text, position):
            position = wrapper.end()
        elif head := _HEAD.match(text, position):
            name = (head["function"] or head["invoke"]).strip("\"'")
            arguments, position = _parameters(text, head, schemas.get(name, {}))
            calls.append(_call(name, arguments, schemas, len(calls)))
        elif head := _PAIRS_HEAD.match(text, position):
            name = head["name"]
            arguments, position = _pairs(text, head.end(), schemas.get(name, {}))
            calls.append(_call(name, arguments, schemas, len(calls)))
        else:
            found, position = _json_calls(text, position)
            calls += [
                _call(name, value, schemas, len(calls) + place) for place, (name, value) in enumerate(found)
            ]
        if len(calls) > _MOST_CALLS:
            raise _NoCall
        while position < len(text) and text[position].isspace():
            position += 1
    if not calls:
        raise _NoCall
    return tuple(calls)


def _call(name: str, arguments: object, schemas: Mapping[str, JsonObject], place: int) -> ToolCall:
    if name not in schemas or not isinstance(arguments, dict):
        raise _NoCall
    return ToolCall(id=f"written{place}", name=name, arguments=json.dumps(arguments))


def _parameters(text: str, head: re.Match[str], schema: JsonObject) -> tuple[JsonObject, int]:
    """Return the parameters behind the head of a call, and the place behind its end."""
    end = "</function>" if head["function"] else f"</{head['prefix']}invoke>"
    arguments: JsonObject = {}
    position = head.end()
    if head["function"] and text.startswith("{", position):
        arguments, position = _DECODER.raw_decode(text, position)
        position += len(text[position:]) - len(text[position:].lstrip())
    while (parameter := _PARAMETER.match(text, position)) is not None:
        key = (parameter["key"] or parameter["name"]).strip("\"'")
        closing = "</parameter>" if parameter["key"] else f"</{head['prefix']}parameter>"
        stop = text.find(closing, parameter.end())
        value = text[parameter.end() : stop]
        if stop < 0 or key in arguments or _TAG.search(value):
            raise _NoCall
        arguments[key] = _value(value, key, schema)
        position = stop + len(closing)
        while text[position : position + 1].isspace():
            position += 1
    if not text.startswith(end, position):
        raise _NoCall
    return arguments, position + len(end)


def _pairs(text: str, position: int, schema: JsonObject) -> tuple[JsonObject, int]:
    """Return the parameters of a call that names each before its value, and the place behind them."""
    arguments: JsonObject = {}
    while (pair := _PAIR.match(text, position)) is not None:
        stop = text.find("</arg_value>", pair.end())
        value = text[pair.end() : stop]
        if stop < 0 or pair["key"] in arguments or _TAG.search(value):
            raise _NoCall
        arguments[pair["key"]] = _value(value, pair["key"], schema)
        position = stop + len("</arg_value>")
        while text[position : position + 1].isspace():
            position += 1
    return arguments, position


def _value(text: str, key: str, schema: JsonObject) -> JsonValue:
    """Return a parameter's value: text where the schema says so, else JSON."""
    text = text.removeprefix("\n").removesuffix("\n")
    properties = schema.get("properties")
    kinds = properties.get(key) if isinstance(properties, dict) else None
    if isinstance(kinds, dict) and kinds.get("type") == "string":
        return text
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _json_calls(text: str, position: int) -> tuple[list[tuple[str, object]], int]:
    """Return the calls in JSON at a place, each with its arguments, and the place behind them."""
    position += len("[TOOL_CALLS]") if text.startswith("[TOOL_CALLS]", position) else 0
    named = _NAMED.match(text, position)
    position = named.end() if named else position
    fence = _JSON_FENCE.match(text, position)
    value, position = _DECODER.raw_decode(text, fence.end() if fence else position)
    if fence is not None:
        position = text.index("```", position) + 3
    if named is not None:
        return [(named["name"], value)], position
    calls = []
    for call in value if isinstance(value, list) else [value]:
        if not isinstance(call, dict) or len(keys := call.keys() & {"arguments", "parameters"}) != 1:
            raise _NoCall
        arguments = call[keys.pop()]
        calls.append(
            (str(call.get("name")), json.loads(arguments) if isinstance(arguments, str) else arguments)
        )
    return calls, position


_DECODER = json.JSONDecoder(strict=False)
