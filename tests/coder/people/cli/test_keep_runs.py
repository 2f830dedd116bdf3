"""`CODER_BLOBS`: runs with long contents are solved, shown, exported and listed from a place of their own."""

import json
from pathlib import Path

import pytest

from coder.store.event_codec import BLOB_BYTES
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code
from tests.faulty_endpoint import faulty_endpoint, says

LONG_ADD = f"{ADD}# {'é' * BLOB_BYTES}\n"


@pytest.mark.slow
def test_a_run_with_long_contents_is_kept_in_a_folder_and_every_command_reads_it_there(
    console: Console, tmp_path: Path
) -> None:
    place = str(tmp_path / "place")
    with faulty_endpoint(says(code(SUBTRACT)), says(code(LONG_ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        first = console.run("solve", TASK, *CHECK, *model, "--max-calls", "1", "--json", CODER_BLOBS=place)
        run = json.loads(first.out)["run_id"]
        done = console.run("resume", run, "--max-calls", "4", "--json", CODER_BLOBS=place)
    shown = console.run("show", run, "--json", CODER_BLOBS=place)
    exported = console.run("export", run, "--atif", CODER_BLOBS=place)
    config = console.run("config", CODER_BLOBS=place)
    without = console.run("show", run)

    assert json.loads(done.out)["files"] == {"solution.py": LONG_ADD}, done.err
    assert "é" * BLOB_BYTES in json.dumps(json.loads(shown.out), ensure_ascii=False)
    assert exported.code == 0, exported.err
    assert not (console.home / "data/events/blobs").exists()
    assert f"their long contents are kept in {place}" in config.err
    assert without.code == 5
    assert "A part of the event log can't be read" in without.err
    assert "set CODER_BLOBS" in without.err
    assert "Traceback" not in without.err
