"""What goes into a program by its standard input, and what comes out."""

import asyncio
import os
from typing import Literal

from sandbox.contract import Sandbox
from sandbox.policy import Limits
from tests.contracts.rules.source import python


async def long_output_keeps_its_head_and_its_tail(box: Sandbox) -> None:
    """And says that the middle is missing."""
    limits = Limits(output_bytes=10_000)

    result = await box.run(python("print('HEAD'); print('x' * 50_000); print('TAIL')"), limits=limits)

    assert result.ok
    assert result.truncated
    assert result.stdout.startswith("HEAD")
    assert result.stdout.endswith("TAIL\n")
    assert len(result.stdout.encode()) <= 10_000
    assert result.raw_stdout == result.stdout.encode()


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
    """They never raise, and stand beside as they came; JSON holds text alone."""
    write = r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb'); sys.stderr.buffer.write(b'\x80')"
    result = await box.run(python(write))

    assert result.ok
    assert (result.stdout, result.stderr) == ("a\ufffd\ufffdb", "\ufffd")
    assert (result.raw_stdout, result.raw_stderr) == (b"a\xff\xfeb", b"\x80")
    assert not any(name.startswith("raw") for name in result.model_dump(mode="json"))


async def output_arrives_while_the_program_runs(box: Sandbox) -> None:
    """As bytes, with the name of the stream."""
    chunks: list[tuple[Literal["stdout", "stderr"], bytes]] = []

    await box.run(python("print('now')"), on_output=lambda stream, chunk: chunks.append((stream, chunk)))

    assert chunks == [("stdout", b"now\n")]


async def stdin_is_what_the_caller_gave(box: Sandbox) -> None:
    """More than a pipe holds, and then its end."""
    content = b"line\n" * 100_000

    result = await box.run(python("import sys; print(len(sys.stdin.buffer.read()))"), stdin=content)

    assert result.stdout == f"{len(content)}\n"


async def stdin_can_be_a_descriptor_of_the_callers(box: Sandbox) -> None:
    """It is read as it comes, and nobody waits for its end."""
    reading, writing = os.pipe()
    chunks: list[bytes] = []

    def answer(stream: str, chunk: bytes) -> None:
        chunks.append(chunk)
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


async def frames_go_through_a_channel(box: Sandbox) -> None:
    """Both ways, small and large, and its end is None."""
    running = await box.start("process.echo", {"prefix": "> "})
    for frame in (b"hello", b"", b"x" * 3_000_000):
        await running.send(frame)
        assert await running.receive() == b"> " + frame

    result = await running.finish()

    assert result.status in ("ok", "killed")
    assert await running.receive() is None


async def a_channel_ends_with_its_time(box: Sandbox) -> None:
    """The receiver gets None, the Result names the limit."""
    running = await box.start("process.echo", {}, limits=Limits(wall_s=0.5))

    assert await running.receive() is None

    assert (await running.finish()).status == "timeout"


STREAMS = (
    long_output_keeps_its_head_and_its_tail,
    a_flood_of_output_is_ended,
    a_flood_is_ended_whatever_its_listener_does,
    bytes_that_are_no_text_are_shown_as_replacements,
    output_arrives_while_the_program_runs,
    stdin_is_what_the_caller_gave,
    stdin_can_be_a_descriptor_of_the_callers,
    without_stdin_there_is_only_its_end,
    frames_go_through_a_channel,
    a_channel_ends_with_its_time,
)
