"""What an answer may do with objects of the test's own: what the case's own answer does with them."""

import pytest

from benchmarks.judge.function import judge_function
from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import Mode
from benchmarks.suite import FunctionCase
from sandbox.verdicts.run_report import Crossing
from tests.benchmarks.judge.cases import case, outcome, verdict

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANYTHING = Mode(how="isolated", crossing=Crossing(kinds=frozenset({"function"})))
"""Without the record of what the case's own answer does."""

CALLBACK = case(
    "from unittest.mock import Mock\ncb = Mock()\ncandidate(cb, 3)\ncb.assert_called_once_with(9)",
    "def f(cb, n):\n    cb(n * n)\n",
)
STUB = case(
    "class Stub:\n    given, want, got = 3, 9, None\n    def tell(self): return self.given\n"
    "f = Stub()\ncandidate(f)\nassert f.got == f.want",
    "def f(f):\n    f.got = f.given ** 2\n",
)
LOGGER = case(
    "from unittest.mock import MagicMock\nlog = MagicMock()\ncandidate(log, 3)\n"
    "log.info.assert_called_once_with('%d', 9)\nlog.error.assert_not_called()",
    "def f(log, n):\n    log.info('%d', n * n)\n",
)
SHOWN = case(
    "import dataclasses\n@dataclasses.dataclass\nclass Box:\n    given: int\n    want: int\n"
    "assert candidate(Box(3, 9)) == 9\nassert candidate(Box(2, 4)) == 4",
    "def f(box):\n    return box.given ** 2\n",
)
ALL_SHOWN = case(
    "import dataclasses\n@dataclasses.dataclass\nclass Box:\n    given: int\n    more: int\n"
    "assert candidate(Box(3, 9)) == 12\nassert candidate(Box(2, 4)) == 6",
    "def f(box):\n    return box.given + box.more\n",
)
ROW = case(
    "import collections\nRow = collections.namedtuple('Row', 'given want')\n"
    "row = Row(3, 9)\nassert candidate(row) == row.want\nassert candidate(Row(2, 4)) == 4",
    "def f(row):\n    return row.given ** 2\n",
)
TWO = case(
    "class Box:\n    def __init__(self, value): self.value = value\n"
    "one, other = Box(3), Box(0)\ncandidate(one, other)\nassert other.value == one.value ** 2",
    "def f(one, other):\n    other.value = one.value ** 2\n",
)
NODES = case(
    "class Node:\n    def __init__(self, value, next=None): self.value, self.next = value, next\n"
    "assert candidate(Node(1, Node(2, Node(3)))) == [1, 2, 3]\nassert candidate(None) == []",
    "def f(node):\n    return [] if node is None else [node.value] + f(node.next)\n",
)
LAZY_INPUT = case(
    "want = 9\nassert candidate(i for i in (1, 2, 6)) == want", "def f(xs):\n    return sum(xs)\n"
)
WORDS = case(
    "import io\nfile = io.StringIO('one two')\nassert candidate(file) == file.getvalue().split()",
    "def f(file):\n    return file.read().split()\n",
)
WRITES = case(
    "import io\none, other = io.StringIO('a b'), io.StringIO()\ncandidate(one, other)\n"
    "assert other.getvalue() == one.getvalue()",
    "def f(one, other):\n    other.write(one.read())\n",
)
STEPS = case(
    "pairs = {1: 2, 2: 4, 3: 6}\nassert all(map(lambda n: candidate(n) == pairs[n], pairs))\n"
    "try:\n    candidate(None)\nexcept Exception as error:\n    assert error.args\n",
    "def f(n):\n    if n is None: raise Exception('no number')\n    return 2 * n\n",
)
TWO_KINDS = case(
    "for bad, kind in ((None, TypeError), ('', ValueError)):\n    try:\n        candidate(bad)\n"
    "    except kind:\n        continue\n    assert False, kind",
    "def f(s):\n    if s is None: raise TypeError('no text')\n    if not s: raise ValueError('empty')\n",
)
BAG = case(
    "class Bag:\n    def __init__(self): self.kept, self.want = {}, {'n': 9}\n"
    "    def __setitem__(self, key, value): self.kept[key] = value\n"
    "    def __getitem__(self, key): return self.want[key]\n"
    "bag = Bag()\ncandidate(bag, 3)\nassert bag.kept == bag.want",
    "def f(bag, n):\n    bag['n'] = n * n\n",
)

