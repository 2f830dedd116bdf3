"""The host's end of an agent's byte stream: numbers, streams and their windows.

What comes was sent by a process beside untrusted programs: every frame is checked, and every buffer bounded.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.errors import SandboxBroken
from sandbox.inner.stream import frames
from sandbox.inner.stream.frames import OPENED_BY_AGENT, VERSION, WINDOW, FrameError, Splitter, Window

LEASE_S = 60.0
"""Seconds without a frame after which an agent ends itself, and a host considers its agent dead."""
_BEAT_S = 5.0
_LONGEST_LINE = 200
_MAX_STDERR_BYTES = 4096
_LATE = 3 * WINDOW + (1 << 16)
"""Bytes that an agent may have sent for a number before it hears that nobody reads them."""
_MOST_OPENED = 64
"""Maximum concurrent connections of programs at one door; an agent that opens more is broken."""
Take = Callable[[bytes], int | None]
"""Function that takes a piece of a stream; returns the number of bytes consumed at once, None for all."""


class ByteStream(Protocol):
    """A duplex byte stream to an agent."""

    on_data: Callable[[bytes], None]
    on_words: Callable[[bytes], None]
    """Called with what the agent prints as errors."""
    on_end: Callable[[], None]
    ended: bool

    async def send(self, content: bytes) -> None:
        """Send everything; wait while the other side reads nothing. Raises SandboxBroken."""

    def say(self, content: bytes) -> None:
        """Send short content without waiting; drop it if the stream has ended."""

    def close(self) -> None:
        """Close it without calling `on_end`. Idempotent."""


class LinkConversation:
    """The frames of one number: reports of the agent, and streams in both directions."""

    def __init__(self, link: "Link", number: int, on_news: Callable[[dict[str, Any]], None]) -> None:
        self.link, self.number, self.on_news = link, number, on_news
        self._takers: dict[int, Take] = {}
        self._windows: dict[int, Window] = {}
        self._ended: dict[int, asyncio.Event] = {}
        self._credit: dict[int, int] = {}
        self._granted = asyncio.Event()
        self.over = False

    async def call(
        self, request: Mapping[str, object], *, stream: int = 0, content: bytes | None = None
    ) -> None:
        """Send a request about this number, and the whole content of a stream unless it is None.

        Raises SandboxBroken; FrameError if the request is too large.
        """
        frame = frames.pack(frames.CALL, self.number, 0, json.dumps(request).encode())
        if content is None or len(content) > frames.MAX_PAYLOAD:
            await self.link.send(frame)
            if content is not None:
                await self.send(stream, content, at_end=True)
            return
        self._credit[stream] = WINDOW - len(content)
        end = frames.pack(frames.END, self.number, stream)
        # In one piece: each wakes every process on the way to the agent.
        await self.link.send(frame + frames.pack_data(self.number, stream, content) + end)

    def say(self, request: Mapping[str, object]) -> None:
        """Send a short request without waiting; drop it if the stream has ended."""
        self.link.say(frames.pack(frames.CALL, self.number, 0, json.dumps(request).encode()))

    def read(self, stream: int, take: Take) -> None:
        """Call `take` with each piece of a stream from now on."""
        self._takers[stream], self._windows[stream] = take, Window()
        self._ended[stream] = asyncio.Event()

    def ended(self, stream: int) -> asyncio.Event:
        """Return the event that is set at the end of a stream that is read."""
        return self._ended[stream]

    def consume(self, stream: int, size: int) -> None:
        """Count bytes that the taker has consumed, and grant the agent more."""
        amount = self._windows[stream].consume(size)
        if amount and not self.over:
            self.link.say(frames.pack_credit(self.number, stream, amount))

    async def send(self, stream: int, content: bytes, *, at_end: bool = False) -> None:
        """Send content as the agent grants it, then end the stream if `at_end`. Raises SandboxBroken."""
        rest = memoryview(content)
        while rest:
            while self._credit.setdefault(stream, WINDOW) == 0:
                if self.over or self.link.broken is not None:
                    raise self.link.broken or SandboxBroken("The program that was sent to has ended.")
                self._granted.clear()
                await self._granted.wait()
            size = min(len(rest), self._credit[stream])
            self._credit[stream] -= size
            await self.link.send(frames.pack_data(self.number, stream, bytes(rest[:size])))
            rest = rest[size:]
        if at_end:
            await self.link.send(frames.pack(frames.END, self.number, stream))

    def finish(self, stream: int) -> None:
        """End a stream whose content has all been sent."""
        if not self.over:
            self.link.say(frames.pack(frames.END, self.number, stream))

    def close(self) -> None:
        """Stop receiving frames. Idempotent."""
        self.over = True
        self.link.forget(self.number)
        self.has_ended()

    def has_ended(self) -> None:
        """Wake the tasks that wait for a stream's end or for a grant."""
        self.over = True
        self._granted.set()
        for event in self._ended.values():
            event.set()

    def receive(self, kind: int, stream: int, payload: bytes) -> None:
        """Process a frame. Raises FrameError or ValueError if it isn't permitted."""
        if kind == frames.NEWS:
            self.on_news(as_news(payload))
        elif kind == frames.CREDIT:
            self._credit[stream] = self._credit.get(stream, WINDOW) + frames.unpack_credit(payload)
            if self._credit[stream] > WINDOW:
                raise FrameError("more is granted than was sent")
            self._granted.set()
        elif stream not in self._takers or self._ended[stream].is_set():
            raise FrameError(f"the stream {stream} isn't open")
        elif kind == frames.END:
            self._ended[stream].set()
        else:
            self._windows[stream].receive(len(payload))
            consumed = self._takers[stream](payload)
            self.consume(stream, len(payload) if consumed is None else consumed)


