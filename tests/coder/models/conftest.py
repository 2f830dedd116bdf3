"""Each test begins as a process does: no model has refused anything."""

import pytest

from coder.models.request_quirks import REFUSED


@pytest.fixture(autouse=True)
def _no_refusals() -> None:
    REFUSED.clear()