HONEST: dict[str, tuple[FunctionCase, str]] = {
    "a callback": (CALLBACK, "def f(cb, n):\n    result = n ** 2\n    cb(result)\n"),
    "a stub": (STUB, "def f(stub):\n    n = stub.given\n    setattr(stub, 'got', n * n)\n"),
    "a stub that may have more": (
        STUB,
        "def f(stub):\n    n = getattr(stub, 'number', None) or stub.given\n"
        "    stub.got = n * n if not hasattr(stub, 'other') else 0\n",
    ),
    "a logger": (LOGGER, "def f(log, n):\n    tell = log.info\n    tell('%d', n ** 2)\n"),
    "a box": (SHOWN, "def f(b):\n    return pow(b.given, 2) if b else 0\n"),
    "a row": (ROW, "def f(row):\n    n = row.given\n    return n * n\n"),
    "a method with keywords": (
        case(
            "class Api:\n    def fetch(self, key, *, times=1): return key * times\n"
            "assert candidate(Api()) == 9",
            "def f(api):\n    return api.fetch(3, times=3)\n",
        ),
        "def f(api):\n    return api.fetch(times=3, key=3)\n",
    ),
    "two boxes": (TWO, "def f(a, b):\n    n = a.value\n    b.value = n\n    b.value = n * n\n"),
    "nodes": (
        NODES,
        "def f(node):\n    xs = []\n    while node:\n        xs.append(node.value)\n"
        "        node = node.next\n    return xs\n",
    ),
    "a generator": (LAZY_INPUT, "def f(xs):\n    n = 0\n    for x in xs: n += x\n    return n\n"),
    "a file that is read by lines": (
        case(
            "import io\nassert candidate(io.StringIO('4\\n5\\n')) == 9",
            "def f(file):\n    return sum(map(int, file.read().split()))\n",
        ),
        "def f(file):\n    return sum(int(line) for line in file)\n",
    ),
    "a file that is rewound": (WORDS, "def f(file):\n    file.seek(0)\n    return ''.join(file).split()\n"),
    "a file that is written by lines": (WRITES, "def f(a, b):\n    b.writelines(a.readlines())\n"),
    "an iterator that ends inside": (
        STEPS,
        "def f(n):\n    try: next(iter(()))\n    except StopIteration: pass\n"
        "    if n is None: raise ValueError('none')\n    return n + n\n",
    ),
    "an error of two kinds": (
        TWO_KINDS,
        "class Empty(AttributeError, ValueError): pass\n"
        "def f(s):\n    if s is None: raise TypeError('no text')\n    if s == '': raise Empty('empty')\n",
    ),
    "a bag": (BAG, "def f(bag, n):\n    bag['n'] = n ** 2\n"),
    "a copy": (
        STUB,
        "import copy\ndef f(f):\n    f.got = copy.copy(f).given * copy.deepcopy([f])[0].given\n",
    ),
    "a box that is compared with None": (SHOWN, "def f(b):\n    return b.given ** 2 if b != None else 0\n"),
    "a box that is printed": (SHOWN, "def f(b):\n    print(f'{b} {b!r}')\n    return b.given ** 2\n"),
    "a box that may be called": (
        SHOWN,
        "def f(b):\n    return b() if callable(b) else b.given ** 2\n",
    ),
    "the fields of a box": (
        ALL_SHOWN,
        "from dataclasses import asdict, astuple\ndef f(b):\n    return asdict(b)['given'] + astuple(b)[1]\n",
    ),
    "the parameters of a function's code": (
        case(
            "assert candidate(lambda a, b=1, *, c=2: a) == 3",
            "import inspect\ndef f(g):\n    return len(inspect.signature(g).parameters)\n",
        ),
        "def f(g):\n    return g.__code__.co_argcount + g.__code__.co_kwonlyargcount\n",
    ),
    "what can be called": (
        case(
            "assert candidate([abs, lambda n: n + 1, type('I', (), {'v': 3})]) == [3, 3, 3]",
            "def f(gs):\n    a, b, c = gs\n    return [a(-3), b(2), c().v]\n",
        ),
        "def f(gs):\n    a, b, c = filter(callable, gs)\n    return [a(-3), b(2), c().v]\n",
    ),
}
CHEATS: dict[str, tuple[FunctionCase, str]] = {
    "an assertion that is replaced": (CALLBACK, "def f(cb, n):\n    cb.assert_called_once_with = cb\n"),
    "an assertion by another way": (
        CALLBACK,
        "def f(cb, n):\n    cb.configure_mock(assert_called_once_with=cb)\n",
    ),
    "an effect that is set": (
        CALLBACK,
        "def f(cb, n):\n    cb.side_effect = None\n    cb(0)\n    cb.call_args = 9\n",
    ),
    "a stub's expectation": (STUB, "def f(f):\n    f.got = f.want\n"),
    "a stub's expectation that is set": (STUB, "def f(f):\n    f.want = f.got = 0\n"),
    "a stub's expectation by a method": (
        STUB,
        "def f(f):\n    f.got = f.tell.__self__.want if hasattr(f.tell, '__self__') else f.tell.want\n",
    ),
    "a logger's assertion": (LOGGER, "def f(log, n):\n    log.info.assert_called_once_with = log.info\n"),
    "what a box shows of itself": (SHOWN, "def f(b):\n    return int(repr(b).split('=')[-1].rstrip(')'))\n"),
    "another item of a row": (ROW, "def f(row):\n    return row[1]\n"),
    "all items of a row": (ROW, "def f(row):\n    return [*row][-1]\n"),
    "the box that is to stay": (TWO, "def f(one, other):\n    one.value = other.value = 0\n"),
    "what a file says that it holds": (
        case(
            "import io\nout = io.StringIO()\ncandidate(out, str)\nassert out.getvalue() == ''",
            "def f(file, kind):\n    file.write('')\n",
        ),
        "def f(file, kind):\n    file.write('more')\n    file.getvalue = kind\n",
    ),
    "the frame of a generator": (LAZY_INPUT, "def f(xs):\n    return xs.gi_frame.f_globals['want']\n"),
    "what a bag expects": (BAG, "def f(bag, n):\n    bag['n'] = bag['n']\n"),
    "a file that is cut": (WORDS, "def f(file):\n    file.truncate(0)\n    return []\n"),
    "a file that is overwritten": (WORDS, "def f(file):\n    file.write(' ' * 9)\n    return []\n"),
    "a file that is written in its place": (
        WRITES,
        "def f(one, other):\n    one.write('xxx')\n    other.write('xxx')\n",
    ),
    "an end of the test's iteration": (STEPS, "def f(n):\n    raise StopIteration('over')\n"),
    "an end of another name": (
        STEPS,
        "class Over(StopIteration, KeyError): pass\ndef f(n):\n    raise Over('over')\n",
    ),
    "an end that is let through": (
        STEPS,
        "def f(n):\n    if n is None: raise Exception('x')\n    return next(iter(()))\n",
    ),
    "an error of all kinds": (
        TWO_KINDS,
        "class E(ValueError, TypeError): pass\ndef f(s):\n    raise E('bad')\n",
    ),
}