class Link:
    """Connection to one agent; at its end everything that waits gets a SandboxBroken."""

    def __init__(self, stream: ByteStream) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self.on_end: Callable[[], object] = lambda: None
        """Called once when the agent ends, unless the link is closed before."""
        stream.on_data, stream.on_words, stream.on_end = self._hear_greeting, self._hear_words, self._cut
        self._splitter, self._greeting, self._stderr_tail = Splitter(), b"", b""
        self.python: asyncio.Future[tuple[int, int]] = self._loop.create_future()
        """Version of the agent's Python, once it runs."""
        self._up: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._conversations: dict[int, LinkConversation] = {}
        self._next = 0
        self._beating: asyncio.TimerHandle | None = None
        self._late_bytes = _LATE
        """Bytes that may still come for forgotten numbers."""
        self._unanswered = 0
        """Beats since the agent's last frame. Time alone would blame the agent for a busy event loop."""
        self.doors: dict[str, Callable[[LinkConversation], None]] = {}
        """Function by door, called with each connection of a program, once something listens there."""
        self._opened: dict[int, str] = {}
        self.broken: SandboxBroken | None = None
        """Reason why the link no longer works; None while it works."""

    async def boot(self, content: bytes) -> dict[str, Any]:
        """Send the agent its code; return its report about its place. Raises SandboxBroken."""
        await self._stream.send(len(content).to_bytes(4, "little") + content)
        facts = await self._up
        self._beat()
        return facts

    def converse(
        self, on_news: Callable[[dict[str, Any]], None], *, of_files: bool = False
    ) -> LinkConversation:
        """Begin a conversation with a number of its own. Raises SandboxBroken."""
        if self.broken is not None:
            raise self.broken
        self._next = (self._next + 1) % frames.FILE_CALL
        number = self._next | (frames.FILE_CALL if of_files else 0)
        conversation = self._conversations[number] = LinkConversation(self, number, on_news)
        return conversation

    def forget(self, number: int) -> None:
        """Forget a number; ignore granted data and reports that still arrive for it."""
        if self._conversations.pop(number, None) is not None:
            self._late_bytes += _LATE
        self._opened.pop(number, None)

    async def send(self, frame: bytes) -> None:
        """Send frames; wait while the agent reads nothing. Raises SandboxBroken."""
        if self.broken is not None:
            raise self.broken
        await self._stream.send(frame)

    def say(self, frame: bytes) -> None:
        """Send a short frame without waiting; drop it if the stream has ended."""
        self._stream.say(frame)

    def end(self, reason: BaseException) -> None:
        """End an agent whose answers are no longer reliable; the error contains the reason."""
        if self.broken is None:
            self._hear_words(str(reason).encode())
            self._cut()

    def close(self) -> None:
        """Close the stream: the agent exits. Idempotent."""
        self._stop_beating()
        self._stream.close()
        self._break(SandboxBroken("The sandbox is closed."))

    def _beat(self) -> None:
        if self._unanswered * _BEAT_S >= LEASE_S:
            self.end(SandboxBroken(f"It was silent for {LEASE_S:.0f} s."))
            return
        self._unanswered += 1
        self.say(frames.pack(frames.BEAT, 0))
        if not self._stream.ended:
            self._beating = self._loop.call_later(_BEAT_S, self._beat)

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def _hear_words(self, content: bytes) -> None:
        self._stderr_tail = (self._stderr_tail + content)[-_MAX_STDERR_BYTES:]

    def _hear_greeting(self, content: bytes) -> None:
        self._greeting += content
        line, newline, rest = self._greeting.partition(b"\n")
        if not newline:
            if len(self._greeting) > _LONGEST_LINE:
                self._cut()
            return
        words = line.decode("ascii", "replace").split()
        if len(words) != 4 or words[:2] != ["hello", str(VERSION)] or not all(map(str.isdigit, words[2:])):
            self._cut()
            return
        self._stream.on_data = self._hear
        self.python.set_result((int(words[2]), int(words[3])))
        self._hear(rest)

    def _hear(self, content: bytes) -> None:
        self._unanswered = 0
        try:
            for kind, number, stream, payload in self._splitter.feed(content):
                self._take(kind, number, stream, payload)
        except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
            self._hear_words(f"It broke the protocol: {error}.".encode())
            self._cut()

    def _take(self, kind: int, number: int, stream: int, payload: bytes) -> None:
        if kind == frames.BEAT:
            return
        if kind not in (frames.NEWS, frames.DATA, frames.END, frames.CREDIT):
            raise FrameError(f"an agent sends no frame of kind {kind}")
        conversation = self._conversations.get(number)
        if conversation is not None:
            conversation.receive(kind, stream, payload)
        elif number == 0 and kind == frames.NEWS:
            self._hear_of_all(as_news(payload))
        elif number & OPENED_BY_AGENT and kind == frames.NEWS:
            self._open(number, as_news(payload).get("door"))
        else:
            self._ignore(number, len(payload))

    def _hear_of_all(self, news: dict[str, Any]) -> None:
        if news["is"] == "up" and not self._up.done():
            self._up.set_result({name: value for name, value in news.items() if name != "is"})
        else:
            raise FrameError(str(news.get("why", news["is"])))

    def _ignore(self, number: int, size: int) -> None:
        """Ignore a late frame for a forgotten number. Raises FrameError if the frame can't be one."""
        self._late_bytes -= size
        if self._late_bytes < 0 or (
            (number & ~frames.FILE_CALL) > self._next and not number & OPENED_BY_AGENT
        ):
            raise FrameError("frames come that nobody asked for")

    def _open(self, number: int, door: object) -> None:
        if door not in self.doors or list(self._opened.values()).count(door) >= _MOST_OPENED:
            raise FrameError("connections are opened that nobody asked for")
        self._opened[number] = door
        # The only report that follows: its program has closed it.
        conversation = LinkConversation(self, number, lambda news: conversation.has_ended())
        self._conversations[number] = conversation
        self.doors[door](conversation)

    def _cut(self) -> None:
        self._stop_beating()
        self._stream.close()
        words = self._stderr_tail.decode("utf-8", "replace").strip()
        is_first = self.broken is None
        self._break(
            SandboxBroken(f"The sandbox's agent ended unexpectedly, or its engine did. {words}".strip())
        )
        if is_first:
            self.on_end()

    def _break(self, reason: SandboxBroken) -> None:
        self.broken = self.broken or reason
        for future in (self.python, self._up):
            if not future.done():
                future.set_exception(self.broken)
                future.exception()  # retrieved: no warning where nothing awaits it
        for conversation in list(self._conversations.values()):
            conversation.has_ended()
            conversation.on_news({"is": "broken"})
        self._conversations.clear()


