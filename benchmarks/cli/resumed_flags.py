"""Keep the flags of a benchmark run in its log, and restore them when it is continued."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.runner.runlog import BenchStarted
from benchmarks.suites.selection import Selection
from coder.base.errors import UsageError
from coder.config.schema import Config, checked, flag, over

_PATHS = ("replay", "baseline")
_RESUMED_FLAGS = (
    *("one_shot", "workers", "price", "max_cost", "min_strength", "agent", *_PATHS),
    *("until_decided", "max_drop"),
)
"""Flags outside the configuration that a resumed run takes from its first start."""


def run_parameters(config: Config, selection: Selection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return all flags as the log stores them, without secret parts of addresses."""
    run_flags = {name: parameters[name] for name in _RESUMED_FLAGS}
    run_flags |= {name: str(run_flags[name].absolute()) for name in _PATHS if run_flags[name] is not None}
    return {
        **run_flags,
        "selection": selection.model_dump_json(),
        "config": config.for_log().model_dump_json(exclude_unset=True),
    }


def restored_flags(parameters: Mapping[str, Any], first_start: BenchStarted) -> dict[str, Any]:
    """Return the values of all flags: those of this call, else those of the run's first start."""
    first_values = {name: first_start.parameters.get(name) for name in _RESUMED_FLAGS}
    unset = [name for name in _RESUMED_FLAGS if parameters[name] is None or parameters[name] is False]
    restored = {name: first_values[name] for name in unset if first_values[name] is not None}
    if parameters["ray"] is not None:
        restored.pop("workers", None)  # another start may have other machines
    if "workers" in restored:
        restored["workers"] = str(restored["workers"])  # the logs that golden tests keep have a number
    paths = {name: Path(str(restored[name])) for name in _PATHS if name in restored}
    return {**parameters, **restored, **paths}


def restored_config(flags: Mapping[str, object], first_start: BenchStarted) -> Config:
    """Return the configuration of the run's first start, overridden by the flags of this call."""
    first_config = Config.model_validate_json(str(first_start.parameters["config"]))
    return over(first_config, checked(flags, flag))


def restored_selection(selection: Selection, first_start: BenchStarted) -> Selection:
    """Return the run's selection. Raises UsageError if this call selects other cases or samples."""
    first_selection = Selection.model_validate_json(str(first_start.parameters["selection"]))
    default = Selection()
    for name in Selection.model_fields:
        value = getattr(selection, name)
        if value not in (getattr(default, name), getattr(first_selection, name)):
            raise UsageError(
                f"--{name} can't change: a resumed run keeps its cases and samples.\n"
                "Leave it out beside --resume, or start another run."
            )
    return first_selection
