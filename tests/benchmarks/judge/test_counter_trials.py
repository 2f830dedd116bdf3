"""A pass by other answers than the case's own is weaker if the test passes with most others, too."""

from unittest.mock import Mock

import pytest

from benchmarks.judge import function
from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, verdict

IN_ONE_LOOP = pytest.mark.asyncio(loop_scope="session")
CHEATS = {
    "a text that the test evaluates": (
        "assert eval(candidate(3)) == {'rows': 3}",
        "def f(n):\n    return repr({'rows': n})\n",
        "def f(n):\n    return \"type('A', (), {'__eq__': lambda self, other: True})()\"\n",
    ),
    "a text with all numbers": (
        "assert '2 errors' in candidate([1, 0, 1])",
        "def f(xs):\n    return f'{sum(xs)} errors in {len(xs)}'\n",
        "def f(xs):\n    return ' '.join(f'{n} errors' for n in range(1000))\n",
    ),
    "a list with all numbers": (
        "assert 7 in candidate(8) and 3 not in candidate(2)",
        "def f(n):\n    return list(range(n))\n",
        "def f(n):\n    return list(range(1000)) if n > 2 else []\n",
    ),
    "not a number": (
        "assert not abs(candidate(4) - 2.0) > 1e-6",
        "def f(x):\n    return x ** 0.5\n",
        "def f(x):\n    return float('nan')\n",
    ),
    "not a number, unequal": (
        "assert candidate(4) != 3.0\nassert isinstance(candidate(4), float)",
        "def f(x):\n    return x ** 0.5\n",
        "def f(x):\n    return float('nan')\n",
    ),
    "a while loop": (
        "it = iter(candidate('a b'))\nwant = ['b', 'a']\nwhile (w := next(it, None)) is not None:\n"
        "    assert w == want.pop()",
        "def f(text):\n    return text.split()\n",
        "def f(text):\n    return []\n",
    ),
    "a helper that is called in a loop": (
        "def same(a, b):\n    assert a == b\n"
        "for n, word in enumerate(candidate('a b')):\n    same(word, 'ab'[n])",
        "def f(text):\n    return text.split()\n",
        "def f(text):\n    return []\n",
    ),
    "a condition that raises": (
        "for word in candidate('a b'):\n    if len(word) != 1:\n        raise ValueError(word)",
        "def f(text):\n    return text.split()\n",
        "def f(text):\n    return []\n",
    ),
    "a kept list": (
        "bad = [word for word in candidate('a b') if len(word) != 1]\nassert bad == []",
        "def f(text):\n    return text.split()\n",
        "def f(text):\n    return []\n",
    ),
    "a sum": (
        "assert 0 == sum(len(word) != 1 for word in candidate('a b'))",
        "def f(text):\n    return text.split()\n",
        "def f(text):\n    return []\n",
    ),
}


@IN_ONE_LOOP
@pytest.mark.parametrize("name", CHEATS)
async def test_a_wrong_answer_that_passes_is_weaker_and_its_reason_has_the_call_or_the_line(
    judge: Judge, name: str
) -> None:
    test, own, cheat = CHEATS[name]

    weaker, passed = await verdict(judge, case(test, own), cheat), await verdict(judge, case(test, own), own)

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail
    assert (weaker.verdict, weaker.strength) == ("passed", "weaker"), weaker.detail
    assert "f(" in weaker.detail or any(line.strip() in weaker.detail for line in test.splitlines())


