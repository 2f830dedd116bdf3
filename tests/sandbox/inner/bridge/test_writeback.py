"""Changes to lent arguments get back to the lender as if the borrower had held the lender's own objects."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.bridge.codec import decode, encode
from sandbox.inner.bridge.writeback import Writeback, mutable_containers, write_back

LEAVES = st.integers(0, 3) | st.text(max_size=2)
ARGUMENTS = st.recursive(
    st.lists(LEAVES, max_size=3) | st.sets(LEAVES, max_size=3) | st.dictionaries(LEAVES, LEAVES, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LEAVES, inner, max_size=3) | st.tuples(inner),
    max_leaves=6,
)


def change(arguments: object, seed: int) -> None:
    """Some change to one container, the same one with the same seed."""
    containers = mutable_containers(arguments)
    if not containers:
        return
    victim, other = containers[seed % len(containers)], containers[seed // 7 % len(containers)]
    if isinstance(victim, list):
        [victim.reverse, lambda: victim.append(other), victim.clear, lambda: victim.insert(0, [seed])][
            seed % 4
        ]()
    elif isinstance(victim, dict):
        [victim.clear, lambda: victim.update(new=other), lambda: victim.update({0: seed})][seed % 3]()
    else:
        [victim.clear, lambda: victim.add(seed), lambda: victim.discard(1)][seed % 3]()


def holds_itself(value: object) -> bool:
    try:
        encode(value)
    except ValueError:
        return True
    return False


@given(ARGUMENTS, st.lists(st.integers(0, 1000), max_size=4))
def test_a_change_of_a_copy_is_made_to_the_original(arguments: object, seeds: list[int]) -> None:
    expected = copy.deepcopy(arguments)
    borrowed = decode(encode(arguments))
    loan = Writeback(borrowed)
    for seed in seeds:
        change(expected, seed)
        change(borrowed, seed)
        if holds_itself(expected):
            return

    lent = mutable_containers(arguments)
    answer = encode(loan.changes(), known=loan.known())
    write_back(lent, decode(answer, resolve=lambda payload: lent[payload[1]]))

    assert arguments == expected


def test_rows_that_were_swapped_are_still_the_lenders_own() -> None:
    first, second = [1], [2]
    lent = mutable_containers([first, second])
    borrowed = [[1], [2]]
    loan = Writeback(borrowed)

    borrowed.reverse()
    answer = encode(loan.changes(), known=loan.known())
    write_back(lent, decode(answer, resolve=lambda payload: lent[payload[1]]))

    assert lent[0][0] is second
    assert lent[0][1] is first


def test_what_was_not_changed_is_not_sent_back() -> None:
    loan = Writeback([[1], {2}, {3: [4]}])

    assert loan.changes() == ()


@pytest.mark.parametrize(
    "changes",
    [None, [], ((0,),), ((0, {}),), ((1, []),), ((-1, []),), ((True, []),), (("0", []),), ((0, None),)],
)
def test_changes_that_do_not_fit_change_nothing(changes: Any) -> None:
    mine = [1]

    with pytest.raises(ValueError, match="argument"):
        write_back([mine], changes)

    assert mine == [1]
