"""What holds a program where there are no namespaces, and what does not."""

import asyncio
import os
import socket
import tempfile
import venv
from pathlib import Path

import pytest

from sandbox import BackendMissing, Policy, PolicyUnmet, PythonCode
from sandbox.backends.container import BareHostWarning, open_in_container
from sandbox.inner.process.descendants import fields_of
from sandbox.supervisor.surroundings import is_container
from tests.ordinary_user import run_as_ordinary_user
from tests.processes import processes_with, wait_until
from tests.system_python import SYSTEM_PYTHON

pytestmark = pytest.mark.usefixtures("allowed_host")
POLICY = Policy(python=SYSTEM_PYTHON, wall_s=30)
ESCAPED = "ESCAPED"
AT_REST = 20
"""More processes than a pool's next children have."""
WATCH = """
import ctypes
libc = ctypes.CDLL(None)
init, add = libc.inotify_init, libc.inotify_add_watch
"""
"""Landlock doesn't keep a program from being told what happens in a folder that it can't open."""


async def tried(source: str, *without: str, policy: Policy = POLICY) -> str:
    async with open_in_container(policy, without=frozenset(without)) as box:
        return (await box.run(PythonCode(source=source))).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mechanism", "source"),
    [
        ("landlock", "open('/etc/passwd').read(); print('ESCAPED')"),
        ("landlock", "import os; os.listdir('/'); print('ESCAPED')"),
        ("landlock", "open('/proc/1/status').read(); print('ESCAPED')"),
        ("landlock", "open('/var/tmp/written-by-a-test', 'w').close(); print('ESCAPED')"),
        ("seccomp", "import socket; socket.socket(socket.AF_UNIX); print('ESCAPED')"),
        ("seccomp", "import socket; socket.socket(); print('ESCAPED')"),
        ("seccomp", "import os; os.memfd_create('x'); print('ESCAPED')"),
        ("seccomp", f"{WATCH}\nprint('ESCAPED' if add(init(), b'/usr', 0xFFF) > 0 else '')"),
        ("seccomp", "import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 19); print('ESCAPED')"),
        ("seccomp", "import resource as r, os; r.prlimit(os.getppid(), r.RLIMIT_CORE); print('ESCAPED')"),
    ],
)
async def test_the_mechanism_contains_the_probe_and_without_it_the_probe_escapes(
    mechanism: str, source: str
) -> None:
    try:
        assert ESCAPED not in await tried(source)
        assert ESCAPED in await tried(source, mechanism)
    finally:
        Path("/var/tmp/written-by-a-test").unlink(missing_ok=True)


@pytest.mark.slow
async def test_a_pair_of_sockets_is_all_that_an_event_loop_needs() -> None:
    assert await tried("import asyncio\nasync def main(): print('ran')\nasyncio.run(main())") == "ran\n"


@pytest.mark.slow
@pytest.mark.parametrize("without", [frozenset(), frozenset({"leftovers"})])
async def test_whatever_a_run_started_ends_with_it(without: frozenset[str]) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    source = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        os.execvp('sh', ['sh', '-c', ': > up; while :; do sleep 1; done', {tag!r}])
    os._exit(0)
while not os.path.exists('up'):
    time.sleep(0.01)
