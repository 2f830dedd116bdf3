"""A pass whose comparisons hold for other values, too, or whose assertions didn't run, is weaker."""

import pytest

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
async def test_a_wrong_answer_that_passes_is_weaker_and_its_reason_has_the_line(
    judge: Judge, name: str
) -> None:
    test, own, cheat = CHEATS[name]

    weaker, passed = await verdict(judge, case(test, own), cheat), await verdict(judge, case(test, own), own)

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail
    assert (weaker.verdict, weaker.strength) == ("passed", "weaker"), weaker.detail
    assert any(line.strip() in weaker.detail for line in test.splitlines()), weaker.detail


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
    "a value without end": (
        "assert candidate({}) >= 10 ** 9\nassert candidate({}) > 0",
        "def f(d):\n    return 10 ** 9\n",
        "def f(d):\n    return float('inf')\n",
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
