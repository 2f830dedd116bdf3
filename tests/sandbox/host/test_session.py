"""A session is a place that stays: commands follow one another and live side by side in it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from sandbox import Command, Policy, PythonCode, Sandbox, Session, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.docker.open_docker import open_docker
from sandbox.host.command_run import CommandRun
from sandbox.result import StillRunning
from tests.contracts.rules.file_contract import OF_SESSIONS_TOO
from tests.contracts.rules.folder_contract import FOLDERS
from tests.docker_engine import IMAGE
from tests.growing_limits import growing_limits
from tests.layered import open_layered
from tests.ordinary_user import run_as_ordinary_user
from tests.processes import SLEEPS, processes_with, wait_until
from tests.system_python import SYSTEM_PYTHON

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOMY = Policy(wall_s=60, cpu_s=600, open_files=1024)


@pytest_asyncio.fixture(
    params=[
        "two",
        "layer",
        "one",
        "container",
        pytest.param("docker", marks=[pytest.mark.slow, pytest.mark.foreign]),
    ],
    scope="module",
    loop_scope="module",
)
async def opened_once(request: pytest.FixtureRequest, allowed_host: None) -> AsyncIterator[Sandbox]:
    if request.param == "container":
        async with open_in_container(ROOMY.model_copy(update={"python": SYSTEM_PYTHON})) as opened:
            yield opened
        return
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        async with open_docker(ROOMY.model_copy(update={"image": IMAGE})) as opened:
            yield opened
        return
    if request.param == "layer":
        async with open_layered(ROOMY) as opened:
            yield opened
        return
    async with open_bubblewrap(ROOMY, walls=request.param) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def roomy(opened_once: Sandbox) -> AsyncIterator[Sandbox]:
    """A sandbox of the module's, with an empty workspace."""
    yield opened_once
    await opened_once.remove(".")


