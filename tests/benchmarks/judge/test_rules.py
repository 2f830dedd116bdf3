"""The rules by which a function case is judged, each with a cheat that it is there for."""

import pytest

from benchmarks.judge.function import judge_function
from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import Mode
from sandbox.verdicts.run_report import Crossing
from tests.benchmarks.judge.cases import case, outcome, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

SQUARE = case("assert candidate(2) == 4\nassert candidate(3) == 9", "def f(n):\n    return n * n\n")


async def test_the_canonical_answer_passes_and_the_verdict_is_strong(judge: Judge) -> None:
    judged = await verdict(judge, SQUARE, "def f(n):\n    return n * n\n")

    assert (judged.verdict, judged.strength, judged.detail) == ("passed", "strong", "")


async def test_a_wrong_value_fails_with_the_assertion_and_what_came(judge: Judge) -> None:
    judged = await verdict(judge, SQUARE, "def f(n):\n    return n + n\n")

    assert judged.verdict == "failed"
    assert judged.detail == "assert candidate(3) == 9; the last call returned 6"


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("def f(n)", "SyntaxError"),
        ("import nothing_of_that_name\ndef f(n): return n * n", "nothing_of_that_name"),
        ("def g(n): return n * n", "'f'"),
        ("1 / 0", "ZeroDivisionError"),
        ("import os; os._exit(0)", "ended before it answered"),
        ("", "'f'"),
    ],
)
async def test_a_module_that_has_no_such_function_is_an_error(judge: Judge, code: str, word: str) -> None:
    judged = await verdict(judge, SQUARE, code)

    assert judged.verdict == "error"
    assert word in judged.detail


# What a value is may not be left to the candidate.

EQUALS_ALL = "class E(int):\n    def __eq__(s, o): return True\n    __hash__ = None\ndef f(n): return E(0)\n"


async def test_an_object_that_equals_everything_cannot_cross(judge: Judge) -> None:
    assert await outcome(judge, SQUARE, EQUALS_ALL) == "failed"


async def test_without_the_agreement_on_kinds_an_object_crosses(judge: Judge) -> None:
    length = case("assert len(candidate(2)) == 2", "def f(n):\n    return [n] * n\n")
    code = "class E:\n    def __len__(s): return 2\ndef f(n): return E()\n"
    lax = Mode(how="isolated", crossing=Crossing(kinds=None))

    strict = await outcome(judge, length, code)
    let_in = await judge_function(await judge.sandboxes(), length, code, lax)

    assert (strict, let_in.outcome) == ("failed", "passed")


SWALLOWS = "for n in (1, 2):\n    try:\n        assert candidate(n) == n * n\n    except:\n        pass"


@pytest.mark.parametrize(
    "code", ["import os\ndef f(n): os._exit(0)", EQUALS_ALL, "def f(n): raise KeyError(n)"]
)
async def test_a_test_that_catches_everything_forgives_nothing_of_that(judge: Judge, code: str) -> None:
    lenient = case(SWALLOWS, "def f(n):\n    return n * n\n")

    assert await outcome(judge, lenient, code) == "failed"


# Kinds of references cross where the canonical answer gives them, and carry plain data only.

LAZY = case("assert list(candidate(3)) == [0, 1, 2]", "def f(n):\n    yield from range(n)\n")


async def test_a_generator_crosses_where_the_canonical_answer_is_one(judge: Judge) -> None:
    judged = await verdict(judge, LAZY, "def f(n):\n    for i in range(n):\n        yield i\n")

    assert (judged.verdict, judged.strength) == ("passed", "strong")


@pytest.mark.parametrize(
    "body",
    [
        "    for _ in range(n): yield type('E', (), {'__eq__': lambda s, o: True})()",
        "    while True: yield 0",
        "    yield 0; yield 1",
        "    yield 0; yield 1; raise RuntimeError",
    ],
)
async def test_items_of_a_generator_are_looked_at_one_by_one(judge: Judge, body: str) -> None:
    assert await outcome(judge, LAZY, f"def f(n):\n{body}\n") in ("failed", "timeout", "error")


