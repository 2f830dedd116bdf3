"""What a benchmark was asked for, kept for its resume."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from benchmarks.cli.resumed_flags import restored_config, restored_flags, restored_selection, run_parameters
from benchmarks.runner.runlog import BenchStarted
from benchmarks.suites.selection import Selection
from benchmarks.verdict import STRENGTHS
from coder.base.errors import UsageError
from coder.config.schema import Config, checked, flag

NOTHING: dict[str, Any] = {
    "one_shot": False,
    "workers": None,
    "ray": None,
    "price": None,
    "replay": None,
    "max_cost": None,
    "min_strength": None,
    "agent": None,
    "until_decided": False,
    "baseline": None,
    "max_drop": None,
}
FLAGS = some.fixed_dictionaries(
    {
        "one_shot": some.booleans(),
        "workers": some.none() | some.sampled_from(["4", "http://a:8765,https://b"]),
        "ray": some.none(),
        "price": some.none() | some.just("0.25,2.00"),
        "replay": some.none() | some.just(Path("/recorded.jsonl")),
        "max_cost": some.none() | some.floats(0.01, 100),
        "min_strength": some.none() | some.sampled_from(STRENGTHS),
        "agent": some.none() | some.sampled_from(["oracle", "nop"]),
        "until_decided": some.booleans(),
        "baseline": some.none() | some.just(Path("/baseline.json")),
        "max_drop": some.none() | some.floats(0.01, 0.5),
    }
)
CONFIGS = some.builds(
    lambda **values: checked(values, flag),
    model=some.none() | some.just("openai/gpt-5"),
    fallback=some.none() | some.just(("local",)),
    strategy=some.none() | some.just("best-of-n"),
    max_calls=some.none() | some.integers(1, 100),
    max_call_cost=some.none() | some.just(Decimal("0.1")),
    temperature=some.none() | some.floats(0, 2),
    python=some.none() | some.just(Path("/usr/bin/python3")),
)
SELECTIONS = some.builds(
    Selection, samples=some.integers(1, 9), slice=some.just((2, None)), shuffle=some.booleans()
)


def started(config: Config, selection: Selection, flags: dict[str, Any]) -> BenchStarted:
    """The event, as it comes back from the log."""
    event = BenchStarted(suite="s", digests={}, parameters=run_parameters(config, selection, flags))
    return BenchStarted.model_validate_json(event.model_dump_json())


@pytest.mark.slow
@given(CONFIGS, SELECTIONS, FLAGS)
def test_what_a_run_was_asked_for_comes_back_from_its_log(
    config: Config, selection: Selection, flags: dict[str, Any]
) -> None:
    before = started(config, selection, flags)

    assert restored_flags(NOTHING, before) == flags
    again = restored_config({"model": None}, before)
    assert (again, again.names) == (config, config.names)
    assert restored_selection(Selection(), before) == selection


def test_what_is_said_again_holds() -> None:
    flags = {**NOTHING, "max_cost": 1.0, "workers": "1"}
    before = started(checked({"max_calls": 8, "temperature": 0.5}, flag), Selection(), flags)

    assert restored_flags({**NOTHING, "max_cost": 2.0}, before) == {**flags, "max_cost": 2.0}
    assert restored_flags({**NOTHING, "max_cost": 0.0}, before)["max_cost"] == 0.0
    assert restored_flags({**NOTHING, "ray": "local"}, before)["workers"] is None
    assert restored_config({"max_calls": 9}, before) == checked({"max_calls": 9, "temperature": 0.5}, flag)


def test_other_cases_are_refused_by_the_name_of_their_flag() -> None:
    before = started(Config(), Selection(filter="a*"), NOTHING)

    with pytest.raises(UsageError, match="--filter"):
        restored_selection(Selection(filter="b*"), before)


def test_no_secret_of_an_address_is_kept_with_it() -> None:
    address = "openai/m@https://me:hidden@example.org/v1"
    values = {"model": address, "fallback": [address], "strong_model": address}
    config = checked(values | {"base_url": "https://me:hidden@example.org/v1?key=hidden"}, flag)

    before = started(config, Selection(), NOTHING)

    assert "example.org" in str(before.parameters)
    assert "hidden" not in str(before.parameters)