@pytest_asyncio.fixture(loop_scope="module")
async def session(roomy: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    fresh = "layer" not in request.node.callspec.id
    async with roomy.session(fresh=fresh) as opened:
        yield opened


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_command_gives_its_exit_code_and_both_streams_as_they_came(session: Session) -> None:
    result = await session.sh("echo one; echo two >&2; echo three; exit 3")

    assert (result.status, result.exit_code, result.output) == ("error", 3, "one\ntwo\nthree\n")
    assert (result.output_bytes, result.truncated, result.still_running) == (14, False, ())


async def test_what_a_command_did_is_there_for_the_next_one(session: Session) -> None:
    await session.sh("mkdir src; echo 1 > src/a; echo 2 > ${TMPDIR:-/tmp}/b")

    result = await session.sh('cat a ${TMPDIR:-/tmp}/b; echo "$X"', cwd="src", environment={"X": "given"})

    assert result.output == "1\n2\ngiven\n"


async def test_a_session_names_the_folder_in_which_its_commands_begin(session: Session) -> None:
    assert (await session.sh("pwd")).output == f"{session.root}\n"


async def test_a_command_reads_what_it_is_given_and_nothing_else(session: Session) -> None:
    content = b"line\n" * 100_000

    counted = await session.sh("wc -c; printf more >&0", stdin=content)
    nothing = await session.sh("wc -c; (read line < /dev/tty) 2> /dev/null || echo no terminal")

    assert (counted.output.split()[0], counted.ok) == ("500000", False)
    assert nothing.output == "0\nno terminal\n"


async def test_a_program_brings_its_own_folder_and_variables(session: Session) -> None:
    await session.make_folder("src/deep")
    own = PythonCode(
        source="import os; print(os.path.basename(os.getcwd()), os.environ['X'])",
        cwd="src",
        environment={"X": "1"},
    )

    alone = await session.run(own)
    other = await session.run(own, cwd="src/deep", environment={"X": "2"})

    assert (alone.output, other.output) == ("src 1\n", "deep 2\n")


async def test_a_session_sees_the_workspace_that_runs_share(roomy: Sandbox) -> None:
    await roomy.write("given.txt", b"content")
    async with roomy.session() as session:
        result = await session.sh("cat given.txt; echo made > made.txt")

    assert result.output == "content"
    assert await roomy.read("made.txt") == b"made\n"


async def test_python_and_programs_run_beside_the_shell(session: Session) -> None:
    python = await session.python("import sys; print(sys.argv)")
    program = await session.run(PythonCode(source="import sys; print(sys.argv[1:])", arguments=("a b",)))
    command = await session.run(Command(argv=("sh", "-c", "echo $GIVEN"), environment={"GIVEN": "c"}))

    assert (python.output, program.output, command.output) == ("['-c']\n", "['a b']\n", "c\n")


async def test_a_program_that_is_not_there_and_a_folder_that_is_not_there_are_results(
    session: Session,
) -> None:
    missing = await session.run(Command(argv=("no-such-program",)))
    nowhere = await session.sh("echo never", cwd="no/such")

    assert (missing.exit_code, missing.output) == (127, "no-such-program: command not found\n")
    assert (nowhere.exit_code, nowhere.output) == (1, "cd: no/such: No such file or directory\n")


async def test_a_command_ends_with_its_own_process_and_names_what_it_left_running(session: Session) -> None:
    result = await session.sh(f"sleep 1000 & {SLEEPS}; echo started")
    after = await session.sh(f"kill {result.still_running[0].pid} && echo killed")

    assert (result.status, result.output) == ("ok", "started\n")
    assert [process.command for process in result.still_running] == ["sleep 1000"]
    assert (after.output, after.still_running) == ("killed\n", ())


async def test_what_runs_in_the_background_is_known_until_it_ends(session: Session) -> None:
    await session.sh("true")
    server = await session.start("exec sleep 1000")
    await session.sh(f"sleep 1001 > /dev/null 2>&1 & {SLEEPS}; echo begun")

    started, leftover_job = await session.background()
    assert [one.command for job in (started, leftover_job) for one in job.processes] == [
        "sleep 1000",
        "sleep 1001",
    ]
    assert started.processes[0].pid == server.pid
    assert started.seconds >= leftover_job.seconds > 0
    assert (await session.sh(f"cat {leftover_job.log}")).output == "begun\n"

    await leftover_job.stop()
    assert [job.log for job in await session.background()] == [server.log]
    await session.sh(f"kill {server.pid}")
    await server.wait()
    assert list(await session.background()) == []


async def test_a_process_is_named_without_what_a_terminal_would_obey(session: Session) -> None:
    result = await session.sh(f"(exec -a $'\\e[2Jname' sleep 1000) & {SLEEPS}")

    assert [process.command for process in result.still_running] == ["?[2Jname 1000"]


async def test_later_output_of_what_was_left_running_goes_to_a_file(session: Session) -> None:
    result = await session.sh("(while [ ! -e go ]; do sleep 0.01; done; echo later) & echo now")

    later = await session.sh(
        f": > go; until grep -q later {result.log}; do sleep 0.01; done; cat {result.log}"
    )

    assert (result.output, later.output) == ("now\n", "now\nlater\n")


async def test_a_started_program_serves_the_commands_that_follow(
    session: Session, request: pytest.FixtureRequest
) -> None:
    if "container" in request.node.callspec.id:
        pytest.xfail("there are no sockets, as there is no network namespace")
    await session.write("index.html", b"served")
    server = await session.start("exec python3 -m http.server 8000 --bind 127.0.0.1")

    fetch = """
import time, urllib.request
for _ in range(500):
    try:
        print(urllib.request.urlopen('http://127.0.0.1:8000').read().decode())
        break
    except OSError:
        time.sleep(0.02)
"""
    answer = await session.python(fetch)
    ended = await server.stop()

    assert answer.output == "served\n"
    assert (ended.status, ended.killed_by, server.running) == ("killed", "cancel", False)
    assert "GET /" in ended.output


async def test_a_started_program_that_ends_tells_how(session: Session) -> None:
    program = await session.start(Command(argv=("sh", "-c", "echo done; exit 4")))

    result = await program.wait()

    assert (result.exit_code, result.output) == (4, "done\n")


@pytest.mark.slow
async def test_at_its_deadline_a_command_and_what_it_started_end_and_others_live_on(session: Session) -> None:
    server = await session.start("sleep 1000")
    before = await session.sh("sleep 1001 & echo $!")

    stays = "trap '' TERM; sleep 1002 & echo begun; while :; do sleep 1; done"
    for wall_s in growing_limits(0.5):
        result = await session.sh(stays, wall_s=wall_s)
        if result.output:
            break
    listing = await session.sh(
        "cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' | grep -o 'sleep 100[0-9]' | sort -u"
    )

    assert (result.status, result.killed_by, result.output) == ("timeout", "wall", "begun\n")
    assert result.still_running == ()
    assert server.running
    assert before.still_running
    assert listing.output.split("\n")[:2] == ["sleep 1000", "sleep 1001"]
    assert "1002" not in listing.output


async def test_a_command_that_heeds_sigterm_may_tidy_up(session: Session) -> None:
    tidies = "trap 'echo tidied; exit 5' TERM; while :; do sleep 0.05; done"
    for wall_s in growing_limits(0.5):
        result = await session.sh(tidies, wall_s=wall_s)
        if result.exit_code is not None:
            break

    assert (result.status, result.exit_code) == ("timeout", 5)
    assert result.output.endswith("tidied\n")


@pytest.mark.slow
async def test_cpu_time_is_bounded_where_a_call_says_so_and_for_that_call_alone(session: Session) -> None:
    burnt = await session.python("while True: pass", cpu_s=1)
    after = await session.python("import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[0] > 1e6)")

    assert (burnt.status, burnt.killed_by) == ("timeout", "cpu")
    assert after.output == "True\n"


async def test_a_script_that_the_kernel_would_not_take_is_a_wrong_argument(session: Session) -> None:
    with pytest.raises(ValueError, match="131071 bytes"):
        await session.sh("x" * (128 << 10))

    assert (await session.sh("true #" + "x" * ((128 << 10) - 7))).ok


async def test_a_cancelled_call_ends_its_command(session: Session) -> None:
    call = asyncio.ensure_future(session.sh("echo $$ > pid; exec sleep 1000"))
    await session.sh("while [ ! -s pid ]; do sleep 0.01; done")

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert not (await session.sh("kill -0 $(cat pid)")).ok


async def test_an_agent_without_time_to_end_a_cancelled_command_is_asked_again() -> None:
    async with open_bubblewrap(ROOMY) as box, box.session() as session:
        link = session._link  # type: ignore[attr-defined]  # the agent's end can't be told to be slow
        ask, requests = link.ask, []

        async def ask_later(what: str, run: CommandRun) -> bool:
            requests.append(what)
            if len(requests) > 1:
                return bool(await ask(what, run))
            run.processes = (StillRunning(pid=1, command="sleep"),)
            return True

        call = asyncio.ensure_future(session.sh("exec sleep 31571"))
        assert await asyncio.to_thread(wait_until, lambda: bool(processes_with("31571")))
        link.ask = ask_later

        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert requests == ["kill", "kill"]
        assert wait_until(lambda: not processes_with("31571"))


async def test_commands_run_side_by_side(session: Session) -> None:
    first, second = await asyncio.gather(
        session.sh(": > one; while [ ! -e two ]; do sleep 0.01; done; echo met"),
        session.sh(": > two; while [ ! -e one ]; do sleep 0.01; done; echo met"),
    )

    assert (first.output, second.output) == ("met\n", "met\n")


async def test_long_output_keeps_head_and_tail_and_counts_the_rest(session: Session) -> None:
    result = await session.sh("echo head; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo tail")

    assert (result.status, result.truncated, result.output_bytes) == ("ok", True, 3_000_011)
    assert len(result.output) <= ROOMY.output_bytes
    assert result.raw_output == result.output.encode()
    assert result.output.startswith("head\n")
    assert result.output.endswith("\ntail\n")


async def test_a_flood_is_ended(session: Session) -> None:
    result = await session.sh("yes")

    assert (result.status, result.killed_by) == ("output_limit", "output")


async def test_a_line_that_was_rewritten_is_shown_in_its_last_state(session: Session) -> None:
    result = await session.sh("printf '10%%\\r50%%\\r100%%\\ndone\\r\\n'")

    assert result.output == "100%\ndone\n"
    assert result.raw_output == b"10%\r50%\r100%\ndone\r\n"
    assert "raw_output" not in result.model_dump(mode="json")


async def test_a_command_finds_what_keeps_programs_from_asking_and_paging(session: Session) -> None:
    result = await session.sh(
        'echo "/tmp${HOME#${TMPDIR:-/tmp}} $PAGER $GIT_PAGER $EDITOR"; '
        'echo "$PYTHONDONTWRITEBYTECODE $NO_COLOR $COLUMNS $TERM"; tty; cat'
    )

    assert result.output == "/tmp/home cat cat true\n1 1 160 dumb\nnot a tty\n"


@pytest.mark.slow
async def test_the_interpreters_own_scripts_work_wherever_it_is_shown() -> None:
    script = "for name in pip pytest; do if command -v $name; then $name --version || exit 1; fi; done"
    async with open_sandbox(ROOMY, backend="bubblewrap") as box, box.session(fresh=True) as session:
        result = await session.sh(script)

    assert result.ok, result.output


async def test_an_edit_of_the_same_size_is_what_runs_next(session: Session) -> None:
    for value in (b"1", b"2"):
        await session.write("module.py", b"value = " + value)

        result = await session.python("import module; print(module.value)")

        assert result.output.encode() == value + b"\n"


@pytest.mark.parametrize("rule", [*OF_SESSIONS_TOO, *FOLDERS], ids=lambda rule: rule.__name__)
async def test_files_of_a_session_keep_the_contract(
    roomy: Sandbox, rule: Callable[[Session], Awaitable[None]]
) -> None:
    async with roomy.session() as session:
        await rule(session)


@pytest.mark.slow
async def test_holes_are_not_read_for_hours(session: Session) -> None:
    await session.sh("seq 1000 | xargs truncate -s 10000000")

    changes = await session.changes()

    assert len(changes.changes) <= 10
    assert {one.reason for one in changes.left_out} <= {"too_large", "too_many"}


async def test_changes_tell_by_content_what_became_of_the_tree(roomy: Sandbox) -> None:
    files = {"kept.py": b"1", "edited.py": b"2", "gone.py": b"3", "touched.py": b"4", "script": b"#!x"}
    async with roomy.session(fresh=True, files=files) as session:
        await session.sh("echo 22 > edited.py; rm gone.py; touch touched.py; chmod -x script")
        await session.sh("ln -s kept.py l")
        await session.write("new/added.py", b"5")

        changes = (await session.changes()).changes

        summaries = {(one.path, one.kind, one.mode) for one in changes}
        assert summaries == {
            ("edited.py", "modified", "100644"),
            ("gone.py", "deleted", "100644"),
            ("l", "added", "120000"),
            ("new/added.py", "added", "100644"),
            ("script", "modified", "100644"),
        }
        edited = next(one for one in changes if one.path == "edited.py")
        assert (edited.before, edited.after, edited.content) == (sha256(b"2"), sha256(b"22\n"), b"22\n")

        await session.rebase()
        assert (await session.changes()).changes == ()


async def test_what_changed_once_is_told_each_time(session: Session) -> None:
    await session.sh("echo 1 > added; sleep 0.2")

    answers = [await session.changes() for _ in range(3)]

    assert [one.changes[0].content for one in answers] == [b"1\n"] * 3


async def test_changes_leave_out_and_name_what_may_not_cross(session: Session) -> None:
    await session.sh(
        "mkdir -p sub/.git .git; echo x > .git/config; echo x > sub/.git/HEAD; mkfifo pipe; echo x > s;"
        "chmod u+s s; ln -s /etc/passwd out; ln -s ../../x up; : > $'\\xff';"
        "head -c 11000000 /dev/zero > large"
    )

    changes = await session.changes()

    assert changes.changes == ()
    assert {(one.path, one.reason) for one in changes.left_out} == {
        ("pipe", "special"),
        ("s", "special"),
        ("out", "link"),
        ("up", "link"),
        ("large", "too_large"),
        ("\ufffd", "name"),
    }


@pytest.mark.slow
async def test_changes_are_bounded_in_number(session: Session) -> None:
    await session.sh("for i in $(seq 2100); do echo $i > f$i; done")

    changes = await session.changes()

    assert (len(changes.changes), len(changes.left_out)) == (2000, 100)
    assert {one.reason for one in changes.left_out} == {"too_many"}


async def test_changes_do_not_look_at_what_is_ignored(session: Session) -> None:
    await session.sh("mkdir -p build/deep; echo 1 > build/deep/a; echo 2 > b.log; echo 3 > c")

    changes = await session.changes(ignored=lambda path: path == "build/" or path.endswith(".log"))

    assert [one.path for one in changes.changes] == ["c"]


async def test_a_folder_that_was_closed_does_not_count_as_emptied(roomy: Sandbox) -> None:
    async with roomy.session(fresh=True, files={"folder/a": b"1"}) as session:
        await session.sh("chmod 000 folder")

        changes = await session.changes()

    assert changes.changes == ()
    assert [one.reason for one in changes.left_out] == ["unreadable"]


async def test_a_folder_that_can_be_listed_and_not_entered_is_left_out(roomy: Sandbox) -> None:
    async with roomy.session(fresh=True, files={"folder/a": b"1", "b": b"1"}) as session:
        await session.sh("echo 2 > b; chmod 644 folder")

        changes = await session.changes()

    assert [one.path for one in changes.changes] == ["b"]
    assert [(one.path, one.reason) for one in changes.left_out] == [("folder", "unreadable")]


async def test_two_edits_within_one_tick_of_the_clock_are_both_seen(session: Session) -> None:
    for number in range(50):
        content = b"%03d" % number
        await session.write("same-size.txt", content)

        changes = await session.changes()

        assert [one.content for one in changes.changes] == [content]


async def test_nothing_of_a_session_is_left_when_it_closes(roomy: Sandbox) -> None:
    async with roomy.session() as session:
        await session.start("exec -a tag-of-the-session sleep 1000")
        await session.sh("exec setsid sh -c ': tag-of-the-session; sleep 1000' &")
        assert wait_until(lambda: len(processes_with("tag-of-the-session")) > 0)

    assert processes_with("tag-of-the-session") == []


@pytest.mark.slow
@pytest.mark.parametrize(("walls", "full"), [("two", "None True"), ("one", "disk False")])
async def test_an_ordinary_user_has_sessions_too(walls: str, full: str) -> None:
    script = f"""
import asyncio
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
async def main():
    async with open_bubblewrap(Policy(wall_s=60, disk_mb=16), walls={walls!r}) as box:
        await box.write("given", b"1")
        async with box.session() as session:
            print((await session.sh("cat given; ls /proc/1/fd 2> /dev/null; kill -9 1 $PPID")).output)
            print((await session.python("x = b'x' * (900 << 20); import time; time.sleep(30)")).status)
            late = await session.sh("sleep 1000 & sleep 1000", wall_s=0.5)
            print(late.status, late.still_running)
            fill = "for i in 1 2 3 4 5 6 7 8; do head -c 4000000 /dev/zero > f$i || exit 0; done; sleep 600"
            full = await session.sh(fill)
            print(full.killed_by, "No space" in full.output)
asyncio.run(main())
"""
    ended = await asyncio.to_thread(run_as_ordinary_user, script, timeout_s=200)

    assert ended.stdout.split("\n") == ["1", "oom", "timeout ()", full, ""], ended.stderr[-2000:]


async def test_a_command_that_closes_the_workspace_to_itself_ends_neither_commands_nor_changes(
    session: Session,
) -> None:
    await session.sh("chmod 000 .")

    after = await session.sh("echo 1 > a; chmod 000 .")
    changes = await session.changes()

    assert after.exit_code == 0
    assert [one.path for one in changes.changes] == ["a"]
    assert changes.left_out == ()
