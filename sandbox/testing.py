"""The contract of `Sandbox` as functions for a backend's own tests: `for rule in CONTRACT: await rule(box)`.

Each rule gets an open sandbox with the default policy and raises AssertionError where the backend breaks it.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from sandbox.contract import Sandbox
from sandbox.errors import FileRefused
from sandbox.policy import Limits
from sandbox.program import Command, PythonCode
from sandbox.testing_fresh import FRESH

Rule = Callable[[Sandbox], Awaitable[None]]


def python(source: str) -> PythonCode:
    """Source as a program."""
    return PythonCode(source=source)


async def a_program_that_ends_well_is_ok(box: Sandbox) -> None:
    """Both streams apart, exit code 0."""
    result = await box.run(python("import sys; print('out'); print('err', file=sys.stderr)"))

    assert result.ok
    assert (result.exit_code, result.stdout, result.stderr) == (0, "out\n", "err\n")


async def an_exit_code_of_its_own_is_an_error(box: Sandbox) -> None:
    """The code is the program's."""
    result = await box.run(python("raise SystemExit(42)"))

    assert (result.status, result.exit_code, result.killed_by) == ("error", 42, None)


async def sys_exit_with_text_prints_it_and_gives_1(box: Sandbox) -> None:
    """As Python does."""
    result = await box.run(python("import sys; sys.exit('sorry')"))

    assert (result.exit_code, result.stderr) == (1, "sorry\n")


async def an_uncaught_exception_shows_the_line_it_came_from(box: Sandbox) -> None:
    """A traceback as Python prints it, with none of the sandbox's own frames."""
    result = await box.run(python("def f():\n    return 1 / 0  # here\nf()\n"))

    assert result.exit_code == 1
    assert "return 1 / 0  # here" in result.stderr
    assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert result.stderr.count("File ") == 2


async def a_signal_of_its_own_is_an_error_without_exit_code(box: Sandbox) -> None:
    """The signal's number is told."""
    result = await box.run(python("import os; os.abort()"))

    assert (result.status, result.exit_code, result.signal) == ("error", None, 6)


async def what_was_printed_before_the_end_of_time_is_kept(box: Sandbox) -> None:
    """A program that ignores SIGTERM ends at its wall time too."""
    source = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('so far', flush=True)\n"
    began = time.monotonic()

    result = await box.run(python(source + "while True: time.sleep(1)"), limits=Limits(wall_s=0.5))

    assert (result.status, result.killed_by, result.stdout) == ("timeout", "wall", "so far\n")
    assert time.monotonic() - began < 3


async def a_program_that_burns_cpu_is_ended(box: Sandbox) -> None:
    """Within about a second of its CPU time."""
    result = await box.run(python("while True: pass"), limits=Limits(cpu_s=1, wall_s=60))

    assert (result.status, result.killed_by) == ("timeout", "cpu")


async def long_output_keeps_its_head_and_its_tail(box: Sandbox) -> None:
    """And says that the middle is missing."""
    limits = Limits(output_bytes=10_000)

    result = await box.run(python("print('HEAD'); print('x' * 50_000); print('TAIL')"), limits=limits)

    assert result.ok
    assert result.truncated
    assert result.stdout.startswith("HEAD")
    assert result.stdout.endswith("TAIL\n")
    assert len(result.stdout.encode()) <= 10_000


async def a_flood_of_output_is_ended(box: Sandbox) -> None:
    """Long before the wall time."""
    limits = Limits(output_bytes=10_000, wall_s=60)

    result = await box.run(python("while True: print('x' * 1000)"), limits=limits)

    assert (result.status, result.killed_by) == ("output_limit", "output")
    assert len(result.stdout.encode()) <= 10_000


