"""Every named fault of an endpoint has its defined outcome, in a whole run that waits within its deadline."""

import pytest

from tests.faults import FAULTS, Fault, happens, redirects, repository_names_an_address


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_a_fault_has_its_outcome_within_its_deadline(fault: Fault) -> None:
    seen = await happens(fault)

    code, _, words = fault.outcome.partition(" ")
    assert seen.outcome.startswith(code)
    assert words in seen.outcome
    assert seen.requests == fault.requests
    assert seen.waited_s <= fault.patience.deadline_s


async def test_neither_key_nor_prompt_follows_a_redirect_to_another_host() -> None:
    seen = await redirects()

    assert seen.outcome.startswith("4 ")
    assert "redirects" in seen.outcome
    assert not seen.key_left


def test_a_repository_that_names_an_address_is_refused_and_nobody_is_asked() -> None:
    seen = repository_names_an_address()

    assert (seen.outcome, seen.requests) == ("refused", 0)