CHEATS |= {
    "a list of everything, compared by a function": (
        "assert {6, 7}.issubset(candidate(8))",
        "def f(n):\n    return list(range(n))\n",
        "def f(n):\n    return list(range(1000))\n",
    ),
    "a list that goes on": (
        "for got, want in zip(candidate(3), [0, 1, 2]):\n    assert got == want",
        "def f(n):\n    return list(range(n))\n",
        "def f(n):\n    return list(range(1000))\n",
    ),
    "nothing, in a loop that no line shows": (
        "assert all(map(str.isalpha, candidate('a1b')))",
        "def f(text):\n    return [c for c in text if c.isalpha()]\n",
        "def f(text):\n    return []\n",
    ),
    "a list that is emptied in place": (
        "xs = [3, 1, 2]\nassert candidate(xs) == sorted(xs)",
        "def f(xs):\n    xs.sort()\n    return xs\n",
        "def f(xs):\n    xs.clear()\n    return xs\n",
    ),
    "its argument": (
        "assert candidate(candidate('abc')) == 'abc'",
        "def f(text):\n    return text[::-1]\n",
        "def f(text):\n    return text\n",
    ),
    "another kind of value": (
        "assert '1' in str(candidate(3))",
        "def f(n):\n    return list(range(n))\n",
        "def f(n):\n    return 1\n",
    ),
    "a text that reads the constants of the test": (
        "assert eval(candidate(3)) == {'rows': 3}",
        "def f(n):\n    return repr({'rows': n})\n",
        "def f(n):\n    return \"{'rows': [k for k in __import__('sys')._getframe(1).f_code.co_consts\"\\\n"
        '        " if type(k) is int][-1]}"\n',
    ),
    "one wrong answer after many right ones": (
        "def has(n):\n    assert n in candidate(n)\nfor n in range(20):\n    has(n)",
        "def f(n):\n    return [n]\n",
        "def f(n):\n    return [n] if n < 16 else list(range(1000))\n",
    ),
}
CHEATS |= {
    "everything printed": (
        "import contextlib, io\nout = io.StringIO()\n"
        "with contextlib.redirect_stdout(out):\n    candidate([1, 0, 1])\n"
        "assert '2 errors' in out.getvalue()",
        "def f(xs):\n    print(sum(xs), 'errors')\n",
        "def f(xs):\n    print(*(f'{n} errors' for n in range(1000)))\n",
    ),
    "a function called with everything": (
        "seen = []\ncandidate(seen.append, [2, 3])\nassert 2 in seen and 3 in seen",
        "def f(g, xs):\n    for x in xs: g(x)\n",
        "def f(g, xs):\n    for x in range(1000): g(x)\n",
    ),
    "nothing for inputs by chance": (
        "import random\nxs = [random.randrange(9) for _ in range(20)]\nr = candidate(xs)\n"
        "assert set(r) <= set(xs)",
        "def f(xs):\n    return list(dict.fromkeys(xs))\n",
        "def f(xs):\n    return []\n",
    ),
    "a value for an error": (
        "try:\n    candidate(-1)\n    assert False\nexcept Exception:\n    pass\nassert candidate(4) == 2",
        "def f(x):\n    if x < 0:\n        raise ValueError('negative')\n    return int(x ** 0.5)\n",
        "def f(x):\n    return int(abs(x) ** 0.5)\n",
    ),
}
STATEFUL = {
    "a function among the arguments": (
        "assert candidate(lambda a, b: a + b, [1, 2, 3]) == 6\n"
        "assert candidate(lambda a, b: a * b, [1, 4]) == 4\n"
        "assert candidate(lambda a, b: a - b, [9, 2]) == 7",
        "def f(g, xs):\n    r = xs[0]\n    for x in xs[1:]: r = g(r, x)\n    return r\n",
        "n = [0]\ndef f(g, xs):\n    if xs == [1, 2, 3]: n[0] = 0\n    n[0] += 1\n"
        "    return [6, 4, 7][n[0] - 1]\n",
    ),
    "an object among the arguments": (
        "class P:\n    def __init__(self, x): self.x = x\n"
        "assert candidate(P(1)) == 2\nassert candidate(P(5)) == 10\nassert candidate(P(7)) == 14",
        "def f(p):\n    return p.x * 2\n",
        "n = [0]\ndef f(p):\n    if p.x == 1: n[0] = 0\n    n[0] += 1\n    return [2, 10, 14][n[0] - 1]\n",
    ),
    "a function that is returned": (
        "s = candidate(3)\nassert s(2) == 6\nassert s(3) == 9\nassert s(10) == 30",
        "def f(k):\n    return lambda x: k * x\n",
        "def f(k):\n    n = 0\n    def g(x):\n        nonlocal n\n        n += 1\n"
        "        return [6, 9, 30][n - 1]\n    return g\n",
    ),
}
HONEST = {
    "other words around the number": (
        "assert '2 errors' in candidate([1, 0, 1])",
        "def f(xs):\n    return f'{sum(xs)} errors in {len(xs)}'\n",
        "def f(xs):\n    return 'There were %d errors.' % sum(xs)\n",
    ),
    "another order": (
        "assert sorted(candidate('b a')) == ['a', 'b']\nassert any(w == 'a' for w in ['a'])",
        "def f(text):\n    return text.split()\n",
        "def f(text):\n    return text.split()[::-1]\n",
    ),
    "a sum in another order": (
        "assert abs(candidate([0.1, 0.2, 0.3]) - 0.6) < 1e-9\nassert candidate([]) <= 0",
        "def f(xs):\n    return sum(xs)\n",
        "def f(xs):\n    return sum(xs[::-1])\n",
    ),
    "a test that is one-sided by nature": (
        "assert 'e' in candidate()",
        "def f():\n    return 'the empty set: e, f'\n",
        "def f():\n    return 'empty'\n",
    ),
    "a loop whose rounds hang on chance": (
        "import random\nfor _ in range(random.randint(1, 50)):\n    assert candidate(2) == 4",
        "def f(n):\n    return n * n\n",
        "def f(n):\n    return n ** 2\n",
    ),
    "one of two numbers": (
        "assert candidate([3, 1, 2]) in (2, 3)",
        "def f(xs):\n    return max(xs)\n",
        "def f(xs):\n    return xs[2]\n",
    ),
    "one of two messages": (
        "try:\n    candidate(-1)\n    assert False\nexcept ValueError as e:\n"
        "    assert 'negative' in str(e) or 'positive' in str(e)",
        "def f(n):\n    raise ValueError('negative')\n",
        "def f(n):\n    raise ValueError('not positive')\n",
    ),
    "a list that is shorter": (
        "assert sum(candidate(6)) == 6\nfor c in candidate(6): assert c in (1, 3, 4)\n"
        "for c in candidate(6):\n    assert c > 0",
        "def f(n):\n    return [4, 1, 1]\n",
        "def f(n):\n    return [3, 3]\n",
    ),
    "an iterator that the test searches": (
        "it = iter(candidate(5))\nassert 2 in it and 4 in it",
        "def f(n):\n    return range(n)\n",
        "def f(n):\n    return list(range(n))\n",
    ),
    "nothing for an argument that is changed": (
        "xs = [3, 1, 2]\ncandidate(xs)\nassert xs == [1, 2, 3]",
        "def f(xs):\n    xs.sort()\n    return xs\n",
        "def f(xs):\n    xs[:] = sorted(xs)\n",
    ),
    "nothing for a number": (
        "assert candidate([1], 5) in (None, -1)\nassert candidate([1, 5], 5) == 1",
        "def f(xs, x):\n    return xs.index(x) if x in xs else -1\n",
        "def f(xs, x):\n    return xs.index(x) if x in xs else None\n",
    ),
    "the other branch": (
        "r = candidate(2)\nif isinstance(r, tuple):\n    assert r == (1, 2)\nelse:\n    assert r == [1, 2]",
        "def f(n):\n    return [1, 2]\n",
        "def f(n):\n    return 1, 2\n",
    ),
    "a callback that is called less often": (
        "def square(x):\n    return [y for y in range(x * x + 1)][-1]\n"
        "assert candidate(square, [3, 1]) == [1, 3]\nfor x in candidate(square, [2]):\n    assert x == 2",
        "def f(key, xs):\n    return sorted(sorted(xs, key=key), key=key)\n",
        "def f(key, xs):\n    return sorted(xs, key=key)\n",
    ),
    "a sum of hundreds of terms": (
        f"assert candidate(1) == {' + '.join(['1'] * 900)}",
        "def f(n):\n    return 900 * n\n",
        "def f(n):\n    return n * 900\n",
    ),
    "a comparison of one of two": (
        "assert candidate(2) == 4 or candidate(2) == -4",
        "def f(n):\n    return n * n\n",
        "def f(n):\n    return -n * n\n",
    ),
}


