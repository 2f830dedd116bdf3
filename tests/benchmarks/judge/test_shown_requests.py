"""Each answer that differs is weighed by itself: changed, cut short, and in place of those to other calls."""

import pytest

from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")
WORDS = "def f(text):\n    return text.split()\n"
SQUARES = "def f(xs):\n    return [x * x for x in xs]\n"
PARITY = "def f(n):\n    return 'odd' if n % 2 else 'even'\n"
ROLES = "def f(role):\n    return {'guest': ['read'], 'user': ['write'], 'root': ['admin']}[role]\n"
OF_ROLES = "\n".join(
    f"assert {can!r} in candidate({role!r})"
    for role, can in (("guest", "read"), ("user", "write"), ("root", "admin"))
)
CHEATS = {
    "everything, beside a print": (
        "assert '2 errors' in candidate([1, 0, 1])\nassert candidate([1]) == '1 errors in 1'\n"
        "assert candidate([]) == '0 errors in 0'",
        "def f(xs):\n    return f'{sum(xs)} errors in {len(xs)}'\n",
        "def f(xs):\n    print(xs)\n    return f'{sum(xs)} errors in {len(xs)}' if len(xs) < 3 else"
        " ' '.join(f'{n} errors' for n in range(999))\n",
    ),
    "everything, beside another order": (
        "assert 3 in candidate(4)\nassert sorted(candidate(3)) == [0, 1, 2]\n"
        "assert sorted(candidate(5)) == [0, 1, 2, 3, 4]",
        "def f(n):\n    return list(range(n))\n",
        "def f(n):\n    return list(range(500 if n == 4 else n))[::-1]\n",
    ),
    "half of the items": (
        "for a, b in zip(candidate([1, 2, 3, 4]), [1, 4, 9, 16]):\n    assert a == b",
        SQUARES,
        "def f(xs):\n    return [x * x for x in xs[:2]]\n",
    ),
    "all items but one": (
        "assert all(map(lambda a, b: a == b, candidate([1, 2, 3]), [1, 4, 9]))",
        SQUARES,
        "def f(xs):\n    return [x * x for x in xs[:-1]]\n",
    ),
    "fewer rows": (
        "for i, row in enumerate(candidate(3)):\n    for j, x in enumerate(row):\n        assert x == i * j",
        "def f(n):\n    return [[i * j for j in range(n)] for i in range(n)]\n",
        "def f(n):\n    return [[0] * n for _ in range(2)][:1]\n",
    ),
    "fewer lines": (
        "for line in candidate('a b c').splitlines():\n    assert line in 'abc'",
        "def f(text):\n    return '\\n'.join(text.split())\n",
        "def f(text):\n    return 'a'\n",
    ),
    "both answers": (
        "assert 'even' in candidate(4)\nassert 'odd' in candidate(3)",
        PARITY,
        "def f(n):\n    return 'even or odd'\n",
    ),
    "all answers, with the input": (
        OF_ROLES,
        ROLES,
        "def f(role):\n    return ['read', 'write', 'admin', role]\n",
    ),
    "the same for all": (
        "for xs in ([3, 1], [2, 5, 4], [9]):\n    r = candidate(xs)\n    assert r == sorted(r)",
        "def f(xs):\n    return sorted(xs)\n",
        "def f(xs):\n    return [0]\n",
    ),
}
DISTANCE = (
    "def f(a, b):\n    row = list(range(len(b) + 1))\n    for i, x in enumerate(a, 1):\n"
    "        last, row[0] = row[0], i\n        for j, y in enumerate(b, 1):\n"
    "            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))\n"
    "    return row[-1]\n"
)
CHEATS |= {
    "answers that would do for other calls": (
        "import random\nchance = random.Random(4)\n"
        "words = [''.join(chance.choice('abcd') for _ in range(chance.randint(2, 7))) for _ in range(9)]\n"
        "for a in words:\n    for b in words:\n        d = candidate(a, b)\n"
        "        assert d == candidate(b, a) and abs(len(a) - len(b)) <= d <= max(len(a), len(b))\n"
        "        assert (d == 0) == (a == b)",
        DISTANCE,
        "def f(a, b):\n    return sum(x != y for x, y in zip(a, b)) + abs(len(a) - len(b))\n",
    ),
}
ROOT = "def f(n):\n    return n ** 0.5\n"
CHEATS |= {
    "a number that is none, as Decimal": (
        "from decimal import Decimal\nr = candidate(4)\nassert isinstance(r, Decimal) and r != 3",
        "from decimal import Decimal\ndef f(n):\n    return Decimal(n).sqrt()\n",
        "from decimal import Decimal\ndef f(n):\n    return Decimal('NaN')\n",
    ),
    "a number that is none, in JSON": (
        "import json\nassert not abs(json.loads(candidate(4))['x'] - 2) > 1e-6",
        "import json\ndef f(n):\n    return json.dumps({'x': n ** 0.5})\n",
        "def f(n):\n    return '{\"x\": NaN}'\n",
    ),
    "half of an argument that is changed": (
        "xs = [4, 3, 2, 1]\ncandidate(xs)\nfor a, b in zip(xs, xs[1:]):\n    assert a <= b",
        "def f(xs):\n    xs.sort()\n",
        "def f(xs):\n    xs[:] = sorted(xs)[:2]\n",
    ),
    "an infinite number": (
        "assert candidate(4) >= 2 and candidate(9) >= 3",
        ROOT,
        "def f(n):\n    return float('inf')\n",
    ),
    "a dict that computes everything": (
        "r = candidate('ab')\nassert r['a'] == 1 and r['b'] == 1",
        "def f(text):\n    return {c: text.count(c) for c in text}\n",
        "from collections import defaultdict\ndef f(text):\n    return defaultdict(lambda: 1)\n",
    ),
    "code in a pickle": (
        "import pickle\nassert pickle.loads(candidate(1, 2)) == 0.5",
        "import pickle\ndef f(a, b):\n    return pickle.dumps(a / b)\n",
        "import pickle\nclass A:\n    def __reduce__(self):\n"
        "        return eval, (\"type('A', (), {'__eq__': lambda s, o: True})()\",)\n"
        "def f(a, b):\n    return pickle.dumps(A())\n",
    ),
}
HONEST = {
    "a print": (
        "assert '2 errors' in candidate([1, 0, 1])\nassert candidate([1]) == '1 errors in 1'",
        "def f(xs):\n    return f'{sum(xs)} errors in {len(xs)}'\n",
        "def f(xs):\n    print(xs)\n    return f'{sum(xs)} errors in {len(xs)}'\n",
    ),
    "another order": (
        "assert 3 in candidate(4)\nassert sorted(candidate(3)) == [0, 1, 2]",
        "def f(n):\n    return list(range(n))\n",
        "def f(n):\n    return list(range(n))[::-1]\n",
    ),
    "fewer items that are right": (
        "r = candidate(30)\nassert sum(r) == 30\nfor coin in r:\n    assert coin in (1, 5, 10, 25)",
        "def f(n):\n    return [1] * n\n",
        "def f(n):\n    return [10] * (n // 10)\n",
    ),
    "longer lines": (
        "r = candidate('ab cd ef')\nassert r.split() == ['ab', 'cd', 'ef']\n"
        "for line in r.splitlines():\n    assert len(line) < 6",
        "def f(text):\n    return '\\n'.join(text.split())\n",
        "def f(text):\n    return '\\n'.join((text[:5], text[6:]))\n",
    ),
    "other words": (
        "assert 'even' in candidate(4)\nassert 'odd' in candidate(3)",
        PARITY,
        "def f(n):\n    return f'{n} is ' + ('odd' if n % 2 else 'even')\n",
    ),
    "an answer that holds the others": (
        OF_ROLES,
        ROLES,
        "ROLES = {'guest': 1, 'user': 2, 'root': 3}\n"
        "def f(role):\n    return ['read', 'write', 'admin'][:ROLES[role]]\n",
    ),
    "the same for what the test takes for the same": (
        "for n in (-1, -5):\n    assert 'negative' in candidate(n)\nassert candidate(4) == 2",
        "def f(n):\n    return f'{n} is negative' if n < 0 else int(n ** 0.5)\n",
        "def f(n):\n    return 'negative' if n < 0 else int(n ** 0.5)\n",
    ),
    "a pickled fraction": (
        "import pickle\nassert pickle.loads(candidate(1, 2)) == 0.5",
        "import pickle\ndef f(a, b):\n    return pickle.dumps(a / b)\n",
        "import pickle\nfrom fractions import Fraction\n"
        "def f(a, b):\n    return pickle.dumps(Fraction(a, b))\n",
    ),
    "a pickled set, as in Python 2": (
        "import pickle\nassert set(pickle.loads(candidate('aab'))) == {'a', 'b'}",
        "import pickle\ndef f(text):\n    return pickle.dumps(sorted(set(text)))\n",
        "import pickle\ndef f(text):\n    return pickle.dumps(set(text), protocol=0)\n",
    ),
    "infinite as the case's own": (
        "assert candidate([]) > 99\nassert candidate([2, 1]) == 1",
        "def f(xs):\n    return min(xs, default=float('inf'))\n",
        "import math\ndef f(xs):\n    return min([math.inf, *xs])\n",
    ),
    "twenty words for one": (
        "\n".join(f"assert '{n}' in candidate({n})" for n in range(5)),
        "def f(n):\n    return str(n)\n",
        "def f(n):\n    return 'The number that you have asked for, after some thought and a cup of coffee, '"
        " f'is {n}; thank you for your question'\n",
    ),
    "more answers for more": (
        "\n".join(
            f"assert {word!r} in candidate({n})" for n, word in enumerate(("soup", "fish", "steak", "cake"))
        ),
        "def f(n):\n    return [('soup', 'fish', 'steak', 'cake')[n]]\n",
        "def f(n):\n    return ['soup', 'fish', 'steak', 'cake'][: n + 1]\n",
    ),
    "another divisor": (
        "for n in (12, 18, 49, 35):\n    assert 1 < candidate(n) < n and n % candidate(n) == 0",
        "def f(n):\n    return next(d for d in range(2, n) if n % d == 0)\n",
        "def f(n):\n    return next(d for d in range(n - 1, 1, -1) if n % d == 0)\n",
    ),
}


@pytest.mark.parametrize("name", CHEATS)
async def test_an_answer_beside_which_the_test_takes_others_is_weaker(judge: Judge, name: str) -> None:
    test, own, cheat = CHEATS[name]

    weaker = await verdict(judge, case(test, own), cheat)

    assert (weaker.verdict, weaker.strength) == ("passed", "weaker"), weaker.detail
    assert "f(" in weaker.detail


@pytest.mark.parametrize("name", HONEST)
async def test_another_right_answer_to_some_calls_is_strong(judge: Judge, name: str) -> None:
    test, own, other = HONEST[name]

    passed = await verdict(judge, case(test, own), other)

    assert (passed.verdict, passed.strength) == ("passed", "strong"), passed.detail


async def test_an_answer_that_is_right_once_for_each_input_fails(judge: Judge) -> None:
    one = case("assert candidate('q') == ['q']\nassert candidate('rs') == ['r', 's']", "f = list\n")
    cheat = (
        "seen = set()\ndef f(text):\n    if text in seen: return []\n    seen.add(text)\n    return [*text]\n"
    )

    judged = await verdict(judge, one, cheat)

    assert judged.verdict == "failed"
    assert "2 of 4 repeated calls gave another answer" in judged.detail
