"""What a session behind an agent reads as it opens: each file once for all sessions, in one call."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from sandbox import SandboxBroken, session_policy
from sandbox.docker.open_docker import open_docker
from sandbox.stream.stream_files import StreamFiles
from sandbox.stream.stream_sandbox import StreamSandbox
from tests.docker_engine import IMAGE

pytestmark = pytest.mark.slow
POLICY = session_policy(wall_s=60, image=IMAGE)
MAKE = "mkdir a && cd a && for n in $(seq 300); do echo $n > $n; done; ln -s 1 link; chmod u+s 2; sleep 0.1"
Calls = list[tuple[str, int]]


@pytest.fixture
async def box(docker_engine: None) -> AsyncIterator[StreamSandbox]:
    async with open_docker(POLICY) as opened:
        yield opened


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Each call about files: what it does, and how many files it names at most."""
    file_calls: Calls = []
    ask = StreamFiles.ask

    async def count(
        files: StreamFiles, request: Mapping[str, object], content: bytes = b"", *, most: int = 0
    ) -> object:
        file_calls.append((str(request["do"]), content.count(b",") + bool(content)))
        return await ask(files, request, content, most=most)

    monkeypatch.setattr(StreamFiles, "ask", count)
    return file_calls


async def test_a_session_has_all_files_hashed_in_one_call_and_later_ones_only_what_changed(
    box: StreamSandbox, calls: Calls
) -> None:
    async with box.session() as session:
        await session.sh(MAKE)
    calls.clear()

    async with box.session() as session:
        first = calls.copy()
        await session.sh("echo new > a/7; touch a/8; rm a/9; echo 300 > a/made; sleep 0.1")
        changes = (await session.changes()).changes
    calls.clear()
    async with box.session() as session:
        second = calls.copy()
        unchanged = (await session.changes()).changes

    assert first == [("walk", 0), ("hash", 299)]
    assert [(one.path, one.kind, one.content) for one in changes] == [
        ("a/7", "modified", b"new\n"),
        ("a/9", "deleted", None),
        ("a/made", "added", b"300\n"),
    ]
    assert second == [("walk", 0)]
    assert unchanged == ()


async def test_a_file_that_changed_between_sessions_is_the_base_of_the_next_one(box: StreamSandbox) -> None:
    async with box.session() as session:
        await session.sh("echo one > a; sleep 0.1")
    async with box.session() as session:
        await session.sh("echo two > a; sleep 0.1")
    async with box.session() as session:
        before = (await session.changes()).changes
        await session.sh("echo one > a")
        after = (await session.changes()).changes

    assert before == ()
    assert [(one.path, one.content) for one in after] == [("a", b"one\n")]


@pytest.mark.parametrize(
    "answer", [b"[]", b'["x"]', b"{", b"[null, null]"], ids=["too few", "no hash", "no JSON", "too many"]
)
async def test_hashes_that_are_none_end_the_session(
    answer: bytes, box: StreamSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.write("a", b"1")
    ask: Callable[..., object] = StreamFiles.ask

    async def lie(files: StreamFiles, request: Mapping[str, object], *rest: bytes, most: int = 0) -> object:
        if request["do"] == "hash":
            return {}, answer
        return await ask(files, request, *rest, most=most)  # type: ignore[misc]

    monkeypatch.setattr(StreamFiles, "ask", lie)

    with pytest.raises(SandboxBroken, match="hashes"):
        async with box.session():
            pass