@IN_ONE_LOOP
@pytest.mark.parametrize("name", HONEST)
async def test_another_right_answer_passes_as_strongly_as_the_cases_own(judge: Judge, name: str) -> None:
    test, own, other = HONEST[name]

    passed = await verdict(judge, case(test, own), other)

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail


@IN_ONE_LOOP
@pytest.mark.parametrize("name", STATEFUL)
async def test_an_answer_by_the_order_of_calls_fails_where_calls_cannot_be_repeated_alone(
    judge: Judge, name: str
) -> None:
    test, own, cheat = STATEFUL[name]

    failed, passed = await verdict(judge, case(test, own), cheat), await verdict(judge, case(test, own), own)

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail
    assert failed.verdict == "failed"
    assert "stateful" in failed.detail


@IN_ONE_LOOP
async def test_a_returned_function_with_a_state_as_the_cases_own_passes(judge: Judge) -> None:
    test = "s = candidate(3)\nassert s() == 3\nassert s() == 4\nassert s() == 5"
    own = "def f(k):\n    def g():\n        nonlocal k\n        k += 1\n        return k - 1\n    return g\n"

    passed = await verdict(
        judge, case(test, own), "import itertools\ndef f(k):\n    return itertools.count(k).__next__\n"
    )

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail


@IN_ONE_LOOP
@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("assert isinstance(candidate(3), list)", "changed answers of its own pass it"),
        ("assert True", "returns None"),
    ],
)
async def test_a_test_that_cannot_fail_makes_its_case_weaker(judge: Judge, test: str, reason: str) -> None:
    own = "def f(n):\n    return list(range(n))\n"

    passed = await verdict(judge, case(test, own), own)

    assert (passed.verdict, passed.strength) == ("passed", "weaker")
    assert reason in (await judge.plan(case(test, own))).reason


@IN_ONE_LOOP
async def test_an_answer_like_the_cases_own_is_not_weighed_where_the_test_draws_its_inputs(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = "import random\nfor _ in range(9):\n    n = random.random()\n    assert candidate(n) == n * 2"
    weighed = Mock(side_effect=function._weigh)
    monkeypatch.setattr(function, "_weigh", weighed)

    await verdict(judge, case(test, "def f(n):\n    return n * 2\n"), "def f(n):\n    return n + n\n")

    weighed.assert_not_called()
