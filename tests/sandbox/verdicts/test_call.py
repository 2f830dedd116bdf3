"""Calling a function of a sandbox from here."""

import math
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from threading import get_ident
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Limits, Sandbox
from sandbox.errors import CallFailed
from sandbox.inner.bridge.codec import encode
from sandbox.inner.bridge.standard import from_parts, to_parts
from sandbox.open import open_sandbox
from sandbox.verdicts.call import SandboxFunction, call, open_function
from sandbox.verdicts.relay import decode_frame

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


@pytest.mark.slow
async def test_a_call_that_hangs_ends_at_its_limit(sandbox: Sandbox) -> None:
    with pytest.raises(CallFailed, match="didn't return within"):
        await call(sandbox, "solution:hangs", limits=Limits(wall_s=2))


@pytest.mark.slow
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
    cpu_s = 1 if function == "spins" else 60
    with pytest.raises(CallFailed, match=f"gave no answer: {said}"):
        await call(sandbox, f"solution:{function}", limits=Limits(cpu_s=cpu_s, wall_s=300))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "kind", "exception"),
    [
        ("fails", "raised", "KeyError"),
        ("fails_its_own_way", "raised", None),
        ("thing", "not plain", None),
        ("leaves", "ended", None),
        ("hangs", "timeout", None),
    ],
)
async def test_why_a_call_gave_no_value_is_a_kind(
    sandbox: Sandbox, function: str, kind: str, exception: str | None
) -> None:
    with pytest.raises(CallFailed) as caught:
        await call(sandbox, f"solution:{function}", limits=Limits(wall_s=2 if function == "hangs" else 120))

    assert (caught.value.kind, caught.value.exception) == (kind, exception)


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


SAYS_WHAT_IT_IS_TOLD = """
import sys
frame = sys._getframe()
while "_answer" not in dir(frame.f_locals.get("self")):
    frame = frame.f_back
callee = frame.f_locals["self"]
honest = callee._answer
callee._answer = lambda request: request[2][0] if request[0] == "run" else honest(request)
def say(frame): pass
"""
"""A callee whose answer to a call is the frame that it was given."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def liar(sandbox: Sandbox) -> AsyncIterator[SandboxFunction]:
    """A function that sends back its argument as the frame of its answer."""
    limits = Limits(wall_s=600, cpu_s=600)
    async with open_function(sandbox, SAYS_WHAT_IT_IS_TOLD, "say", limits=limits) as function:
        yield function


@dataclass(frozen=True)
class Foreign:
    """What crosses as an extension with this payload."""

    payload: Any


def framed(value: object) -> bytes:
    """A frame that holds a value, with whatever payload an extension has."""
    return encode(value, refer=lambda item: item.payload)  # type: ignore[attr-defined]


KINDS = st.sampled_from(
    (
        *("object", "class", "function", "module", "generator", "coroutine", "error", "record", "yours"),
        *("builtin", "single", "range", "slice", "bytearray", "deque", "OrderedDict", "Counter"),
        *("defaultdict", "Decimal", "Fraction", "date", "time", "datetime", "timezone", "ZoneInfo"),
        *("UUID", "array", "path", "IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "timedelta"),
    )
)
WORDS = st.sampled_from(
    (
        *(
            "int",
            "__loader__",
            "Ellipsis",
            "1",
            "1/3",
            "sNaN",
            "nan",
            "1e999999",
            "2024-01-01",
            "12:00:00+25:00",
        ),
        *(
            "America",
            "../../etc/passwd",
            "/etc/passwd",
            "Europe/Berlin",
            "x" * 300,
            "WindowsPath",
            "PosixPath",
        ),
        *("\0", "\ud800", "::1/64", "i", "u", "value", "raised", "unsent"),
    )
)
HUGE = st.integers(20_000, 21_000).map(lambda bits: 1 << bits)
PLAIN = st.none() | st.booleans() | st.integers() | HUGE | st.floats() | st.binary() | WORDS


def holding(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What holds other values, in kinds and numbers that fit and that don't."""
    parts = st.lists(inner, max_size=4)
    return (
        parts
        | parts.map(tuple)
        | st.builds(lambda key, value: {key: value}, PLAIN, inner)
        | st.builds(lambda kind, rest: Foreign((kind, *rest)), KINDS | inner, parts)
        | inner.map(Foreign)
    )


