"""Baselines that are kept from test to test in one worker: many tests start from the same files.

A baseline is the result of the test command on the untouched files. Each worker takes it once for the same
inputs, in a real sandbox, and later tests get that event. How a baseline is taken is tested without this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from coder.environment.workbench import Workbench
    from coder.run.event_types import BaselineTaken
    from coder.run.state import State

KEPT_BASELINES = pytest.mark.usefixtures("kept_baselines")
"""Mark of a module whose tests start from a baseline, but don't test how it is taken."""

_baselines: dict[Hashable, BaselineTaken] = {}


@pytest.fixture
def kept_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a baseline only if this worker has none with the same inputs."""
    from coder.verify import baseline  # not there where the tests of `sandbox` run alone

    take = baseline.take_baseline

    async def take_once(
        bench: Workbench, state: State, first_taken: asyncio.Future[BaselineTaken] | None = None
    ) -> BaselineTaken:
        key = baseline_inputs(bench, state)
        if key not in _baselines:
            _baselines[key] = await take(bench, state, first_taken)
        return _baselines[key]

    monkeypatch.setattr(baseline, "take_baseline", take_once)


def baseline_inputs(bench: Workbench, state: State) -> Hashable:
    """Return all that a baseline depends on; of the prompt, that is which files are tests."""
    from coder.run.stored_file import listing

    task = state.task.model_dump_json(exclude={"prompt", "workspace"})
    settings, policy = state.settings.model_dump_json(), bench.policy.model_dump_json()
    folder = state.root if state.settings.show else None  # ignored files are read from there
    return listing(state.files), task, state.target.tests, settings, policy, folder