async def a_flood_is_ended_whatever_its_listener_does(box: Sandbox) -> None:
    """It is the caller's own code, and may raise."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    def fail(stream: str, content: bytes) -> None:
        raise LookupError(stream)

    flood = python("import os\nwhile True: os.write(1, b'x' * 65536)")
    result = await box.run(flood, limits=Limits(output_bytes=4096, wall_s=60, cpu_s=60), on_output=fail)

    assert (result.status, result.killed_by) == ("output_limit", "output")


async def bytes_that_are_no_text_are_shown_as_replacements(box: Sandbox) -> None:
    """They never raise."""
    result = await box.run(python(r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb')"))

    assert result.ok
    assert result.stdout == "a\ufffd\ufffdb"


async def output_arrives_while_the_program_runs(box: Sandbox) -> None:
    """As bytes, with the name of the stream."""
    heard: list[tuple[Literal["stdout", "stderr"], bytes]] = []

    await box.run(python("print('now')"), on_output=lambda stream, chunk: heard.append((stream, chunk)))

    assert heard == [("stdout", b"now\n")]


async def stdin_is_what_the_caller_gave(box: Sandbox) -> None:
    """More than a pipe holds, and then its end."""
    content = b"line\n" * 100_000

    result = await box.run(python("import sys; print(len(sys.stdin.buffer.read()))"), stdin=content)

    assert result.stdout == f"{len(content)}\n"


async def stdin_can_be_a_descriptor_of_the_callers(box: Sandbox) -> None:
    """It is read as it comes, and nobody waits for its end."""
    reading, writing = os.pipe()
    heard: list[bytes] = []

    def answer(stream: str, chunk: bytes) -> None:
        heard.append(chunk)
        os.write(writing, b"second\n")

    os.write(writing, b"first\n")
    try:
        result = await box.run(
            python("print(input(), flush=True); print(input())"), stdin=reading, on_output=answer
        )
    finally:
        os.close(writing)
        os.close(reading)

    assert result.stdout == "first\nsecond\n", result.stderr


async def without_stdin_there_is_only_its_end(box: Sandbox) -> None:
    """input() raises EOFError at once."""
    result = await box.run(python("import sys; print(repr(sys.stdin.read()))"))

    assert result.stdout == "''\n"


async def a_greedy_program_is_stopped(box: Sandbox) -> None:
    """By the kernel or by a MemoryError of its own."""
    source = "kept = []\nwhile True:\n    kept.append(b'x' * (8 << 20))\n"

    result = await box.run(python(source), limits=Limits(memory_mb=128))

    assert result.status in ("oom", "error")
    assert result.status == "oom" or "MemoryError" in result.stderr


async def ten_greedy_children_are_stopped_too(box: Sandbox) -> None:
    """The limit is the run's, not each process's."""
    source = """
import os, time
for _ in range(10):
    if os.fork() == 0:
        kept = b'x' * (40 << 20)
        time.sleep(20)
        os._exit(0)
time.sleep(20)
print('ESCAPED')
"""
    result = await box.run(python(source), limits=Limits(memory_mb=128, wall_s=15))

    assert "ESCAPED" not in result.stdout
    assert result.status in ("oom", "error", "timeout")


async def processes_are_counted(box: Sandbox) -> None:
    """The one that is too many is refused, and the program can go on."""
    source = """
import os, time
made = 0
try:
    for _ in range(100):
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError:
    print('refused after', made)
"""
    result = await box.run(python(source), limits=Limits(processes=20))

    assert result.stdout.startswith("refused after ")
    assert int(result.stdout.split()[-1]) <= 20


async def the_disk_is_bounded(box: Sandbox) -> None:
    """In the workspace and in /tmp, in one file or many."""
    source = """
import os
for folder in ('.', '/tmp'):
    written = 0
    try:
        for i in range(10):
            with open(f'{folder}/{i}', 'wb') as file:
                for _ in range(64):
                    written += file.write(bytes(1 << 20))
    except OSError as error:
        print(written <= 300 << 20, error.errno)
    for i in range(10):
        if os.path.exists(f'{folder}/{i}'):
            os.unlink(f'{folder}/{i}')
"""
    result = await box.run(python(source))

    assert result.stdout == "True 28\nTrue 28\n", (result.stdout, result.stderr)


async def the_workspace_lasts_and_nothing_else_does(box: Sandbox) -> None:
    """Files in the workspace stay from run to run; /tmp, /dev/shm and processes don't."""
    await box.run(python("for at in ('kept', '/tmp/gone', '/dev/shm/gone'): open(at, 'w').write('x')"))

    result = await box.run(
        python("import os; print([os.path.exists(at) for at in ('kept', '/tmp/gone', '/dev/shm/gone')])")
    )

    assert result.stdout == "[True, False, False]\n"


async def a_daemon_dies_with_its_run(box: Sandbox) -> None:
    """However it has hidden itself: the caller doesn't wait for it, and it writes nothing any more."""
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            open('beat', 'a').write('x')
            time.sleep(0.01)
    os._exit(0)
while not os.path.exists('beat'):
    time.sleep(0.01)
"""
    began = time.monotonic()

    result = await box.run(python(source))

    assert result.ok
    assert time.monotonic() - began < 5
    before = await box.read("beat")
    await box.run(python("import time; time.sleep(0.2)"))
    assert await box.read("beat") == before


async def nothing_answers_on_the_network(box: Sandbox) -> None:
    """No route, and no name service; loopback inside the run works."""
    source = """
