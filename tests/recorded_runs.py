"""Runs of programs in kept sandboxes, answered from recordings where all that they depend on is the same.

Most of what tests of verification take is pytest that starts in a sandbox, on the same few files, again and
again. A module with the mark `RECORDED` gets what that run did when it was recorded: its result, and the
files that it wrote. The key of a recording is a digest of the program, its standard input, the policy, the
limits other than those of time, and every file of the workspace; a file of recordings counts only for the
same sources of `sandbox` and versions of Python and pytest. Anything else runs in the real sandbox: a
recording that no longer fits only costs time.

`./run test --record FILES` records anew. tests/contracts/test_recorded_runs.py holds a replayed sandbox to
the contract. Tests of attacks, of isolation and of sandboxes themselves have no recordings.
"""

import asyncio
import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import FileRefused, Limits, Policy, Program, Result, Sandbox
from tests import sandbox_pool
from tests.recorded_fresh_runs import CUT, FreshRun, answer, cut_recording, recording_of

RECORDED = pytest.mark.usefixtures("recorded_runs")
"""Mark of a module whose programs in kept sandboxes are answered from recordings."""
OPTION = "--record"

SOURCES = (
    "*.py", "backends/*.py", "files/*.py", "host/*.py", "inner/process/*.py", "inner/walls/*.py",
    "interpreter/*.py", "network/*.py", "supervisor/*.py",
)  # fmt: skip
"""Sources of `sandbox` by which a program runs in bubblewrap, unlike those of kernels and containers."""

_REPOSITORY = Path(__file__).parent.parent
_FOLDER = Path(__file__).parent / "recordings" / "runs"
_RECORDED_FIELDS = ("status", "exit_code", "signal", "wall_s", "cpu_s")
_COMPILED = "__pycache__"
"""Folders that are left out: what Python has compiled changes no result, and holds times."""
_MOST_BYTES = 64 << 10
"""Size of the largest file of a recording."""
_SPARE_S = 1.0
"""Seconds that a program needs beyond its recorded time before a limit, or it runs in the real sandbox."""

Tree = dict[str, tuple[str, bool]]
"""What a workspace holds: for each path its SHA-256, or "folder", and whether it is executable."""


class Unrecordable(Exception):
    """The workspace holds what a recording can't: a link, a pipe, a large file."""


@dataclass(slots=True)
class Recordings:
    """Recordings of one test module by key."""

    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: bool = False
    """Whether each program runs in the real sandbox and is recorded."""
    real_runs: int = 0
    """Number of programs that ran in the real sandbox."""

    async def run(
        self, box: Sandbox, program: Program, *, policy: Policy, is_alone: Callable[[], bool], **how: Any
    ) -> Result:
        """Answer a program as recorded, or run it.

        Args:
            is_alone: returns whether nothing else has used the workspace since: only then is it known what
                the program did.
        """
        if isinstance(how.get("stdin", b""), int):
            return await self._run(box, program, how)
        if how.get("fresh"):
            return await self._run_fresh(box, program, policy, how)
        if not is_alone():
            return await self._run(box, program, how)
        try:
            tree = await tree_of(box)
        except Unrecordable:
            return await self._run(box, program, how)
        key = key_of(program, policy, how.get("limits"), how.get("stdin", b""), tree)
        recording = None if self.records else self.by_key.get(key)
        if recording is not None and _fits(recording, policy, how):
            return await _replay(box, recording, how.get("on_output"))
        result = await self._run(box, program, how)
        if self.records and result.status in ("ok", "error") and is_whole(result) and is_alone():
            try:
                self.by_key[key] = await _recording(box, result, tree)
            except Unrecordable:
                self.by_key.pop(key, None)
        return result

    async def _run_fresh(
        self, box: Sandbox, program: Program, policy: Policy, how: Mapping[str, Any]
    ) -> Result:
        """Answer a program in a workspace of its own as recorded, or run it."""
        run = FreshRun.of(program, policy, how)
        key, on_output, printed = run.key(_portable), how.get("on_output"), dict[str, bytes]()
        recording = None if self.records else self.by_key.get(key)
        if recording is not None and (recording["status"] == CUT or _fits(recording, policy, how)):
            result = await answer(recording, run, _here, on_output)
            if result is not None:
                return result

        def take(stream: str, piece: bytes) -> None:
            printed[stream] = printed.get(stream, b"") + piece
            if on_output is not None:
                on_output(stream, piece)

        try:
            result = await self._run(box, program, {**how, "on_output": take} if self.records else how)
        except asyncio.CancelledError:
            if self.records:
                self.by_key[key] = cut_recording(printed, run, _portable)
            raise
        if self.records and result.status in ("ok", "error") and is_whole(result):
            new = recording_of(result, run, _portable)
            self.by_key.update({} if new is None else {key: new})
        return result

    async def _run(self, box: Sandbox, program: Program, how: Mapping[str, Any]) -> Result:
        self.real_runs += 1
        return await box.run(program, **how)