@pytest.mark.parametrize(
    "value",
    ["map(abs, range(n))", "filter(lambda i: True, range(n))", "iter([*range(n)])", "islice(count(), n)"],
)
async def test_an_iterator_of_the_standard_library_is_as_good_as_a_generator(
    judge: Judge, value: str
) -> None:
    code = f"from itertools import count, islice\n\n\ndef f(n):\n    return {value}\n"

    judged = await verdict(judge, LAZY, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong")


@pytest.mark.parametrize("value", ["map(E, range(n))", "iter(int, 1)", "iter([0, 1])", "repeat(E(0), 3)"])
async def test_items_of_an_iterator_are_looked_at_too(judge: Judge, value: str) -> None:
    code = EQUALS_ALL.replace("return E(0)", f"return {value}")

    assert await outcome(judge, LAZY, f"from itertools import repeat\n{code}") == "failed"


async def test_a_generator_for_a_list_has_ended_before_the_test_sees_it(judge: Judge) -> None:
    lists = case("assert list(candidate(3)) == [0, 1, 2]", "def f(n):\n    return list(range(n))\n")
    exact = case("assert candidate(3) == [0, 1, 2]", "def f(n):\n    return list(range(n))\n")
    lazy = "def f(n):\n    yield from range(n)\n"

    assert await outcome(judge, lists, lazy) == "passed"
    assert await outcome(judge, exact, lazy) == "failed"
    assert await outcome(judge, lists, f"{lazy}    while True: yield 0\n") == "failed"


async def test_a_function_that_is_returned_is_called_over_there(judge: Judge) -> None:
    adder = case("assert candidate(2)(3) == 5", "def f(n):\n    return lambda m: n + m\n")

    assert await outcome(judge, adder, "def f(n):\n    def g(m): return m + n\n    return g\n") == "passed"
    assert await outcome(judge, adder, EQUALS_ALL.replace("return E(0)", "return lambda m: E(0)")) == "failed"


@pytest.mark.parametrize("value", ["partial(int.__add__, n)", "n.__add__", "cache(lambda m: n + m)"])
async def test_whatever_the_standard_library_makes_a_function_of_is_one(judge: Judge, value: str) -> None:
    adder = case("assert candidate(2)(3) == 5", "def f(n):\n    return lambda m: n + m\n")
    code = f"from functools import cache, partial\n\n\ndef f(n):\n    return {value}\n"

    assert await outcome(judge, adder, code) == "passed"


async def test_standard_values_cross_by_their_parts(judge: Judge) -> None:
    exact = case(
        "from decimal import Decimal\nassert candidate('1.10') == Decimal('1.1')",
        "from decimal import Decimal\ndef f(s):\n    return Decimal(s)\n",
    )

    assert await outcome(judge, exact, "import decimal\ndef f(s): return decimal.Decimal(s)\n") == "passed"
    assert await outcome(judge, exact, "def f(s): return 1.5\n") == "failed"


# Exceptions: those that the case expects, and no others.

RAISES = case(
    "assert candidate(1) == 1\ntry:\n    candidate(-1)\nexcept ValueError:\n    return\nassert False",
    "def f(n):\n    if n < 0: raise ValueError('no')\n    return n\n",
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(n):\n    assert_ = n\n    if n < 0: raise ValueError\n    return n", "passed"),
        ("class Mine(ValueError): pass\ndef f(n):\n    if n < 0: raise Mine('x')\n    return n", "passed"),
        ("def f(n):\n    if n < 0: raise KeyError\n    return n", "failed"),
        ("def f(n):\n    return n", "failed"),
        ("def f(n):\n    raise ValueError", "failed"),
    ],
)
async def test_only_expected_exceptions_reach_the_test(judge: Judge, code: str, expected: str) -> None:
    assert await outcome(judge, RAISES, code) == expected


async def test_an_exception_that_nobody_expects_ends_the_case(judge: Judge) -> None:
    broad = case(
        "for n in (1, 2):\n    try:\n        assert candidate(n) == n\n    except Exception:\n        pass",
        "def f(n):\n    return n\n",
    )
    code = "def f(n): raise AssertionError\n"
    lax = Mode(how="isolated", crossing=Crossing(errors=None))

    assert await outcome(judge, broad, code) == "failed"
    assert (await judge_function(await judge.sandboxes(), broad, code, lax)).outcome == "passed"


# Arguments are copies. Changes come back where the canonical answer makes them.

SORTS = case("xs = [3, 1, 2]\nassert candidate(xs) == sorted(xs)", "def f(xs):\n    return sorted(xs)\n")
IN_PLACE = case("xs = [3, 1, 2]\ncandidate(xs)\nassert xs == [1, 2, 3]", "def f(xs):\n    xs.sort()\n")


async def test_an_emptied_argument_does_not_reach_the_test(judge: Judge) -> None:
    cheat = "def f(xs):\n    xs.clear()\n    return []\n"
    written_back = Mode(how="isolated", crossing=Crossing(write_back=True))

    assert await outcome(judge, SORTS, cheat) == "failed"
    assert (await judge_function(await judge.sandboxes(), SORTS, cheat, written_back)).outcome == "passed"


async def test_a_change_in_place_is_seen_where_the_task_is_to_change(judge: Judge) -> None:
    assert await outcome(judge, IN_PLACE, "def f(xs):\n    xs[:] = sorted(xs)\n") == "passed"
    assert await outcome(judge, IN_PLACE, "def f(xs):\n    return sorted(xs)\n") == "failed"


