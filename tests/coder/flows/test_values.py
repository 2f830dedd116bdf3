"""What pydantic can't write as JSON is refused before anything runs, and equal inputs have equal digests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from coder.base.errors import UsageError
from coder.flows import Flow, run_flow
from coder.flows.values import digest_of, from_json, signature_of, to_json
from tests.memory_log import MemoryLog

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Opaque:
    """A class that pydantic knows nothing of."""


def without_annotation(number) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return int(number)


def of_anything(number: Any) -> int:
    return int(number)


def of_opaque(number: Opaque) -> int:
    return 1


def of_callable(number: Callable[[], int]) -> int:
    return 1


def into_opaque(number: int) -> Opaque:
    return Opaque()


async def into_words(number: int) -> str:
    return number  # type: ignore[return-value]


async def with_opaque(flow: Flow, number: int) -> str:
    await flow.step("first", into_words, number)
    await flow.step("opaque", into_opaque, number)
    return ""


async def with_words(flow: Flow, number: int) -> str:
    return await flow.step("words", into_words, number)


@pytest.mark.parametrize(
    "function",
    [without_annotation, of_anything, of_opaque, of_callable, into_opaque],
    ids=lambda one: one.__name__,
)
def test_an_annotation_that_is_not_json_able_is_refused_by_name(function: Callable[..., object]) -> None:
    with pytest.raises(UsageError, match=r"The step `x`: the (parameter number|result)"):
        signature_of(function, "The step `x`")


async def test_the_steps_of_a_flow_are_checked_before_the_first_one_runs(tmp_path: Path) -> None:
    log = MemoryLog()

    with pytest.raises(UsageError, match="The step `opaque`: the result"):
        await run_flow(with_opaque, 1, log=log, folder=tmp_path)

    assert await log.runs() == []


@pytest.mark.parametrize("value", ["x", None, [1]], ids=["text", "none", "list"])
async def test_an_input_of_another_type_is_refused(value: object, tmp_path: Path) -> None:
    log = MemoryLog()

    with pytest.raises(UsageError, match="doesn't fit its annotation"):
        await run_flow(with_words, value, log=log, folder=tmp_path)  # type: ignore[arg-type]

    assert await log.runs() == []


async def test_a_result_of_another_type_fails_the_step(tmp_path: Path) -> None:
    run = await run_flow(with_words, 1, log=MemoryLog(), folder=tmp_path)

    assert (run.status, run.exit_code) == ("error", 2)
    assert "is a int that doesn't fit its annotation" in run.reason


@pytest.mark.slow
@given(PLAIN)
def test_a_value_returns_from_json_as_it_was(value: object) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(Any)

    assert from_json(adapter, to_json(adapter, value, "it"), "it") == value


@pytest.mark.slow
@given(PLAIN, PLAIN)
def test_digests_differ_exactly_where_json_does(one: object, other: object) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(Any)
    texts = [repr(_sorted(to_json(adapter, value, "it"))) for value in (one, other)]

    assert (digest_of(one) == digest_of(other)) == (texts[0] == texts[1])


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.integers()), st.randoms(use_true_random=False))
def test_the_order_of_a_mapping_or_a_set_changes_no_digest(value: dict[str, int], random: Any) -> None:
    shuffled = list(value.items())
    random.shuffle(shuffled)

    assert digest_of(dict(shuffled)) == digest_of(value)
    assert digest_of({key for key, _ in shuffled}) == digest_of(set(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