"""
    async with open_in_container(POLICY, without=without) as box:
        assert (await box.run(PythonCode(source=source))).ok
        if not without:
            assert processes_with(tag) == []
    assert processes_with(tag) == []  # without the reaper's care the keeper finds it as an orphan


@pytest.mark.slow
async def test_a_fork_bomb_ends_with_its_run() -> None:
    source = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    policy = POLICY.model_copy(update={"wall_s": 0.5, "processes": 40})
    async with open_in_container(policy) as box:
        result = await box.run(PythonCode(source=source))

        uid = box.uid
        assert result.status == "timeout"
        # The caller has its Result at once; on a busy machine the last of a bomb dies a moment later.
        assert await asyncio.to_thread(wait_until, lambda: len(_processes(uid)) <= AT_REST)
        at_rest = _processes(uid)
    # Another sandbox may have the uid by now; and pids come again soon, as a bomb in a cgroup uses them up.
    assert await asyncio.to_thread(wait_until, lambda: not at_rest.keys() & _processes(uid).keys())


def _processes(uid: int) -> dict[tuple[str, str], str]:
    """Command lines by pid and start time of the processes of a uid."""
    pids = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _uid(pid) == uid]
    return {(pid, fields[19]): _command(pid) for pid in pids if (fields := fields_of(int(pid)))}


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _uid(pid: str) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except FileNotFoundError:
        return -1


@pytest.mark.slow
@pytest.mark.parametrize("found", [0, 1, 2])
async def test_a_kernel_whose_landlock_is_missing_or_too_old_opens_and_keeps_no_files_closed(
    found: int,
) -> None:
    async with open_in_container(POLICY, landlock=found) as box:
        result = await box.run(PythonCode(source="print(bool(open('/etc/passwd').read()))"))
        unkept = {item.guarantee for item in box.capabilities() if item.enforcement == "none"}

    assert result.stdout == ("" if found == 2 else "True\n")
    assert {"host files", "other runs"} <= unkept


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        (["/.dockerenv"], {}),
        (["/run/.containerenv"], {}),
        ([], {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}),
        (["/proc/1/environ"], {}),
    ],
)
def test_a_container_is_known_by_what_engines_put_there(
    files: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    assert not is_container({}, root=tmp_path)
    for name in files:
        (place := tmp_path / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"TERM=xterm\0container=podman\0")

    assert is_container(variables, root=tmp_path)


async def test_on_a_bare_host_it_is_refused_even_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODER_UNSAFE_HOST")

    with pytest.raises(BackendMissing, match="relies on a container around this process"):
        async with open_in_container(POLICY, inside=False):
            pass


@pytest.mark.slow
async def test_a_variable_permits_it_on_a_bare_host_with_a_warning_each_time() -> None:
    for _ in range(2):
        with pytest.warns(BareHostWarning, match="no container is around"):
            async with open_in_container(POLICY, inside=False) as box:
                assert (await box.run(PythonCode(source="print('ran')"))).stdout == "ran\n"


async def test_an_interpreter_that_the_uid_of_programs_cannot_reach_is_told(tmp_path: Path) -> None:
    python = tmp_path / "closed" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    (tmp_path / "closed" / "lib" / "python3.11").mkdir(parents=True)
    (tmp_path / "closed" / "lib" / "python3.11" / "os.py").touch()
    python.touch()
    python.chmod(0o755)
    (tmp_path / "closed").chmod(0o700)

    with pytest.raises(BackendMissing, match=r"closed is closed to it\. Name another Python with --python"):
        async with open_in_container(Policy(python=python)):
            pass


async def test_nothing_of_a_virtual_environment_runs_before_the_walls_are_up() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o777)
        venv.create(folder / "v", with_pip=False, symlinks=True)
        fake = folder / "v" / "bin" / "python"
        fake.unlink()
        fake.write_text(f'#!/bin/sh\ntouch {folder}/escaped\nexec {SYSTEM_PYTHON} "$@"\n')
        fake.chmod(0o755)
        (folder / "v" / "bin" / "python3").unlink()
        (folder / "v" / "bin" / "python3").symlink_to(SYSTEM_PYTHON)
        configuration = folder / "v" / "pyvenv.cfg"
        configuration.write_text(f"home = {SYSTEM_PYTHON.parent}\n")

        async with open_in_container(Policy(python=fake)) as box:
            result = await box.run(PythonCode(source="import sys; print(sys.prefix)"))

        assert result.stdout == f"{folder}/v\n", result
        assert not (folder / "escaped").exists()


async def test_a_strict_policy_is_refused_by_what_nothing_keeps() -> None:
    with pytest.raises(PolicyUnmet, match="names of other processes"):
        async with open_in_container(POLICY.model_copy(update={"strict": True})):
            pass


@pytest.mark.slow
async def test_a_socket_of_this_machine_is_out_of_reach(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"import socket; socket.create_connection(('127.0.0.1', {port})); print('ESCAPED')"
        assert ESCAPED not in await tried(source)
        assert ESCAPED in await tried(source, "seccomp")


@pytest.mark.slow
@pytest.mark.parametrize(("landlock", "kept"), [(99, "enforced"), (5, "none")])
async def test_two_runs_do_not_signal_each_other_where_it_is_said_so(landlock: int, kept: str) -> None:
    waits = """
import os, time
open('pid', 'w').write(str(os.getpid()))
while not os.path.exists('tried'):
    time.sleep(0.01)
print('alive')
"""
    kills = """
import os, time
while not os.path.exists('pid') or not open('pid').read():
    time.sleep(0.01)
try:
    os.kill(int(open('pid').read()), 9)
except PermissionError:
    print('refused')
open('tried', 'w').close()
"""
    async with open_in_container(POLICY, landlock=landlock) as box:
        first, second = await asyncio.gather(
            box.run(PythonCode(source=waits)), box.run(PythonCode(source=kills))
        )
        enforcements = {item.guarantee: item.enforcement for item in box.capabilities()}

    assert enforcements["other runs"] == kept
    assert (first.stdout, second.stdout) == (("alive\n", "refused\n") if kept == "enforced" else ("", ""))


@pytest.mark.slow
def test_folders_that_a_program_closes_are_gone_at_the_end() -> None:
    close = """
import os
for folder in (os.getcwd(), os.path.dirname(os.getcwd())):
    os.chmod(folder, 0)
print("closed")
"""
    script = f"""
import asyncio, os, tempfile
from pathlib import Path
from sandbox import Policy, PythonCode
from sandbox.supervisor.owner import this_process
from sandbox.backends.container import open_in_container
from sandbox.inner.process.descendants import fields_of
async def main():
    for fresh in (False, True):
        async with open_in_container(Policy(python=Path({str(SYSTEM_PYTHON)!r}))) as box:
            print((await box.run(PythonCode(source={close!r}), fresh=fresh)).stdout.strip())
    print([name for name in os.listdir(tempfile.gettempdir()) if this_process().mark in name])
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "closed\nclosed\n[]\n", ended.stderr


@pytest.mark.slow
def test_an_ordinary_user_is_told_what_their_own_uid_leaves_open() -> None:
    script = f"""
import asyncio, os
from pathlib import Path
from sandbox import Policy, PythonCode
from sandbox.backends.container import open_in_container
from sandbox.inner.process.descendants import fields_of
async def main():
    async with open_in_container(Policy(python=Path({str(SYSTEM_PYTHON)!r}))) as box:
        for fresh in (False, True):
            result = await box.run(PythonCode(source="open('f', 'w').write('x'); print('ran')"), fresh=fresh)
            print(result.stdout.strip() or result)
        result = await box.run(PythonCode(source="open('/tmp/home/f', 'w')"))
        print('PermissionError' in result.stderr)
        print(*(item.guarantee for item in box.capabilities() if item.enforcement == "none"), sep=", ")
    print([name for name in os.listdir("/tmp") if name.startswith("coder")])
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == (
        "ran\nran\nTrue\nmodes and times of host files, names of other processes, other sandboxes\n[]\n"
    ), ended.stderr
