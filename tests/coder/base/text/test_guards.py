"""Guards are called in order, fail closed, and must leave their own output unchanged."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import Refused, UsageError
from coder.base.text import guards as guards_module
from coder.base.text.guards import Guards, Where, guards_for, installed_guards


def upper(text: str, where: Where) -> str | Refused:
    return text.upper()


def unchanged(text: str, where: Where) -> str | Refused:
    return text


def test_each_guard_gets_what_the_one_before_has_returned() -> None:
    def exclaim(text: str, where: Where) -> str | Refused:
        return text if text.endswith("!") else f"{text} {where}!"

    assert Guards({"upper": upper, "exclaim": exclaim}).check("go", "answer") == "GO answer!"


def test_a_refusal_names_the_guard_the_place_and_the_reason() -> None:
    def no_numbers(text: str, where: Where) -> str | Refused:
        return Refused("it has a customer's number") if "4711" in text else text

    guards = Guards({"numbers": no_numbers})

    assert guards.check("fine", "request") == "fine"
    with pytest.raises(Refused) as refusal:
        guards.check("customer 4711", "request")
    assert str(refusal.value) == "The guard numbers refused the request: it has a customer's number"
    assert refusal.value.exit_code == 7


def test_a_refusal_may_be_raised() -> None:
    def never(text: str, where: Where) -> str | Refused:
        raise Refused("never")

    with pytest.raises(Refused, match="The guard never refused the prompt: never"):
        Guards({"never": never}).check("x", "prompt")


@pytest.mark.parametrize("answer", [None, 3, b"bytes"], ids=["nothing", "number", "bytes"])
def test_a_guard_that_returns_no_text_lets_nothing_pass(answer: object) -> None:
    with pytest.raises(Refused, match="not str or Refused"):
        Guards({"odd": lambda text, where: answer}).check("x", "request")  # type: ignore[dict-item,return-value]


def test_a_guard_that_fails_lets_nothing_pass() -> None:
    def broken(text: str, where: Where) -> str | Refused:
        raise ZeroDivisionError("no")

    with pytest.raises(
        Refused, match="The guard broken failed, so the request is refused: ZeroDivisionError"
    ):
        Guards({"broken": broken}).check("x", "request")


def test_a_guard_that_changes_its_own_output_lets_nothing_pass() -> None:
    def longer(text: str, where: Where) -> str | Refused:
        return f"{text}!"

    with pytest.raises(Refused, match="changes its own output"):
        Guards({"longer": longer}).check("x", "request")


@given(st.text(), st.sampled_from(["prompt", "request", "tool_result", "answer"]))
def test_what_has_passed_passes_unchanged(text: str, where: Where) -> None:
    guards = Guards({"upper": lambda text, where: text.replace("a", "b"), "same": unchanged})

    once = guards.check(text, where)

    assert guards.check(once, where) == once


class Entry:
    """An entry point, as `find_plugins` returns it."""

    def __init__(self, name: str, load: Callable[[], object]) -> None:
        self.name, self.value, self.load = name, f"package:{name}", load


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    installed: list[Entry] = []
    monkeypatch.setattr(guards_module, "find_plugins", lambda group: installed)
    installed_guards.cache_clear()
    return installed


@pytest.fixture(autouse=True)
def _forget() -> object:
    yield
    installed_guards.cache_clear()


def test_installed_guards_come_by_name_and_before_the_callers_own(entries: list[Entry]) -> None:
    calls: list[str] = []

    def noting(name: str) -> object:
        def guard(text: str, where: Where) -> str | Refused:
            calls.append(name)
            return text

        return guard

    entries += [Entry("b", lambda: noting("b")), Entry("a", lambda: noting("a"))]

    guards_for([noting("own")]).check("x", "prompt")  # type: ignore[list-item]

    assert calls == ["a", "b", "own"]


def _missing() -> object:
    raise ImportError("No module named 'gone'")


@pytest.mark.parametrize(
    ("load", "reason"),
    [(_missing, "No module named 'gone'"), (lambda: 3, "it is no function")],
    ids=["missing module", "no function"],
)
def test_an_installed_guard_that_cannot_be_used_is_an_error(
    entries: list[Entry], load: Callable[[], object], reason: str
) -> None:
    entries.append(Entry("pii", load))

    with pytest.raises(UsageError) as error:
        guards_for()

    assert str(error.value) == (
        f"The guard pii (package:pii) can't be used: {reason}. Mend or uninstall its package; "
        "without the guard, nothing is sent."
    )
