"""A sandbox that answers from recordings keeps the contract, and answers only where nothing differs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from sandbox import Limits, Policy, PythonCode, Result, Sandbox
from tests import recorded_fresh_runs, recorded_runs, sandbox_pool
from tests.contracts.rules import CONTRACT, Rule
from tests.contracts.rules.endings import closing_twice_is_closing_once
from tests.kept_sandboxes import KEPT
from tests.recorded_runs import Recordings, dump, load, tree_of
from tests.sandbox_pool import open_kept

pytestmark = KEPT
POLICY = Policy(wall_s=61)
WRITES = """
import os, sys
os.makedirs("made/deep")
open("made/deep/data", "wb").write(b"\\xff\\x00 " + sys.stdin.buffer.read())
open("tool.sh", "w").write("#!/bin/sh\\n")
os.chmod("tool.sh", 0o755)
os.remove("old.txt")
print("out", sys.prefix)
print("err", file=sys.stderr)
sys.exit(3)
"""
NEW_EACH_TIME = ("the_workspace_lasts_and_nothing_else_does", "a_cancelled_run_leaves_the_sandbox_usable")
"""Rules whose programs or files differ each time, so that none is answered."""
RULES = [
    pytest.param(rule, marks=[pytest.mark.slow])
    for rule in CONTRACT
    if rule is not closing_twice_is_closing_once
]


@pytest_asyncio.fixture(loop_scope="session")
async def box(kept_sandboxes: None) -> AsyncIterator[Sandbox]:
    async with open_kept(POLICY) as opened:
        yield opened


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
async def test_a_rule_holds_while_programs_are_recorded_and_again_while_they_are_replayed(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recordings(records=True)
    replaying = Recordings(recording.by_key)
    for recordings in (recording, replaying):
        monkeypatch.setattr(sandbox_pool, "run_program", recordings.run)
        async with open_kept(POLICY) as box:
            await rule(box)

    if rule.__name__ not in NEW_EACH_TIME:
        assert replaying.real_runs <= recording.real_runs - len(recording.by_key)


async def run_with(
    recordings: Recordings, box: Sandbox, source: str = WRITES, *, old: bytes = b"old", stdin: bytes = b"in"
) -> tuple[object, object]:
    """Run a program on a workspace with one file; return its result, and what the workspace then holds."""
    await box.remove(".")
    await box.write("old.txt", old)
    program = PythonCode(source=source)
    result = await recordings.run(box, program, policy=POLICY, is_alone=lambda: True, stdin=stdin)
    same = result.model_dump(exclude={"max_rss_mb", "wall_s", "cpu_s"})
    return (same, result.raw_stdout, result.raw_stderr), await tree_of(box)


async def test_a_replayed_run_returns_and_leaves_what_the_real_one_did(box: Sandbox) -> None:
    recording = Recordings(records=True)
    real = await run_with(recording, box)
    replaying = Recordings(recording.by_key)

    assert await run_with(replaying, box) == real
    assert (recording.real_runs, replaying.real_runs) == (1, 0)
    assert "made/deep/data" in real[1]  # type: ignore[operator]


@pytest.mark.parametrize("change", ["source", "old", "stdin"])
async def test_a_program_runs_where_a_file_the_program_or_its_input_differs(
    box: Sandbox, change: str
) -> None:
    recording = Recordings(records=True)
    await run_with(recording, box)
    replaying = Recordings(recording.by_key)

    changed = {"source": WRITES + "#", "old": b"new", "stdin": b"other"}[change]
    await run_with(replaying, box, **{change: changed})  # type: ignore[arg-type]

    assert replaying.real_runs == 1


async def test_a_program_runs_where_a_file_is_executable_that_was_not(box: Sandbox) -> None:
    recording = Recordings(records=True)
    program = PythonCode(source="pass")
    for executable in (False, True):
        await box.write("tool", b"x", executable=executable)
        await recording.run(box, program, policy=POLICY, is_alone=lambda: True)

    assert len(recording.by_key) == 2


async def test_a_program_runs_where_something_else_uses_the_workspace(box: Sandbox) -> None:
    recording = Recordings(records=True)
    await run_with(recording, box)
    replaying = Recordings(recording.by_key)
    await box.remove(".")
    await box.write("old.txt", b"old")

    await replaying.run(box, PythonCode(source=WRITES), policy=POLICY, is_alone=lambda: False, stdin=b"in")

    assert replaying.real_runs == 1


async def test_a_program_runs_where_its_time_limit_is_about_its_recorded_time(box: Sandbox) -> None:
    recording = Recordings(records=True)
    await run_with(recording, box, "import time; time.sleep(0.2)")
    (only,) = recording.by_key.values()
    replaying = Recordings(recording.by_key)
    await box.remove(".")
    await box.write("old.txt", b"old")

    program = PythonCode(source="import time; time.sleep(0.2)")
    limits = Limits(wall_s=only["wall_s"] + 0.5)
    await replaying.run(box, program, policy=POLICY, is_alone=lambda: True, stdin=b"in", limits=limits)

    assert replaying.real_runs == 1


async def test_what_a_limit_ended_is_not_recorded(box: Sandbox) -> None:
    recording = Recordings(records=True)
    program = PythonCode(source="while True: pass")
    limits = Limits(wall_s=0.2)

    result = await recording.run(box, program, policy=POLICY, is_alone=lambda: True, limits=limits)

    assert result.status == "timeout"
    assert recording.by_key == {}


@pytest.mark.parametrize("left", ['os.symlink("/etc", "link")', 'os.mkfifo("pipe")'])
async def test_a_run_that_leaves_a_link_or_a_pipe_is_not_recorded(box: Sandbox, left: str) -> None:
    recording = Recordings(records=True)
    program = PythonCode(source=f"import os; {left}")
    await recording.run(box, program, policy=POLICY, is_alone=lambda: True)

    assert recording.by_key == {}


FRESH = """
import os, sys
os.makedirs("made")
open("made/report_{word}.txt", "w").write("{word} " + open("old.txt").read() + sys.stdin.read())
print("{word}", sys.prefix)
print("é", file=sys.stderr)
"""


async def run_fresh(recordings: Recordings, box: Sandbox, word: str, *, old: bytes = b"old ") -> Result:
    """Run a program with this random word in a workspace of its own."""
    how = {"fresh": True, "files": {"old.txt": old}, "stdin": f"in {word}".encode()}
    program = PythonCode(source=FRESH.format(word=word))
    return await recordings.run(box, program, policy=POLICY, is_alone=lambda: False, **how)


async def test_a_run_in_a_workspace_of_its_own_is_answered_in_its_own_random_words(box: Sandbox) -> None:
    words = [f"{number:016x}" for number in (1, 2)]
    recording = Recordings(records=True)
    real = [await run_fresh(recording, box, word) for word in words]
    replaying = Recordings(recording.by_key)
    replayed = [await run_fresh(replaying, box, word) for word in words]

    not_same = {"max_rss_mb", "wall_s", "cpu_s"}
    assert [one.model_dump(exclude=not_same) for one in replayed] == [
        one.model_dump(exclude=not_same) for one in real
    ]
    assert [one.artifacts[0].content.decode() for one in replayed] == [
        f"{word} old in {word}" for word in words
    ]
    assert (len(recording.by_key), replaying.real_runs) == (1, 0)


async def test_such_a_run_is_real_where_one_of_its_files_differs(box: Sandbox) -> None:
    recording = Recordings(records=True)
    await run_fresh(recording, box, "0" * 16)
    replaying = Recordings(recording.by_key)

    result = await run_fresh(replaying, box, "0" * 16, old=b"new ")

    assert replaying.real_runs == 1
    assert b" new in " in result.artifacts[0].content


@pytest.mark.parametrize("is_cancelled_again", [True, False])
async def test_a_run_that_was_cancelled_waits_for_that_again_and_else_is_real(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, *, is_cancelled_again: bool
) -> None:
    program = PythonCode(source="import time; print('so far', flush=True); time.sleep(600)")
    limits = Limits(wall_s=0.5)

    async def run_until_printed(recordings: Recordings) -> bytes:
        printed, has_printed = bytearray(), asyncio.Event()

        def take(stream: str, piece: bytes) -> None:
            printed.extend(piece)
            has_printed.set()

        how = {"fresh": True, "on_output": take, "limits": Limits(wall_s=600)}
        run = asyncio.create_task(recordings.run(box, program, policy=POLICY, is_alone=lambda: False, **how))
        await has_printed.wait()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        return bytes(printed)

    recording = Recordings(records=True)
    assert await run_until_printed(recording) == b"so far\n"
    replaying = Recordings(recording.by_key)
    if is_cancelled_again:
        assert await run_until_printed(replaying) == b"so far\n"
        assert replaying.real_runs == 0
        return
    monkeypatch.setattr(recorded_fresh_runs, "_CANCELLED_WITHIN_S", 0.0)
    how = {"fresh": True, "limits": limits}
    result = await replaying.run(box, program, policy=POLICY, is_alone=lambda: False, **how)
    assert (result.status, replaying.real_runs) == ("timeout", 1)


async def test_output_is_passed_on_as_a_program_prints_it(box: Sandbox) -> None:
    recording = Recordings(records=True)
    program, printed = PythonCode(source="print('é')"), list[tuple[str, bytes]]()
    for recordings in (recording, Recordings(recording.by_key)):
        await recordings.run(
            box, program, policy=POLICY, is_alone=lambda: True, on_output=lambda *part: printed.append(part)
        )

    assert printed == [("stdout", "é\n".encode())] * 2


def test_recordings_of_other_versions_or_of_another_sandbox_package_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.jsonl"
    dump(file, {"a": {"status": "ok", "stdout": "\udcff"}})
    assert load(file) == {"a": {"status": "ok", "stdout": "\udcff"}}
    for name in recorded_runs.circumstances():
        others = {**recorded_runs.circumstances(), name: "other"}
        with monkeypatch.context() as patch:
            patch.setattr(recorded_runs, "circumstances", lambda others=others: others)
            assert load(file) == {}


def test_what_workers_recorded_becomes_one_file_but_for_a_module_with_a_failed_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_runs, "_FOLDER", tmp_path)
    monkeypatch.setattr(recorded_runs, "_failed", {tmp_path / "test_red.jsonl"})
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    dump(tmp_path / "test_red.jsonl", {"old": {"status": "ok"}})
    for name, worker, key in (("green", 1, "a"), ("green", 2, "b"), ("red", 1, "c")):
        line = json.dumps({"key": key, "status": "error"})
        (tmp_path / f"test_{name}.part-{worker}").write_text(f"{line}\n")

    session = SimpleNamespace(config=SimpleNamespace(getoption=lambda name: name == recorded_runs.OPTION))
    recorded_runs.pytest_sessionfinish(session)  # type: ignore[arg-type]

    assert load(tmp_path / "test_green.jsonl") == {"a": {"status": "error"}, "b": {"status": "error"}}
    assert load(tmp_path / "test_red.jsonl") == {"old": {"status": "ok"}}
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.slow
def test_recording_only_some_tests_of_a_file_is_refused() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--record", f"{__file__}::x"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--record takes whole files" in refused.stderr
