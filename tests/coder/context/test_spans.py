"""What is shown around a place."""

from coder.context.definition_facts import DefinitionFacts
from coder.context.spans import shown_ranges, spans, values_used

CODE = """class Till:
    def add(self, amount):
        self.sum = self._cents(amount)

    def _cents(self, amount):
        return round(amount)


def long():
"""
LONG = (CODE + "    x = 1\n" * 70 + "    return mark()\n\n\ndef mark():\n    return 1\n").splitlines()
FACTS = DefinitionFacts("Till:1 add:2 _cents:5 long:9 mark:83")


def ranges(line: int, *, lines: list[str] = LONG, facts: DefinitionFacts = FACTS) -> list[tuple[int, int]]:
    """What is shown around a line, where the word `mark` is all that counts."""
    weighted_ranges = shown_ranges(line, lines, facts, weigh=lambda text: float("mark" in text))
    return [extent for _, extent in weighted_ranges]


def test_around_a_place_in_a_short_class_is_the_class() -> None:
    assert ranges(3) == [(1, 6)]


def test_a_long_function_is_shown_by_its_signature_and_the_part_around_the_place() -> None:
    assert ranges(40) == [(9, 9), (28, 51)]


def test_a_long_function_that_is_named_is_shown_by_its_signature_and_around_the_task_s_words() -> None:
    assert ranges(9) == [(9, 9), (57, 80)]


def test_a_function_is_shown_whole_where_only_its_docstring_makes_it_long() -> None:
    text = 'def one():\n    """It is long.\n' + "    And longer.\n" * 90 + '    """\n    return 1\n'

    assert ranges(1, lines=text.splitlines(), facts=DefinitionFacts("one:1")) == [(1, 94)]


def test_of_a_long_class_only_what_stands_above_its_methods_is_shown() -> None:
    text = 'class Long:\n    """It is long."""\n\n    def one(self):\n' + "        x = 1\n" * 90

    assert ranges(1, lines=text.splitlines(), facts=DefinitionFacts("Long:1 one:4")) == [(1, 2)]


def test_around_a_place_in_no_definition_is_nothing() -> None:
    assert ranges(82) == []


def test_comments_below_the_last_definition_are_no_part_of_it() -> None:
    text = "def one():\n    return 1\n\n# The license\n# of it.\n"

    assert ranges(1, lines=text.splitlines(), facts=DefinitionFacts("one:1")) == [(1, 2)]


def test_a_definition_has_its_decorators_and_ends_before_those_of_the_next() -> None:
    text = "def one():\n    return 1\n\n\n@mark(\n    2,\n)\ndef two():\n    return 2\n"

    assert [span.extent for span in spans(text.splitlines(), DefinitionFacts("one:1 two:8"))] == [
        (1, 2),
        (5, 9),
    ]


def test_a_decorator_of_a_deeper_definition_above_belongs_to_no_other() -> None:
    text = "class Till:\n    @property\n    def sum(self):\n        return 1\ndef two():\n    return 2\n"

    assert spans(text.splitlines(), DefinitionFacts("Till:1 sum:3 two:5"))[-1].extent == (5, 6)


def test_of_a_long_table_of_a_decorator_the_end_is_shown_above_the_definition() -> None:
    table = "@mark(\n    [\n" + "        1,\n" * 150 + "    ],\n)\n"

    assert spans(f"{table}def two():\n    return 2\n".splitlines(), DefinitionFacts("two:155"))[
        -1
    ].extent == (143, 156)


def test_a_short_decorator_below_a_long_table_is_shown_whole() -> None:
    short = "@mark(\n    [\n" + "        2,\n" * 20 + "    ],\n)\n"
    text = "@mark(\n    [\n" + "        1,\n" * 150 + "    ],\n)\n" + short + "def two():\n    return 2\n"

    assert spans(text.splitlines(), DefinitionFacts("two:179"))[-1].extent == (155, 180)


VALUES = (
    """import re

_WORD = re.compile(
    r"a+"
)
_UNUSED = 1
_TABLE = {
"""
    + "".join(f"    {n}: {n},\n" for n in range(30))
    + """}

def find(text):
    return _WORD.search(text) or _TABLE.get(text) or other(text)

def other(text):
    return None
"""
)


def test_the_constants_that_shown_lines_use_are_found_each_with_a_few_lines() -> None:
    facts = DefinitionFacts("_WORD:3 _UNUSED:6 _TABLE:7 find:40 other:43")

    assert values_used([(40, 41)], VALUES.splitlines(), facts) == [(3, 5), (7, 12)]


def test_constants_that_are_shown_already_are_not_found_again() -> None:
    assert (
        values_used([(1, 8), (40, 41)], VALUES.splitlines(), DefinitionFacts("_WORD:3 _TABLE:7 find:40"))
        == []
    )
