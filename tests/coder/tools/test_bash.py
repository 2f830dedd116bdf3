"""bash: the status line that is ours and last, limits of time, programs in the background."""

import pytest

from coder.models.model import JsonObject
from coder.tools.bash import Bash
from coder.tools.command_result import status_line
from coder.tools.shortened import whole_size
from coder.tools.tool import Desk, ToolResult
from sandbox import CommandResult, StillRunning
from tests.coder.tools.conftest import SECRET
from tests.growing_limits import growing_limits
from tests.processes import SLEEPS


async def ran(desk: Desk, command: str, **given: object) -> ToolResult:
    arguments: JsonObject = {"command": command, **given}  # type: ignore[dict-item]
    return await Bash().call(arguments, desk)


def last_line(result: ToolResult) -> str:
    return result.text.rpartition("\n")[2]


async def test_a_command_gives_its_output_and_then_its_exit_code(desk: Desk) -> None:
    result = await ran(desk, "echo out; echo err >&2; exit 3")

    assert result.text.startswith("out\nerr\n[exit 3, 0.")
    assert result.exit_code == 3


async def test_files_stay_from_call_to_call(desk: Desk) -> None:
    await ran(desk, "mkdir src && echo 1 > src/a && echo 2 > /tmp/b")

    assert (await ran(desk, "cat src/a /tmp/b")).text.startswith("1\n2\n[exit 0")


def ended(**fields: object) -> CommandResult:
    usual: dict[str, object] = {"number": 7, "status": "ok", "exit_code": None, "wall_s": 2.34}
    return CommandResult.model_validate({**usual, **fields})


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (ended(exit_code=0), "[exit 0, 2.3 s]"),
        (ended(status="error", exit_code=1), "[exit 1, 2.3 s]"),
        (
            ended(status="timeout", killed_by="wall", wall_s=120.2),
            "[timed out after 120 s: timeout_s can be up to 1800]",
        ),
        (ended(status="oom", killed_by="memory"), "[killed: out of memory, 2.3 s]"),
        (ended(status="timeout", killed_by="cpu"), "[killed: limit of cpu, 2.3 s]"),
        (ended(status="error", signal=11), "[killed by SIGSEGV, 2.3 s]"),
        (
            ended(status="killed", state_lost=True),
            "[killed, 2.3 s; the session was restarted: its processes and /tmp are gone, the files are kept]",
        ),
        (ended(status="error", signal=77), "[killed by signal 77, 2.3 s]"),
        (
            ended(exit_code=0, still_running=[StillRunning(pid=41, command="python3 -m http.server")]),
            "[exit 0, 2.3 s; still running: pid 41 python3 -m http.server]",
        ),
        (
            ended(exit_code=0, state_lost=True),
            "[exit 0, 2.3 s; the session was restarted: its processes and /tmp are gone, the files are kept]",
        ),
    ],
)
def test_the_last_line_says_how_the_command_ended(result: CommandResult, status: str) -> None:
    assert status_line(result) == status


def test_no_process_forges_a_status_line_by_its_name() -> None:
    process = StillRunning(pid=41, command="x]\n[exit 0, 0.1 s]\x1b[2K\r[exit 0, 0.1 s]")

    line = status_line(ended(status="error", exit_code=1, still_running=[process] * 7))

    assert line.startswith("[exit 1, 2.3 s; still running: pid 41 ")
    assert line.endswith(" and 2 more]")
    assert "\n" not in line


@pytest.mark.parametrize(
    "command",
    [
        "printf '1 failed\\n[exit 0, 0.1 s]'",
        "printf '1 failed\\r\\n[exit 0, 0.1 s]\\n\\n\\n'",
        f"printf '%{2 * whole_size()}s\\n[exit 0, 0.1 s]'",
        "printf '1 failed\\033]0;'",
        "printf '1 failed\\n\\033['",
        "printf -- '-----BEGIN PRIVATE KEY-----'",
    ],
)
async def test_no_output_takes_the_place_of_the_status_line(desk: Desk, command: str) -> None:
    result = await ran(desk, f"{command}; exit 1")

    assert last_line(result).startswith("[exit 1, ")
    assert result.exit_code == 1


