"""`coder export`: the patch of a run, for `git apply` and `patch -p1`; its trajectory; or its trace."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of, visible
from coder.engine.requests import patch_of
from coder.people.cli.show_run import RunHere, events_of
from coder.run import event_types
from coder.run.event_types import QuestionAsked
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.run import summarize
from coder.show import render
from coder.show.atif import write_atif
from coder.show.flags import option, takes
from coder.show.interrupt import run_until_interrupted
from coder.show.screen import Screen
from coder.show.styling import print_diff
from coder.show.tables import print_blocks


@takes("otlp otel_content")
def export(
    context: typer.Context,
    run: RunHere = "",
    change: Annotated[
        int | None, option("--change", "Print the Nth change that you were asked about.", "N")
    ] = None,
    atif: Annotated[bool, option("--atif", "Print the trajectory as JSON, in ATIF 1.8.")] = False,
) -> None:
    """Print the patch of a run: what it has written, or would write. With --otlp send its trace.

    If the run didn't solve its task, stderr gives the reason.
    """
    if atif and context.params["otlp"] is not None:
        raise UsageError("--atif prints a trajectory and --otlp sends a trace. Give one of them.")
    if atif:
        sys.stdout.write(write_atif(asyncio.run(events_of(run, attempts=True))) + "\n")
    elif context.params["otlp"] is None:
        events = asyncio.run(events_of(run))
        state, offers = fold_all(events), _offered_patches(events)
        patch = patch_of(state) if change is None else _nth(offers, change)
        if change is None and len(offers) > 1:
            text = f"  · you were asked about {len(offers)} changes: --change N prints each of them"
            print_blocks([text], sys.stderr)
        if (warning := render.unsolved(summarize(state))) is not None:
            print_blocks([warning], sys.stderr)
        print_diff(visible(patch) if sys.stdout.isatty() else patch, sys.stdout)
    else:
        run_until_interrupted(_send(run, context.params))


def _offered_patches(events: Sequence[Event]) -> list[str]:
    """Return the different changes that a person was asked about, in order."""
    questions = (event_types.parse(event) for event in events if event.type == QuestionAsked.type)
    patches = [question.patch for question in questions if isinstance(question, QuestionAsked)]
    return list(dict.fromkeys(filter(None, patches)))


def _nth(patches: Sequence[str], number: int) -> str:
    """Return a patch by its number from 1. Raises UsageError if there is none."""
    if not 1 <= number <= len(patches):
        raise UsageError(f"--change {number}: the run asked about {count_of(len(patches), 'change')}.")
    return patches[number - 1]


async def _send(run: str, args: Mapping[str, Any]) -> None:
    from coder.people.cli.solve_run import traced_to_collector  # imported late: a patch doesn't need it

    async with traced_to_collector(args, Screen()) as collector:
        assert collector is not None
        await collector.send(run)