@pytest.mark.parametrize("way", HONEST)
async def test_an_honest_answer_does_as_the_cases_own_does(judge: Judge, way: str) -> None:
    one, code = HONEST[way]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) == ("passed", "strong"), judged.detail


@pytest.mark.parametrize("cheat", CHEATS)
async def test_nothing_else_of_a_tests_objects_is_in_reach(judge: Judge, cheat: str) -> None:
    one, code = CHEATS[cheat]

    judged = await verdict(judge, one, code)

    assert (judged.verdict, judged.strength) in (("failed", "strong"), ("passed", "weaker")), judged.detail


@pytest.mark.parametrize(
    "cheat",
    [
        "an assertion that is replaced",
        "a stub's expectation",
        "a stub's expectation that is set",
        "a logger's assertion",
        "what a box shows of itself",
        "another item of a row",
        "the box that is to stay",
        "what a bag expects",
    ],
)
async def test_without_that_record_a_cheat_passes(judge: Judge, cheat: str) -> None:
    one, code = CHEATS[cheat]

    let_in = await judge_function(await judge.sandboxes(), one, code, ANYTHING)

    assert let_in.outcome == "passed"


async def test_where_the_cases_own_answer_sets_a_mock_verdicts_are_weaker(judge: Judge) -> None:
    marked = case(
        "from unittest.mock import Mock\nm = Mock()\ncandidate(m)\nassert m.done is True",
        "def f(m):\n    m.done = True\n",
    )

    judged = await verdict(judge, marked, "def f(m):\n    m.done = 1 == 1\n")

    assert (judged.verdict, judged.strength) == ("passed", "weaker")
    assert await outcome(judge, marked, "def f(m):\n    m.other = True\n") == "failed"


