"""Changes in place: of arguments, of lists of the test's objects, of items that a generator gives again."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import FunctionCase
from tests.benchmarks.judge.cases import case, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ARRAY = "from array import array\nxs = array('i', [3, 1, 2])\n"
_BOX = "class Box: pass\nbox = Box()\n"
_APPENDS = case(
    _BOX + "box.got, box.want = [], [9]\ncandidate(box, 3)\nassert box.got == box.want",
    "def f(box, n):\n    box.got.append(n * n)\n",
)
_SORTS = case(
    _BOX + "box.xs = [3, 1, 2]\ncandidate(box)\nassert box.xs == [1, 2, 3]",
    "def f(box):\n    box.xs.sort()\n",
)
_SETS = case(
    _BOX + "box.xs = [3, 1, 2]\ncandidate(box)\nassert box.xs == [1, 2, 3]",
    "def f(box):\n    box.xs = sorted(box.xs)\n",
)

CHEATS: dict[str, tuple[FunctionCase, str]] = {
    "an array": (
        case(_ARRAY + "assert list(candidate(xs)) == sorted(xs)\nassert len(xs) == 3", "f = sorted\n"),
        "def f(xs):\n    ys = sorted(xs)\n    del xs[:]\n    return ys\n",
    ),
    "an array in a tuple": (
        case(
            _ARRAY + "assert candidate((xs,)) == 6\nassert xs[0] == 3", "def f(xs):\n    return sum(xs[0])\n"
        ),
        "def f(xs):\n    n = sum(xs[0])\n    xs[0][0] = 0\n    return n\n",
    ),
    "a list in a slice": (
        case(
            "xs = [3, 1]\nassert candidate(slice(xs)) == 4\nassert xs[0] == 3",
            "def f(s):\n    return sum(s.stop)\n",
        ),
        "def f(s):\n    s.stop.sort()\n    return sum(s.stop)\n",
    ),
    "the default of a dict": (
        case(
            "from collections import defaultdict\nd = defaultdict(int, a=1)\nassert candidate(d) == 1\n"
            "assert d['b'] == 0",
            "def f(d):\n    return d['a']\n",
        ),
        "def f(d):\n    d.default_factory = None\n    return d['a']\n",
    ),
    "a list that an object has": (
        case(
            _BOX + "box.xs = [3, 1]\nassert candidate(box) == 4\nassert box.xs[0] == 3",
            "def f(b): return sum(b.xs)\n",
        ),
        "def f(box):\n    box.xs.sort()\n    return sum(box.xs)\n",
    ),
    "a list that a method gives": (
        case(
            "class Box:\n    xs = [3, 1]\n    def all(self): return self.xs\n"
            "assert candidate(Box()) == 4\nassert len(Box.xs) == 2",
            "def f(box):\n    return sum(box.all())\n",
        ),
        "def f(box):\n    xs = box.all()\n    n = sum(xs)\n    xs.clear()\n    return n\n",
    ),
    "what an object expects": (
        _APPENDS,
        "def f(box, n):\n    box.got.append(0)\n    box.want[:] = [0]\n",
    ),
    "a list that was sent to a generator": (
        case(
            "want = [1, 2]\ng = candidate()\nnext(g)\ng.send(want)\nassert next(g) == want",
            "def f():\n    xs = yield\n    yield 0\n    yield xs[:]\n",
        ),
        "def f():\n    xs = yield\n    yield xs\n    xs[:] = [0]\n    yield xs\n",
    ),
    "an item that the test has kept": (
        case(
            "g = candidate()\nkept = next(g)\nkept.append(7)\nassert next(g) == kept",
            "def f():\n    yield [1]\n    yield [1, 7]\n",
        ),
        "def f():\n    xs = [1]\n    yield xs\n    xs[:] = [0]\n    yield xs\n",
    ),
}


@pytest.mark.parametrize("changed", CHEATS)
async def test_what_the_cases_own_answer_leaves_is_not_changed_unseen(judge: Judge, changed: str) -> None:
    one, code = CHEATS[changed]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("failed", "strong"), judged.detail


HONEST: dict[str, tuple[FunctionCase, str]] = {
    "an array": (
        case(
            _ARRAY + "candidate(xs)\nassert list(xs) == [1, 2, 3]",
            "def f(xs):\n    xs[:] = array('i', sorted(xs))\n".replace("array(", "type(xs)("),
        ),
        "def f(xs):\n    for i, x in enumerate(sorted(xs)): xs[i] = x\n",
    ),
    "a list that an object has, twice": (
        _APPENDS.model_copy(
            update={
                "id": "twice",
                "test": _APPENDS.test.replace("[9]", "[9, 3]"),
                "canonical_solution": "def f(b, n):\n    b.got += [n * n, n]\n",
            }
        ),
        "def f(box, n):\n    box.got.append(n * n)\n    box.got.append(n)\n",
    ),
    "a list that is set": (_SORTS, "def f(box):\n    box.xs = sorted(box.xs)\n"),
    "a list for one that is set": (_SETS, "def f(box):\n    box.xs.sort()\n"),
    "a list that a method changes meanwhile": (
        case(
            "class Box:\n    def __init__(self): self.xs = []\n    def push(self, x): self.xs.append(x)\n"
            "assert candidate(Box()) == [1, 2]",
            "def f(box):\n    box.push(1)\n    box.push(2)\n    return box.xs\n",
        ),
        "def f(box):\n    for i in 1, 2:\n        n = len(box.xs)\n        box.push(i)\n"
        "        assert len(box.xs) == n + 1\n    return [*box.xs]\n",
    ),
    "a buffer that a file fills": (
        case(
            "import io\nassert candidate(io.BytesIO(b'abc')) == 294",
            "def f(file):\n    return sum(file.read())\n",
        ),
        "def f(file):\n    n, b = 0, bytearray(2)\n"
        "    while k := file.readinto(b): n += sum(b[:k])\n    return n\n",
    ),
    "a list that a callback fills": (
        case(
            "def fill(xs): xs.append(3)\nassert candidate(fill) == [3]",
            "def f(fill):\n    xs = []\n    fill(xs)\n    return xs\n",
        ),
        "def f(fill):\n    xs = list()\n    fill(xs)\n    return xs\n",
    ),
    "a generator's own list, given again": (
        case(
            "assert [len(xs) for xs in candidate(2)] == [1, 2]",
            "def f(n):\n    for i in range(n): yield [0] * (i + 1)\n",
        ),
        "def f(n):\n    xs = []\n    for i in range(n):\n        xs.append(i)\n        yield xs\n",
    ),
}


@pytest.mark.parametrize("changed", HONEST)
async def test_an_honest_answer_changes_it_as_in_one_process(judge: Judge, changed: str) -> None:
    one, code = HONEST[changed]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail
