"""`CODER_BLOBS`: runs with long contents are solved, shown, exported and listed from a place of their own."""

import asyncio
import json
from pathlib import Path

import pytest

from coder.store.event_codec import BLOB_BYTES
from coder.store.postgres import PostgresLog
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code
from tests.coder.store.test_moving import contents, fill
from tests.faulty_endpoint import faulty_endpoint, says, unused_port
from tests.object_store import SECRET, ObjectStore, refusal
from tests.postgres import PASSWORD, Server

SHORT_KEY = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "any"}
"""Too short to be looked for, so that commands with it are forked (warm_start.py)."""
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
    details = console.run("show", run, "--json", CODER_BLOBS=place)
    exported = console.run("export", run, "--atif", CODER_BLOBS=place)
    config = console.run("config", CODER_BLOBS=place)
    without = console.run("show", run)

    assert json.loads(done.out)["files"] == {"solution.py": LONG_ADD}, done.err
    assert "é" * BLOB_BYTES in json.dumps(json.loads(details.out), ensure_ascii=False)
    assert exported.code == 0, exported.err
    assert not (console.home / "data/events/blobs").exists()
    assert f"their long contents are kept in {place}" in config.err
    assert without.code == 5
    assert "A part of the event log can't be read" in without.err
    assert "set CODER_BLOBS" in without.err
    assert "Traceback" not in without.err


@pytest.mark.slow
def test_a_run_with_its_blobs_in_a_bucket_tells_nobody_the_key_of_the_store(
    console: Console, object_store: ObjectStore
) -> None:
    environ = object_store.environ | {"CODER_BLOBS": object_store.place}
    spying = f"import os\nassert not any('AWS' in name for name in os.environ)\n{LONG_ADD}"
    with faulty_endpoint(says(code(spying))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        done = console.run("solve", TASK, *CHECK, *model, "--jsonl", "-v", **environ)
    run = json.loads(done.out.splitlines()[0])["run"]
    others = [
        console.run(*command, **environ)
        for command in (["show", run], ["show", run, "--json"], ["ls"], ["config"], ["doctor"])
    ]

    assert done.code == 0, done.err
    assert object_store.keys()
    written = b"".join(path.read_bytes() for path in console.home.rglob("*") if path.is_file())
    texts = [done.out, done.err, written.decode(errors="replace")]
    texts += [text for each in others for text in (each.out, each.err)]
    for hidden in (SECRET, "AWS_SECRET", object_store.environ["AWS_ACCESS_KEY_ID"]):
        assert not any(hidden in text for text in texts), hidden
    assert f"their long contents are kept in {object_store.place}" in others[3].err


@pytest.mark.slow
def test_a_store_that_is_down_or_refuses_ends_the_run_with_its_events_kept(
    console: Console, object_store: ObjectStore
) -> None:
    environ = object_store.environ | SHORT_KEY | {"CODER_BLOBS": object_store.place}
    down = environ | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_port()}"}
    with faulty_endpoint(says(code(LONG_ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        failed = console.run("solve", TASK, *CHECK, *model, **down)
        (listed,) = json.loads(console.run("ls", "--json", **down).out)
        object_store.fault = refusal("403 Forbidden", "SignatureDoesNotMatch")
        refused = console.run("solve", TASK, *CHECK, *model, **environ)
        object_store.fault = lambda _: None
        resumed = console.run("resume", listed["run_id"], **environ)

    assert (failed.code, "Could not connect" in failed.err) == (5, True), failed.err
    assert (refused.code, "refuses your key" in refused.err) == (10, True), refused.err
    assert f"resume {listed['run_id']}" in failed.err
    assert "coder resume" in refused.err
    assert resumed.code == 0, resumed.err
    assert "Traceback" not in failed.err + refused.err + resumed.err


@pytest.mark.slow
def test_runs_are_moved_checked_and_cleaned_by_commands(
    console: Console, tmp_path: Path, object_store: ObjectStore
) -> None:
    home, place = console.home / "data", str(tmp_path / "place")
    with faulty_endpoint(says(code(LONG_ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        done = console.run("solve", TASK, *CHECK, *model, "--json")
    run = json.loads(done.out)["run_id"]
    (home / "events/blobs" / ("0" * 64)).write_text("nobody's")
    (blob, *_) = (path for path in (home / "events/blobs").iterdir() if path.name != "0" * 64)

    planned = console.run("store", "clean", "--dry-run", "--older-than", "0", "--json")
    young = console.run("store", "clean")
    cleaned = console.run("store", "clean", "--older-than", "0")
    moved = console.run("store", "move", str(home), str(home), "--to-blobs", place)
    lost = console.run("store", "check")
    checked = console.run("store", "check", "--json", CODER_BLOBS=place)
    keys = object_store.environ | SHORT_KEY
    environ = {**keys, "CODER_BLOBS": object_store.place, "CODER_HOME": f"{tmp_path}/new"}
    locations = (str(home), f"{tmp_path}/new", "--from-blobs", place, "--to-blobs", object_store.place)
    away = console.run("store", "move", *locations, **keys)
    details = console.run("show", run, **environ)

    assert [each["name"] for each in json.loads(planned.out)["removed"]] == ["0" * 64]
    assert ("✓ 0 blobs removed" in young.err, "✓ 1 blob removed, 8 bytes" in cleaned.err) == (True, True)
    assert (moved.code, "all verified" in moved.err) == (0, True), moved.err
    assert (lost.code, run in lost.out, blob.name in lost.out) == (5, True, True), lost.err
    assert (checked.code, json.loads(checked.out)["harmed"]) == (0, [])
    assert away.code == 0, away.err
    assert object_store.keys()
    assert not [path for path in (tmp_path / "place").rglob("*") if path.is_file()]
    assert "solved" in details.out
    assert run not in console.run("ls").out


@pytest.mark.slow
def test_every_spelling_of_a_database_is_one_log_whose_blobs_move(
    console: Console, tmp_path: Path, postgres: Server
) -> None:
    url = postgres.database()
    name = url.partition("@/")[2].partition("?")[0]
    spellings = (
        url.replace("postgresql://", "postgres://"),
        f"{url}&port=5432&sslmode=disable",
        f"host={postgres.folder} dbname={name} user=coder password={PASSWORD}",
    )
    with PostgresLog(url) as log:
        asyncio.run(fill(log))
        before = asyncio.run(contents(log))

        for spelling in spellings:
            same = console.run("store", "move", url, spelling)
            assert (same.code, "in that place already" in same.err) == (2, True), same.err
        moved = console.run("store", "move", url, spellings[2], "--to-blobs", f"{tmp_path}/place")
        again = console.run("store", "move", spellings[1], url, "--to-blobs", f"{tmp_path}/place")

        assert (moved.code, "moved 4 blobs, all verified\n" in moved.err) == (0, True), moved.err
        assert (again.code, "4 of the blobs were there before" in again.err) == (0, True), again.err
        assert [*log.own_blobs.entries()] == []
    with PostgresLog(url, blobs=f"{tmp_path}/place") as log:
        assert asyncio.run(contents(log)) == before
    assert PASSWORD not in same.err + moved.err + again.err


def test_a_move_that_cannot_begin_says_why(console: Console, tmp_path: Path) -> None:
    nowhere = console.run("store", "move", str(tmp_path / "none"), str(tmp_path / "two"))
    console.run("ls")
    home = str(console.home / "data")
    (tmp_path / "link").symlink_to(home)
    others = (home, f"{home}/", f"{home}/../data", str(tmp_path / "link"))
    same = [console.run("store", "move", home, other) for other in others]
    place = ("--from-blobs", f"{tmp_path}/place", "--to-blobs", f"{tmp_path}/./place/")
    same_blobs = console.run("store", "move", home, f"{home}/", *place)
    wrong = console.run("store", "move", home, "mysql://me:hunter2hunter@h/d")

    assert (nowhere.code, "There is no log in" in nowhere.err) == (2, True)
    for refused in (*same, same_blobs):
        assert (refused.code, "in that place already" in refused.err) == (2, True), refused.err
    assert not (tmp_path / "place").exists()
    assert (wrong.code, "hunter2" not in wrong.err) == (2, True), wrong.err
    assert not (tmp_path / "none").exists()
