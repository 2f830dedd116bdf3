"""The proxy itself, on the loopback interface: whom it connects, whom it doesn't, and what bounds it."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from sandbox.network.masked_exchange import Masks
from sandbox.network.masking import MaskedSecret
from sandbox.network.outside_lookup import Outside
from sandbox.network.proxy import AT_ONCE, IN_A_SECOND, Network, NetworkProxy
from sandbox.network.proxy_request import MAX_HEAD

PUBLIC, DEAD = "93.184.216.34", "93.184.216.35"
CONNECT = b"CONNECT example.org:443 HTTP/1.1\r\n\r\n"
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class World:
    """A name server and an internet: whatever is connected to is one server that answers in capitals."""

    names: dict[str, list[str]]
    place: tuple[str, int]
    looked_up: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)

    @property
    def outside(self) -> Outside:
        return Outside(self.resolve, self.connect)

    async def resolve(self, name: str, port: int) -> list[str]:
        self.looked_up.append(name)
        return self.names.get(name, [PUBLIC])

    async def connect(self, address: str, port: int) -> socket.socket:
        self.connected.append((address, port))
        if address == DEAD:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        connection = socket.socket()
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, self.place)
        return connection


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1 << 16):
        writer.write(piece.upper())
        await writer.drain()
    writer.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    yield World({}, server.sockets[0].getsockname())
    server.close()


class Door:
    """A proxy at work, and how a program would come to it."""

    def __init__(self, world: World, *hosts: str, without: str = "", masks: Masks | None = None) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.place = listener.getsockname()
        words = frozenset(without.split())
        self.network = Network(hosts, outside=world.outside, without=words, masks=masks)
        self.proxy: NetworkProxy = self.network.open(listener.detach())

    async def knock(self, request: bytes) -> Ends:
        reader, writer = await asyncio.open_connection(*self.place)
        writer.write(request)
        return reader, writer

    async def status(self, request: bytes) -> str:
        reader, writer = await self.knock(request)
        line = await asyncio.wait_for(reader.readline(), 300)
        writer.close()
        return line.decode().strip()

    async def close(self) -> None:
        self.proxy.close()
        await self.network.close()


async def test_bytes_go_both_ways_until_both_ends_are_done(world: World) -> None:
    door = Door(world, "example.org")
    reader, writer = await door.knock(CONNECT + b"first ")
    writer.write(b"second")
    writer.write_eof()

    response = await asyncio.wait_for(reader.read(), 300)

    assert response == b"HTTP/1.1 200 Connection established\r\n\r\nFIRST SECOND"
    assert world.connected == [(PUBLIC, 443)]
    await door.close()


async def test_a_large_transfer_arrives_whole(world: World) -> None:
    door = Door(world, "example.org")
    reader, writer = await door.knock(CONNECT)
    await reader.readuntil(b"\r\n\r\n")

    async def send() -> None:
        for _ in range(64):
            writer.write(b"x" * (1 << 16))
            await writer.drain()
        writer.write_eof()

    _, got = await asyncio.wait_for(asyncio.gather(send(), reader.read()), 300)

    assert got == b"X" * (64 << 16)
    await door.close()


async def test_a_host_that_is_not_named_is_not_even_looked_up(world: World) -> None:
    door = Door(world, "example.org")

    refused = await door.status(b"CONNECT secret.evil.example:443 HTTP/1.1\r\n\r\n")

    assert (
        refused == "HTTP/1.1 403 secret.evil.example:443 is not among the hosts that this sandbox may reach"
    )
    assert world.looked_up == []
    await door.close()


SECRET = MaskedSecret(
    "API_KEY", "api.shop.example", 443, "masked-api-key-0123456789abcdef", "key-of-the-shop"
)


@pytest.mark.parametrize(
    "request_head",
    [
        b"CONNECT api.shop.example:80 HTTP/1.1\r\n\r\n",
        b"CONNECT api.shop.example:8443 HTTP/1.1\r\n\r\n",
        b"CONNECT API.shop.example.:80 HTTP/1.1\r\n\r\n",
        b"GET http://api.shop.example/ HTTP/1.1\r\n\r\n",
        b"GET http://api.shop.example:443/ HTTP/1.1\r\n\r\n",
    ],
)
async def test_the_host_of_a_secret_is_reached_by_its_own_entry_whatever_else_is_allowed(
    world: World, request_head: bytes
) -> None:
    hosts, masks = (
        ("*.shop.example", "api.shop.example", "api.shop.example:8443", "api.shop.example:443"),
        Masks([SECRET]),
    )
    door, open_door = (Door(world, *hosts, without=without, masks=masks) for without in ("", "ports"))

    refused, other, reached = (
        await door.status(request_head),
        await door.status(request_head.replace(b"api", b"www").replace(b"API", b"www")),
        await open_door.status(request_head),
    )

    assert "has a secret, and is reached over TLS at port 443 alone" in refused
    assert "secret" not in other + reached
    for each in (door, open_door):
        await each.close()


@pytest.mark.parametrize("mechanism", ["hosts", "addresses"])
async def test_the_mechanism_refuses_and_without_it_the_connection_is_made(
    world: World, mechanism: str
) -> None:
    world.names = {"inner.example": ["127.0.0.1"]}
    host = {"hosts": "other.example", "addresses": "inner.example"}[mechanism]
    request = f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode()
    doors = [Door(world, "inner.example", without=without) for without in ("", mechanism)]

    codes = [(await door.status(request)).split()[1] for door in doors]

    assert codes == ["403", "200"]
    for door in doors:
        await door.close()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1", "0.0.0.0"]
)
async def test_a_named_host_with_an_inner_address_is_refused(world: World, address: str) -> None:
    world.names = {"example.org": [address]}
    door = Door(world, "example.org")

    refused = await door.status(CONNECT)

    assert refused.startswith("HTTP/1.1 403 example.org:443 is not public")
    assert world.connected == []
    await door.close()


async def test_what_is_connected_to_is_the_address_that_was_looked_at(world: World) -> None:
    world.names = {"example.org": ["10.0.0.8", PUBLIC]}
    door = Door(world, "example.org")

    answered = await door.status(CONNECT)

    assert answered.startswith("HTTP/1.1 200")
    assert world.looked_up == ["example.org"]  # a second look could give another answer
    assert world.connected == [(PUBLIC, 443)]
    await door.close()


async def test_a_second_request_of_a_connection_goes_to_the_same_host(world: World) -> None:
    door = Door(world, "example.org")
    first = b"GET http://example.org/a HTTP/1.1\r\n\r\n"
    reader, writer = await door.knock(first + b"GET http://evil.example/b HTTP/1.1\r\n\r\n")
    writer.write_eof()

    await asyncio.wait_for(reader.read(), 300)

    assert world.looked_up == ["example.org"]
    await door.close()


@pytest.mark.parametrize("request_", [b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * MAX_HEAD])
async def test_what_is_no_request_is_told_so(world: World, request_: bytes) -> None:
    door = Door(world, "example.org")

    assert (await door.status(request_)).startswith("HTTP/1.1 400")
    await door.close()


async def test_a_host_that_does_not_answer_is_told_as_unreachable(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        world.place = closed.getsockname()
    door = Door(world, "example.org")

    assert (await door.status(CONNECT)).startswith("HTTP/1.1 502 example.org:443 can't be reached")
    await door.close()


@pytest.mark.slow
async def test_more_connections_than_are_allowed_at_once_wait_for_one_to_end(world: World) -> None:
    door = Door(world, "example.org")
    connections = [await door.knock(CONNECT) for _ in range(AT_ONCE)]
    for reader, _ in connections:
        await reader.readuntil(b"\r\n\r\n")
    waiting, its_end = await door.knock(CONNECT)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting.readline(), 0.2)
    connections[0][1].close()

    assert b"200" in await asyncio.wait_for(waiting.readline(), 300)
    for _, writer in (*connections, (waiting, its_end)):
        writer.close()
    await door.close()


@pytest.mark.slow
async def test_a_flood_of_connections_is_held_to_so_many_in_a_second(world: World) -> None:
    door = Door(world, "example.org")
    began = asyncio.get_running_loop().time()

    answers = [await door.status(b"GET / HTTP/1.1\r\n\r\n") for _ in range(IN_A_SECOND + 1)]

    assert set(answers) == {"HTTP/1.1 400 the address isn't an absolute http:// one"}
    assert asyncio.get_running_loop().time() - began > 0.99
    await door.close()


async def test_an_address_that_is_dead_does_not_keep_the_next_one_from_being_tried(
    world: World,
) -> None:
    world.names = {"example.org": [DEAD, PUBLIC]}
    door = Door(world, "example.org")

    assert (await door.status(CONNECT)).startswith("HTTP/1.1 200")
    assert [address for address, _ in world.connected] == [DEAD, PUBLIC]
    await door.close()


async def test_a_proxy_that_is_closed_ends_its_connections_and_takes_no_more(world: World) -> None:
    door = Door(world, "example.org")
    reader, _ = await door.knock(CONNECT)
    await reader.readuntil(b"\r\n\r\n")

    await door.close()

    assert await asyncio.wait_for(reader.read(), 300) == b""
    with pytest.raises(ConnectionRefusedError):
        await door.knock(CONNECT)


async def test_each_attempt_is_logged_with_what_came_of_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sandbox.network")
    door = Door(world, "example.org")

    await door.status(CONNECT)
    await door.status(b"CONNECT evil.example:443 HTTP/1.1\r\nAuthorization: secret\r\n\r\n")
    for who in (b"me:secret@", b"secret@", b"me:80@secret@"):
        await door.status(b"GET http://" + who + b"example.org/secret?secret HTTP/1.1\r\n\r\n")

    assert caplog.messages == [
        "connected: example.org:443",
        "refused: evil.example:443 is not among the hosts that this sandbox may reach",
        *3 * ["refused: a host is named without a user or password before it"],
    ]
    await door.close()
