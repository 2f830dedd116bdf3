"""Comparison of runs: their tasks, outcomes and usage, and how their results differ."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from coder.base.errors import UsageError
from coder.base.text.sanitize import as_bytes, join_surrogates, one_line
from coder.engine.requests import patch_of, status_of
from coder.platform.server.run_acts import visible_state
from coder.platform.server.run_routes import Reads
from coder.platform.server.run_rows import in_thread
from coder.platform.server.serving import Serving
from coder.platform.server.studio.file_tree import changes_of
from coder.platform.server.studio.rendering import page, title_of
from coder.platform.server.studio.run_view import landing_words
from coder.run.run import Run
from coder.run.state import State
from coder.show.render import money
from coder.workspace.diff import unified_diff

MAX_RUNS = 8
"""Number of runs in a comparison."""
Picked = Annotated[list[str], Query(alias="run")]


def add_run_comparison(router: APIRouter, serving: Serving) -> None:
    """Add the page; call this before the pages of runs are added, as they share its addresses."""

    @router.get("/studio/compare")
    async def compare(caller: Reads, picked: Picked = []) -> Response:  # noqa: B006 - FastAPI copies it
        names = dict.fromkeys(picked)
        if len(names) > MAX_RUNS:
            raise UsageError(f"At most {MAX_RUNS} runs are compared at once, and {len(names)} are ticked.")
        states = [await visible_state(serving, caller, run) for run in names]
        runs = [await in_thread(status_of(serving.log, state)) for state in states]
        patches = await asyncio.to_thread(lambda: [*map(_patch, states)])
        differences = await asyncio.to_thread(lambda: [difference_of(states[0], one) for one in states[1:]])
        facts = facts_of(states, runs)
        return page(
            "compare_runs", "Compare runs", runs=runs, facts=facts, patches=patches, diffs=differences
        )


def _patch(state: State) -> str:
    try:
        return patch_of(state)
    except UsageError:  # it has made no files, or what it read of a large folder wasn't kept
        return ""


def facts_of(states: Sequence[State], runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the rows of the table: a label, and a text for each run."""
    return [
        ("Task", [one_line(title_of(state), width=300) for state in states]),
        (
            "Latest message",
            [one_line(state.task.prompt, width=300) if state.steps else "" for state in states],
        ),
        ("Status", [run.status for run in runs]),
        ("Reason", [one_line(run.reason, width=200) for run in runs]),
        ("Verified by", [run.verified if run.status == "solved" else "none" for run in runs]),
        ("Strength", [run.strength if run.status == "solved" else "none" for run in runs]),
        ("Landed", [landing_words(state) for state in states]),
        ("Model", [run.model for run in runs]),
        ("Strategy", [state.settings.strategy or "" for state in states]),
        ("Model calls", [f"{run.calls:,}" for run in runs]),
        ("Tokens", [f"{run.tokens.input:,} + {run.tokens.output:,}" for run in runs]),
        ("Cost", [money(run.cost) for run in runs]),
        ("Seconds", [f"{run.seconds:.1f}" for run in runs]),
        ("Files changed", [str(len(changes_of(state))) for state in states]),
    ]


def difference_of(first: State, second: State) -> str:
    """Return the patch from the first run's result to the second's, in the files that either has changed."""
    paths = changes_of(first).keys() | changes_of(second).keys()
    return join_surrogates(unified_diff(_results(first, paths), _results(second, paths)))


def _results(state: State, paths: set[str]) -> dict[str, bytes | None]:
    changes, results = changes_of(state), dict[str, bytes | None]()
    for path in paths:
        file = state.files.get(path)
        text = changes.get(path, file.text if file is not None else None)
        results[path] = as_bytes(text) if text is not None else None
    return results
