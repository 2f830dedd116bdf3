"""A pass by other answers than the case's own is weaker if the test passes with most others, too."""

from unittest.mock import Mock

import pytest

from benchmarks.judge import weighed_answers
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
CHEATS |= {
    "one row in all places": (
        "assert candidate(2) == [[0, 0], [0, 0]]",
        "def f(n):\n    return [[0] * n for _ in range(n)]\n",
        "def f(n):\n    return [[0] * n] * n\n",
    ),
    "one list for all keys": (
        "assert candidate('ab') == {'a': [], 'b': []}",
        "def f(keys):\n    return {key: [] for key in keys}\n",
        "def f(keys):\n    return dict.fromkeys(keys, [])\n",
    ),
    "an argument that is filled with one row": (
        "g = []\ncandidate(g, 3)\nassert g == [[0], [0], [0]]",
        "def f(g, n):\n    for _ in range(n): g.append([0])\n",
        "def f(g, n):\n    row = [0]\n    for _ in range(n): g.append(row)\n",
    ),
    "a default that is given away again": (
        "assert candidate(2) == [2]\nassert candidate(3) == [3]",
        "def f(n):\n    return [n]\n",
        "def f(n, out=[]):\n    out[:] = [n]\n    return out\n",
    ),
    "a constant that is given away again": (
        "assert candidate('a')['b'] == 1\nassert candidate('c')['b'] == 1",
        "def f(name):\n    return {'b': 1}\n",
        "TABLE = {'b': 1}\ndef f(name):\n    return TABLE\n",
    ),
}
RAISES = "try:\n    candidate(-4)\n    assert False\nexcept Exception:\n    pass\nassert candidate(4) == 2"
OWN_RAISES = "def f(n):\n    if n < 0: raise ValueError('negative')\n    return int(n ** 0.5)\n"
CHEATS |= {
    "a name that isn't defined, for an error": (
        RAISES,
        OWN_RAISES,
        "def f(n):\n    return int(n ** 0.5) if n > 0 else negative\n",
    ),
    "a value of another type, for an error": (RAISES, OWN_RAISES, "def f(n):\n    return int(n ** 0.5)\n"),
    "a place that isn't there, for an error": (
        "for xs in ([], [1, 5]):\n    try:\n        assert candidate(xs) == 5\n"
        "    except Exception:\n        assert not xs",
        "def f(xs):\n    if not xs: raise ValueError('empty')\n    return max(xs)\n",
        "def f(xs):\n    return sorted(xs)[-1]\n",
    ),
    "values of a dict that hold everything": (
        "r = candidate('ab')\nassert 'a' in r['x'] and 'b' in r['y']",
        "def f(text):\n    class D(dict):\n        def __missing__(self, key): return list(text)\n"
        "    return D()\n",
        "def f(text):\n    class D(dict):\n"
        "        def __missing__(self, key): return list(map(chr, range(999)))\n"
        "    return D()\n",
    ),
    "a generator of everything": (
        "r = list(candidate(5))\nassert 3 in r and 4 in r",
        "def f(n):\n    yield from range(n)\n",
        "def f(n):\n    yield from range(500)\n",
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
    "a function that is returned, by the order of its arguments": (
        "s = candidate(3)\nassert s(2) == 6\nassert s(3) == 9\nassert s(10) == 30",
        "def f(k):\n    return lambda x: k * x\n",
        "def f(k):\n    seen = []\n    def g(x):\n        if x not in seen: seen.append(x)\n"
        "        return [6, 9, 30][seen.index(x)]\n    return g\n",
    ),
    "the count of each object among the arguments": (
        "class P:\n    def __init__(self, x): self.x = x\n"
        "p = P(2)\nassert [candidate(p, n) for n in (1, 5, 8, 9)] == [3, 7, 10, 11]",
        "def f(p, n):\n    return p.x + n\n",
        "counts = {}\ndef f(p, n):\n    counts[id(p)] = counts.get(id(p), 0) + 1\n"
        "    return [3, 7, 10, 11, 0][min(counts[id(p)], 5) - 1]\n",
    ),
    "functions of which one changes what the other gives": (
        "get, put = candidate()\nput('a', 1)\nassert get('a') == 1\nput('a', 2)\nput('b', 3)\n"
        "assert get('a') == 2\nassert get('b') == 3\nassert get('a') == 2",
        "def f():\n    table = {}\n    return table.get, table.__setitem__\n",
        "import itertools\ndef f():\n    values = itertools.cycle([1, 2, 3, 2, 9, 9, 9])\n"
        "    return (lambda key: next(values)), (lambda key, value: None)\n",
    ),
    "a dict that computes its values": (
        "r = candidate(3)\nassert [r[4], r[5], r[1]] == [12, 15, 3]",
        "def f(n):\n    class D(dict):\n        def __missing__(self, key): return key * n\n    return D()\n",
        "import itertools\ndef f(n):\n    values = itertools.cycle([12, 15, 3, 0])\n"
        "    class D(dict):\n        def __missing__(self, key): return next(values)\n    return D()\n",
    ),
}
HONEST = {
    "a row of its own in each place": (
        "assert candidate(2) == [[0, 0], [0, 0]]",
        "def f(n):\n    return [[0] * n] * n\n",
        "def f(n):\n    return [[0] * n for _ in range(n)]\n",
    ),
    "one row in all places, as in the case's own answer": (
        "rows = candidate(2)\nassert rows == [[0, 0], [0, 0]] and rows[0] is rows[1]",
        "def f(n):\n    return [[0] * n] * n\n",
        "def f(n):\n    row = n * [0]\n    return [row for _ in range(n)]\n",
    ),
    "one tuple in all places": (
        "assert candidate(2) == [(0, 0), (0, 0)]\nassert candidate(2) == [(0, 0)] * 2",
        "def f(n):\n    return [tuple([0] * n) for _ in range(n)]\n",
        "ZERO = (0,)\ndef f(n):\n    return [ZERO * n] * n\n",
    ),
    "an error of a class that the test names": (
        "try:\n    candidate(-4)\n    assert False\nexcept (ValueError, TypeError):\n    pass\n"
        "assert candidate(4) == 2",
        OWN_RAISES,
        "def f(n):\n    return int(n ** 0.5)\n",
    ),
    "another error that a statement raises": (
        RAISES,
        OWN_RAISES,
        "def f(n):\n    if n < 0: raise TypeError('no natural number')\n    return int(n ** 0.5)\n",
    ),
    "an error of a class below": (
        "try:\n    candidate({}, 'a')\n    assert False\nexcept Exception:\n    pass\n"
        "assert candidate({'a': 1}, 'a') == 1",
        "def f(d, k):\n    if k not in d: raise LookupError(k)\n    return d[k]\n",
        "def f(d, k):\n    return d[k]\n",
    ),
    "the same error by another function": (RAISES, OWN_RAISES, "from math import isqrt as f\n"),
    "functions that share a dict": (
        "get, put = candidate()\nput('a', 1)\nassert get('a') == 1\nput('a', 2)\nassert get('a') == 2",
        "def f():\n    table = {}\n    return table.get, table.__setitem__\n",
        "def f():\n    table = {}\n    def put(key, value): table[key] = value\n"
        "    return (lambda key: table[key]), put\n",
    ),
    "a function that remembers what it gave": (
        "s = candidate(3)\nassert s(2) == 8\nassert s(3) == 27\nassert s(2) == 8",
        "def f(k):\n    return lambda x: x ** k\n",
        "def f(k):\n    known = {}\n    def g(x):\n        known[x] = known.get(x, x ** k)\n"
        "        return known[x]\n    return g\n",
    ),
    "a dict that computes its values from its own fields": (
        "r = candidate(3)\nassert [r[4], r[5], r[1]] == [12, 15, 3]",
        "def f(n):\n    class D(dict):\n        def __missing__(self, key): return key * n\n    return D()\n",
        "class Times(dict):\n    def __missing__(self, key): return key * self.n\n"
        "def f(n):\n    table = Times()\n    table.n = n\n    return table\n",
    ),
    "a count of an object that the test changes": (
        "class Stack:\n    def __init__(self): self.items = []\n"
        "s = Stack()\ns.items.append(3)\nassert candidate(s) == 3\ns.items.append(5)\n"
        "assert candidate(s) == 8\ns.items.clear()\ns.items.append(1)\nassert candidate(s) == 1",
        "def f(s):\n    return sum(s.items)\n",
        "def f(s):\n    first, *others = s.items\n    return first + sum(others)\n",
    ),
    "lists of the argument": (
        "assert candidate([[1], [], [2]]) == [[1], [2]]\nassert candidate([[]]) == []",
        "def f(rows):\n    return [list(row) for row in rows if row]\n",
        "def f(rows):\n    return [row for row in rows if row]\n",
    ),
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
    weighed = Mock(side_effect=weighed_answers._weigh)
    monkeypatch.setattr(weighed_answers, "_weigh", weighed)

    await verdict(judge, case(test, "def f(n):\n    return n * 2\n"), "def f(n):\n    return n + n\n")

    weighed.assert_not_called()


@IN_ONE_LOOP
async def test_another_answer_to_more_than_can_be_weighed_is_weaker(judge: Judge) -> None:
    test = "for n in range(4):\n    assert len(candidate(5_000_000 + n)) == 5_000_000 + n"
    own, other = "def f(n):\n    return bytes(n)\n", "def f(n):\n    return b'x' * n\n"

    weaker, passed = await verdict(judge, case(test, own), other), await verdict(judge, case(test, own), own)

    assert (weaker.verdict, weaker.strength) == ("passed", "weaker"), weaker.detail
    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail
    assert "too many to be weighed" in weaker.detail


@IN_ONE_LOOP
async def test_another_error_for_an_argument_that_is_a_function_is_no_state(judge: Judge) -> None:
    test = (
        "assert candidate([lambda: 1, lambda: 2]) == 3\nassert candidate([lambda: 5]) == 5\n"
        "try:\n    candidate([lambda: None])\nexcept Exception:\n    pass\nelse:\n    assert False"
    )
    own = (
        "def f(fs):\n    if any(g() is None for g in fs):\n        raise ValueError\n"
        "    return sum(g() for g in fs)\n"
    )
    other = own.replace("ValueError", "TypeError('no number')")

    judged = await verdict(judge, case(test, own), other)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail
