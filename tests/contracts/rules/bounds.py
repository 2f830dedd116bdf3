"""How much a program may use, and whom it may meet."""

import asyncio
import os

from sandbox.contract import Sandbox
from sandbox.policy import Limits
from tests.contracts.rules.source import python


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
children = []
for _ in range(10):
    children.append(os.fork())
    if children[-1] == 0:
        kept = b'x' * (40 << 20)
        open(f'kept-{os.getpid()}', 'w').close()
        time.sleep(600)
while not all(os.path.exists(f'kept-{child}') for child in children):
    if os.waitpid(-1, os.WNOHANG)[0]:
        print('stopped')
        break
    time.sleep(0.01)
else:
    print('ESCAPED')
for child in children:
    try:
        os.kill(child, 9)
    except ProcessLookupError:
        pass
"""
    result = await box.run(python(source), limits=Limits(memory_mb=128))

    assert "ESCAPED" not in result.stdout
    assert result.stdout == "stopped\n" or result.status in ("oom", "error"), result


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


async def a_run_behind_others_has_the_lowest_priority_and_the_next_one_the_usual(box: Sandbox) -> None:
    """A process can't raise its priority again."""
    source = """
import os
before = os.nice(0)
try:
    os.nice(-5)
except OSError:
    pass
print(before, os.nice(0))
"""

    behind = await box.run(python(source), limits=Limits(behind=True))
    usual = await box.run(python(source))

    assert behind.stdout == "19 19\n"
    assert usual.stdout == f"{os.nice(0)} {os.nice(0)}\n"


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
    # A name of its own: where /tmp is the machine's, what others put there can be seen.
    name = f"kept-{os.urandom(8).hex()}"
    places = (name, f"/tmp/{name}", f"/dev/shm/{name}")
    await box.run(python(f"for at in {places}: open(at, 'w').write('x')"))

    result = await box.run(python(f"import os; print([os.path.exists(at) for at in {places}])"))

    assert result.stdout == "[True, False, False]\n"


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
killed = []
for pid in range(2, 5000):
    if pid != os.getpid():
        try:
            os.kill(pid, 9)
            killed.append(pid)
        except OSError:
            pass
try:
    socket.socket(socket.AF_UNIX).connect('\\0meeting')
    print('ESCAPED')
except OSError:
    print('alone', killed)
"""
    first, second = await asyncio.gather(box.run(python(waits)), box.run(python(attacks)))

    assert first.stdout == "alive\n"
    assert second.stdout == "alone []\n"


async def the_environment_is_clean(box: Sandbox) -> None:
    """A few names that every program may count on, and nothing of the host's."""
    result = await box.run(python("import os; print(*sorted(os.environ))"))

    assert set(result.stdout.split()) <= {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "USER"}


BOUNDS = (
    a_greedy_program_is_stopped,
    ten_greedy_children_are_stopped_too,
    a_run_behind_others_has_the_lowest_priority_and_the_next_one_the_usual,
    processes_are_counted,
    the_disk_is_bounded,
    the_workspace_lasts_and_nothing_else_does,
    nothing_answers_on_the_network,
    two_runs_at_once_do_not_meet,
    the_environment_is_clean,
)
