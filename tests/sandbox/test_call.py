"""Calling a function of a sandbox from here."""

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox import Limits, Sandbox
from sandbox.call import call
from sandbox.errors import CallFailed
from sandbox.open import open_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = b"""
import collections, os, sys, time
def echo(*args, **kwargs): return args, kwargs
def add(a, b): return a + b
def kept(xs): xs.append(1); return xs
def count(text): return collections.Counter(text)
def fails(): raise KeyError("missing")
class Own(Exception): pass
def fails_its_own_way(): raise Own("way")
def leaves(): os._exit(3)
def exits(): sys.exit(4)
def hangs(): time.sleep(60)
def spins():
    while True: pass
def greedy(): return len(b"x" * (1 << 30))
def crashes(): os.kill(os.getpid(), 11)
def thing(): return object()
def things(): yield 1
def large(): return "x" * (17 << 20)
def talks(): os.write(3, b"\\x01\\0\\0\\0X"); return 1
def floods():
    while True: os.write(3, b"\\xff" * 65536)
class Shape:
    @staticmethod
    def area(r): return r * r
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with open_sandbox() as sandbox:
        await sandbox.write("solution.py", SOURCE)
        yield sandbox


async def test_a_function_is_called_with_plain_data_and_its_value_comes_back(sandbox: Sandbox) -> None:
    value = await call(sandbox, "solution:echo", (1, "a", [b"x", {2}]), {"k": (None, math.inf)})

    assert value == ((1, "a", [b"x", {2}]), {"k": (None, math.inf)})


async def test_a_name_may_have_dots(sandbox: Sandbox) -> None:
    assert await call(sandbox, "solution:Shape.area", (3,)) == 9


async def test_arguments_are_copies(sandbox: Sandbox) -> None:
    mine: list[int] = []

    value = await call(sandbox, "solution:kept", (mine,))

    assert (value, mine) == ([1], [])


async def test_a_value_of_the_standard_library_is_built_anew_here(sandbox: Sandbox) -> None:
    assert await call(sandbox, "solution:count", ("aab",)) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("fails", "raised KeyError: 'missing'"),
        ("fails_its_own_way", "raised an exception of its own: way"),
        ("leaves", "gave no answer"),
        ("exits", "raised SystemExit: 4"),
        ("thing", "something else than plain data"),
        ("things", "something else than plain data"),
        ("large", "something else than plain data"),
        ("talks", "something else than plain data"),
        ("floods", "gave no answer"),
        ("nothing_of_the_kind", "raised AttributeError"),
    ],
)
async def test_a_call_without_a_plain_value_says_why(sandbox: Sandbox, function: str, said: str) -> None:
    with pytest.raises(CallFailed, match=said):
        await call(sandbox, f"solution:{function}")


async def test_a_module_that_is_missing_is_said(sandbox: Sandbox) -> None:
    with pytest.raises(CallFailed, match="No module named 'nothing'"):
        await call(sandbox, "nothing:add")


async def test_a_call_that_hangs_ends_at_its_limit(sandbox: Sandbox) -> None:
    with pytest.raises(CallFailed, match="didn't return within"):
        await call(sandbox, "solution:hangs", limits=Limits(wall_s=2))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("spins", "it didn't return within"),
        ("greedy", "its process was killed at the limit of memory"),
        ("crashes", "its process was ended by signal 11"),
        ("leaves", "its exit code was 3"),
    ],
)
async def test_a_process_that_ends_in_a_call_is_told_by_what_ended_it(
    sandbox: Sandbox, function: str, said: str
) -> None:
    with pytest.raises(CallFailed, match=f"gave no answer: {said}"):
        await call(sandbox, f"solution:{function}", limits=Limits(cpu_s=1, wall_s=20))


@pytest.mark.parametrize("function", ["add", ":add", "solution:", ""])
async def test_a_name_that_is_none_is_refused(sandbox: Sandbox, function: str) -> None:
    with pytest.raises(ValueError, match="module:name"):
        await call(sandbox, function)


@pytest.mark.parametrize("argument", [object(), [lambda: 1], 1 << 10**6], ids=["object", "function", "int"])
async def test_an_argument_that_is_not_plain_is_refused_before_anything_runs(
    sandbox: Sandbox, argument: Any
) -> None:
    with pytest.raises(ValueError, match=r"a value of type|bits"):
        await call(sandbox, "solution:add", (argument, 1))
