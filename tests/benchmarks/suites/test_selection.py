"""Which samples a run is about is a function of its parameters, and of nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.suite import FunctionCase, Suite
from benchmarks.suites.selection import Selection, parse_shard, parse_slice
from coder.base.errors import UsageError

SUITE = Suite(
    name="s",
    version="1",
    cases=tuple(FunctionCase(id=f"a/{i}", prompt="", entry_point="f", test="") for i in range(20)),
)


def ids(selection: Selection) -> list[str]:
    return [case.id for case in selection.cases(SUITE)]


def test_a_filter_and_a_slice_choose_cases_in_their_order() -> None:
    assert ids(Selection(filter="a/1?", slice=(2, 4))) == ["a/12", "a/13"]
    assert ids(Selection(filter="a/1|a/1[23]")) == ["a/1", "a/12", "a/13"]


def test_a_report_is_about_the_chosen_cases_of_all_shards() -> None:
    chosen = Selection(filter="a/1?", slice=(2, 4), shard=(1, 2)).within(SUITE)

    assert [case.id for case in chosen.cases] == ["a/12", "a/13"]
    assert chosen.digest != SUITE.digest
    assert Selection(shard=(1, 2)).within(SUITE).digest == SUITE.digest


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(UsageError, match="No case of s is left"):
        Selection(filter="b/*").cases(SUITE)


def test_a_shuffle_goes_by_its_seed() -> None:
    first = ids(Selection(shuffle=True, seed=1))

    assert first == ids(Selection(shuffle=True, seed=1))
    assert first != ids(Selection(shuffle=True, seed=2))
    assert sorted(first) == sorted(ids(Selection()))


@given(shards=st.integers(1, 30))
def test_shards_share_out_the_cases(shards: int) -> None:
    parts = [ids(Selection(shard=(i, shards))) for i in range(1, shards + 1)]

    assert sorted(case for part in parts for case in part) == sorted(ids(Selection()))


def test_every_case_comes_once_before_any_comes_again() -> None:
    attempts = [(case.id, sample) for case, sample in Selection(samples=2, slice=(0, 2)).attempts(SUITE)]

    assert attempts == [("a/0", 0), ("a/1", 0), ("a/0", 1), ("a/1", 1)]


def test_seeds_differ_by_case_sample_and_run_and_are_always_the_same() -> None:
    one, other = Selection(seed=1), Selection(seed=2)
    seeds = {one.seed_of("a", 0), one.seed_of("a", 1), one.seed_of("b", 0), other.seed_of("a", 0)}

    assert len(seeds) == 4
    assert one.seed_of("a", 0) == Selection(seed=1).seed_of("a", 0)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/2", "1/0", "1/2/3", "-1/2"])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 1/4"):
        parse_shard(text)


@pytest.mark.parametrize("text", ["", "1", "a:b", "1:2:3", "-1:2"])
def test_a_slice_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 0:20"):
        parse_slice(text)


def test_slices_may_be_open_at_either_end() -> None:
    assert [parse_slice(text) for text in ("1:2", ":2", "1:", ":")] == [
        (1, 2),
        (None, 2),
        (1, None),
        (None, None),
    ]
