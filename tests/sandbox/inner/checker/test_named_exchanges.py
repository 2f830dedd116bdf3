"""Exchanges in which objects go by where they came from: another implementation has the same ones."""

from typing import Any

from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE
from sandbox.inner.bridge.codec import encode
from sandbox.inner.checker.exchanges import Exchanged, Frames
from sandbox.inner.checker.named_exchanges import NamedExchanges
from sandbox.inner.checker.other_values import Extension

COPY = Extension(("copy", ()))


def ref(kind: str, *parts: object) -> Extension:
    return Extension((kind, *parts))


def exchange(answer: object, *request: object) -> tuple[bytes, bytes]:
    parts = "value", answer, COPY, Extension(("copy", ""))
    sent, received = (
        encode(one, refer=lambda part: part.payload if isinstance(part, Extension) else None)
        for one in (request, parts)
    )
    return sent, FROM_CANDIDATE + received


def shop(first: int, *, total: Any = 7, price: object = None) -> Frames:
    """Frames of a module `shop`, whose objects have numbers from `first`: `shop.Bill(3).total`."""
    module, cls, bill = first, first + 1, first + 2
    return [
        exchange(ref("module", module, "shop"), "import", "shop"),
        exchange(price or ref("class", cls), "get", ref("object", module), "Bill"),
        exchange(ref("object", bill, cls), "call", ref("object", cls), (3,), {}),
        exchange(total, "get", ref("object", bill), "total"),
    ]


def read(frames: Frames) -> list[Exchanged]:
    return NamedExchanges().read(frames)


def test_other_numbers_of_objects_are_the_same_exchanges() -> None:
    assert [one.key for one in read(shop(0))] == [one.key for one in read(shop(40))]


def test_another_value_of_an_attribute_is_another_exchange_of_the_same_request() -> None:
    *same, right = read(shop(0))
    *others, wrong = read(shop(0, total=8))

    assert [one.key for one in same] == [one.key for one in others]
    assert right.request == wrong.request
    assert right.answer != wrong.answer


def test_an_exchange_is_shown_by_the_names_that_the_test_uses() -> None:
    names, frames = NamedExchanges(), shop(0)

    exchanges = names.read(frames)

    assert names.show(frames, exchanges[-1]) == "shop.Bill(3).total gave 7"


def test_a_class_under_two_names_is_told() -> None:
    frames = [
        exchange(ref("module", 0, "shop"), "import", "shop"),
        exchange(ref("class", 1), "get", ref("object", 0), "Sum"),
        exchange(ref("class", 1), "get", ref("object", 0), "Product"),
    ]

    assert [one.letters for one in read(frames)] == ["k", "kw"]


def test_plain_data_of_a_module_is_told() -> None:
    (data, *_) = read(shop(0, price=3)[:2])

    assert data.letters == "Nm"
