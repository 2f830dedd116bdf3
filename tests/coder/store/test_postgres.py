"""The log in Postgres: what breaks on the way loses no event and doubles none; others are told who works."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread, get_ident

import pytest

from coder.base.errors import CoderError, LeaseHeld, LogDamaged, LogNewer, MachineError, UsageError
from coder.run.events import Draft
from coder.store import connections, event_codec, open_log
from coder.store.lease import LeaseOwner
from coder.store.postgres import PostgresLog
from tests.forked import said_by_child
from tests.postgres import PASSWORD, Server

HELLO = Draft(type="hello", body={})


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database()


async def test_of_eight_that_want_one_run_seven_are_refused(url: str) -> None:
    with ExitStack() as opened:
        logs = [opened.enter_context(PostgresLog(url)) for _ in range(8)]
        async with AsyncExitStack() as stack:
            taking = [stack.enter_async_context(log.lease("run_a")) for log in logs]
            tokens = await asyncio.gather(*taking, return_exceptions=True)

            assert sorted(type(token).__name__ for token in tokens) == ["LeaseHeld"] * 7 + ["int"]
            (token,) = [token for token in tokens if isinstance(token, int)]
            appends = [log.append("run_a", [HELLO], after=0, token=token) for log in logs]
            done = await asyncio.gather(*appends, return_exceptions=True)

        assert sum(isinstance(each, LeaseHeld) for each in done) == 7
        assert len(await logs[0].read("run_a")) == 1


async def appended(log: PostgresLog, count: int, reached: dict[int, asyncio.Event] | None = None) -> None:
    async with log.lease("run_a") as token:
        for number in range(count):
            await log.append("run_a", [Draft(type="n", body={"n": number})], after=number, token=token)
            if reached and number in reached:
                reached[number].set()


@contextmanager
def again_and_again(harm: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Do harm in a thread each time the yielded function is called."""
    is_over, is_next = Flag(), Flag()

    def work() -> None:
        while is_next.wait() and not is_over.is_set():
            is_next.clear()
            harm()

    thread = Thread(target=work)
    thread.start()
    try:
        yield is_next.set
    finally:
        is_over.set()
        is_next.set()
        thread.join()


@pytest.mark.slow
async def test_backends_that_are_ended_in_appends_lose_no_event_and_double_none(
    postgres: Server, url: str
) -> None:
    ended = 0

    def end_all() -> None:
        nonlocal ended
        row = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", (database,)
        ).fetchone()
        ended += row[0] if row else 0

    database = url.partition("?")[0].rpartition("/")[2]
    with PostgresLog(url) as log, postgres.connect() as admin:
        with again_and_again(end_all) as end_next:
            async with log.lease("run_a") as token:
                count = 0
                while ended < 12:
                    if count % 20 == 0:
                        end_next()
                    await log.append("run_a", [Draft(type="n", body={"n": count})], after=count, token=token)
                    count += 1

        assert [event.body["n"] for event in await log.read("run_a")] == [*range(count)]


