"""Restore the flags of `coder bench run` for `--resume RUN`.

Not `--out`, `--answers` and `--record`, which belong to one start.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.runner.runlog import BenchStarted
from benchmarks.suites.selection import Selection
from coder.config.schema import Config, checked, flag, over
from coder.errors import UsageError

_KEPT = ("one_shot", "workers", "price", "replay", "max_cost", "include_weaker")
"""Flags beside those of the configuration."""


def asked_for(config: Config, selection: Selection, given: Mapping[str, Any]) -> dict[str, Any]:
    """All flags for the log, without secret parts of addresses."""
    kept = {name: given[name] for name in _KEPT}
    if given["replay"] is not None:
        kept["replay"] = str(given["replay"].absolute())
    return {
        **kept,
        "selection": selection.model_dump_json(),
        "config": config.for_log().model_dump_json(exclude_none=True),
    }


def same_flags(given: Mapping[str, Any], before: BenchStarted) -> dict[str, Any]:
    """The values of all flags: those given now, else those of the run's start."""
    kept = {name: before.parameters.get(name) for name in _KEPT}
    unsaid = [name for name in _KEPT if given[name] is None or given[name] is False]
    again = {name: kept[name] for name in unsaid if kept[name] is not None}
    replay = {"replay": Path(str(again["replay"]))} if "replay" in again else {}
    return {**given, **again, **replay}


def same_config(flags: Mapping[str, object], before: BenchStarted) -> Config:
    """The configuration layers of the run's start, overridden by the flags given now."""
    kept = Config.model_validate_json(str(before.parameters["config"]))
    return over(kept, checked(flags, flag))


def same_selection(given: Selection, before: BenchStarted) -> Selection:
    """The run's selection. Raises UsageError if another one is given."""
    kept = Selection.model_validate_json(str(before.parameters["selection"]))
    usual = Selection()
    for name in Selection.model_fields:
        now = getattr(given, name)
        if now not in (getattr(usual, name), getattr(kept, name)):
            raise UsageError(
                f"--{name}: a run is gone on with for the cases, and as often, as it began.\n"
                "Leave it out beside --resume, or begin another run."
            )
    return kept
