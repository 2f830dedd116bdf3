"""A log of an earlier version, in a form no longer read: its runs are refused, and still listed and shown."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from coder.base.errors import LogDamaged
from coder.run.events import Event
from tests.coder.people.cli.console import Console
from tests.coder.test_golden_logs import VERSIONS, logged, put


def in_older_form(event: Event) -> Event:
    """A message as it was when one class held the fields of all kinds."""
    if event.type != "message.spoken":
        return event
    message = dict(event.body["message"])
    fields = {"files": message.pop("changes", {}).get("files", {}), "outcome": message.pop("outcome", None)}
    return event.model_copy(update={"body": {**event.body, "message": message | fields}})


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def older(console: Console) -> str:
    """The id of a run in the log that an earlier version wrote."""
    events = logged(f"{VERSIONS[-1]}/landed")
    run = put(events, console.home / "data")
    rows = [(json.dumps(in_older_form(event).body), run, event.seq) for event in events]
    with closing(sqlite3.connect(console.home / "data/events/events.sqlite")) as connection, connection:
        connection.executemany("UPDATE event SET body = ? WHERE run = ? AND seq = ?", rows)
    return run


@pytest.mark.parametrize("command", ["resume", "undo", "export"])
def test_a_run_of_an_earlier_version_is_refused_in_one_sentence(
    command: str, older: str, console: Console
) -> None:
    refused = console.run(command, older)

    assert (refused.code, refused.out) == (LogDamaged.exit_code, "")
    (sentence,) = refused.said
    assert sentence.startswith("error: Event ")
    assert f"of {older} (message.spoken) can't be read" in sentence


def test_a_run_of_an_earlier_version_is_listed_among_the_others(older: str, console: Console) -> None:
    other = put(logged(f"{VERSIONS[-1]}/solve"), console.home / "data")

    listed = console.run("ls", "--json")

    rows = {row["run_id"]: row["status"] for row in json.loads(listed.out)}
    assert (listed.code, rows) == (0, {older: "unreadable", other: "solved"}), listed.err


def test_answers_in_a_run_of_an_earlier_version_are_still_shown(older: str, console: Console) -> None:
    details = console.run("show", older)

    assert (details.code, details.err) == (0, "")
    assert "return sum(prices)" in details.out
    assert "can't read it" in details.out
