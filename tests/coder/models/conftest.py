"""Each test begins as a process does: no model has refused anything."""

import os

import pytest

from coder.models.request_quirks import REFUSED
from tests.coder.models.passing_time import clock

__all__ = ["clock"]

# An environment of its own, which CI sets up; without it these tests are not there.
collect_ignore = [] if "CODER_LITELLM" in os.environ else ["test_litellm.py"]


@pytest.fixture(autouse=True)
def _no_refusals() -> None:
    REFUSED.clear()
