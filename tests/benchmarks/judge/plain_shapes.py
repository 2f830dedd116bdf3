"""Honest answers of another plain type than their case's own; in braces stands the value that they hold."""

from benchmarks.suite import FunctionCase
from tests.benchmarks.judge.cases import case

PAIR = case("assert candidate(3) == (1, 3)", "def f(n):\n    return (1, n)\n")
LIST = case("assert candidate(3) == [1, 3]", "def f(n):\n    return [1, n]\n")
DICT = case("assert candidate(3) == {'n': 3}", "def f(n):\n    return {'n': n}\n")
KEYS = case("assert candidate(3) == {'n', 3}", "def f(n):\n    return {'n', n}\n")
NUMBER = case(
    "assert candidate(3) == 3 and candidate(3) + 1 == 4 and candidate(3) < 4", "def f(n):\n    return n\n"
)
TEXT = case("assert candidate(3) == '3' and candidate(3)[0] == '3'", "def f(n):\n    return str(n)\n")
SORTED = case("assert sorted(candidate(3)) == [1, 3]", "def f(n):\n    return [n, 1]\n")
COUNTED = case("assert len(list(candidate(3))) == 2", "def f(n):\n    return [n, 1]\n")
ASKED = case("assert 3 in candidate(3) and 4 not in candidate(3)", "def f(n):\n    return [n, 1]\n")
LAZY = case("assert list(candidate(3)) == [0, 1, 3]", "def f(n):\n    yield from (0, 1, n)\n")
ADDER = case("assert candidate(2)(3) == 5", "def f(n):\n    return lambda m: n + m\n")

