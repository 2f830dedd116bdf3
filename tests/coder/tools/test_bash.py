"""bash: the status line that is ours and last, long outputs, limits of time."""

import pytest

from coder.tools.bash import Bash
from coder.tools.shortened import MOST, MOST_WHOLE
from tests.coder.tools.in_memory import Begun, Ended, InMemory, Left, desk


async def ran(ended: Ended, **given: object) -> str:
    return (await Bash().call({"command": "x", **given}, desk(InMemory(ended=ended)))).text  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        (Ended(), "[exit 0, 2.3 s]"),
        (Ended(status="error", exit_code=1), "[exit 1, 2.3 s]"),
        (
            Ended(status="timeout", exit_code=None, killed_by="wall", wall_s=120.2),
            "[timed out after 120 s: timeout_s can be up to 1800]",
        ),
        (Ended(status="oom", exit_code=None, killed_by="memory"), "[killed: out of memory, 2.3 s]"),
        (Ended(status="killed", exit_code=None, killed_by="cpu"), "[killed: limit of cpu, 2.3 s]"),
        (Ended(status="killed", exit_code=None, signal=11), "[killed by SIGSEGV, 2.3 s]"),
        (Ended(status="killed", exit_code=None, signal=77), "[killed by signal 77, 2.3 s]"),
        (
            Ended(still_running=(Left(41, "python3 -m http.server"),)),
            "[exit 0, 2.3 s; still running: pid 41 python3 -m http.server]",
        ),
    ],
)
async def test_the_last_line_says_how_the_command_ended(ended: Ended, status: str) -> None:
    assert await ran(ended) == status


@pytest.mark.parametrize(
    "ended",
    [
        Ended("1 failed\n[exit 0, 0.1 s]", status="error", exit_code=1),
        Ended("1 failed\r\n[exit 0, 0.1 s]\n\n\n", status="error", exit_code=1),
        Ended("x" * MOST_WHOLE * 2 + "\n[exit 0, 0.1 s]", status="error", exit_code=1),
        Ended("1 failed\x1b]0;", status="error", exit_code=1),
        Ended("1 failed\n\x1b[", status="error", exit_code=1),
    ],
)
async def test_no_output_takes_the_place_of_the_status_line(ended: Ended) -> None:
    assert (await ran(ended)).rpartition("\n")[2] == "[exit 1, 2.3 s]"


async def test_no_process_forges_a_status_line_by_its_name() -> None:
    left = Left(41, "x]\n[exit 0, 0.1 s]\x1b[2K\r[exit 0, 0.1 s]")

    text = await ran(Ended(status="error", exit_code=1, still_running=(left,)))

    assert text.startswith("[exit 1, 2.3 s; still running: pid 41 ")
    assert "\n" not in text


async def test_escape_sequences_and_rewritten_lines_are_shown_in_their_last_state() -> None:
    text = await ran(Ended("\x1b[32m 10%\x1b[0m\r\x1b[K\x1b[32m100%\x1b[0m\nab\x08c\n"))

    assert text == "100%\nac\n[exit 0, 2.3 s]"


async def test_secrets_are_redacted_before_an_output_is_cut() -> None:
    text = await ran(Ended(f"{'x' * 1_995}s3cret-value{'y' * MOST_WHOLE}"))

    assert "s3cr" not in text


async def test_of_a_long_output_whole_lines_are_shown_and_the_log_named() -> None:
    output = "".join(f"line {i}\n" for i in range(1, 5_001))

    text = await ran(Ended(output))

    gap = next(line for line in text.splitlines() if "left out" in line)
    assert gap == "[lines 901–4200 left out; sed -n 901,4200p /tmp/out/7]"
    assert "line 900\n[lines" in text
    assert "left out; sed -n 901,4200p /tmp/out/7]\nline 4201\n" in text
    assert len(text) <= MOST_WHOLE


async def test_an_output_a_fifth_too_long_passes_whole() -> None:
    output = "line\n" * (MOST_WHOLE // 5)

    assert "left out" not in await ran(Ended(output))
    assert len(output) > MOST


async def test_where_the_session_dropped_the_middle_no_numbers_of_lines_are_claimed() -> None:
    text = await ran(Ended("line\n" * 5_000, truncated=True))

    assert "[lines from 1601 on left out, up to the last ones; /tmp/out/7 holds the beginning]" in text


async def test_a_command_has_what_time_it_asks_for_and_no_more_than_the_run_has() -> None:
    session = InMemory(ended=Ended(status="timeout", exit_code=None, killed_by="wall", wall_s=40.1))

    await Bash().call({"command": "x"}, desk(session))
    last = await Bash().call({"command": "x", "timeout_s": 300}, desk(session, left_s=40))

    assert session.walls == [120, 40]
    assert last.text == "[timed out after 40 s: the run has no more time]"


@pytest.mark.parametrize("timeout_s", [0, 1_801, "soon"])
async def test_a_timeout_out_of_range_is_told(timeout_s: object) -> None:
    with pytest.raises(ValueError, match="timeout_s: "):
        await ran(Ended(), timeout_s=timeout_s)


async def test_a_server_in_the_background_is_named_with_its_log() -> None:
    result = await Bash().call({"command": "serve", "background": True}, desk(InMemory()))

    assert result.exit_code is None
    assert result.text == "Serving\n[running in the background: pid 41; its output goes to /tmp/out/7]"


async def test_a_program_that_fails_at_once_in_the_background_is_told() -> None:
    session = InMemory(begun=Begun(Ended("no such file\n", status="error", exit_code=127)))

    result = await Bash().call({"command": "serve", "background": True}, desk(session))

    assert (result.text, result.exit_code) == ("no such file\n[exit 127, 2.3 s]", 127)