async def test_without_an_answer_of_its_own_a_case_with_objects_is_weaker(judge: Judge) -> None:
    stub = case("class Stub:\n    given, got = 3, 0\nf = Stub()\ncandidate(f)\nassert f.got == 9", None)
    called = case("import math\nassert candidate(lambda n: n + 1, iter([3])) == 4", None)
    hidden = case("S = type('S', (), {'given': 3, 'want': 9})\nassert candidate(S()) == 9", None)

    weaker = await verdict(judge, stub, "def f(stub):\n    stub.got = stub.given ** 2\n")
    strong = await verdict(judge, called, "def f(g, xs):\n    return g(next(xs))\n")

    assert (weaker.verdict, weaker.strength) == ("passed", "weaker")
    assert (strong.verdict, strong.strength) == ("passed", "strong")
    assert await outcome(judge, hidden, "def f(s):\n    return s.want\n") == "failed"


SAID = case(
    "got = []\ntry:\n    candidate(got.append)\nexcept ValueError:\n    pass\nassert len(got[0]) == 3",
    "def f(tell):\n    tell([1, 2, 3])\n    raise ValueError\n",
)
COUNTS = "class L:\n    def __len__(s): return 3\n    def sum(s): return 6\n"


@pytest.mark.parametrize(
    "code",
    [
        COUNTS + "def f(tell):\n    tell(L())\n    raise ValueError",
        COUNTS + "class E(ValueError): pass\n"
        "def f(tell):\n    import gc\n"
        "    for callee in gc.get_objects():\n"
        "        if type(callee).__name__ == 'Callee': break\n"
        "    known = callee._operations['describe']\n"
        "    def describe(cls):\n"
        "        callee._operations['describe'] = known\n"
        "        tell(L())\n"
        "        return known(cls)\n"
        "    callee._operations['describe'] = describe\n"
        "    raise E",
    ],
    ids=["before it raises", "while its exception is described"],
)
async def test_a_callback_is_given_plain_data_however_the_call_ends(judge: Judge, code: str) -> None:
    assert await outcome(judge, SAID, "def f(g):\n    g([4, 5, 6])\n    raise ValueError\n") == "passed"
    assert await outcome(judge, SAID, code) == "failed"
