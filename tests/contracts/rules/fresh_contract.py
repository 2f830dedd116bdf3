"""Fresh runs: a workspace of one's own, files in, artifacts out."""

import asyncio

import pytest

from sandbox.contract import Sandbox
from sandbox.errors import FileRefused
from sandbox.inner.bridge.codec import decode, encode
from sandbox.policy import Limits
from sandbox.program import Command, PythonCode
from tests.contracts.rules.source import python
from tests.growing_limits import growing_limits

_SHELL = b"#!/bin/sh\ncat given.txt\n"


async def a_fresh_run_has_a_workspace_of_its_own(box: Sandbox) -> None:
    """It sees nothing of the one that lasts nor of the fresh one before, and leaves nothing in either."""
    await box.write("lasting.txt", b"x")
    source = "import os; print(os.getcwd(), os.listdir()); open('mine.txt', 'w').write('x')"

    first = await box.run(python(source), fresh=True)
    second = await box.run(python(source), fresh=True)

    there = first.stdout.split()[0]
    lasting = await box.run(python("import os; print(os.getcwd(), os.listdir())"))
    assert first.stdout == second.stdout == f"{there} []\n"
    assert lasting.stdout == f"{there} ['lasting.txt']\n"
    assert list(await box.manifest()) == ["lasting.txt"]


async def two_fresh_runs_at_once_do_not_meet(box: Sandbox) -> None:
    """Each finds its own files only, under the same names."""
    source = """
import os, sys, time
open(sys.argv[1], 'w').write('x')
time.sleep(0.5)
print(os.listdir())
"""
    results = await asyncio.gather(
        *(box.run(PythonCode(source=source, arguments=(name,)), fresh=True) for name in ("a", "b"))
    )

    assert [result.stdout for result in results] == ["['a']\n", "['b']\n"]
    assert [[item.path for item in result.artifacts] for result in results] == [["a"], ["b"]]


async def files_given_to_a_fresh_run_are_there(box: Sandbox) -> None:
    """In their folders, and executable where they begin as a program does."""
    files = {"given.txt": b"given\n", "bin/tool": _SHELL}

    result = await box.run(Command(argv=("bin/tool",)), fresh=True, files=files)

    assert (result.stdout, result.artifacts) == ("given\n", ()), result.stderr


async def what_a_fresh_run_wrote_is_an_artifact(box: Sandbox) -> None:
    """New files and changed ones, by path; those that are as they were given are not."""
    source = """
import os
os.makedirs('a/b')
open('a/b/new.bin', 'wb').write(b'\\x00\\xff')
open('changed', 'a').write('!')
"""
    result = await box.run(python(source), fresh=True, files={"same": b"s", "./changed": b"c"})

    artifacts = [(item.path, item.size, item.content) for item in result.artifacts]
    assert artifacts == [("a/b/new.bin", 2, b"\x00\xff"), ("changed", 2, b"c!")]
    assert result.artifacts_left_out == 0


async def a_run_that_is_not_fresh_has_no_artifacts(box: Sandbox) -> None:
    """Its files stay in the workspace that lasts; and it takes none."""
    result = await box.run(python("open('f', 'w').write('x')"))

    assert result.artifacts == ()
    try:
        await box.run(python("pass"), files={"f": b"x"})
    except ValueError:
        return
    raise AssertionError("files without fresh were taken")


async def only_plain_files_are_artifacts(box: Sandbox) -> None:
    """Links, pipes, sockets, second names, closed folders and names that aren't text are counted."""
    source = """
import os, socket
os.symlink('/etc/passwd', 'link')
os.symlink('/etc', 'folder')
os.symlink('loop', 'loop')
os.mkfifo('fifo')
socket.socket(socket.AF_UNIX).bind('socket')
open('one', 'w').close()
os.link('one', 'two')
open(b'\\xff', 'w').close()
os.mkdir('closed')
open('closed/x', 'w').close()
os.chmod('closed', 0)
os.makedirs('deep/' * 100)
open('deep/' * 100 + 'x', 'w').close()
open('plain', 'w').close()
"""
    result = await box.run(python(source), fresh=True)

    assert result.ok, result.stderr
    assert [item.path for item in result.artifacts] == ["plain"]
    assert result.artifacts_left_out == 10


async def artifacts_are_bounded(box: Sandbox) -> None:
    """In number and in bytes: also when a file is large only by its size."""
    many = await box.run(python("for i in range(5000): open(f'f{i}', 'w').close()"), fresh=True)
    large = await box.run(python("for i in range(200): open(f'f{i}', 'w').truncate(200 << 20)"), fresh=True)

    assert len(many.artifacts) < 5000
    assert len(many.artifacts) + many.artifacts_left_out == 5000
    assert sum(len(item.content) for item in large.artifacts) <= 64 << 20
    assert len(large.artifacts) + large.artifacts_left_out == 200