class Relay:
    """Between a client and the server: breaks connections before a request, or between commit and answer."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.breaks_at: str | None = None
        """`request` or `answer`: where the next one is broken; once."""
        self._server = str(server / ".s.PGSQL.5432")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            Thread(target=self._pump, args=(client, server, "request"), daemon=True).start()
            Thread(target=self._pump, args=(server, client, "answer"), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, kind: str) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.breaks_at == kind:
                    self.breaks_at = None
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("starts_something")
@pytest.mark.parametrize("kind", ["request", "answer"])
async def test_an_append_whose_connection_breaks_is_made_once_whether_it_was_committed_or_not(
    postgres: Server, url: str, kind: str
) -> None:
    with TemporaryDirectory(prefix="pg") as folder:  # a socket's path has to be short
        relay = Relay(Path(folder), postgres.folder)
        with PostgresLog(url.replace(str(postgres.folder), folder)) as log:
            async with log.lease("run_a") as token:
                for after in range(0, 6, 2):
                    relay.breaks_at = kind
                    events = await log.append("run_a", [HELLO, HELLO], after=after, token=token)

                    assert relay.breaks_at is None
                    assert [event.seq for event in events] == [after + 1, after + 2]
                    assert await log.read("run_a", after=after) == events

            relay.breaks_at = kind
            async with log.lease("run_a") as again:
                assert again > token


@pytest.mark.slow
async def test_a_server_that_is_frozen_ends_an_append_in_time_and_serves_again(url: str) -> None:
    with PostgresLog(url) as log:
        async with log.lease("run_a") as token:
            await log.append("run_a", [HELLO], after=0, token=token)
            (frozen,) = log._server.rows("SELECT pg_backend_pid()", {})[0]
            log._server._wait_s = 0.5
            os.kill(frozen, signal.SIGSTOP)
            try:
                with pytest.raises(MachineError, match="can't be used"):
                    await asyncio.wait_for(log.append("run_a", [HELLO], after=1, token=token), 300)
            finally:
                os.kill(frozen, signal.SIGCONT)
            assert log._server._wait_s == connections._SHORT_RETRY_S
            alive = "SELECT 1 FROM pg_stat_activity WHERE pid = %(pid)s"
            while log._server.rows(alive, {"pid": frozen}):  # it may still carry out what it was sent
                time.sleep(0.02)  # noqa: ASYNC251
            last = len(await log.read("run_a"))
            assert await log.append("run_a", [HELLO], after=last, token=token)
            assert log._server._wait_s == connections.RETRY_S


def test_what_the_server_is_never_asked_is_not_asked_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_second_time(_: float) -> None:
        raise AssertionError("it was asked again")

    with PostgresLog(url) as log:
        monkeypatch.setattr(connections.time, "sleep", no_second_time)
        for value, statement in (("\0", "SELECT %(value)s"), (0, "SELECT 1 / %(value)s::int")):
            with pytest.raises(MachineError):
                log._server.rows(statement, {"value": value})


async def test_contents_are_encoded_and_decoded_beside_the_event_loop(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def noting(work: Callable[..., object]) -> Callable[..., object]:
        def noted(*given: object) -> object:
            threads.add(get_ident())
            return work(*given)

        return noted

    for name in ("encode", "decode"):
        monkeypatch.setattr(event_codec, name, noting(getattr(event_codec, name)))
    with PostgresLog(url) as log:
        async with log.lease("run_a") as token:
            await log.append("run_a", [HELLO], after=0, token=token)
            await log.read("run_a")

    assert threads
    assert get_ident() not in threads


@pytest.mark.slow
async def test_a_server_that_is_killed_and_started_again_loses_no_event(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "RETRY_S", 120.0)  # a busy machine starts a server late
    reached = {100: asyncio.Event(), 300: asyncio.Event()}
    with PostgresLog(url) as log:
        async with asyncio.TaskGroup() as tasks:  # an error of the writer ends the waiting for it
            tasks.create_task(appended(log, 500, reached))
            await reached[100].wait()
            await asyncio.to_thread(postgres.kill)
            await asyncio.to_thread(postgres.start)
            await reached[300].wait()
            (pid,) = log._server.rows("SELECT pg_backend_pid()", {})[0]
            os.kill(pid, signal.SIGKILL)  # the server starts all of its processes again

        assert [event.body["n"] for event in await log.read("run_a")] == [*range(500)]


@pytest.mark.slow
async def test_a_holder_that_was_killed_is_replaced_at_once_on_its_machine(url: str) -> None:
    async def take_and_die() -> None:
        with PostgresLog(url) as log:
            async with log.lease("run_a") as token:
                await log.append("run_a", [HELLO], after=0, token=token)
                os.kill(os.getpid(), signal.SIGKILL)

    await asyncio.to_thread(said_by_child, lambda: asyncio.run(take_and_die()))

    with PostgresLog(url) as log:
        async with log.lease("run_a") as token:
            assert token == 2
            assert await log.append("run_a", [HELLO], after=1, token=token)


async def test_a_lease_that_never_ends_is_taken_over_and_one_without_an_owner_is_damage(url: str) -> None:
    values = {"run": "run_a"}
    with PostgresLog(url) as log:
        async with log.lease("run_a"):
            pass
        log._server.rows(
            "UPDATE coder.run SET expires = 'infinity', owner = '{elsewhere,\"\",7,\"\"}' RETURNING run",
            values,
        )
        assert await log.holder("run_a") is None
        async with log.lease("run_a") as token:
            assert token == 2
            for owner in ("{me}", "{h,n,NULL,s}", "{h,n,me,s}", "{h,n,99999999999,s}"):
                change = {"owner": owner}
                log._server.rows("UPDATE coder.run SET owner = %(owner)s::text[] RETURNING run", change)
                with pytest.raises(LogDamaged, match="the lease of run_a can't be read"):
                    await log.holder("run_a")
                with pytest.raises(LogDamaged, match="the lease of run_a can't be read"):
                    await log.lease("run_a").__aenter__()


@pytest.mark.slow
async def test_a_holder_on_another_machine_is_replaced_when_its_lease_is_over(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = LeaseOwner("elsewhere", "", 7, "")
    with PostgresLog(url) as log:
        monkeypatch.setattr(LeaseOwner, "current", lambda: elsewhere)
        lease = log.lease("run_a")
        stale = await lease.__aenter__()
        heartbeat = next(task for task in asyncio.all_tasks() if "_renew" in repr(task))
        heartbeat.cancel()
        with pytest.raises(LeaseHeld, match="Process 7 on elsewhere works on run_a"):
            await log.lease("run_a").__aenter__()
        log._server.rows("UPDATE coder.run SET expires = now() RETURNING run", {})
        other = log.lease("run_a")
        token = await other.__aenter__()
        with pytest.raises(LeaseHeld):
            await log.append("run_a", [HELLO], after=0, token=stale)
        assert await log.append("run_a", [HELLO], after=0, token=token)
        await lease.__aexit__(None, None, None)
        assert await log.append("run_a", [HELLO], after=1, token=token)
        await other.__aexit__(None, None, None)


@pytest.mark.slow
async def test_a_cancelled_append_is_over_when_its_caller_goes_on(url: str) -> None:
    with PostgresLog(url) as log:
        async with log.lease("run_a") as token:
            for number in range(20):
                last = len(await log.read("run_a"))
                appending = asyncio.create_task(log.append("run_a", [HELLO], after=last, token=token))
                await asyncio.sleep(number / 10_000)
                appending.cancel()
                await asyncio.wait([appending])
                event_count = len(await log.read("run_a"))
                await asyncio.sleep(0.005)
                assert len(await log.read("run_a")) == event_count


async def test_long_strings_and_odd_ones_come_back(url: str) -> None:
    body = {"long": "ä" * 200_000, "odd": "\0\ud800", "again": "ä" * 200_000}
    with PostgresLog(url) as log:
        async with log.lease("run_a") as token:
            await log.append("run_a", [Draft(type="t", body=body)] * 2, after=0, token=token)

        assert [event.body for event in await log.read("run_a")] == [body, body]
        assert (await log.runs())[0].first.body == body


@pytest.mark.parametrize(
    ("statement", "error", "said"),
    [
        ("UPDATE coder.format SET version = 9", LogNewer, "newer version"),
        ("DELETE FROM coder.format", LogDamaged, "its format is 0"),
    ],
)
def test_tables_of_another_version_are_refused(
    postgres: Server, url: str, statement: str, error: type[CoderError], said: str
) -> None:
    with PostgresLog(url):
        pass
    with postgres.connect(url.partition("?")[0].rpartition("/")[2]) as connection:
        connection.execute(statement)  # type: ignore[call-overload]

    with pytest.raises(error, match=said):
        PostgresLog(url)


@pytest.mark.parametrize("table", ["event", "run", "format"])
async def test_a_table_that_was_dropped_is_damage_in_one_line(postgres: Server, url: str, table: str) -> None:
    with PostgresLog(url) as log:
        with postgres.connect(url.partition("?")[0].rpartition("/")[2]) as connection:
            connection.execute(f"DROP TABLE coder.{table}")  # type: ignore[call-overload]

        with pytest.raises(LogDamaged, match=f'damaged: relation "coder.{table}" does not exist. Nothing'):
            await log.read("run_a") if table != "format" else PostgresLog(url)


@pytest.mark.slow
async def test_a_log_that_waits_for_a_lock_says_so_and_whose_it_is(postgres: Server, url: str) -> None:
    with (
        PostgresLog(url) as log,
        postgres.connect(url.partition("?")[0].rpartition("/")[2]) as connection,
        connection.transaction(),
    ):
        connection.execute("LOCK TABLE coder.run")
        log._server._wait_s = 0.5
        with pytest.raises(
            MachineError, match=rf"waits for a lock of process {connection.info.backend_pid} "
        ):
            await log.read("run_a")


@pytest.mark.slow
async def test_a_log_is_opened_once_its_server_is_back(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "OPENING_S", 120.0)
    postgres.kill()
    opening = asyncio.create_task(asyncio.to_thread(PostgresLog, url))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(postgres.start)

    with await opening as log:
        assert await log.read("run_a") == []


def test_what_cannot_be_reached_or_refuses_is_said_without_the_password(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {
        postgres.url("postgres", password="wr0ng-horse"): ("password authentication failed", MachineError),
        postgres.url("nowhere"): ("nowhere", MachineError),
        f"postgresql://coder:{PASSWORD}@/postgres?host={tmp_path}": ("No such file", MachineError),
        f"mysql://coder:{PASSWORD}@host/db": ("is no address of Postgres", UsageError),
        f"postgresql://coder:{PASSWORD}\udcff@host/db": ("is no address of Postgres", UsageError),
    }
    monkeypatch.setattr(connections, "OPENING_S", 0.1)
    for address, (message, error) in refused.items():
        monkeypatch.setenv("CODER_LOG", address)
        with pytest.raises(error, match=message) as failed, open_log():
            pass
        assert "horse" not in str(failed.value)
