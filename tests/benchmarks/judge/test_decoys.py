"""Twins of a test don't give away which of them is right."""

import ast
import random
import re
from collections import Counter

import pytest

from benchmarks.judge.bare_tests import restore_ids
from benchmarks.judge.decoys import choose_twins, disguise, find_variants
from benchmarks.judge.pytest_report import TestRun

SOURCE = "def test_f():\n    assert f(3) == 50\n\n\ndef test_g():\n    assert g('abc') is True\n"


def values(source: str) -> list[object]:
    """What the tests of a disguised file compare with."""
    literals = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            literals.append(ast.literal_eval(node.test.comparators[0]))
    return literals


def test_all_twins_of_a_test_differ_from_it_in_one_place() -> None:
    (place, *_) = [one for one in find_variants(SOURCE)["test_f"] if _is_of(one[0], 50)]

    hidden = disguise(SOURCE, {"test_f": place}, random.Random(1))

    assert sorted(value for value in values(hidden.source) if value is not True) == [
        20,
        30,
        40,
        50,
        60,
        70,
        80,
    ]


def _is_of(variant: int, value: int) -> bool:
    """Whether a variant changes the value that is expected."""
    twins = values(disguise(SOURCE, {"test_f": [variant]}, random.Random(1)).source)
    return twins.count(value) == 1


@pytest.mark.slow
def test_the_right_value_is_as_often_the_least_as_the_greatest_or_between() -> None:
    (place, *_) = [one for one in find_variants(SOURCE)["test_f"] if _is_of(one[0], 50)]
    chance = random.Random(1)
    ranks: Counter[int] = Counter()

    for _ in range(300):
        hidden = disguise(SOURCE, {"test_f": choose_twins(place, chance)}, chance)
        ranks[sorted(value for value in values(hidden.source) if value is not True).index(50)] += 1

    assert set(ranks) == {0, 1, 2, 3}
    assert min(ranks.values()) > 50


def test_a_text_without_letters_is_no_shorter_than_its_twins_nor_the_only_one_that_a_person_wrote() -> None:
    source = "def test_f():\n    assert f(3) == u'--'\n"
    place = find_variants(source)["test_f"][1]

    hidden = disguise(source, {"test_f": place}, random.Random(1))

    assert {len(str(value)) for value in values(hidden.source)} == {2}
    assert len(set(values(hidden.source))) == 7
    assert "u'" not in hidden.source


@pytest.mark.parametrize("variants", [[0], [1, 2], [6, 8], [7, 8, 9]])
def test_twins_that_fail_with_the_right_answer_are_chosen_only_among_the_given(variants: list[int]) -> None:
    assert set(choose_twins(variants, random.Random(1))) <= set(variants)


def test_a_test_and_its_twins_lose_docstrings_messages_and_ids() -> None:
    source = (
        "'''f('cat') is 7'''\nclass TestF(unittest.TestCase):\n    '''f('cat')'''\n"
        "    def test_f(self):\n        '''it is 7'''\n        self.assertEqual(f('cat'), 7, 'a cat')\n\n\n"
        "@pytest.mark.parametrize('a', [3, pytest.param(4, id='four')], ids=['cat', None])\n"
        "def test_g(a):\n    'of 3'\n    assert g(a) == 9, 'three'\n"
    )

    hidden = disguise(source, {"TestF::test_f": [0], "test_g": [0]}, random.Random(1))

    explained = ("it is", "a cat", "of 3", "three", "four", "ids=['cat'", "f('cat') is")
    assert [words for words in explained if words in hidden.source] == []
    assert sorted(hidden.ids.values()) == ["cat", "four"]


def test_only_the_ids_of_parameters_are_random() -> None:
    test = "def test_f(name):\n    assert find(id='one', name=name) == 5\n"
    source = f"import pytest\n\n\n@pytest.mark.parametrize('name', argvalues=['two'])\n{test}"

    hidden = disguise(source, {"test_f": [0]}, random.Random(1))

    assert hidden.ids == {}
    assert [words for words in ("id='one'", "argvalues=['two']") if words not in hidden.source] == []


def test_a_report_has_the_ids_of_the_case() -> None:
    run = TestRun(passed={"a.py::test_1[p0-2]"}, failures={"a.py::test_1[p1]": "no p1"})

    own = restore_ids(run, {"p0": "cat", "p1": "dog"})

    assert (own.passed, own.failures) == ({"a.py::test_1[cat-2]"}, {"a.py::test_1[dog]": "no p1"})


def test_a_test_that_expects_any_exception_has_no_twin_with_another_one() -> None:
    source = "def test_f():\n    with pytest.raises(Exception):\n        f(7)\n"

    places = find_variants(source)["test_f"]

    hidden = disguise(source, {"test_f": [place[0] for place in places]}, random.Random(1))
    assert len(places) == 1
    assert hidden.source.count("raises(Exception)") == 2


def test_a_twin_expects_a_usual_error_that_is_not_related_to_the_tests_own() -> None:
    source = "def test_f():\n    with pytest.raises(LookupError):\n        f()\n"

    hidden = disguise(source, {"test_f": range(6)}, random.Random(1))

    errors = set(re.findall(r"raises\((\w+)\)", hidden.source)) - {"LookupError"}
    assert len(errors) == 6
    assert errors.isdisjoint({"KeyError", "IndexError", "Exception"})
