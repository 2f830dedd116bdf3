"""Imports that a function lacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coder.source.missing_imports import with_imports
from coder.source.python_names import free_names, parse_source


@pytest.mark.parametrize(
    ("uses", "lines"),
    [
        ("math.pi", ["import math"]),
        ("sqrt(4)", ["from math import sqrt"]),
        ("Counter(xs), xs", ["from collections import Counter"]),
        ("datetime.now()", ["from datetime import datetime"]),
        ("datetime.datetime.now()", ["import datetime"]),
        ("copy(xs)", ["from copy import copy"]),
        ("copy.copy(xs), re.sub('a', 'b', 'c')", ["import copy", "import re"]),
        (
            "reduce(gcd, [4, 6]), string.digits",
            ["import string", "from functools import reduce", "from math import gcd"],
        ),
    ],
)
def test_a_name_of_the_standard_library_is_imported_as_it_is_used(uses: str, lines: list[str]) -> None:
    source = f"# Of xs.\ndef f(xs):\n    return {uses}\n"

    assert with_imports(source) == "".join(f"{line}\n" for line in lines) + "\n\n" + source


def test_they_stand_behind_what_is_imported_already() -> None:
    source = (
        '"""Words."""\n\nfrom typing import List\n\n\ndef f(xs: List) -> Optional[int]:\n    return xs[0]\n'
    )

    assert with_imports(source).startswith(
        '"""Words."""\n\nfrom typing import List\nfrom typing import Optional\n\n\ndef f('
    )


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import math\n    return math.pi\n",
        "def f(re):\n    return re.x\n",
        "def f():\n    try:\n        g()\n    except E as copy:\n        return copy.x\n",
        "def f(xs):\n    return [math for math in xs]\n",
        "def f():\n    return e, numpy.pi, helper(2)\n",
        "def f(:\n    return math.pi\n",
        "class string:\n    x = 1\n\n\ndef f():\n    return string.x\n",
    ],
)
def test_what_is_bound_or_nobodys_stays_as_it_is(source: str) -> None:
    assert with_imports(source) == source


@given(
    some.lists(
        some.sampled_from(["math.pi", "sqrt(2)", "xs", "helper", "deque()", "os.sep", "List"]), min_size=1
    )
)
def test_what_was_added_parses_and_is_added_once(uses: list[str]) -> None:
    source = f"def f(xs):\n    return [{', '.join(uses)}]\n"

    changed = with_imports(source)

    assert parse_source(changed) is not None
    assert changed.endswith(source)
    assert with_imports(changed) == changed
    assert set(free_names(changed)) <= {"helper"}
