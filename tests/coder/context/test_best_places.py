"""Places that texts name: what is found, what is too unclear, and how long it may take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.context.best_places import QuotedPlace, QuotedPlaces
from coder.context.definition_facts import DefinitionFacts, definers_of
from tests.linear_work import assert_linear

PATHS = ("src/shop/cart.py", "src/shop/__init__.py", "src/shop/price.py", "tests/test_cart.py", "web/app.ts")
PATHS += ("a/same.py", "b/same.py", "pkg/Main.java", "lib.rs")
FACTS = {
    "src/shop/cart.py": DefinitionFacts("Cart:3 add_item:9 total:12"),
    "src/shop/price.py": DefinitionFacts("rounded:5 total:8"),
}
DEFINERS = definers_of(FACTS)


@pytest.fixture
def places() -> QuotedPlaces:
    return QuotedPlaces(PATHS, DEFINERS)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('File "/tmp/w/src/shop/cart.py", line 12, in total', QuotedPlace("src/shop/cart.py", 12)),
        ("src/shop/cart.py:12: AssertionError", QuotedPlace("src/shop/cart.py", 12)),
        ("FAILED tests/test_cart.py::test_total - assert", QuotedPlace("tests/test_cart.py")),
        ("see ./src/shop/price.py.", QuotedPlace("src/shop/price.py")),
        ("at Object.<anonymous> (/w/web/app.ts:7:13)", QuotedPlace("web/app.ts", 7)),
        ("at shop.Main.run(Main.java:41)", QuotedPlace("pkg/Main.java", 41)),
        ("  --> lib.rs:3:5", QuotedPlace("lib.rs", 3)),
        ("web\\app.ts(4,2): error TS2322", QuotedPlace("web/app.ts", 4)),
        ("the module shop.price is wrong", QuotedPlace("src/shop/price.py")),
        ("shop.cart.add_item drops one", QuotedPlace("src/shop/cart.py", 9)),
        ("`rounded` rounds down", QuotedPlace("src/shop/price.py", 5)),
        ("add_item drops one", QuotedPlace("src/shop/cart.py", 9)),
        ("call rounded(1)", QuotedPlace("src/shop/price.py", 5)),
        ("ValueError: 7 is not a valid Cart", QuotedPlace("src/shop/cart.py", 3)),
    ],
)
def test_a_place_is_found(places: QuotedPlaces, text: str, place: QuotedPlace) -> None:
    assert place in places.mentions(text)


@pytest.mark.parametrize(
    "text",
    [
        "same.py fails",
        "`ValueError: all is rounded`",
        "def rounded(x):\n    return x\nrounded(1)",
        ">>> add_item = 3\n>>> print(add_item)",
        "the total is rounded",
        "Cart after cart. Cart or none",
        "e.g. this",
        "see https://example.org/page.html",
        "../../etc/passwd",
    ],
)
def test_what_could_mean_several_files_or_none_is_no_place(places: QuotedPlaces, text: str) -> None:
    assert places.mentions(text) == []


def test_a_folder_before_the_name_makes_it_clear(places: QuotedPlaces) -> None:
    assert places.mentions("/srv/b/same.py:2") == [QuotedPlace("b/same.py", 2)]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    QuotedPlaces(PATHS, DEFINERS).mentions(text)


@pytest.mark.parametrize("piece", ["a.b/", "x:1", '", line ', "a.py ", "`", "../", "A_b(", "é"])
def test_long_texts_take_no_longer_than_their_length(places: QuotedPlaces, piece: str) -> None:
    assert_linear(places.mentions, lambda size: piece * (size // len(piece)), size=256_000)
