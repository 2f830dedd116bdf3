"""Every named fault of an endpoint has its defined outcome, in a whole run that waits within its deadline."""

import pytest

from tests.faults import FAULTS, Fault, happens, redirects, repository_names_an_address


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_a_fault_has_its_outcome_within_its_deadline(fault: Fault) -> None:
    finding = await happens(fault)

    code, _, words = fault.outcome.partition(" ")
    assert finding.outcome.startswith(code)
    assert words in finding.outcome
    assert finding.requests == fault.requests
    assert finding.waited_s <= fault.patience.deadline_s


async def test_neither_key_nor_prompt_follows_a_redirect_to_another_host() -> None:
    finding = await redirects()

    assert finding.outcome.startswith("4 ")
    assert "redirects" in finding.outcome
    assert not finding.key_left


def test_a_repository_that_names_an_address_is_refused_and_nobody_is_asked() -> None:
    finding = repository_names_an_address()

    assert (finding.outcome, finding.requests) == ("refused", 0)
