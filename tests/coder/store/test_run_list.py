"""Runs are named by short ids that sort by time, and found by the start of one."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.store import data_folder, new_run_id
from coder.store.run_list import resolve
from tests.memory_log import between

RUNS = ["run_1abc2k7fq0", "run_1abc9z7fq0", "run_2x"]


def test_ids_are_short_and_apart() -> None:
    ids = {new_run_id() for _ in range(200)}

    assert len(ids) >= 198  # 20 bits of chance: two of 200 in one second are the same in 2 of 100 tries
    assert all(len(run) == 14 and run.startswith("run_") for run in ids)


@pytest.mark.parametrize("prefix", ["run_2x", "run_2", "2", "2x"])
def test_a_run_is_found_by_the_start_of_its_id(prefix: str) -> None:
    assert resolve(prefix, between(RUNS)) == "run_2x"


def test_a_whole_id_is_found_though_another_begins_with_it() -> None:
    assert resolve("run_1", between(["run_1", "run_12"])) == "run_1"


def test_a_start_of_several_ids_is_refused_and_names_them() -> None:
    with pytest.raises(UsageError, match="several runs: run_1abc9z7fq0, run_1abc2k7fq0"):
        resolve("1abc", between(RUNS))


def test_an_unknown_id_is_refused_and_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="nearest: run_2x"):
        resolve("run_3x", between(RUNS))


@pytest.mark.parametrize("prefix", ["x", ""])
def test_without_any_runs_the_message_says_so(prefix: str) -> None:
    with pytest.raises(UsageError, match="no runs yet"):
        resolve(prefix, between([]))


def test_the_data_folder_is_coder_home_where_that_is_set() -> None:
    assert data_folder({"CODER_HOME": "/somewhere/else"}) == Path("/somewhere/else")
    assert data_folder({"CODER_HOME": ""}).name == "coder"