async def artifacts_of_a_run_that_was_ended_are_kept(box: Sandbox) -> None:
    """And nothing of it writes any more while they are taken."""
    source = """
import os, time
open('early', 'w').write('x')
if os.fork() == 0:
    os.setsid()
while True:
    open('late', 'w').write('x' * 1000); time.sleep(0.0005)
"""
    for wall_s in growing_limits(
        1
    ):  # a busy machine has not begun by then, or can't say in time that all is dead
        result = await box.run(python(source), fresh=True, limits=Limits(wall_s=wall_s))

        assert result.status == "timeout"
        if "early" in [item.path for item in result.artifacts]:
            return
    raise AssertionError("nothing of it was kept")


async def the_disk_of_a_fresh_run_is_bounded(box: Sandbox) -> None:
    """In bytes and in files."""
    source = """
try:
    for i in range(30_000):
        open(f'f{i}', 'w').close()
except OSError as error:
    print(error.errno)
"""
    full = "import os\ntry:\n  open('big', 'wb').write(bytes(300 << 20))\nexcept OSError: print('full')"

    files = await box.run(python(source), fresh=True)
    size = await box.run(python(full), fresh=True)

    assert files.stdout == "28\n"
    assert size.stdout == "full\n" or size.status == "oom"


async def files_that_leave_a_fresh_workspace_are_refused(box: Sandbox) -> None:
    """And the next run works."""
    for path in ("../x", "/etc/x", "", "a/../../x"):
        try:
            await box.run(python("print('ran')"), fresh=True, files={path: b"x"})
        except FileRefused:
            continue
        raise AssertionError(f"{path!r} was not refused")

    assert (await box.run(python("print('next')"), fresh=True)).stdout == "next\n"


async def a_cancelled_fresh_run_leaves_the_sandbox_usable(box: Sandbox) -> None:
    """At whatever step it was."""
    for steps in (0, 1, 2, 4, 8, 16):
        running = asyncio.create_task(box.run(python("while True: pass"), fresh=True, files={"f": b"x"}))
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    assert (await box.run(python("print(1)"), fresh=True)).stdout == "1\n"


async def an_entry_that_is_started_fresh_sees_no_other_workspace(box: Sandbox) -> None:
    """A module of the workspace that lasts can be imported by an entry beside it, and by no fresh one."""
    await box.write("lasting_module.py", b"x = 1\n")
    kinds = []
    for fresh in (False, True):
        entry = await box.start("bridge.callee", {}, fresh=fresh)
        try:
            await entry.send(encode(("import", "lasting_module")))
            answer = decode(await entry.receive() or b"", resolve=lambda payload: payload)
        finally:
            await entry.finish()
        kinds.append(answer[0])

    assert kinds == ["value", "raised"]


async def an_entry_that_is_started_fresh_has_the_files_given_to_it_alone(box: Sandbox) -> None:
    async def import_of(module: str, files: dict[str, bytes]) -> object:
        entry = await box.start("bridge.callee", {}, fresh=True, files=files)
        try:
            await entry.send(encode(("import", module)))
            return decode(await entry.receive() or b"", resolve=lambda payload: payload)[0]
        finally:
            await entry.finish()

    assert await import_of("package.given_module", {"package/given_module.py": b"x = 1\n"}) == "value"
    assert await import_of("package.given_module", {"package/other.py": b"x = 1\n"}) == "raised"
    with pytest.raises(FileRefused):
        await box.start("process.echo", {}, fresh=True, files={"../out": b""})
    with pytest.raises(ValueError, match="fresh"):
        await box.start("process.echo", {}, files={"f": b""})
    assert await box.list(".") == ()


FRESH = (
    a_fresh_run_has_a_workspace_of_its_own,
    two_fresh_runs_at_once_do_not_meet,
    files_given_to_a_fresh_run_are_there,
    an_entry_that_is_started_fresh_has_the_files_given_to_it_alone,
    what_a_fresh_run_wrote_is_an_artifact,
    a_run_that_is_not_fresh_has_no_artifacts,
    only_plain_files_are_artifacts,
    artifacts_are_bounded,
    artifacts_of_a_run_that_was_ended_are_kept,
    the_disk_of_a_fresh_run_is_bounded,
    files_that_leave_a_fresh_workspace_are_refused,
    a_cancelled_fresh_run_leaves_the_sandbox_usable,
    an_entry_that_is_started_fresh_sees_no_other_workspace,
)
