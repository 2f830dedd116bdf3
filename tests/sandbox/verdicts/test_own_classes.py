"""Objects of a candidate's own classes against the test's plain data: what decides, and what doesn't."""

import pytest

from tests.sandbox.verdicts.pairs import Pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


VECTOR = """
class Vector:
    def __init__(self, x, y): self.x, self.y = x, y
    def __iter__(self): return iter((self.x, self.y))
    def __eq__(self, other): return tuple(self) == tuple(other)
    def __add__(self, other): return Vector(self.x + other.x, self.y + other.y)
def origin(): return Vector(0, 0)
"""
HONEST = {
    "a str enum": (
        "import enum\nclass C(str, enum.Enum): RED = 'red'",
        "assert C.RED == 'red' and 'red' == C.RED",
    ),
    "a str enum in a set": ("import enum\nclass C(str, enum.Enum): RED = 'red'", "assert C.RED in {'red'}"),
    "an int enum": (
        "import enum\nclass L(enum.IntEnum): A = 1",
        "assert L.A == 1 and L.A < 2 and L.A + 1 == 2",
    ),
    "an int": ("class I(int): pass\ndef f(): return I(4)", "assert f() == 4 and 5 - f() == 1 and f() != 5"),
    "a list": ("class L(list): pass\ndef f(): return L([1, 2])", "assert f() == [1, 2] and 2 in f()"),
    "a dict": ("class D(dict): pass\ndef f(): return D(a=1)", "assert f() == {'a': 1} and 'a' in f()"),
    "a list in a list": ("class L(list): pass\ndef f(): return [L([1])]", "assert f() == [[1]]"),
    "a tuple": ("class T(tuple): pass\ndef f(): return T((1, 2))", "assert f() == (1, 2) and f() < (2,)"),
    "a path": (
        "from pathlib import Path\ndef f(): return Path('a') / 'b'",
        "import pathlib\nassert f() == pathlib.Path('a/b')",
    ),
    "a file that is read": (
        "from pathlib import Path\ndef f():\n    Path('new').write_text('x')\n    return Path('new')",
        "assert f().read_text() == 'x'",
    ),
    "a uuid": (
        "import uuid\ndef f(): return uuid.UUID(int=5)",
        "import uuid\nassert f() == uuid.UUID(int=5)",
    ),
    "a time zone": (
        "from datetime import datetime, timezone\ndef f(): return datetime(2020, 1, 1, tzinfo=timezone.utc)",
        "from datetime import datetime, timezone\nassert f() == datetime(2020, 1, 1, tzinfo=timezone.utc)",
    ),
    "a named time zone": (
        "from datetime import datetime\nfrom zoneinfo import ZoneInfo\n"
        "def f(): return datetime(2020, 1, 1, tzinfo=ZoneInfo('Europe/Berlin'))",
        "assert f().isoformat() == '2020-01-01T00:00:00+01:00'",
    ),
    "an array": (
        "import array\ndef f(): return array.array('i', [1])",
        "import array\nassert f() == array.array('i', [1])",
    ),
    "an address": (
        "import ipaddress\ndef f(): return ipaddress.ip_address('10.0.0.1')",
        "import ipaddress\nassert f() in ipaddress.ip_network('10.0.0.0/8')",
    ),
    "an equality of a class under test": (VECTOR, "assert Vector(1, 2) == (1, 2) and Vector(1, 2) != (1, 3)"),
    "a sum of objects under test": (VECTOR, "assert Vector(1, 2) + Vector(1, 1) == (2, 3)"),
    "what a function gives of a class under test": (
        VECTOR,
        "from solution import Vector\nassert origin() == (0, 0)",
    ),
}


@pytest.mark.parametrize("shape", HONEST)
async def test_an_honest_class_passes(pair: Pair, shape: str) -> None:
    source, check = HONEST[shape]

    report = await pair.check(source, check)

    assert report.passed, report.results


@pytest.mark.parametrize("shape", HONEST)
async def test_a_wrong_one_does_not(pair: Pair, shape: str) -> None:
    source, check = HONEST[shape]
    changes = {
        "'red'": "'blue'",
        "A = 1": "A = 3",
        "I(4)": "I(3)",
        "[1, 2]": "[1, 3]",
        "a=1": "a=2",
        "L([1])": "L([2])",
    }
    changes |= {"(1, 2))": "(2, 3))", "'b'": "'c'", "'x'": "'y'", "int=5": "int=6", "1, 1, tz": "1, 2, tz"}
    changes |= {
        "'i', [1]": "'i', [2]",
        "10.0": "11.0",
        "tuple(self) ==": "(0, 1) ==",
        "datetime(2020, 1": "datetime(2021, 1",
    }
    for right, wrong in changes.items():
        source = source.replace(right, wrong)

    report = await pair.check(source, check)

    assert not report.passed


EVERYTHING = """
class {name}:
    def __init__(self, *args): pass
    def _true(self, *args): return True
    def _self(self, *args): return self
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __bool__ = _true
    __add__ = __sub__ = __radd__ = __rsub__ = __abs__ = __neg__ = __round__ = _self
    def __ne__(self, other): return False
    def __hash__(self): return 0
"""
CHECKS = (
    "assert f(2) == 4",
    "assert abs(f(2) - 4) < 1e-9",
    "assert f(2) >= 4",
    "assert 3 < f(2) < 5",
    "assert 4 in f(2)",
    "assert round(f(2) - 4, 3) == 0",
    "assert sum([f(2)]) == 4",
)


@pytest.mark.parametrize(
    "source",
    [
        EVERYTHING.format(name="f"),
        EVERYTHING.format(name="Four") + "f = Four",
        EVERYTHING.format(name="Four") + "def f(x): return Four()",
        EVERYTHING.format(name="Four") + "class f:\n    def __new__(cls, x): return Four()",
    ],
    ids=[
        "a class by the function's name",
        "a class under two names",
        "a function",
        "a class that gives another",
    ],
)
async def test_an_object_that_agrees_to_everything_passes_for_no_result(pair: Pair, source: str) -> None:
    report = await pair.check(source, *CHECKS)

    assert [result.name for result in report.results if result.passed] == []


@pytest.mark.parametrize("value", ["4", "'four'", "[1, 2]", "{'a': 1}", "(1,)", "True", "None", "4.5"])
async def test_a_class_under_test_that_is_equal_to_everything_is_found_out(pair: Pair, value: str) -> None:
    report = await pair.check(EVERYTHING.format(name="Four"), f"assert Four(2) == {value}")

    assert not report.passed
    assert report.custom_equality


@pytest.mark.parametrize(
    "source",
    [
        "class I(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__",
        "class I(int):\n    def __int__(self): return 4",
        "class I(int):\n    def __index__(self): return 4\n    def __getattribute__(self, name): return 4",
        "class M(type):\n    def __getattribute__(cls, name): return 4\nclass I(int, metaclass=M): pass",
    ],
)
async def test_a_derived_class_has_no_say_in_its_value(pair: Pair, source: str) -> None:
    report = await pair.check(
        f"{source}\ndef f(x): return I(3)", "assert f(2) == 4", "assert f(2) in (4, 4.0)"
    )

    assert not any(result.passed for result in report.results)
