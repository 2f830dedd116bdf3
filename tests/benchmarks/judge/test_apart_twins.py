"""Which isolated tests get twins, and how these are written."""

import re

import pytest

from benchmarks.judge.apart_twins import find_deciding_tests, replace_constants

HEAD = "import pytest\nimport shop\nfrom helpers import same, check\n\n"


def test_of(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{HEAD}def test_it():\n{lines}"


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        "assert same(shop.area(2), 12)",
        "result = shop.area(2)\ncheck(result, 12)",
        "check(shop.area, [(2, 12)])",
        "assert shop.difference(shop.area(2), 12) == []",
        "assert shop.Result(2).equals(12)",
        "check('2')",
    ],
)
def test_a_test_that_hands_over_what_it_expects_has_twins(body: str) -> None:
    assert [*find_deciding_tests(test_of(body), ["test_it"], ())] == ["test_it"]


@pytest.mark.parametrize(
    "body",
    [
        "assert shop.area(2) == 12",
        "prices = [1, 2]\nassert shop.total(prices, 0.5) == 4.5",
        "with pytest.raises(ValueError):\n    shop.area(-1)",
        "assert sorted(shop.names(), key=len) == ['a']",
        "cart = shop.Cart()\ncart.add('a', 2)\nassert cart.total() == 2",
    ],
)
def test_a_test_that_compares_by_itself_has_none(body: str) -> None:
    assert find_deciding_tests(test_of(body), ["test_it"], ()) == {}


def test_a_test_at_whose_line_the_package_computes_has_twins() -> None:
    assert [*find_deciding_tests(test_of("assert shop.Money(5) - 3 == 2"), ["test_it"], {6})] == ["test_it"]


def test_a_twin_has_another_constant_and_the_same_lines() -> None:
    source = test_of("# größer\nassert same(shop.area(2),\n    'ä', 12)  # größer")
    variants = find_deciding_tests(source, ["test_it"], ())["test_it"]

    twin = replace_constants(source, {"test_it": variants[0][0]})

    assert twin != source
    assert re.sub(r"'ä', \d+", "'ä', 12", twin) == source


def test_what_the_package_computes_with_is_not_changed() -> None:
    source = test_of("result = shop.area(3)\nassert same(result, 27)")

    variants = find_deciding_tests(source, ["test_it"], ())["test_it"]

    twins = [replace_constants(source, {"test_it": some[0]}) for some in variants]
    assert [re.sub(r"result, \d+", "result, 27", twin) for twin in twins] == [source]
    assert twins != [source]