VALUES = st.recursive(PLAIN, holding, max_leaves=12)
ANSWERS = st.tuples(st.sampled_from(("value", "raised", "unsent")) | VALUES, VALUES) | VALUES


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=st.binary(max_size=60) | ANSWERS.map(framed))
async def test_whatever_an_answer_holds_it_gives_a_value_or_fails_as_a_call(
    liar: SandboxFunction, frame: bytes
) -> None:
    try:
        await liar.call((frame,))
    except CallFailed as error:
        str(error).encode()


OS_ERROR = Foreign(("builtin", "OSError"))
MISFITS = {
    "a number too long to show": ("unsent", 1 << 20_000),
    "a number for an error's text": ("raised", Foreign(("error", 1, OS_ERROR, (), 1 << 20_000))),
    "half a surrogate pair": ("raised", Foreign(("error", 1, OS_ERROR, (), "\ud800"))),
    "a list for a kind": ("value", Foreign(([],))),
    "a regular expression": ("value", Foreign(("Pattern", "a", 32))),
    "a zone that is a folder": ("value", Foreign(("ZoneInfo", "America"))),
    "a zone that is a path": ("value", Foreign(("ZoneInfo", "../" * 20 + "etc/passwd"))),
    "a zone that is no zone": ("value", Foreign(("ZoneInfo", "posixrules"))),
    "a zone too long for a file": ("value", Foreign(("ZoneInfo", "x" * 300))),
    "a zone without a name": ("value", Foreign(("ZoneInfo", []))),
    "a path of another system": ("value", Foreign(("path", "WindowsPath", "x"))),
    "keys of one hash": ("value", Foreign(("OrderedDict", [(n * (2**61 - 1), 0) for n in range(100)]))),
    "text for a pair": ("value", Foreign(("OrderedDict", ["ab"]))),
}


@pytest.mark.parametrize("answer", MISFITS.values(), ids=list(MISFITS))
async def test_a_part_of_an_answer_that_fits_nothing_is_the_calls_failure(
    liar: SandboxFunction, answer: tuple[object, ...]
) -> None:
    with pytest.raises(CallFailed) as caught:
        await liar.call((framed(answer),))

    str(caught.value).encode()


async def test_a_large_answer_is_read_beside_the_event_loop() -> None:
    readers = [await decode_frame(bytes(size), lambda _: get_ident()) for size in (1_000, 1_000_000)]

    assert readers[0] == get_ident() != readers[1]


@pytest.mark.parametrize(
    "value", [Decimal("7" * 300_000), Fraction(3**100_000, 2**100_000)], ids=["Decimal", "Fraction"]
)
async def test_a_number_that_takes_long_to_make_is_not_made(value: object) -> None:
    with pytest.raises(ValueError, match="parts that don't make"):
        from_parts(to_parts(value) or ())


async def test_a_time_zone_is_only_one_that_this_machine_lists(liar: SandboxFunction) -> None:
    accesses: list[str] = []
    listening = True

    def hear(event: str, given: tuple[Any, ...]) -> None:
        if listening and event in ("open", "import") and "Evil" in str(given[0]):
            accesses.append(str(given[0]))

    sys.addaudithook(hear)

    with pytest.raises(CallFailed, match="time zone"):
        await liar.call((framed(("value", Foreign(("ZoneInfo", f"Evil{os.getpid()}/Zone")))),))

    listening = False
    assert accesses == []


async def test_a_date_of_a_time_zone_comes_back(sandbox: Sandbox) -> None:
    noon = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    value = await call(sandbox, "solution:echo", (noon,))

    assert value == ((noon,), {})
    assert value[0][0].utcoffset() == timedelta(hours=2)