EXPECTED = case(
    "numbers, expected = [3, 1, 2], [1, 2, 3]\ncandidate(numbers, expected)\nassert numbers == expected",
    "def f(numbers, expected):\n    numbers.sort()\n",
)


@pytest.mark.parametrize("body", ["expected[:] = numbers", "numbers.clear(); expected.clear()"])
async def test_only_those_arguments_change_that_the_canonical_answer_changes(judge: Judge, body: str) -> None:
    honest = "def f(numbers, expected):\n    numbers[:] = sorted(numbers)\n"

    assert await outcome(judge, EXPECTED, f"def f(numbers, expected):\n    {body}\n") == "failed"
    assert await outcome(judge, EXPECTED, honest) == "passed"


async def test_an_argument_that_has_to_stay_as_it_was_is_looked_at_too(judge: Judge) -> None:
    keeps = case(
        "xs = [3, 1, 2]\nassert candidate(xs) == [1, 2, 3]\nassert xs == [3, 1, 2]",
        "def f(xs):\n    return sorted(xs)\n",
    )

    assert await outcome(judge, keeps, "def f(xs):\n    xs.sort()\n    return xs\n") == "failed"
    assert (
        await outcome(judge, keeps, "def f(xs):\n    ys = xs[:]\n    ys.sort()\n    return ys\n") == "passed"
    )


# Helpers of the prompt are the prompt's.

HELPED = case(
    "for n in (3, 5):\n    assert encode(candidate(encode(n))) == encode(n)",
    "    return n - 1\n",
    prompt="def encode(n):\n    return n + 1\n\ndef f(n):\n    '''Undo encode.'''\n",
)


async def test_the_test_uses_the_prompts_helper_and_not_the_candidates(judge: Judge) -> None:
    honest = HELPED.prompt + "    return n - 1\n"
    cheat = "def encode(n):\n    return 0\ndef f(n):\n    return 7\n"

    assert await outcome(judge, HELPED, honest) == "passed"
    assert await outcome(judge, HELPED, cheat) == "failed"


# Answers don't depend on earlier calls, unless the case says so.

COUNTS = "_n = []\ndef f(n):\n    _n.append(0)\n    return [4, 9][(len(_n) - 1) % 2]\n"


async def test_answers_that_go_by_the_order_of_calls_are_stateful(judge: Judge) -> None:
    judged = await verdict(judge, SQUARE, COUNTS)
    never_repeated = await judge_function(
        await judge.sandboxes(), SQUARE, COUNTS, await judge.mode(SQUARE), replays=0
    )

    assert (judged.verdict, judged.stateful) == ("failed", True)
    assert never_repeated.outcome == "passed"


@pytest.mark.parametrize(
    "code",
    [
        "def f(n, seen=[4, 9]): return seen.pop(0)",
        "def f(n):\n    f.n = getattr(f, 'n', 0) + 1\n    return [0, 4, 9][f.n]",
        "class C:\n    i = 0\ndef f(n):\n    C.i += 1\n    return C.i * 5 - 1",
        "i = iter([4, 9])\ndef f(n): return next(i)",
        "import math\ndef f(n):\n    math.k = getattr(math, 'k', 0) + 1\n    return math.k * 5 - 1",
        "def f(n):\n    open('k', 'a').write('x')\n    return len(open('k').read()) * 5 - 1",
        "def f(n):\n    g = (i for i in ()).gi_frame.f_globals\n    g['k'] = g.get('k', 0) + 1\n"
        "    return g['k'] * 5 - 1",
        "def f(n):\n    F = type(f)\n    match f:\n        case F(__globals__=g):\n"
        "            g['k'] = g.get('k', 0) + 1\n            return g['k'] * 5 - 1",
        "from copy import copy\ndef f(n):\n    k = 9 if hasattr(f, 'k') else 4\n"
        "    copy(type('X', (), {'__reduce_ex__': lambda *_: (lambda: f, (), {'k': 1})})())\n    return k",
        "from typing import Sized\ndef f(n):\n    k = 9 if isinstance(n, Sized) else 4\n"
        "    Sized.register(int)\n    return k",
    ],
)
async def test_state_is_found_wherever_it_is_kept(judge: Judge, code: str) -> None:
    judged = await verdict(judge, SQUARE, code)

    assert (judged.verdict, judged.stateful) == ("failed", True)


async def test_no_comment_makes_other_code_of_an_answer_than_the_judge_read(judge: Judge) -> None:
    hidden = "N = []\ndef f(n): N.append(0); return len(N) * 5 - 1".replace("\n", "\\u000a")
    code = f"# coding: raw_unicode_escape\ndef f(n): return 0\n# \\u000a{hidden}"

    assert await outcome(judge, SQUARE, code) == "failed"


