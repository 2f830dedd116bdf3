"""How often the lines of a test ran that decide it."""

import ast
import sys

import pytest

from sandbox.inner.checker.line_trace import LineTrace, find_deciding_lines

STRAIGHT = """\
def check(candidate):
    values = candidate(3)
    assert values == [0, 1, 4]
    with open('/dev/null') as file:
        assert not file.read()
"""
NESTED = {
    "a for loop": ("def check(f):\n    for x in f():\n        assert x", {3}),
    "a while loop": ("def check(f):\n    while (x := f()):\n        assert x", {3}),
    "a helper": ("def same(a, b):\n    assert a == b\ndef check(f):\n    same(f(), 1)", {2, 4}),
    "a try": ("def check(f):\n    try:\n        assert f()\n    except ValueError:\n        pass", {3}),
    "a condition that raises": ("def check(f):\n    for x in f():\n        if x: raise OSError", {3}),
    "a sum": ("def check(f):\n    assert 0 == sum(\n        1 for x in f() if x\n    )", {2, 3, 4}),
    "a kept list": ("def check(f):\n    bad = [x for x in f() if x]\n    assert not bad", {2, 3}),
}  # fmt: skip


def test_a_test_whose_assertions_all_run_needs_no_count() -> None:
    assert find_deciding_lines(ast.parse(STRAIGHT)) == frozenset()


@pytest.mark.parametrize("name", NESTED)
def test_assertions_that_a_value_can_leave_out_are_counted_with_the_loops_around_them(name: str) -> None:
    source, lines = NESTED[name]

    assert find_deciding_lines(ast.parse(source)) == lines


def traced(source: str, value: object) -> LineTrace:
    space: dict[str, object] = {}
    trace = LineTrace(("<test>",), find_deciding_lines(ast.parse(source)))
    with trace:
        exec(compile(source, "<test>", "exec"), space)
        space["check"](lambda: value)  # type: ignore[operator]
    assert trace.is_complete
    return trace


def test_a_line_in_a_loop_counts_once_for_each_round() -> None:
    source, _ = NESTED["a for loop"]

    assert [traced(source, [1] * rounds).counts for rounds in (0, 3)] == [{3: 0}, {3: 3}]


@pytest.mark.parametrize("made", ["sum(x for x in f())", "len([x for x in f()])", "len({x: 1 for x in f()})"])
def test_a_comprehension_counts_its_items(made: str) -> None:
    source = f"def check(f):\n    assert {made} >= 0"

    assert [traced(source, [*range(1, 1 + count)]).items[2] for count in (0, 3)] == [0, 3]


def test_assertions_on_both_sides_of_an_else_are_two_ways_through_a_test() -> None:
    source = "def check(f):\n    if f():\n        assert f() == 1\n    else:\n        assert f() == 0"

    assert find_deciding_lines(ast.parse(source)) == frozenset()


def test_a_trace_ends_with_its_block_and_leaves_another_tracer_alone() -> None:
    outer = sys.gettrace()

    with LineTrace(("<test>",), frozenset({1})):
        assert sys.gettrace() is not outer

    assert sys.gettrace() is outer


def test_a_test_of_too_many_lines_is_known_to_be_counted_in_part() -> None:
    source = "def check(f):\n    for i in range(400_000):\n        assert True"
    trace = LineTrace(("<test>",), find_deciding_lines(ast.parse(source)))
    space: dict[str, object] = {}

    with trace:
        exec(compile(source, "<test>", "exec"), space)
        space["check"](None)  # type: ignore[operator]

    assert not trace.is_complete