import socket
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname()).close()
for address in (('192.0.2.1', 80), ('2001:db8::1', 80), ('example.org', 80)):
    try:
        socket.create_connection(address, timeout=3)
        print('ESCAPED')
    except OSError:
        print('refused')
"""
    result = await box.run(python(source))

    assert result.stdout == "refused\n" * 3, (result.stdout, result.stderr)


async def two_runs_at_once_do_not_meet(box: Sandbox) -> None:
    """Neither by processes, nor by sockets."""
    waits = "import socket, time\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0meeting')\ns.listen()\n"
    waits += "open('ready', 'w').close()\ntime.sleep(1)\nprint('alive')"
    attacks = """
import os, socket, time
while not os.path.exists('ready'):
    time.sleep(0.01)
for pid in range(2, 5000):
    if pid != os.getpid():
        try:
            os.kill(pid, 9)
        except OSError:
            pass
try:
    socket.socket(socket.AF_UNIX).connect('\\0meeting')
    print('ESCAPED')
except OSError:
    print('alone', sum(name.isdigit() for name in os.listdir('/proc')))
"""
    first, second = await asyncio.gather(box.run(python(waits)), box.run(python(attacks)))

    assert first.stdout == "alive\n"
    assert second.stdout == "alone 2\n"


async def the_environment_is_clean(box: Sandbox) -> None:
    """A few names that every program may count on, and nothing of the host's."""
    result = await box.run(python("import os; print(*sorted(os.environ))"))

    assert set(result.stdout.split()) <= {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "USER"}


async def a_command_is_found_on_the_path(box: Sandbox) -> None:
    """With its arguments and its own environment."""
    command = Command(argv=("sh", "-c", 'echo "$1 $GIVEN"; exit 3', "sh", "a b"), environment={"GIVEN": "c"})

    result = await box.run(command)

    assert (result.exit_code, result.stdout) == (3, "a b c\n")


async def a_command_that_cannot_run_says_why(box: Sandbox) -> None:
    """127 where there is none, 126 where it can't be executed, as a shell has it."""
    await box.write("data.txt", b"not a program")

    missing = await box.run(Command(argv=("no-such-program",)))
    data = await box.run(Command(argv=("./data.txt",)))
    nameless = await box.run(Command(argv=("",)))

    assert missing.exit_code == 127
    assert "no-such-program: command not found" in missing.stderr
    assert (nameless.exit_code, nameless.stderr) == (127, ": command not found\n")
    assert data.exit_code == 126


async def python_is_there_by_both_names(box: Sandbox) -> None:
    """The same interpreter as for PythonCode."""
    own = await box.run(python("import sys; print(sys.prefix, sys.version_info[:3])"))
    for name in ("python", "python3"):
        script = "import sys; print(sys.prefix, sys.version_info[:3])"

        result = await box.run(Command(argv=(name, "-c", script)))

        assert result.stdout == own.stdout, (name, result.stderr)


async def python_code_is_main(box: Sandbox) -> None:
    """With its arguments, its file's name, and functions that child processes can find."""
    source = """
import multiprocessing, sys
def square(n):
    return n * n
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, [1, 2, 3]), sys.argv, __file__.endswith('/tool.py'))
"""
    result = await box.run(PythonCode(source=source, filename="tool.py", arguments=("-v",)))

    assert result.stdout == "[1, 4, 9] ['tool.py', '-v'] True\n", result.stderr


async def python_ends_as_python_does(box: Sandbox) -> None:
    """atexit runs, threads are waited for, and a file that was never closed is written."""
    source = """
import atexit, threading, time
kept = open('kept.txt', 'w')
kept.write('written')
atexit.register(print, 'at exit')
threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()
"""
    result = await box.run(python(source))

    assert result.stdout == "thread\nat exit\n", result.stderr
    assert await box.read("kept.txt") == b"written"


async def the_workspace_can_be_imported_from(box: Sandbox) -> None:
    """Its folder is first on the path, and modules of the sandbox's own don't answer."""
    await box.write("wire.py", b"value = 7")

    result = await box.run(
        python("import wire; print(wire.value)\ntry:\n  import sandbox\nexcept ImportError: print('no')")
    )

    assert result.stdout == "7\nno\n", result.stderr


async def files_go_in_and_out(box: Sandbox) -> None:
    """Folders on the way are made; the manifest hashes what is there; removing is quiet."""
    await box.write("a/b.bin", b"\x00\xff")
    await box.write("run.sh", b"#!/bin/sh\necho ran\n", executable=True)

    listed = await box.manifest()
    ran = await box.run(Command(argv=("./run.sh",)))

    assert await box.read("a/b.bin") == b"\x00\xff"
    assert listed["a/b.bin"] == hashlib.sha256(b"\x00\xff").hexdigest()
    assert ran.stdout == "ran\n"
    for path in ("a", "run.sh", "never/there"):
        await box.remove(path)
    assert await box.manifest() == {}


async def a_manifest_is_soon_there_whatever_sizes_files_claim(box: Sandbox) -> None:
    """Holes cost a program nothing; hashing all of them would take an hour."""
    await box.run(python("for i in range(5000): open(f'hole{i}', 'w').truncate(200 << 20)"))
    await box.write("a.txt", b"x")
    began = time.monotonic()

    listed = await box.manifest()

    assert listed["a.txt"] == hashlib.sha256(b"x").hexdigest()
    assert time.monotonic() - began < 60


async def a_written_file_replaces_what_was_there(box: Sandbox) -> None:
    """Shorter content leaves nothing of the longer."""
    await box.write("f", b"long content")

    await box.write("f", b"short")

    assert await box.read("f") == b"short"


async def all_of_the_workspace_can_be_removed(box: Sandbox) -> None:
    """Whatever a program left there, and whatever it did to the folder itself."""
    littered = """
import os, socket
os.makedirs('deep/' * 300 + 'x')
os.mkfifo('fifo')
os.symlink('/etc', 'link')
open('one', 'w').close()
os.link('one', 'two')
open(b'\\xff\\n', 'w').close()
socket.socket(socket.AF_UNIX).bind('socket')
os.chmod('deep', 0)
os.chmod('.', 0)
"""
    littering = await box.run(python(littered))

    await box.remove(".")

    await box.write("new", b"x")
    found = await box.run(python("import os; print(os.listdir())"))
    assert littering.ok, littering.stderr
    assert found.stdout == "['new']\n"


