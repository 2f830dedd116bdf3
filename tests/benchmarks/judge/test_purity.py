"""Code that is said to keep nothing keeps nothing."""

import gzip
import json

import pytest

from benchmarks.judge.purity import keeps_nothing
from tests.benchmarks.judge.cases import shared


@pytest.mark.parametrize(
    "code",
    [
        "def f(n): return n * n",
        "import math\nfrom typing import List\nX: int = 3\ndef f(xs: List[int]): return math.sqrt(X)",
        "from collections import Counter\ndef f(s):\n    c = Counter(s)\n    c['a'] += 1\n    return dict(c)",
        "def f(n):\n    def g(m):\n        nonlocal n\n        n += m\n        return n\n    return g(1)",
        "import re as r\ndef f(s): return r.sub('a', 'b', s)",
        "def f(n):\n    try:\n        return 1 / n\n    except ZeroDivisionError:\n        return None",
        "def f(n): return type(n) == int or type(n) in (list, tuple)",
        "def f(n):\n    match n:\n        case int(): return 1\n        case [a, *_]: return a",
        "def f(n, m=None): return m is None or n is not True is not ...",
        "def f(n): return '{:.2f} {x[0'.format(n) or '{0:>{w}}'.join(n) or '{} {!r:>4}'.format(n, 1)",
        "def f(n, m): return type(n) is type(m) or type(n) is int or type(n) is not str",
    ],
)
def test_plain_functions_keep_nothing(code: str) -> None:
    assert keeps_nothing(code)


@pytest.mark.parametrize(
    "code",
    [
        "C = {}\ndef f(n): return C.setdefault(n, len(C))",
        "def f(n, c=[]): c.append(n); return len(c)",
        "def f(n, *, c={}): return c.setdefault(0, n)",
        "f = lambda n, c=[]: c.append(n)",
        "n = 0\ndef f():\n    global n\n    n += 1\n    return n",
        "def f(n):\n    f.n = n",
        "def f(n):\n    f.__dict__['n'] = n",
        "def f(n):\n    setattr(f, 'n', n)",
        "def f(n):\n    globals()['n'] = n",
        "class C:\n    n = []\ndef f(n): C.n.append(n)",
        "import functools\n@functools.cache\ndef f(n): return n",
        "from functools import lru_cache\ndef f(n): return n",
        "import random\ndef f(n): return random.random()",
        "import time\ndef f(n): return time.time()",
        "def f(n: (k := [])): k.append(n)",
        "def f(n) -> (k := []): k.append(n)",
        "x: (k := []) = 0\ndef f(n): k.append(n)",
        "def f(n):\n    def g(m: (k := [])): pass",
        "from typing import List\ndef f(n): return str(List[n])",
        "import typing\ndef f(n): return str(typing.List[n])",
        "import typing\ndef f(n): return typing.sys.modules",
        "from typing import sys\ndef f(n): return sys",
        "import re\ndef f(n):\n    x = re\n    return x.functools",
        "import re\ndef f(n): return g(re)\ndef g(x): return x.enum",
        "import copy\ndef f(n): copy.dispatch_table[f] = n",
        "import __future__ as u\ndef f(n): u.all_feature_names.append(n)",
        "from math import *\ndef f(n): return n",
        "import math\ndef f(n): math.n = n",
        "import os.path\ndef f(n): return n",
        "from . import x\ndef f(n): return n",
        "def f(n): return __import__('os')",
        "def f(n): return eval('n')",
        "def f(n): return open('x', 'a').write('x')",
        "i = iter([1])\ndef f(n): return next(i)",
        "x = [0]\ndef f(n): x[0] += 1",
        "if True:\n    x = []\ndef f(n): return n",
        "def f(n): return id(n)",
        "def f(n): (i for i in ()).gi_frame.f_globals['n'] = n",
        "def f(n): (i async for i in n).ag_frame.f_globals['n'] = n",
        "def f(n):\n    match f:\n        case int(__globals__=g): g['n'] = n",
        "def f(n):\n    match f:\n        case int(g): g['n'] = n",
        "from copy import copy\ndef f(n):\n    made = (lambda: f, (), {'n': n})\n"
        "    copy(type('X', (), {'__reduce_ex__': lambda *_: made})())",
        "def f(n): return type(type(n))('X', (), {})",
        "def f(n): return type(*n) == n",
        "from typing import Sized\ndef f(n): Sized.register(int)",
        "import typing as m\nimport math as m\ndef f(n): return m.sys",
        "import math as m\nimport typing as m\ndef f(n): return m.sys",
        "import re\ndef f(n):\n    p = 'x' * n\n    return re.match(p, p).re.pattern is p",
        "def f(n, m): return n is m",
        "def f(n, m): return None is n is not m",
        "def f(n, m): return n is 1",
        "def f(n, int): return n is int",
        "def f(n, m):\n    def type(x): return x\n    return type(n) is type(m)",
        "def f(n, m):\n    for str in m: return n is str",
        "from math import floor as int\ndef f(n): return n is int",
        "def f(n, m):\n    match m:\n        case [int, *str]: return n is int",
        "def f(n): return '{0.__globals__}'.format(f)",
        "def f(n): return '{0[0].__globals__}'.format([f])",
        "def f(n): return '{:{x.__globals__}}'.format(n, x=f)",
        "def f(n): return '{x.__globals__}'.format_map({'x': f})",
        "def f(n): return n.format(f)",
        "def f(n): return str.format('{0.__globals__}', f)",
        "def f(n): return list(map('{0.__globals__}'.format, [f]))",
        "def f(n): return str(credits)",
        "def f(n): exit.n = n",
        "def f(n:",
        "def f(n): return n" + "(" * 3000,
    ],
)
def test_whatever_might_keep_something_is_not_said_to_keep_nothing(code: str) -> None:
    assert not keeps_nothing(code)


def test_most_canonical_answers_keep_nothing() -> None:
    with gzip.open(shared("HumanEval.jsonl.gz"), "rt") as file:
        records = [json.loads(line) for line in file]

    share = sum(keeps_nothing(one["prompt"] + one["canonical_solution"]) for one in records) / len(records)

    assert share > 0.95
