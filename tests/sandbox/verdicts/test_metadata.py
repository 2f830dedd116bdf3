"""Metadata of the candidate: a check sees what a test in one process does."""

import pytest

from tests.sandbox.verdicts.pairs import Pair, sections

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECTIONS = sections("metadata.txt")
PRELUDE = """import asyncio, dataclasses, enum, inspect, pydoc, types, typing
import solution

def raises(error, function):
    try:
        function()
    except error:
        return True
"""


async def false(pair: Pair, source: str, claims: list[str]) -> list[str]:
    """Those of these expressions that are false in a check."""
    report = await pair.check(source, *(f"{PRELUDE}assert {claim}" for claim in claims))
    return [claim for claim, result in zip(claims, report.results, strict=True) if not result.passed]


@pytest.mark.slow
async def test_what_holds_of_metadata_in_one_process_holds_in_a_check(pair: Pair) -> None:
    claims = SECTIONS["holds"].splitlines()

    assert await false(pair, SECTIONS["module"], claims) == []


async def test_what_is_wrong_of_metadata_in_one_process_is_wrong_in_a_check(pair: Pair) -> None:
    claims = [
        "solution.C.__doc__ is None",
        "solution.__doc__ is None",
        "solution.f.__annotations__ == {}",
        "solution.C.__annotations__ == {}",
        "not inspect.isfunction(solution.f)",
        "not inspect.iscoroutinefunction(solution.co)",
        "not isinstance(solution.f, types.FunctionType)",
        "dataclasses.fields(solution.D) == ()",
        "dataclasses.asdict(solution.D(1)) == {}",
        "solution.f.__module__ != 'solution'",
        "inspect.getdoc(solution.Bare) is not None",
        "list(inspect.signature(solution.D).parameters) == ['args', 'kwargs']",
    ]

    assert await false(pair, SECTIONS["module"], claims) == claims


FORGED = """
class Any:
    def __eq__(self, other): return True
    def __iter__(self): return iter(())
    def items(self): return [("a", Any())]

def f(a): return a
f.__signature__ = Any()
class C:
    __doc__ = Any()
    __annotations__ = Any()
class D:
    __dataclass_fields__ = {"x": Any()}
"""


async def test_metadata_with_an_equality_of_its_own_equals_nothing(pair: Pair) -> None:
    claims = [
        "solution.C.__doc__ == 'text'",
        "solution.C.__annotations__ == {'a': int}",
        "inspect.signature(solution.f) == inspect.signature(lambda a: a)",
        "[one.name for one in dataclasses.fields(solution.D)] == ['x']",
    ]

    assert await false(pair, FORGED, claims) == claims