def is_whole(result: Result) -> bool:
    """Return whether the text of a result is all that its program printed."""
    texts = ((result.raw_stdout, result.stdout), (result.raw_stderr, result.stderr))
    return not result.truncated and all(raw.decode("utf-8", "replace") == text for raw, text in texts)


async def tree_of(box: Sandbox) -> Tree:
    """Return what the workspace holds. Raises Unrecordable."""
    hashes = await box.manifest()
    tree: Tree = {}
    folders = ["."]
    while folders:
        folder = folders.pop()
        try:
            entries = await box.list(folder)
        except FileRefused as error:  # closed by the program
            raise Unrecordable from error
        for entry in entries:
            path = entry.name if folder == "." else f"{folder}/{entry.name}"
            if entry.name == _COMPILED:
                continue
            if entry.kind == "folder":
                folders.append(path)
                tree[path] = ("folder", False)
            elif entry.kind == "file" and path in hashes:
                tree[path] = (hashes[path], entry.executable)
            else:
                raise Unrecordable(path)
    return dict(sorted(tree.items()))


def key_of(program: Program, policy: Policy, limits: Limits | None, stdin: bytes, tree: Tree) -> str:
    """Return the digest of all that a run depends on, but limits of time: none has ended a recorded run."""
    time = {"wall_s", "cpu_s"}
    inputs = {
        "program": [type(program).__name__, program.model_dump(mode="json")],
        "policy": policy.model_dump(mode="json", exclude=time),
        "limits": limits.model_dump(mode="json", exclude=time) if limits else None,
        "stdin": hashlib.sha256(stdin).hexdigest(),
        "tree": tree,
    }
    return hashlib.sha256(_portable(json.dumps(inputs, sort_keys=True)).encode()).hexdigest()[:32]


def _fits(recording: Mapping[str, Any], policy: Policy, how: Mapping[str, Any]) -> bool:
    """Return whether the program would have ended before its limits, too."""
    limits = how.get("limits")
    wall_s = (limits and limits.wall_s) or policy.wall_s
    return bool(recording["wall_s"] + _SPARE_S <= wall_s)


async def _recording(box: Sandbox, result: Result, before: Tree) -> dict[str, Any]:
    """Return what a run did. Raises Unrecordable."""
    after = await tree_of(box)
    changed = [path for path, state in after.items() if before.get(path) != state]
    changed_files = [path for path in changed if after[path][0] != "folder"]
    try:
        files = {path: await box.read(path, limit=_MOST_BYTES) for path in changed_files}
    except FileRefused as error:
        raise Unrecordable from error
    rounded = result.model_copy(update={"wall_s": round(result.wall_s, 2), "cpu_s": round(result.cpu_s, 2)})
    recording = {name: getattr(rounded, name) for name in _RECORDED_FIELDS}
    recording |= {
        "stdout": _text(result.raw_stdout),
        "stderr": _text(result.raw_stderr),
        "removed": [path for path in before if path not in after],
        "folders": [path for path in changed if after[path][0] == "folder"],
        "files": {path: _text(content) for path, content in files.items()},
        "executable": [path for path in files if after[path][1]],
    }
    return {name: value for name, value in recording.items() if value not in ("", [], {}, None)}


async def _replay(
    box: Sandbox, recording: Mapping[str, Any], on_output: Callable[[str, bytes], None] | None
) -> Result:
    """Change the workspace as the run did, and return its result."""
    for path in recording.get("removed", ()):
        await box.remove(path)
    for path in recording.get("folders", ()):
        await box.make_folder(path)
    executable = recording.get("executable", ())
    for path, text in recording.get("files", {}).items():
        await box.write(path, _bytes(text), executable=path in executable)
    outputs = {name: _bytes(recording.get(name, "")) for name in ("stdout", "stderr")}
    for name, output in outputs.items():
        if output and on_output is not None:
            on_output(name, output)
    return Result(
        **{name: recording[name] for name in _RECORDED_FIELDS if name in recording},
        **({"exit_code": None} if "exit_code" not in recording else {}),
        **{name: output.decode("utf-8", "replace") for name, output in outputs.items()},
        **{f"raw_{name}": output for name, output in outputs.items()},
    )


