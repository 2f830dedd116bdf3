"""The facts above a run's page, as a function of its document."""

import pytest

from coder.platform.server.studio.rendering import fragment
from coder.run.event_types import Status
from coder.run.message import Verified
from tests.coder.show.test_render import run


@pytest.mark.parametrize(
    ("status", "verified", "is_said"), [("unverified", "added", False), ("solved", "tests", True)]
)
def test_only_a_solved_run_is_said_to_be_verified(status: Status, verified: Verified, is_said: bool) -> None:
    html = fragment("now", run(status, verified=verified), "", None, False, ())

    assert f">{status}</span>" in html
    assert (f"verified by {verified}" in html) == is_said


@pytest.mark.parametrize(
    ("place", "fact"),
    [("pyproject.toml", "tests: pytest -q, from pyproject.toml"), (None, "tests: pytest -q")],
)
def test_the_test_command_is_a_fact_with_the_file_that_names_it(place: str | None, fact: str) -> None:
    document = run().model_copy(update={"test_command": "pytest -q", "test_command_from": place})

    assert f"<span>{fact}</span>" in fragment("now", document, "", None, False, ())
