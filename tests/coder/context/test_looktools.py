"""The tools with which a model looks around, in a real sandbox."""

import json
from collections.abc import AsyncIterator

import pytest

from coder.context.looktools import MOST_CHARACTERS, LookTools
from coder.models.model import ToolCall
from sandbox import Policy, Sandbox, open_sandbox

TEXTS = {
    "src/cart.py": "class Cart:\n    total = 0\n",
    "src/Price.py": "TOTAL = 1\n",
    "src/json.py": "raise SystemExit('shadowed')\n",
    "notes.md": "the Total\n```\nfence\n",
    ".hidden/total.py": "total\n",
    "build/out.py": "total\n",
    ".gitignore": "build/\n",
    "long.txt": "a" * 60 + "!\n",
    "min.js": "a=1;" * 100_000 + "needle=2;" + "b=3;" * 100_000,
}


@pytest.fixture
async def tools() -> AsyncIterator[LookTools]:
    async with open_sandbox(Policy()) as sandbox:
        yield await _tools(sandbox)


async def _tools(sandbox: Sandbox) -> LookTools:
    await sandbox.lay({path: text.encode() for path, text in TEXTS.items()})
    return LookTools(TEXTS, sandbox)


async def test_search_has_smart_case_and_skips_what_is_hidden_or_ignored(tools: LookTools) -> None:
    assert await _ask(tools, "search", pattern="total") == (
        "```\nnotes.md:1: the Total\nsrc/Price.py:1: TOTAL = 1\nsrc/cart.py:2:     total = 0\n```"
    )
    assert await _ask(tools, "search", pattern="Total") == "```\nnotes.md:1: the Total\n```"


async def test_search_keeps_to_globs_and_folders(tools: LookTools) -> None:
    assert "notes" not in await _ask(tools, "search", pattern="total", path="src")
    assert "cart" not in await _ask(tools, "search", pattern="total", glob="!cart.py")
    assert await _ask(tools, "search", pattern="nowhere", glob="*.md") == "Nothing found in 1 file."


async def test_of_a_long_line_the_part_around_the_match_is_shown(tools: LookTools) -> None:
    shown = await _ask(tools, "search", pattern="needle")

    assert "=1;needle=2;b=3;" in shown
    assert len(shown) < 400


async def test_a_pattern_without_end_is_stopped_and_one_that_is_none_is_explained(tools: LookTools) -> None:
    endless = await _ask(tools, "search", pattern="(a+)+$")
    broken = await _ask(tools, "search", pattern="(")

    assert "stopped after" in endless
    assert broken.startswith("error: '(' is no regular expression")


async def test_what_a_file_holds_cannot_end_its_quotation(tools: LookTools) -> None:
    assert await _ask(tools, "read_file", path="notes.md") == (
        "`notes.md`, lines 1 to 3 of 3:\n````\nthe Total\n```\nfence\n````"
    )
    assert tools.read == {"notes.md": [(1, 3)]}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_file", {"path": "../../etc/passwd"}),
        ("read_file", {"path": "src"}),
        ("read_file", {"path": "notes.md", "first": "one"}),
        ("read_file", {"path": "notes.md", "first": 9}),
        ("search", {}),
        ("search", {"pattern": "a" * 5000}),
        ("search", {"pattern": ["a"]}),
        ("list_files", {"glob": 3}),
    ],
)
async def test_a_wrong_call_is_told_what_is_wrong(name: str, arguments: dict[str, object]) -> None:
    async with open_sandbox(Policy()) as sandbox:
        tools = LookTools(TEXTS, sandbox)

        assert (await _ask(tools, name, **arguments)).startswith("error: ")


async def test_an_unknown_tool_and_broken_arguments_are_answered(tools: LookTools) -> None:
    broken = ToolCall(id="1", name="search", arguments="{")

    assert "There is no tool" in await _ask(tools, "write_file", path="x")
    assert "not valid JSON" in await tools.answer(broken)


async def test_a_long_answer_is_cut(tools: LookTools) -> None:
    many = {f"folder/{'x' * 90}{i}.py": "" for i in range(500)}

    assert len(await _ask(LookTools(many, tools.sandbox), "list_files")) <= MOST_CHARACTERS + 50


async def _ask(tools: LookTools, name: str, **arguments: object) -> str:
    return await tools.answer(ToolCall(id="1", name=name, arguments=json.dumps(arguments)))
