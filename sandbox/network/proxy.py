"""Proxy of one run, which is its only network access and connects to allowed hosts only.

Its door is a socket in the run's network namespace, received before the program began, or an agent that takes
the programs' connections. It resolves a name once, and connects to the address that it verified.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from sandbox.network.allowed_hosts import find_refusal, find_unreachable_reason, parse_hosts
from sandbox.network.doors import Door, End, SocketDoor, SocketEnd, WatchedEnd
from sandbox.network.outside_lookup import Outside
from sandbox.network.proxy_request import BadRequest, ProxyRequest, find_end, parse_request

if TYPE_CHECKING:
    from sandbox.network.masked_exchange import Masks

AT_ONCE, IN_A_SECOND = 64, 200
"""Maximum connections of a run: concurrent, and accepted within a second; further ones wait."""
_HEAD_S, _CONNECT_S, _IDLE_S = 10.0, 20.0, 60.0
_RETRY_S = 0.1
_BAD, _FORBIDDEN, _UNREACHABLE = 400, 403, 502
_log = logging.getLogger("sandbox.network")


class RequestRefused(Exception):
    """A refused request; the status line gives the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Network:
    """Allowed hosts and open connections of one sandbox's runs."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        *,
        outside: Outside | None,
        without: frozenset[str],
        ask: Callable[[str, int], Awaitable[bool]] | None = None,
        masks: "Masks | None" = None,
    ) -> None:
        """`ask` decides on unlisted hosts, which must have a public address, too; `masks` has secrets."""
        self._ask, self.masks = ask, masks
        self._hosts, self._outside, self._without = parse_hosts(hosts), outside or Outside(), without
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, listener: int) -> "NetworkProxy":
        """Serve on a listening socket, which closes with the proxy."""
        return self.serve(SocketDoor(socket.socket(fileno=listener)))

    def serve(self, door: Door) -> "NetworkProxy":
        """Serve at a door, which closes with the proxy."""
        return NetworkProxy(door, self)

    async def close(self) -> None:
        """Wait until the connections of closed proxies end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start a task that `close` waits for."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def connect(self, request: ProxyRequest) -> socket.socket:
        """Connect to the requested host. Raises RequestRefused if it isn't allowed, public or reachable."""
        destination = f"{request.host}:{request.port}"
        ports = self.masks.ports_of(request.host) if self.masks and "ports" not in self._without else ()
        if ports and (request.port not in ports or request.head):
            own = ", ".join(map(str, ports))
            raise RequestRefused(
                _FORBIDDEN, f"{destination} has a secret, and is reached over TLS at port {own} alone"
            )
        if "hosts" not in self._without and not await self._is_allowed(request.host, request.port):
            raise RequestRefused(
                _FORBIDDEN, f"{destination} is not among the hosts that this sandbox may reach"
            )
        try:
            async with asyncio.timeout(_CONNECT_S):
                addresses = await self._outside.resolve(request.host, request.port)
                return await self._connect(destination, addresses, request.port)
        except TimeoutError as error:
            raise RequestRefused(
                _UNREACHABLE, f"{destination} did not answer within {_CONNECT_S:.0f} s"
            ) from error
        except OSError as error:
            raise RequestRefused(
                _UNREACHABLE, f"{destination} can't be reached: {error.strerror or error}"
            ) from error

    async def _is_allowed(self, host: str, port: int) -> bool:
        if any(entry.covers(host, port) for entry in self._hosts):
            return True
        return self._ask is not None and find_unreachable_reason(host) is None and await self._ask(host, port)

    async def _connect(self, destination: str, addresses: list[str], port: int) -> socket.socket:
        """Connect to the first public address that answers. Raises RequestRefused if none is public."""
        refusals = [None if "addresses" in self._without else find_refusal(address) for address in addresses]
        usable = [address for address, reason in zip(addresses, refusals, strict=True) if reason is None]
        if not usable:
            reasons = "; ".join(filter(None, refusals)) or "it has no address"
            raise RequestRefused(_FORBIDDEN, f"{destination} is not public: {reasons}")
        for address in usable[:-1]:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S / len(usable)):
                    return await self._outside.connect(address, port)
        return await self._outside.connect(usable[-1], port)


