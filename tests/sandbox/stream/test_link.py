"""The host's end against an agent that may send anything: bounded, and no error but the documented one."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import SandboxBroken, SandboxError
from sandbox.inner.stream import frames
from sandbox.inner.stream.frames import CREDIT, DATA, END, FILE_CALL, NEWS, OPENED_BY_AGENT, STDOUT, WINDOW
from sandbox.stream.execution import StreamProgram
from sandbox.stream.link import Link, Reader
from sandbox.stream.stream_files import StreamFiles


class Wire:
    """Both ends of a byte stream in memory; the test plays the agent."""

    def __init__(self) -> None:
        self.on_data: Callable[[bytes], None] = lambda content: None
        self.on_words: Callable[[bytes], None] = lambda content: None
        self.on_end: Callable[[], None] = lambda: None
        self.ended = False
        self.sent = bytearray()

    async def send(self, content: bytes) -> None:
        if self.ended:
            raise SandboxBroken("closed")
        self.sent += content

    def say(self, content: bytes) -> None:
        if not self.ended:
            self.sent += content

    def close(self) -> None:
        self.ended = True


async def linked() -> tuple[Wire, Link, list[SandboxBroken]]:
    """A link whose agent has reported."""
    wire, ends = Wire(), list[SandboxBroken]()
    link = Link(wire)
    link.on_end = lambda: ends.append(link.broken)  # type: ignore[arg-type]
    wire.on_data(b"hello 1 3 11\n")
    booting = asyncio.ensure_future(link.boot(b"code"))
    await asyncio.sleep(0)
    wire.on_data(news(0, {"is": "up", "memory": 1}))
    assert await booting == {"memory": 1}
    wire.sent.clear()
    return wire, link, ends


def news(number: int, content: object) -> bytes:
    return frames.pack(NEWS, number, 0, json.dumps(content).encode())


_KEYS = ("is", "pid", "kept", "how", "left", "size", "refused", "why", "kind", "path")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 40) | st.text(max_size=5) | st.just("ended"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=8,
)
_PAYLOADS = st.binary(max_size=40) | _JSON.map(lambda value: json.dumps(value).encode())
_HOSTILE = st.lists(
    st.tuples(
        st.sampled_from([NEWS, DATA, END, CREDIT, frames.CALL, frames.BEAT]),
        st.sampled_from([0, 1, 2, 1 | FILE_CALL, 2 | FILE_CALL, OPENED_BY_AGENT, 9]),
        st.integers(0, 7),
        _PAYLOADS,
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(hostile=_HOSTILE, raw=st.binary(max_size=30))
def test_whatever_an_agent_sends_ends_in_an_answer_or_in_a_broken_sandbox(
    hostile: list[tuple[int, int, int, bytes]], raw: bytes
) -> None:
    async def play() -> None:
        wire, link, _ = await linked()
        program = StreamProgram(link)
        reader = Reader(program.conversation, STDOUT)
        files = StreamFiles(link, most_bytes=1 << 16, most_files=4)
        works: list[Any] = [reader.exactly(3), files.read("a", limit=100), files.list(), files.manifest()]
        tasks = [asyncio.ensure_future(work) for work in works]
        await asyncio.sleep(0)
        for kind, number, stream, payload in hostile:
            wire.on_data(frames.pack(kind, number, stream, payload))
            await asyncio.sleep(0)
        wire.on_data(raw)
        link.close()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert not isinstance(outcome, BaseException) or isinstance(outcome, SandboxError)

    asyncio.run(play())


@pytest.mark.parametrize("greeting", [b"hello 2 3 11\n", b"hello 1 x y\n", b"\n", b"x" * 500, b"\xff\xfe\n"])
async def test_a_greeting_of_another_version_or_form_is_an_error(greeting: bytes) -> None:
    wire, ends = Wire(), list[SandboxBroken]()
    link = Link(wire)
    link.on_end = lambda: ends.append(link.broken)  # type: ignore[arg-type]

    wire.on_data(greeting)

    with pytest.raises(SandboxBroken):
        await link.python
    assert len(ends) == 1
    assert wire.ended


async def test_a_stream_that_carries_more_than_was_granted_breaks_the_link() -> None:
    wire, link, ends = await linked()
    program = StreamProgram(link)
    reader = Reader(program.conversation, STDOUT)
    number = program.conversation.number

    for _ in range(WINDOW // frames.MAX_PAYLOAD):
        wire.on_data(frames.pack(DATA, number, STDOUT, bytes(frames.MAX_PAYLOAD)))
    assert link.broken is None
    wire.on_data(frames.pack(DATA, number, STDOUT, b"x"))

    assert link.broken is ends[0]
    assert await reader.exactly(10) == bytes(10), "what had come can still be read"


async def test_a_reader_that_consumes_grants_as_much_again() -> None:
    wire, link, _ = await linked()
    conversation = StreamProgram(link).conversation
    reader, number = Reader(conversation, STDOUT), conversation.number
    half = bytes(WINDOW // 8)

    for _ in range(40):
        for piece in (half[: len(half) // 2], half[len(half) // 2 :]):
            wire.on_data(frames.pack_data(number, STDOUT, piece))
        assert await reader.exactly(len(half)) == half

    assert link.broken is None


async def test_what_is_sent_waits_for_a_grant() -> None:
    wire, link, _ = await linked()
    conversation = StreamProgram(link).conversation
    sending = asyncio.ensure_future(conversation.send(frames.STDIN, bytes(WINDOW + 10)))
    await asyncio.sleep(0.05)

    waits = not sending.done()
    wire.on_data(frames.pack_credit(conversation.number, frames.STDIN, 10))
    await sending

    assert waits
    assert len(b"".join(one[3] for one in frames.Splitter().feed(bytes(wire.sent)))) == WINDOW + 10


async def test_the_end_of_the_link_wakes_everything_that_waits() -> None:
    wire, link, _ = await linked()
    program = StreamProgram(link)
    reading = asyncio.ensure_future(Reader(program.conversation, STDOUT).exactly(1))
    asking = asyncio.ensure_future(StreamFiles(link, most_bytes=1, most_files=1).read("a"))
    sending = asyncio.ensure_future(program.conversation.send(frames.STDIN, bytes(WINDOW + 1)))
    await asyncio.sleep(0)

    wire.on_end()

    assert await asyncio.wait_for(reading, 300) is None
    for waiting in (asking, sending, program.ended, program.started):
        with pytest.raises(SandboxBroken):
            await asyncio.wait_for(waiting, 300)


async def test_an_agent_that_answers_no_beat_for_a_lease_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.stream.link.LEASE_S", 0.05)
    monkeypatch.setattr("sandbox.stream.link._BEAT_S", 0.01)
    wire, link, _ = await linked()
    reading = asyncio.ensure_future(StreamFiles(link, most_bytes=1, most_files=1).read("a"))

    with pytest.raises(SandboxBroken, match="silent"):
        await asyncio.wait_for(reading, 300)

    assert wire.ended


async def test_an_agent_that_answers_beats_may_be_silent_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.stream.link.LEASE_S", 0.05)
    monkeypatch.setattr("sandbox.stream.link._BEAT_S", 0.01)
    wire, link, _ = await linked()

    for _ in range(20):
        await asyncio.sleep(0.01)
        wire.on_data(frames.pack(frames.BEAT, 0))

    assert link.broken is None
    link.close()


async def test_frames_of_a_number_that_was_never_used_break_the_link() -> None:
    wire, link, _ = await linked()

    wire.on_data(frames.pack(DATA, 5, STDOUT, b"x"))

    assert link.broken is not None


async def test_what_was_under_way_as_a_number_was_forgotten_is_ignored_and_an_endless_flood_is_not() -> None:
    wire, link, _ = await linked()
    conversation = StreamProgram(link).conversation
    conversation.read(STDOUT, lambda piece: None)
    number = conversation.number
    conversation.close()

    for _ in range(WINDOW // frames.MAX_PAYLOAD):
        wire.on_data(frames.pack(DATA, number, STDOUT, bytes(frames.MAX_PAYLOAD)))
    usual = link.broken
    for _ in range(8 * WINDOW // frames.MAX_PAYLOAD):
        wire.on_data(frames.pack(DATA, number, STDOUT, bytes(frames.MAX_PAYLOAD)))

    assert usual is None
    assert link.broken is not None


async def test_connections_that_nobody_listens_to_break_the_link() -> None:
    wire, link, _ = await linked()

    wire.on_data(news(OPENED_BY_AGENT | 1, {"is": "opened"}))

    assert link.broken is not None


@pytest.mark.parametrize("size", [-1, 101, "1", None, 1 << 70])
async def test_an_answer_that_is_larger_than_was_asked_for_is_refused_before_it_comes(size: object) -> None:
    wire, link, _ = await linked()
    reading = asyncio.ensure_future(StreamFiles(link, most_bytes=1, most_files=1).read("a", limit=100))
    await asyncio.sleep(0)

    wire.on_data(news(1 | FILE_CALL, {"size": size}))

    with pytest.raises(SandboxBroken):
        await asyncio.wait_for(reading, 300)


async def test_answers_that_nobody_reads_do_not_fill_the_memory_of_the_host() -> None:
    wire, link, ends = await linked()
    reading = asyncio.ensure_future(StreamFiles(link, most_bytes=1 << 16, most_files=4).read("a", limit=100))
    await asyncio.sleep(0)

    for _ in range(2000):
        wire.on_data(news(1 | FILE_CALL, {"is": "read", "size": 9}))

    with pytest.raises(SandboxBroken, match="more answers come than anything asks for"):
        await reading
    assert len(ends) == 1


@pytest.mark.parametrize("payload", [b"[" * 60_000, b'{"is": "started", "pid": Infinity, "kept": 0}'])
async def test_a_report_that_python_can_not_read_breaks_the_link(payload: bytes) -> None:
    wire, link, ends = await linked()
    program = StreamProgram(link)

    wire.on_data(frames.pack(NEWS, program.conversation.number, 0, payload))

    assert len(ends) == 1


async def test_a_call_that_is_cancelled_is_dropped_and_the_next_one_is_served() -> None:
    wire, link, _ = await linked()
    files = StreamFiles(link, most_bytes=1, most_files=1)
    first = asyncio.ensure_future(files.read("a", limit=100))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.ensure_future(files.read("b", limit=100))
    await asyncio.sleep(0)
    calls = [json.loads(payload)["do"] for *_, payload in frames.Splitter().feed(bytes(wire.sent))]

    wire.on_data(news(1 | FILE_CALL, {"size": 5}))  # of the first one: nobody waits for it
    wire.on_data(news(2 | FILE_CALL, {"size": 2}) + frames.pack(DATA, 2 | FILE_CALL, STDOUT, b"ok"))

    assert await asyncio.wait_for(second, 300) == b"ok"
    assert calls == ["read", "drop", "read"]