HONEST: dict[str, tuple[FunctionCase, str]] = {
    "a named tuple": (
        PAIR,
        "import collections\nP = collections.namedtuple('P', 'x y')\ndef f(n): return P(1, {n})",
    ),
    "a typed named tuple": (
        PAIR,
        "import typing\nclass P(typing.NamedTuple):\n    x: int\n    y: int\ndef f(n): return P(1, {n})",
    ),
    "named tuples in a list": (
        case("assert candidate(3) == [(1, 3)]", "def f(n):\n    return [(1, n)]\n"),
        "import collections\nP = collections.namedtuple('P', 'x y')\ndef f(n): return [P(1, {n})]",
    ),
    "named tuples in a set": (
        case("assert candidate(3) == {(1, 3)}", "def f(n):\n    return {(1, n)}\n"),
        "import collections\nP = collections.namedtuple('P', 'x y')\ndef f(n): return {{P(1, {n})}}",
    ),
    "a tuple": (PAIR, "class T(tuple): pass\ndef f(n): return T((1, {n}))"),
    "a list": (LIST, "class L(list):\n    def last(s): return s[-1]\ndef f(n): return L([1, {n}])"),
    "a UserList": (LIST, "from collections import UserList\ndef f(n): return UserList([1, {n}])"),
    "a class of UserList": (
        LIST,
        "from collections import UserList\nclass L(UserList): pass\ndef f(n): return L([1, {n}])",
    ),
    "a dict": (DICT, "class D(dict):\n    def __missing__(s, k): return 0\ndef f(n): return D(n={n})"),
    "a dict with attributes": (
        DICT,
        "class D(dict):\n    __getattr__ = dict.get\n    __setattr__ = dict.__setitem__\n"
        "def f(n):\n    d = D()\n    d.n = {n}\n    return d",
    ),
    "a UserDict": (DICT, "from collections import UserDict\ndef f(n): return UserDict(n={n})"),
    "a ChainMap": (
        DICT,
        "from collections import ChainMap\ndef f(n): return ChainMap(dict(n={n}), dict(n=0))",
    ),
    "a mappingproxy": (DICT, "from types import MappingProxyType as M\ndef f(n): return M(dict(n={n}))"),
    "a class of OrderedDict": (
        DICT,
        "from collections import OrderedDict\nclass D(OrderedDict): pass\ndef f(n): return D(n={n})",
    ),
    "a defaultdict with a function": (
        DICT,
        "from collections import defaultdict\n"
        "def f(n):\n    d = defaultdict(lambda: {n})\n    d['n']\n    return d",
    ),
    "keys": (KEYS, "def f(n): return dict.fromkeys(('n', {n})).keys()"),
    "keys of an OrderedDict": (
        KEYS,
        "from collections import OrderedDict\ndef f(n): return OrderedDict.fromkeys(('n', {n})).keys()",
    ),
    "items": (
        case("assert candidate(3) == {('n', 3)}", "def f(n):\n    return {('n', n)}\n"),
        "def f(n): return dict(n={n}).items()",
    ),
    "values": (SORTED, "def f(n): return dict(a={n}, b=1).values()"),
    "values where a generator may come": (
        case("assert len(candidate(3)) == 2", None),
        "def f(n): return {{i: 0 for i in range({n} - 1)}}.values()",
    ),
    "a set": (KEYS, "class S(set): pass\ndef f(n): return S(['n', {n}])"),
    "an int": (NUMBER, "class I(int): pass\ndef f(n): return I({n})"),
    "an IntEnum": (
        NUMBER,
        "import enum\nclass E(enum.IntEnum):\n    A = 3\n    B = 4\ndef f(n): return E({n})",
    ),
    "an IntFlag": (
        NUMBER,
        "import enum\nclass E(enum.IntFlag):\n    A = 1\n    B = 2\ndef f(n): return E({n})",
    ),
    "a float": (NUMBER, "class F(float): pass\ndef f(n): return F({n})"),
    "a str": (TEXT, "class S(str): pass\ndef f(n): return S({n})"),
    "a str enum": (
        TEXT,
        "import enum\nclass E(str, enum.Enum):\n    A = '3'\n    B = '4'\ndef f(n): return E(str({n}))",
    ),
    "a UserString": (TEXT, "from collections import UserString\ndef f(n): return UserString(str({n}))"),
    "a generator that is sorted": (SORTED, "def f(n):\n    yield {n}\n    yield 1"),
    "a generator that is counted": (
        COUNTED,
        "def f(n):\n    yield n\n    yield 1\n    if {n} != n: yield 2",
    ),
    "a generator that is asked": (ASKED, "def f(n): return (i for i in (1, {n}))"),
    "a map that is sorted": (SORTED, "def f(n): return map(abs, (1, -{n}))"),
    "an iterator of its own that is sorted": (
        SORTED,
        "class I:\n    def __init__(s, n): s.i = [n, 1]\n    def __iter__(s): return s\n"
        "    def __next__(s):\n        if not s.i: raise StopIteration\n        return s.i.pop()\n"
        "def f(n): return I({n})",
    ),
    "an iterator of its own for a generator": (
        LAZY,
        "class I:\n    def __init__(s, n): s.i = [n, 1, 0]\n    def __iter__(s): return s\n"
        "    def __next__(s):\n        if not s.i: raise StopIteration\n        return s.i.pop()\n"
        "def f(n): return I({n})",
    ),
    "an iterable of its own that is sorted": (
        SORTED,
        "class I:\n    def __init__(s, n): s.n = n\n    def __iter__(s): yield from (s.n, 1)\n"
        "    def __len__(s): return 2\ndef f(n): return I({n})",
    ),
    "an iterable of its own that is asked twice": (
        case("r = candidate(3)\nassert 3 in r and 1 in r and 4 not in r", "def f(n):\n    return [n, 1]\n"),
        "class I:\n    def __init__(s, n): s.n = n\n    def __iter__(s): return iter((s.n, 1))\n"
        "def f(n): return I({n})",
    ),
    "an iterable of its own for a generator": (
        LAZY,
        "class I:\n    def __init__(s, n): s.n = n\n    def __iter__(s): return iter((0, 1, s.n))\n"
        "def f(n): return I({n})",
    ),
    "a dataclass that is called for a function": (
        ADDER,
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\n"
        "    def __call__(s, m): return s.n + m\ndef f(n): return A({n})",
    ),
    "an object that is called for a function": (
        ADDER,
        "class A:\n    def __init__(s, n): s.n = n\n    def __call__(s, m): return s.n + m\n"
        "def f(n): return A({n})",
    ),
    "what the operator module makes for a function": (
        case("assert candidate(1)([7, 8]) == 8", "def f(n):\n    return lambda xs: xs[n]\n"),
        "from operator import itemgetter\ndef f(n): return itemgetter({n})",
    ),
}
