"""Baselines that are kept from test to test in one worker: many tests start from the same files.

A baseline is what the test command says of the untouched files, so each worker takes it once for the same
files, task and settings, in the real sandbox; a later test gets a copy. How a baseline is taken is tested
without this.
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
    """Take a baseline only if this worker has none of the same files, task and settings."""
    from coder.verify import baseline  # not there where the tests of `sandbox` run alone

    take = baseline.take_baseline

    async def take_once(
        bench: Workbench, state: State, first_taken: asyncio.Future[BaselineTaken] | None = None
    ) -> BaselineTaken:
        key = _inputs(state)
        if key not in _baselines:
            _baselines[key] = await take(bench, state, first_taken)
        return _baselines[key]

    monkeypatch.setattr(baseline, "take_baseline", take_once)


def _inputs(state: State) -> Hashable:
    """Return all that a baseline depends on."""
    files = tuple((path, file.model_dump_json()) for path, file in sorted(state.files.items()))
    task = state.task.model_dump_json(exclude={"prompt", "workspace"})
    return files, task, state.settings.model_dump_json()