def _text(content: bytes) -> str:
    return _portable(content.decode("utf-8", "surrogateescape"))


def _bytes(text: str) -> bytes:
    return _here(text).encode("utf-8", "surrogateescape")


def _here(text: str) -> str:
    return text.replace(_PREFIX, sys.prefix)


_PREFIX = "{prefix of the environment}"


def _portable(text: str) -> str:
    """Name the environment in which the tests run by a word: it lies elsewhere on another machine."""
    return text.replace(sys.prefix, _PREFIX)


@cache
def circumstances() -> dict[str, str]:
    """Return what all recordings of a file depend on."""
    digest = hashlib.sha256()
    for path in sorted(path for place in SOURCES for path in (_REPOSITORY / "sandbox").glob(place)):
        digest.update(f"{path.relative_to(_REPOSITORY)}\0".encode() + path.read_bytes() + b"\0")
    return {
        "python": platform.python_version(),
        "pytest": version("pytest"),
        "sandbox": digest.hexdigest()[:32],
    }


def load(file: Path) -> dict[str, dict[str, Any]]:
    """Return the recordings of a file by key; none if the circumstances have changed."""
    if not file.exists():
        return {}
    first, *lines = file.read_text("utf-8").splitlines()
    if json.loads(first) != circumstances():
        return {}
    return {recording.pop("key"): recording for recording in map(json.loads, lines)}


def dump(file: Path, by_key: Mapping[str, Mapping[str, Any]]) -> None:
    """Write recordings to a file; without any, remove it."""
    if not by_key:
        file.unlink(missing_ok=True)
        return
    lines = [json.dumps(circumstances())]
    lines += [json.dumps({"key": key, **by_key[key]}) for key in sorted(by_key)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", "utf-8")


def file_of(module: Path) -> Path:
    """Return the file of a test module's recordings."""
    return (_FOLDER / module.relative_to(_REPOSITORY / "tests")).with_suffix(".jsonl")


_loaded = cache(load)
_failed: set[Path] = set()
"""Files of recordings that stay as they are."""


@pytest.fixture
def recorded_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recordings]:
    """Answer programs in kept sandboxes from the module's recordings; with `--record`, record them."""
    from coder.verify import test_command  # not there where the tests of `sandbox` run alone

    file = file_of(request.path)
    records = request.config.getoption(OPTION)
    recordings = Recordings({} if records else _loaded(file), records)
    monkeypatch.setattr(sandbox_pool, "run_program", recordings.run)
    # A report is signed with a new key each time, which would make each run another one.
    same = SimpleNamespace(token_bytes=lambda size: bytes(size), token_hex=lambda size: "0" * 2 * size)
    monkeypatch.setattr(test_command, "secrets", same)
    yield recordings
    if records:
        _hand_in(file, recordings.by_key)


def _hand_in(file: Path, by_key: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep recordings for the end of the session: other workers have those of other tests of the module."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(f".part-{os.getpid()}").open("a", encoding="utf-8") as part:
        part.writelines(json.dumps({"key": key, **recording}) + "\n" for key, recording in by_key.items())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="record the programs of modules anew")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION) and (config.option.keyword or any("::" in word for word in config.args)):
        raise pytest.UsageError(f"{OPTION} takes whole files: recordings of tests left out would be lost")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember the modules of which a test has failed."""
    if report.failed:
        _failed.add(file_of(_REPOSITORY / report.nodeid.partition("::")[0]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what the workers have recorded, except for modules of which a test has failed."""
    if not session.config.getoption(OPTION) or "PYTEST_XDIST_WORKER" in os.environ:
        return
    parts: dict[Path, list[Path]] = {}
    for part in sorted(_FOLDER.rglob("*.part-*")):
        parts.setdefault(part.with_suffix(".jsonl"), []).append(part)
    for file, its_parts in parts.items():
        lines = [line for part in its_parts for line in part.read_text("utf-8").splitlines()]
        for part in its_parts:
            part.unlink()
        if file not in _failed:
            dump(file, {recording.pop("key"): recording for recording in map(json.loads, lines)})