class Reader:
    """Reads a stream of a conversation in exact sizes; holds at most one window."""

    def __init__(self, conversation: LinkConversation, stream: int) -> None:
        self._conversation, self._stream = conversation, stream
        self._content = bytearray()
        self._came = asyncio.Event()
        conversation.read(stream, self._take)

    def _take(self, piece: bytes) -> int:
        self._content += piece
        self._came.set()
        return 0

    async def some(self) -> bytes:
        """Return some bytes, empty at the end; a cancelled read consumes nothing."""
        ended = self._conversation.ended(self._stream)
        while not self._content and not ended.is_set():
            self._came.clear()
            await first_of(self._came, ended)
        content = bytes(self._content)
        self._content.clear()
        self._conversation.consume(self._stream, len(content))
        return content

    async def exactly(self, size: int) -> bytes | None:
        """Return the next `size` bytes, None if the stream ends before; a cancelled read consumes nothing."""
        ended = self._conversation.ended(self._stream)
        content = bytearray()
        try:
            while len(content) < size:
                if not self._content:
                    if ended.is_set():
                        return None
                    self._came.clear()
                    await first_of(self._came, ended)
                    continue
                piece = self._content[: size - len(content)]
                del self._content[: len(piece)]
                content += piece
                self._conversation.consume(self._stream, len(piece))
        except asyncio.CancelledError:
            self._content[:0] = content  # more than a window only by what one frame of an entry may have
            raise
        return bytes(content)


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of several events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def as_news(payload: bytes) -> dict[str, Any]:
    """Decode a report. Raises FrameError if it isn't one."""
    news = json.loads(payload)
    if not isinstance(news, dict) or not isinstance(news.get("is", ""), str):
        raise FrameError("a report isn't an object")
    return {"is": "", **news}