class NetworkProxy:
    """Proxy server of one run."""

    def __init__(self, door: Door, network: Network) -> None:
        self._loop = asyncio.get_running_loop()
        self._door, self._network = door, network
        self._open: set[asyncio.Task[None]] = set()
        self._second_start, self._accepted_count = self._loop.time(), 0
        self._listening = self._closed = False
        self._listen()

    def close(self) -> None:
        """Close all connections, and accept no more. Idempotent."""
        self._closed = True
        self._stop()
        self._door.close()
        for task in self._open:
            task.cancel()

    def cut(self) -> None:
        """Close all connections, including waiting ones."""
        for task in self._open:
            task.cancel()
        with suppress(OSError):  # none waits any more
            while True:
                self._door.accept().close()

    def _listen(self) -> None:
        now = self._loop.time()
        if now >= self._second_start + 1:
            self._second_start, self._accepted_count = now, 0
        if self._closed or self._listening or len(self._open) >= AT_ONCE:
            return
        if self._accepted_count < IN_A_SECOND:
            self._door.watch(self._accept)
            self._listening = True
        else:
            self._loop.call_at(self._second_start + 1, self._listen)

    def _stop(self) -> None:
        if self._listening:
            self._door.watch(None)
            self._listening = False

    def _accept(self) -> None:
        try:
            inside = self._door.accept()
        except (BlockingIOError, ConnectionAbortedError):  # closed by the client already
            return
        except OSError:  # out of descriptors
            self._stop()
            self._loop.call_later(_RETRY_S, self._listen)
            return
        self._accepted_count += 1
        task = self._network.start_task(self._serve(inside))
        self._open.add(task)
        task.add_done_callback(self._forget_task)
        if len(self._open) >= AT_ONCE or self._accepted_count >= IN_A_SECOND:
            self._stop()
            self._listen()

    def _forget_task(self, task: "asyncio.Task[None]") -> None:
        self._open.discard(task)
        self._listen()

    async def _serve(self, inside: End) -> None:
        with closing(inside):
            try:
                request, rest = await self._read_request(inside)
                outside = await self._network.connect(request)
            except RequestRefused as error:
                _log.info("refused: %s", error.reason)
                await self._answer(inside, error.code, error.reason)
                return
            except OSError:  # the program hung up
                return
            with closing(SocketEnd(outside)) as there:
                _log.info("connected: %s:%d", request.host, request.port)
                masks = self._network.masks
                if masks is not None and not request.head and masks.covers(request.host, request.port):
                    await self._carry_masked(masks, inside, there, request, rest)
                else:
                    await self._join(inside, there, request, rest)

    async def _read_request(self, inside: End) -> tuple[ProxyRequest, bytes]:
        """Read a request; return it and the bytes after its head. Raises RequestRefused."""
        received = b""
        try:
            async with asyncio.timeout(_HEAD_S):
                while (end := find_end(received)) < 0:
                    piece = await inside.receive()
                    if not piece:
                        raise ConnectionResetError
                    received += piece
            return parse_request(received[:end]), received[end:]
        except BadRequest as error:
            raise RequestRefused(_BAD, str(error)) from error
        except TimeoutError as error:
            raise RequestRefused(_BAD, f"no request came within {_HEAD_S:.0f} s") from error

    async def _answer(self, inside: End, code: int, reason: str) -> None:
        """Send the reason in the status line, which clients show, and in the body."""
        reason_bytes = reason.encode("ascii", "replace").replace(b"\r", b" ").replace(b"\n", b" ")
        headers = b"Content-Type: text/plain\r\nContent-Length: %d\r\nConnection: close" % (
            len(reason_bytes) + 1
        )
        answer = b"HTTP/1.1 %d %b\r\n%b\r\n\r\n%b\n" % (code, reason_bytes, headers, reason_bytes)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_HEAD_S):
                await inside.send(answer)
                inside.finish()
                # If the socket were closed at once, a reset could overtake the answer.
                await inside.receive()

    async def _carry_masked(
        self, masks: "Masks", inside: End, outside: End, request: ProxyRequest, rest: bytes
    ) -> None:
        """Carry requests with secrets until one end is closed or both are idle."""
        try:
            async with asyncio.timeout(_IDLE_S) as idle:
                watched = WatchedEnd(inside, idle, _IDLE_S, first=rest)
                there = WatchedEnd(outside, idle, _IDLE_S)
                await inside.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await masks.carry(watched, there, request.host, request.port)
        except OSError as error:  # TimeoutError and ssl.SSLError are, too
            _log.info("cut off: %s:%d: %s", request.host, request.port, type(error).__name__)

    async def _join(self, inside: End, outside: End, request: ProxyRequest, rest: bytes) -> None:
        """Pass bytes both ways until both ends are closed or idle."""
        try:
            async with asyncio.timeout(_IDLE_S) as idle, asyncio.TaskGroup() as both_ways:
                if request.head:
                    await outside.send(request.head)
                else:
                    await inside.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await outside.send(rest)
                both_ways.create_task(self._pass_on(inside, outside, idle))
                both_ways.create_task(self._pass_on(outside, inside, idle))
        except* OSError as errors:  # one end closed, or both were idle
            _log.debug("cut off: %s:%d: %s", request.host, request.port, errors.exceptions[0])

    async def _pass_on(self, source: End, target: End, idle: asyncio.Timeout) -> None:
        while piece := await source.receive():
            idle.reschedule(self._loop.time() + _IDLE_S)
            await target.send(piece)
            await asyncio.sleep(0)  # both calls may return at once; let timers run
        target.finish()