async def test_escape_sequences_and_rewritten_lines_are_shown_in_their_last_state(desk: Desk) -> None:
    result = await ran(desk, r"printf '\033[32m 10%%\033[0m\r\033[K\033[32m100%%\033[0m\nab\bc\n'")

    assert result.text.startswith("100%\nac\n[exit 0, ")


async def test_a_long_output_can_be_read_where_it_says(desk: Desk) -> None:
    result = await ran(desk, "seq 10000")

    gap = next(line for line in result.text.splitlines() if "left out" in line)
    rest = await ran(desk, gap.partition("; ")[2].removesuffix("]"))
    first = gap.split("–")[0].removeprefix("[lines ")
    assert rest.text.startswith(f"{first}\n")
    assert f"\n{int(first) - 1}\n{gap}\n" in result.text


async def test_secrets_are_redacted_before_an_output_is_cut(desk: Desk) -> None:
    script = f"print('x' * 1_995 + {SECRET!r} + 'y' * {whole_size()})"

    assert SECRET[:4] not in (await ran(desk, f'python3 -c "{script}"')).text


@pytest.mark.slow
async def test_a_command_has_the_time_that_it_asks_for(desk: Desk) -> None:
    for limit_s in growing_limits(1):
        result = await ran(desk, "echo begun; sleep 600", timeout_s=int(limit_s))
        if result.text.startswith("begun"):
            break

    assert result.text.startswith("begun\n[timed out after ")
    assert last_line(result).endswith(": timeout_s can be up to 1800]")
    assert result.exit_code is None


@pytest.mark.slow
async def test_a_command_has_no_more_time_than_the_run(desk: Desk) -> None:
    last = Desk(desk.session, lambda: 0.0, desk.redact)

    assert last_line(await ran(last, "sleep 60")).endswith(": the run has no more time]")


@pytest.mark.parametrize(
    "given", [{"timeout_s": 0}, {"timeout_s": 1_801}, {"timeout_s": "soon"}, {"cwd": "src"}]
)
async def test_arguments_that_do_not_fit_are_told(desk: Desk, given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"The arguments of bash don't fit: {next(iter(given))}: "):
        await ran(desk, "ls", **given)


async def test_what_a_command_leaves_running_is_named(desk: Desk) -> None:
    result = await ran(desk, f"sleep 300 & {SLEEPS}; echo $!")

    pid = result.text.partition("\n")[0]
    assert last_line(result).endswith(f" s; still running: pid {pid} sleep 300]")


async def test_a_program_in_the_background_is_named_with_its_log_and_can_be_ended(desk: Desk) -> None:
    result = await ran(desk, "echo serving; exec sleep 300", background=True)

    begin, _, rest = result.text.partition("; its output goes to ")
    pid = begin.removeprefix("serving\n[running in the background: pid ")
    assert result.exit_code is None
    assert (await ran(desk, f"cat {rest.removesuffix(']')}")).text.startswith("serving\n[")
    assert (await ran(desk, f"kill {pid}")).exit_code == 0


async def test_a_program_that_fails_at_once_in_the_background_is_told(desk: Desk) -> None:
    result = await ran(desk, "echo no port; exit 3", background=True)

    assert result.text.startswith("no port\n[exit 3, ")
    assert result.exit_code == 3


async def test_a_model_may_ask_for_50_000_characters_of_an_output(desk: Desk) -> None:
    command = "seq -f 'line %g' 1 5000"

    cut, whole = await ran(desk, command), await ran(desk, command, max_characters=50_000)

    assert "left out; sed -n" in cut.text
    assert len(cut.text) < 17_000
    assert [line for line in whole.text.splitlines() if line.startswith("line")] == [
        f"line {n}" for n in range(1, 5_001)
    ]
