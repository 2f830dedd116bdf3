"""What every EventLog promises. A store of your own passes when its log is added to `LOGS`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coder.base.errors import EventRefused, LeaseHeld, UsageError
from coder.run import event_types
from coder.run.event_types import MessagesTaken, RunStarted
from coder.run.events import Draft
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import EventLog, SqliteLog
from coder.store.blobs import blob_name
from coder.store.event_codec import BLOB_BYTES
from coder.store.postgres import PostgresLog
from tests.memory_log import MemoryLog

LOGS = ("memory", "sqlite", "sqlite and folder", "postgres", "postgres and folder")

HELLO = Draft(type="hello", body={"text": "hi"})


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    if request.param == "memory":
        yield MemoryLog()
        return
    name, _, has_place = request.param.partition(" and ")
    blobs = str(tmp_path / "place") if has_place else None
    if name == "sqlite":
        with SqliteLog(tmp_path, blobs=blobs) as log:
            yield log
    else:
        with PostgresLog(request.getfixturevalue("postgres").database(), blobs=blobs) as log:
            yield log


async def test_what_was_appended_is_read_back_numbered_from_one(log: EventLog) -> None:
    async with log.lease("run_a") as token:
        appended = await log.append("run_a", [HELLO, HELLO], after=0, token=token)
        appended += await log.append("run_a", [HELLO], after=2, token=token)

    assert [event.seq for event in appended] == [1, 2, 3]
    assert await log.read("run_a") == appended


async def test_reading_after_a_number_gives_only_what_came_later(log: EventLog) -> None:
    async with log.lease("run_a") as token:
        appended = await log.append("run_a", [HELLO] * 3, after=0, token=token)

    assert await log.read("run_a", after=2) == appended[2:]


async def test_a_long_run_can_be_read_in_pages(log: EventLog) -> None:
    async with log.lease("run_a") as token:
        appended = await log.append("run_a", [HELLO] * 5, after=0, token=token)

    assert await log.read("run_a", limit=2) == appended[:2]
    assert await log.read("run_a", after=2, limit=2) == appended[2:4]
    assert await log.read("run_a", after=4, limit=2) == appended[4:]
    assert await log.read("run_a", after=5, limit=2) == []


async def test_a_run_that_is_not_there_has_no_events(log: EventLog) -> None:
    assert await log.read("run_nowhere") == []


async def test_runs_do_not_see_each_other(log: EventLog) -> None:
    async with log.lease("run_a") as first, log.lease("run_b") as second:
        await log.append("run_a", [HELLO], after=0, token=first)
        await log.append("run_b", [HELLO, HELLO], after=0, token=second)

    assert len(await log.read("run_a")) == 1
    assert len(await log.read("run_b")) == 2


@pytest.mark.parametrize("after", [0, 2, 7])
async def test_an_append_behind_another_number_than_the_last_is_refused_whole(
    log: EventLog, after: int
) -> None:
    async with log.lease("run_a") as token:
        await log.append("run_a", [HELLO], after=0, token=token)

        with pytest.raises(LeaseHeld):
            await log.append("run_a", [HELLO, HELLO], after=after, token=token)

    assert len(await log.read("run_a")) == 1


async def test_an_append_without_a_lease_is_refused(log: EventLog) -> None:
    with pytest.raises(LeaseHeld):
        await log.append("run_a", [HELLO], after=0, token=1)


async def test_the_token_of_an_earlier_holder_is_refused(log: EventLog) -> None:
    async with log.lease("run_a") as stale:
        pass
    async with log.lease("run_a") as token:
        assert token > stale

        with pytest.raises(LeaseHeld):
            await log.append("run_a", [HELLO], after=0, token=stale)

        await log.append("run_a", [HELLO], after=0, token=token)


async def test_a_second_holder_of_a_run_is_refused_while_the_first_works(log: EventLog) -> None:
    async with log.lease("run_a"):
        with pytest.raises(LeaseHeld, match="works on run_a"):
            async with log.lease("run_a"):
                pass


async def test_the_holder_of_a_run_is_told_without_taking_it(log: EventLog) -> None:
    before = await log.holder("run_a")
    async with log.lease("run_a") as token:
        during = await log.holder("run_a")
        await log.append("run_a", [HELLO], after=0, token=token)

    assert during is not None
    assert f"Process {os.getpid()} on " in during
    assert (before, await log.holder("run_a")) == (None, None)


async def test_a_lease_ends_with_its_block_also_when_that_fails(log: EventLog) -> None:
    with pytest.raises(ZeroDivisionError):
        async with log.lease("run_a"):
            raise ZeroDivisionError

    async with log.lease("run_a") as token:
        assert await log.append("run_a", [HELLO], after=0, token=token)


async def test_what_a_reader_does_to_a_body_stays_with_the_reader(log: EventLog) -> None:
    body = {"list": [1]}
    async with log.lease("run_a") as token:
        (appended,) = await log.append("run_a", [Draft(type="t", body=body)], after=0, token=token)

    body["list"].append(2)
    appended.body["list"].append(3)
    (read,) = await log.read("run_a")
    read.body["list"].append(4)

    assert (await log.read("run_a"))[0].body == {"list": [1]}


async def test_the_writer_sees_the_body_that_every_reader_will_see(log: EventLog) -> None:
    draft = Draft(type="t", body={"tuple": (1, 2), "none": None})
    async with log.lease("run_a") as token:
        (appended,) = await log.append("run_a", [draft], after=0, token=token)

    assert appended.body == {"tuple": [1, 2], "none": None}
    assert await log.read("run_a") == [appended]


async def test_a_body_that_is_not_json_is_refused_and_nothing_is_written(log: EventLog) -> None:
    async with log.lease("run_a") as token:
        with pytest.raises(EventRefused, match=r"run_a.*not stored"):
            await log.append("run_a", [HELLO, Draft(type="t", body={"x": {1, 2}})], after=0, token=token)

    assert await log.read("run_a") == []


@pytest.mark.parametrize("prompt", ["", "half of a pair \ud800"])
async def test_an_event_that_could_not_be_read_back_is_refused_and_the_run_goes_on(
    log: EventLog, prompt: str
) -> None:
    task = Task(prompt="-").model_copy(update={"prompt": prompt})
    unreadable = RunStarted(task=task, settings=Settings(), model="toy").draft()
    async with log.lease("run_a") as token:
        with pytest.raises(EventRefused, match=r"task\.prompt"):
            await log.append("run_a", [HELLO, unreadable], after=0, token=token)
        appended = await log.append("run_a", [HELLO], after=0, token=token)

    assert await log.read("run_a") == appended


TEXTS = st.text(st.characters(), max_size=8)  # halves of surrogate pairs and NUL, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
BODIES = st.dictionaries(TEXTS, VALUES, max_size=3)
TYPES = TEXTS | st.sampled_from(sorted(event_types.TYPES))
DRAFTS = st.builds(Draft, type=TYPES, version=st.integers(), body=BODIES) | st.builds(
    lambda text: MessagesTaken(text=text).draft(), TEXTS
)


@pytest.mark.slow
@given(run=st.just("run_a") | TEXTS, drafts=st.lists(DRAFTS, min_size=1, max_size=3))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_an_append_accepts_is_read_back_and_what_it_refuses_leaves_no_trace(
    log: EventLog, run: str, drafts: list[Draft]
) -> None:
    before = await log.read(run)
    try:
        async with log.lease(run) as token:
            appended = await log.append(run, drafts, after=len(before), token=token)
    except UsageError:
        assert await log.read(run) == before
        return

    events = await log.read(run)
    assert events == [*before, *appended]
    assert [(event.type, event.version, event.body) for event in appended] == [
        (draft.type, draft.version, draft.body) for draft in drafts
    ]
    for event in events:
        event_types.parse(event)


@pytest.mark.parametrize("flaw", ["\0", "\ud800"], ids=["zero byte", "half a pair"])
@pytest.mark.parametrize("log", LOGS[1:], indirect=True)
async def test_a_name_that_no_log_can_hold_is_an_error_that_says_so(log: EventLog, flaw: str) -> None:
    name = f"run_{flaw}"

    async def lease() -> None:
        async with log.lease(name):
            pass

    async with log.lease("run_a") as token:
        refused = [
            lease(),
            log.append(name, [HELLO], after=0, token=token),
            log.append("run_a", [Draft(type=flaw, body={})], after=0, token=token),
            log.request_stop(name, "somebody"),
            log.request_stop("run_a", f"some{flaw}body"),
            log.messages.send(name, "text"),
        ]
        for call in refused:
            with pytest.raises(UsageError, match=r"a zero byte|half of a surrogate pair"):
                await call

    assert (await log.read(name), await log.holder(name)) == ([], None)
    assert (await log.read("run_a"), await log.messages.unread("run_a")) == ([], [])


@pytest.mark.parametrize("log", LOGS[1:], indirect=True)
async def test_a_message_without_text_or_that_no_model_could_read_is_not_stored(log: EventLog) -> None:
    for text, reason in ((" \n", "empty"), ("a \ud800", "half of a surrogate pair")):
        with pytest.raises(UsageError, match=reason):
            await log.messages.send("run_a", text)

    assert await log.messages.unread("run_a") == []


async def test_runs_are_listed_newest_first_with_their_first_and_last_event(log: EventLog) -> None:
    for run in ("run_a", "run_b"):
        async with log.lease(run) as token:
            await log.append(run, [HELLO, Draft(type="end", body={})], after=0, token=token)
    async with log.lease("run_without_events"):
        pass

    listed = await log.runs()

    assert [summary.run for summary in listed] == ["run_b", "run_a"]
    assert [(summary.first.type, summary.last.type) for summary in listed] == [("hello", "end")] * 2


async def test_a_list_of_runs_can_be_cut_to_the_newest(log: EventLog) -> None:
    for run in ("run_z", "run_a", "run_m"):
        async with log.lease(run) as token:
            await log.append(run, [HELLO], after=0, token=token)

    assert [summary.run for summary in await log.runs(limit=2)] == ["run_m", "run_a"]


async def test_a_run_is_found_by_the_start_of_its_id_once_it_has_events(log: EventLog) -> None:
    async with log.lease("run_a1") as token:
        await log.append("run_a1", [HELLO], after=0, token=token)
    async with log.lease("run_a2"):
        pass

    assert await log.resolve("a") == "run_a1"


@pytest.mark.parametrize("odd", ["run_a\0", "\0", "\ud800", "%", "run\\_a", "_____1", "run_a1~"])
async def test_an_id_of_odd_characters_is_there_as_little_as_any_other(log: EventLog, odd: str) -> None:
    async with log.lease("run_a1") as token:
        await log.append("run_a1", [HELLO], after=0, token=token)

    with pytest.raises(UsageError, match=r"There is no run .* The nearest: run_a1"):
        await log.resolve(odd)
    assert await log.read("run_a1\0") == []


async def test_the_start_of_many_ids_names_the_newest(log: EventLog) -> None:
    for run in ("run_b2", "run_B3", "run_b1", "run_b4", "run_b3"):
        async with log.lease(run) as token:
            await log.append(run, [HELLO], after=0, token=token)

    with pytest.raises(UsageError, match=r"several runs: run_b4, run_b3, run_b2, …\."):
        await log.resolve("b")


async def test_a_request_to_stop_reaches_the_holder_of_then_and_no_later_one(log: EventLog) -> None:
    async with log.lease("run_a") as token:
        assert await log.stop_requested("run_a", token=token) is None
        await log.request_stop("run_a", "ann@there")
        assert await log.stop_requested("run_a", token=token) == "ann@there"
    async with log.lease("run_a") as token:
        assert await log.stop_requested("run_a", token=token) is None


async def test_messages_to_a_run_are_unread_in_order_until_they_are_removed(log: EventLog) -> None:
    for run, text in (("run_a", "first"), ("run_b", "another run's"), ("run_a", "caf\u00e9 \0")):
        await log.messages.send(run, text)

    first, second = await log.messages.unread("run_a")
    await log.messages.remove("run_a", [first.id, "unknown"])
    rest = await log.messages.unread("run_a")
    await log.messages.remove("run_a", [second.id])
    await log.messages.remove("run_a", [second.id])

    assert [first.text, second.text] == ["first", "caf\u00e9 \0"]
    assert rest == [second]
    assert await log.messages.unread("run_a") == []
    assert [one.text for one in await log.messages.unread("run_b")] == ["another run's"]


@pytest.mark.parametrize("log", LOGS[1:], indirect=True)
async def test_long_contents_come_back_and_are_where_the_log_keeps_them(log: EventLog) -> None:
    assert isinstance(log, SqliteLog | PostgresLog)
    long, longer = "é" * BLOB_BYTES, "x" * BLOB_BYTES * 3
    draft = Draft(type="t", body={"a": long, "b": [longer, long], "c": "short"})

    async with log.lease("run_a") as token:
        (appended,) = await log.append("run_a", [draft], after=0, token=token)

    names = {blob_name(text.encode()) for text in (long, longer)}
    assert appended.body == draft.body
    assert await log.read("run_a") == [appended]
    assert (await log.runs())[0].first == appended
    assert {blob.name for blob in log.blobs.entries()} == names
    assert all(map(log.blobs.has, names))
