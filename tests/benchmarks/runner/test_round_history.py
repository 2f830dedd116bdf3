"""The rounds of a watched suite in a file: what is added stays, and nothing else is taken for one."""

import os
from pathlib import Path

import pytest

from benchmarks.runner.round_history import open_history
from benchmarks.stats.difference import Tally
from benchmarks.stats.watch import Round
from coder.base.errors import MachineError, UsageError

ONE = Round(suite="s", digests={"suite": "1"}, tallies={"a": Tally(samples=1, passed=1)})


def test_rounds_are_read_again_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for score in (1, 0):
        with open_history(path) as history:
            history.add(ONE.model_copy(update={"tallies": {"a": Tally(samples=1, passed=score)}}))

    with open_history(path) as history:
        assert [one.score for one in history.rounds] == [1, 0]


def test_two_processes_dont_make_rounds_at_once(tmp_path: Path) -> None:
    again = open_history(tmp_path / "h")

    with open_history(tmp_path / "h"), pytest.raises(UsageError, match="Another process makes a round"):
        again.__enter__()


def test_a_round_of_another_suite_is_refused(tmp_path: Path) -> None:
    with open_history(tmp_path / "h") as history:
        history.add(ONE)
        with pytest.raises(UsageError, match="holds rounds of s, and this one is of t"):
            history.add(ONE.model_copy(update={"suite": "t"}))


EMPTY = '{"suite": "s", "digests": {}, "tallies": {}}'
WRONG = '{"suite": "s", "digests": {}, "tallies": {"a": {"samples": -1, "passed": 7}}}'


@pytest.mark.parametrize("line", ["{", "[]", '{"suite": "s"}', "\xff", EMPTY, WRONG])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "h").write_bytes(ONE.model_dump_json().encode() + b"\n" + line.encode("latin-1") + b"\n")

    with pytest.raises(UsageError, match=r"Line 2 of .* is no round"), open_history(tmp_path / "h"):
        pass


def test_a_line_without_an_end_is_ended_before_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "h").write_text(ONE.model_dump_json())

    with open_history(tmp_path / "h") as history:
        history.add(ONE)

    with open_history(tmp_path / "h") as history:
        assert len(history.rounds) == 2


def test_a_pipe_is_no_history(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="is no file"), open_history(tmp_path / "pipe"):
        pass


def test_a_folder_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="Can't open"), open_history(tmp_path):
        pass
