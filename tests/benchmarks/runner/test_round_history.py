"""The rounds of a watched suite in a file: what is added stays, and nothing else is taken for one."""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.runner.round_history import open_history
from benchmarks.stats.difference import Tally
from benchmarks.stats.watch import Round
from coder.base.errors import MachineError, UsageError
from coder.run.events import Draft
from coder.store import SqliteLog
from tests.coder.people.cli.console import Console

ONE = Round(suite="s", digests={"suite": "1"}, tallies={"a": Tally(samples=1, passed=1)})


@pytest.fixture(params=["file", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A history that hasn't begun."""
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "home"))
    if request.param == "file":
        return str(tmp_path / "history.jsonl")
    if request.param == "postgres":
        monkeypatch.setenv("CODER_LOG", request.getfixturevalue("postgres").database())
    return "store:nightly"


def test_rounds_are_read_again_in_their_order(place: str) -> None:
    for score in (1, 0):
        with open_history(place) as history:
            history.add(ONE.model_copy(update={"tallies": {"a": Tally(samples=1, passed=score)}}))

    with open_history(place) as history:
        assert [one.score for one in history.rounds] == [1, 0]


def test_two_processes_dont_make_rounds_at_once(place: str) -> None:
    again = open_history(place)

    with open_history(place), pytest.raises(UsageError, match="Another process makes a round"):
        again.__enter__()


def test_a_round_of_another_suite_is_refused(place: str) -> None:
    with open_history(place) as history:
        history.add(ONE)
        with pytest.raises(UsageError, match="holds rounds of s, and this one is of t"):
            history.add(ONE.model_copy(update={"suite": "t"}))


def test_histories_of_several_names_are_kept_apart_and_listed_as_no_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path))
    with open_history("store:nightly") as history:
        history.add(ONE)

    with open_history("store:weekly") as other:
        assert other.rounds == []
    for words in (("ls",), ("bench", "list", "--runs")):
        assert "nightly" not in Console(tmp_path).run(*words, CODER_HOME=str(tmp_path)).out


@pytest.mark.parametrize("name", ["", "a b", "../x", "run.1"])
def test_a_name_that_no_history_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="name it by letters"), open_history(f"store:{name}"):
        pass


def test_an_event_that_is_no_round_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path))

    async def append() -> None:
        with SqliteLog(tmp_path / "bench") as log:
            async with log.lease("watch.nightly") as token:
                await log.append("watch.nightly", [Draft(type="hello", body={})], after=0, token=token)

    asyncio.run(append())

    with (
        pytest.raises(UsageError, match="Event 1 of store:nightly is no round"),
        open_history("store:nightly"),
    ):
        pass


def test_rounds_of_two_suites_in_one_file_are_refused(tmp_path: Path) -> None:
    lines = [ONE.model_copy(update={"suite": suite}).model_dump_json() for suite in ("other", "s")]
    (tmp_path / "h").write_text("\n".join(lines))

    with (
        open_history(str(tmp_path / "h")) as history,
        pytest.raises(UsageError, match="holds rounds of other, and this one is of s"),
    ):
        history.require_suite("s")


EMPTY = '{"suite": "s", "digests": {}, "tallies": {}}'
WRONG = '{"suite": "s", "digests": {}, "tallies": {"a": {"samples": -1, "passed": 7}}}'


NAN = '{"suite": "s", "digests": {}, "tallies": {"a": {"samples": 1, "passed": 1}}, "latency_s": NaN}'


@pytest.mark.parametrize("line", [NAN, "{", "[]", '{"suite": "s"}', "\xff", EMPTY, WRONG])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "h").write_bytes(ONE.model_dump_json().encode() + b"\n" + line.encode("latin-1") + b"\n")

    with pytest.raises(UsageError, match=r"Line 2 of .* is no round"), open_history(str(tmp_path / "h")):
        pass


def test_a_line_without_an_end_is_ended_before_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "h").write_text(ONE.model_dump_json())

    with open_history(str(tmp_path / "h")) as history:
        history.add(ONE)

    with open_history(str(tmp_path / "h")) as history:
        assert len(history.rounds) == 2


def test_a_pipe_is_no_history(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="is no file"), open_history(str(tmp_path / "pipe")):
        pass


def test_a_folder_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="Can't open"), open_history(str(tmp_path)):
        pass
