"""What is shown around and beside a place."""

from coder.context.beside import Beside
from coder.context.best import spans
from coder.context.best_places import Place
from coder.context.definition_facts import Facts

CODE = """class Till:
    def add(self, amount):
        self.sum = self._cents(amount)

    def _cents(self, amount):
        return round(amount)


def long():
"""
LONG = CODE + "    x = 1\n" * 70 + "    return mark()\n\n\ndef mark():\n    return 1\n"
TESTS = "def test_other():\n    Till().add_up(1)\n\n\ndef test_add_up():\n    add_up(2)\n"
TEXTS = {"till.py": LONG, "test_till.py": TESTS}
FACTS = {
    "till.py": Facts("Till:1 add:2 _cents:5 long:9 mark:83", ""),
    "test_till.py": Facts("test_other:1 test_add_up:5", "Till add_up test_other test_add_up"),
}
BESIDE = Beside(FACTS, TEXTS)


def test_around_a_place_in_a_short_class_is_the_class() -> None:
    assert BESIDE.definitions([Place("till.py", 3)]) == {Place("till.py", 3): (1, 6)}


def test_around_a_place_in_a_long_function_is_the_function() -> None:
    assert BESIDE.definitions([Place("till.py", 20)]) == {Place("till.py", 20): (9, 80)}


def test_of_a_long_class_only_what_stands_above_its_methods_is_shown() -> None:
    text = 'class Long:\n    """It is long."""\n\n    def one(self):\n' + "        x = 1\n" * 90
    beside = Beside({"long.py": Facts("Long:1 one:4")}, {"long.py": text})

    assert beside.definitions([Place("long.py", 1)]) == {Place("long.py", 1): (1, 3)}


def test_around_a_place_in_no_definition_are_its_lines() -> None:
    assert BESIDE.definitions([Place("till.py", 82)]) == {Place("till.py", 82): (52, 112)}


def test_the_functions_that_a_function_calls_are_its_helpers() -> None:
    assert BESIDE.helpers([Place("till.py", 2)]) == {Place("till.py", 5): (5, 6)}
    assert BESIDE.helpers([Place("till.py", 9)]) == {Place("till.py", 83): (83, 84)}


def test_constants_of_its_file_that_a_function_uses_are_its_helpers_too() -> None:
    text = (
        "_LINE = re.compile(\n    'x'\n)\nOTHER: int = 1\n\n\ndef read(line):\n    return _LINE.match(line)\n"
    )
    beside = Beside({"read.py": Facts("_LINE:1 OTHER:4 read:7")}, {"read.py": text})

    assert beside.helpers([Place("read.py", 8)]) == {Place("read.py", 1): (1, 3)}


def test_a_test_that_is_called_after_a_function_comes_before_others_that_name_it() -> None:
    beside = Beside(
        {**FACTS, "up.py": Facts("add_up:1")}, {**TEXTS, "up.py": "def add_up(n):\n    return n\n"}
    )

    assert beside.tests([Place("up.py", 1)], ["test_till.py"]) == {Place("test_till.py", 5): (5, 6)}


def test_a_definition_ends_before_the_decorators_of_the_next() -> None:
    text = "def one():\n    return 1\n\n\n@mark(\n    2,\n)\ndef two():\n    return 2\n"

    assert [span.extent for span in spans(text.splitlines(), Facts("one:1 two:8"))] == [(1, 2), (8, 9)]