async def test_a_cache_is_no_state_that_shows(judge: Judge) -> None:
    cached = "import functools\n@functools.lru_cache\ndef f(n): return n * n\n"

    assert await outcome(judge, SQUARE, cached) == "passed"


async def test_a_case_may_ask_for_state(judge: Judge) -> None:
    counter = case(
        "assert [candidate(), candidate()] == [1, 2]",
        "n = 0\ndef f():\n    global n\n    n += 1\n    return n\n",
    )

    assert await outcome(judge, counter, "k = []\ndef f():\n    k.append(1)\n    return len(k)\n") == "passed"


async def test_samples_do_not_see_each_others_files(judge: Judge) -> None:
    writes = "def f(n):\n    open('left', 'w').close()\n    open('/tmp/left', 'w').close()\n    return n * n"
    finds = (
        "import os\nFOUND = {*os.listdir('.'), *os.listdir('/tmp')} - {'solution.py', '__pycache__'}\n"
        "def f(n): return 0 if FOUND else n * n\n"
    )

    assert await outcome(judge, SQUARE, writes) == "passed"
    assert await outcome(judge, SQUARE, finds) == "passed"


# Cases that can't be judged apart are said to be weaker.

STACK = case(
    "s = candidate()\ns.push(1)\ns.push(2)\nassert s.pop() == 2 and s.pop() == 1",
    "class f:\n    def __init__(self): self.x = []\n    def push(self, v): self.x.append(v)\n"
    "    def pop(self): return self.x.pop()\n",
)


async def test_objects_whose_word_is_taken_make_a_verdict_weaker(judge: Judge) -> None:
    good = "class f(list):\n    push = list.append\n"

    judged = await verdict(judge, STACK, good)

    assert (judged.verdict, judged.strength) == ("passed", "weaker")
    assert await outcome(judge, STACK, good.replace("append", "remove")) != "passed"


async def test_what_only_one_process_can_decide_is_weaker(judge: Judge) -> None:
    derived = case(
        "class D(candidate):\n    pass\nassert D().x == 1",
        "class f:\n    x = 1\n",
    )

    judged = await verdict(judge, derived, "class f:\n    def __init__(self): self.x = 1\n")

    assert (judged.verdict, judged.strength) == ("passed", "weaker")
    assert await outcome(judge, derived, "class f:\n    x = 2\n") == "failed"
    assert await outcome(judge, derived, "import os\nclass f:\n    def __init__(s): os._exit(0)\n") == "error"


async def test_a_case_whose_own_answer_fails_judges_nobody(judge: Judge) -> None:
    wrong = case("assert candidate(2) == 5", "def f(n):\n    return n\n")

    judged = await verdict(judge, wrong, "def f(n): return 5\n")

    assert judged.verdict == "infrastructure"
    assert "canonical" in judged.detail


async def test_a_case_without_an_answer_of_its_own_lets_plain_data_in(judge: Judge) -> None:
    bare = case("assert candidate(2) == 4", None)

    assert await outcome(judge, bare, "def f(n): return n * n\n") == "passed"
    assert await outcome(judge, bare, EQUALS_ALL) == "failed"


# A harder test is scored apart.


async def test_base_and_plus_are_told_apart(judge: Judge) -> None:
    plus = case(
        "assert candidate(2) == 4",
        "def f(n):\n    return n * n\n",
        plus_test="def check(candidate):\n    assert candidate(-3) == 9\n",
    )

    half = await verdict(judge, plus, "def f(n): return n * 2\n")
    whole = await verdict(judge, plus, "def f(n): return n ** 2\n")

    assert (half.verdict, half.base) == ("failed", "passed")
    assert (whole.verdict, whole.base) == ("passed", "passed")


async def test_an_endless_loop_takes_no_more_processor_time_than_its_case_allows(judge: Judge) -> None:
    brief = case("assert candidate(1) == 1", "def f(n):\n    return n\n", timeout_s=0.25)

    answer_verdict = await verdict(judge, brief, "def f(n):\n    while True: pass\n")

    assert answer_verdict.verdict == "timeout"
    assert 0.25 <= answer_verdict.cpu_s < 1  # without a timer it is over 1.4


@pytest.mark.slow
async def test_an_answer_may_use_nearly_all_of_its_processor_time(judge: Judge) -> None:
    """Clocks that count the kernel's ticks would end it up to a third early."""
    nearly = (
        "import resource, time\n\n\ndef f(n):\n    while time.process_time() < 0.3: pass\n"
        "    return resource.getrlimit(resource.RLIMIT_CPU)[0]\n"
    )
    brief = case("assert candidate(1) == 2", nearly, timeout_s=0.4)

    assert [await outcome(judge, brief, f"{nearly}# {i}\n") for i in range(3)] == ["passed"] * 3