async def what_is_laid_is_all_that_is_there(box: Sandbox) -> None:
    """Laid again, the files are as they were at first, whatever a program has made of them and put beside."""
    files = {f"{name}/inner/file.py": f"{name} = 1\n".encode() for name in "abcdefgh"}
    files["run.sh"] = b"#!/bin/sh\necho ran\n"
    littered = """
import os, shutil
open('a/inner/file.py', 'r+').write('A')
os.chmod('b/inner/file.py', 0o777)
os.link('c/inner/file.py', 'second_name')
os.remove('d/inner/file.py'); os.symlink('../../a/inner/file.py', 'd/inner/file.py')
os.rename('e', 'E'); os.symlink('E', 'e')
os.remove('f/inner/file.py'); os.makedirs('f/inner/file.py/deep')
shutil.rmtree('g'); open('g', 'w').close()
os.mkfifo('h/inner/fifo'); open(b'h/\\xff', 'w').close()
os.makedirs('empty/folder'); os.chmod('run.sh', 0o644)
os.chmod('h', 0); os.chmod('.', 0)
"""
    laid = await box.lay(files)
    littering = await box.run(python(littered))

    laid_again = await box.lay(files)

    find = (
        "find . -mindepth 1 ! -type d ! -type f; find . -links +1 -type f; find . -perm -002; find . -type d"
    )
    found = await box.run(Command(argv=("sh", "-c", f"./run.sh; ({find}) | sort")))
    folders = sorted([".", *(f"./{name}{inner}" for name in "abcdefgh" for inner in ("", "/inner"))])
    assert littering.ok, littering.stderr
    assert found.stdout == "\n".join(["ran", *folders, ""])
    assert await box.manifest() == laid == laid_again
    assert laid == {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


async def paths_that_leave_the_workspace_are_refused(box: Sandbox) -> None:
    """By name or by link, in and out."""
    await box.run(python("import os; os.symlink('/etc', 'folder'); os.symlink('/etc/passwd', 'file')"))
    for path in ("../x", "/etc/passwd", "a/../../x", "", ".", "folder/passwd", "file", "nul\0"):
        for act in (box.read(path), box.write(path, b"x")):
            await _refused(act, path)


async def what_is_no_regular_file_is_refused(box: Sandbox) -> None:
    """FIFOs don't hang, folders, missing and too large files are told."""
    await box.run(python("import os; os.mkfifo('fifo'); os.mkdir('d'); open('big', 'wb').write(bytes(2000))"))
    for path in ("fifo", "d", "missing", "fifo/x"):
        await _refused(box.read(path), path)
    await _refused(box.read("big", limit=1999), "big")
    assert len(await box.read("big", limit=2000)) == 2000
    await _refused(box.write("d", b"x"), "d")


async def a_full_disk_refuses_a_file(box: Sandbox) -> None:
    """And goes on working."""
    await _refused(box.write("big", bytes(300 << 20)), "big")
    await box.remove("big")

    await box.write("small", b"x")

    assert await box.read("small") == b"x"


async def a_cancelled_run_leaves_the_sandbox_usable(box: Sandbox) -> None:
    """Its program is gone when the cancellation comes through."""
    source = """
import time
while True:
    open('beat', 'a').write('x')
    print(flush=True)
    time.sleep(0.01)
"""
    beating = asyncio.Event()
    running = asyncio.create_task(box.run(python(source), on_output=lambda *_: beating.set()))
    await beating.wait()

    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    before = await box.read("beat")
    assert (await box.run(python("import time; time.sleep(0.2); print(1)"))).stdout == "1\n"
    assert await box.read("beat") == before


async def frames_go_through_a_channel(box: Sandbox) -> None:
    """Both ways, small and large, and its end is None."""
    running = await box.start("echo", {"prefix": "> "})
    for frame in (b"hello", b"", b"x" * 3_000_000):
        await running.send(frame)
        assert await running.receive() == b"> " + frame

    result = await running.finish()

    assert result.status in ("ok", "killed")
    assert await running.receive() is None


async def a_channel_ends_with_its_time(box: Sandbox) -> None:
    """The receiver gets None, the Result names the limit."""
    running = await box.start("echo", {}, limits=Limits(wall_s=0.5))

    assert await running.receive() is None

    assert (await running.finish()).status == "timeout"


async def every_guarantee_is_named(box: Sandbox) -> None:
    """With its mechanism, or None."""
    named = {item.guarantee for item in box.capabilities()}

    assert named >= {"memory", "processes", "wall time", "output", "disk", "network", "nothing left"}


async def closing_twice_is_closing_once(box: Sandbox) -> None:
    """And a closed sandbox runs nothing."""
    await box.close()

    await box.close()


async def _refused(act: Awaitable[object], path: str) -> None:
    try:
        await act
    except FileRefused:
        return
    raise AssertionError(f"{path!r} was not refused")


CONTRACT: tuple[Rule, ...] = (
    a_program_that_ends_well_is_ok,
    an_exit_code_of_its_own_is_an_error,
    sys_exit_with_text_prints_it_and_gives_1,
    an_uncaught_exception_shows_the_line_it_came_from,
    a_signal_of_its_own_is_an_error_without_exit_code,
    what_was_printed_before_the_end_of_time_is_kept,
    a_program_that_burns_cpu_is_ended,
    long_output_keeps_its_head_and_its_tail,
    a_flood_of_output_is_ended,
    a_flood_is_ended_whatever_its_listener_does,
    bytes_that_are_no_text_are_shown_as_replacements,
    output_arrives_while_the_program_runs,
    stdin_is_what_the_caller_gave,
    stdin_can_be_a_descriptor_of_the_callers,
    without_stdin_there_is_only_its_end,
    a_greedy_program_is_stopped,
    ten_greedy_children_are_stopped_too,
    processes_are_counted,
    the_disk_is_bounded,
    the_workspace_lasts_and_nothing_else_does,
    a_daemon_dies_with_its_run,
    nothing_answers_on_the_network,
    two_runs_at_once_do_not_meet,
    the_environment_is_clean,
    a_command_is_found_on_the_path,
    a_command_that_cannot_run_says_why,
    python_is_there_by_both_names,
    python_code_is_main,
    python_ends_as_python_does,
    the_workspace_can_be_imported_from,
    files_go_in_and_out,
    a_manifest_is_soon_there_whatever_sizes_files_claim,
    what_is_laid_is_all_that_is_there,
    a_written_file_replaces_what_was_there,
    all_of_the_workspace_can_be_removed,
    paths_that_leave_the_workspace_are_refused,
    what_is_no_regular_file_is_refused,
    a_full_disk_refuses_a_file,
    a_cancelled_run_leaves_the_sandbox_usable,
    frames_go_through_a_channel,
    a_channel_ends_with_its_time,
    every_guarantee_is_named,
    closing_twice_is_closing_once,
    *FRESH,
)
