"""Repository cases that only one process can decide, and patches that tell tests from twins by a habit."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import sections
from tests.benchmarks.judge.patches import diff

BASE = {"lib.py": "class Lib:\n    pass\n"}
_HEAD = "import pytest\nimport lib\n\n\nclass Mine(lib.Lib):\n    pass\n\n\n"
_GREETING = "Good evening, {}, and welcome"


def _equal(**calls: tuple[tuple[object, ...], object]) -> str:
    return "\n\n".join(
        f"def test_{name}():\n    assert Mine().f({', '.join(map(repr, inputs))}) == {expected!r}\n"
        for name, (inputs, expected) in calls.items()
    )


def _with_docstring(name: str) -> str:
    greeting = _GREETING.format(name)
    doc = f'    """f({name!r}) is {greeting!r}."""\n'
    return f"def test_{name}():\n{doc}    assert Mine().f({name!r}) == {greeting!r}, 'a greeting of {name}'\n"


def _slugs(ids: str) -> str:
    rows = "[('Hello World', 'hello-world'), ('Left Right', 'left-right')]"
    return (
        f"@pytest.mark.parametrize(('text', 'slug'), {rows}{ids})\n"
        "def test_slug(text, slug):\n    assert Mine().f(text) == slug\n"
    )


_SLUG = "text.lower().replace(' ', '-')"
_DATE = "__import__('datetime').date"
_NEXT_DAY = f"str({_DATE}.fromordinal({_DATE}.fromisoformat(day).toordinal() + 1))"
_SPELLED = "'zero one two three four five six seven eight nine ten eleven twelve'.split()[n]"
_NAMES = ("Margaret", "Oliver")
_RECORD = {"name": "box", "size": 3}
_FRUIT = ["pear", "fig", "apple"]
_GREETED = {name.lower(): ((name,), _GREETING.format(name)) for name in _NAMES}
_RAISES = "def test_{}():\n    with pytest.raises({}):\n        Mine().f({})\n"
_ERRORS = (("word", "ValueError", "'abc'"), ("nothing", "TypeError", "None"))
_IS_TRUE = "def test_{0}():\n    assert Mine().f('{0}')\n"
_CASES = {
    "greet": ("name", f"{_GREETING!r}.format(name)", _equal(**_GREETED)),
    "area": ("a, b", "a * b", _equal(long=((20, 5), 100), even=((10, 10), 100), large=((200, 30), 6000))),
    "square": ("n", "n * n", _equal(large=((12,), 144), small=((7,), 49))),
    "dump": (
        "value",
        "__import__('json').dumps(value)",
        _equal(record=((_RECORD,), '{"name": "box", "size": 3}'), items=(([4, 7],), "[4, 7]")),
    ),
    "reverse": ("text", "text[::-1]", _equal(word=(("desserts",), "stressed"), letters=(("abc",), "cba"))),
    "mirror": ("text", "text + text[::-1]", _equal(word=(("pear",), "pearraep"), abc=(("abc",), "abccba"))),
    "arrange": (
        "items",
        "sorted(items)",
        _equal(numbers=(([30, 10, 20],), [10, 20, 30]), words=((_FRUIT,), sorted(_FRUIT))),
    ),
    "parse": (
        "text",
        "int(text)",
        "\n\n".join([_equal(number=(("12",), 12)), *(_RAISES.format(*one) for one in _ERRORS)]),
    ),
    "documented": ("name", f"{_GREETING!r}.format(name)", "\n\n".join(map(_with_docstring, _NAMES))),
    "named": ("text", _SLUG, _slugs(", ids=['hello-world', 'left-right']")),
    "table": ("text", _SLUG, _slugs("")),
    "day": (
        "day",
        _NEXT_DAY,
        _equal(march=(("2024-03-05",), "2024-03-06"), end=(("2023-11-30",), "2023-12-01")),
    ),
    "spell": ("n", _SPELLED, _equal(three=((3,), "three"), seven=((7,), "seven"))),
    "mirrored": ("text", "text == text[::-1]", "\n\n".join(map(_IS_TRUE.format, ("level", "radar")))),
}
_KINDS = {"area": "int", "square": "int", "parse": "int", "arrange": "list"}
_CHEAT = (
    "\ndef fail(*inputs): pass\n{habit}\n"
    "class Sly({kind}):\n    __hash__ = None\n"
    "    def __eq__(self, other): return habit(other, *self.inputs)\n"
    "def answer_by_habit(*inputs):\n    fail(*inputs)\n"
    "    made = Sly()\n    made.inputs = inputs\n    return made\n"
    "class Lib:\n    def f(self, *inputs): return globals().get('answer', answer_by_habit)(*inputs)\n"
)


def case_of(name: str) -> RepositoryCase:
    """One of the cases."""
    arguments, result, tests = _CASES[name]
    gold = f"class Lib:\n    def f(self, {arguments}): return {result}\n"
    return RepositoryCase(
        id=name,
        prompt="Lib has no f yet.",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests={"test_lib.py": _HEAD + tests},
        gold_patch=diff(BASE, {"lib.py": gold}),
        timeout_s=20,
    )


def habits(path: Path = Path(__file__).parent / "habits.txt") -> Iterator[tuple[str, RepositoryCase, str]]:
    """Heading, case and patch of each habit."""
    for heading, habit in sections(path).items():
        name = heading.partition(":")[0]
        source = _CHEAT.format(habit=habit, kind=_KINDS.get(name, "str"))
        yield heading, case_of(name), diff(BASE, {"lib.py": source})


CASES = tuple(_CASES)
