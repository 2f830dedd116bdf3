"""Runs are found by words in what was said, called and answered; the index is a cache."""

from pathlib import Path

import pytest

from coder.base.fs.private_folder import facts_folder
from coder.base.usage import Usage
from coder.run.event_types import CallAnswered, RunStarted, RunStopped, StepStarted, ToolAnswered, ToolCalled
from coder.run.events import Body
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.run_search import search_runs
from tests.memory_log import MemoryLog

SETTINGS = Settings()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODER_HOME", str(tmp_path))
    monkeypatch.delenv("CODER_LOG", raising=False)
    return tmp_path


def begins(prompt: str) -> RunStarted:
    return RunStarted(task=Task(prompt=prompt), settings=SETTINGS, model="toy")


def answers(text: str) -> CallAnswered:
    return CallAnswered(
        call=1, key="k", text=text, model="toy", finish="stop", usage=Usage(), cost_usd=None, seconds=0
    )


async def logged(log: MemoryLog, run: str, *bodies: Body) -> None:
    """Append events to a run."""
    async with log.lease(run) as token:
        after = len(await log.read(run))
        await log.append(run, [body.draft() for body in bodies], after=after, token=token)


async def found(log: MemoryLog, words: str) -> list[str]:
    return [summary.run for summary, _ in await search_runs(log, words)]


async def test_a_run_is_found_by_its_task_its_messages_calls_results_and_end() -> None:
    log = MemoryLog()
    answer = answers("I look at the jitter.")
    call = ToolCalled(call=1, id="a", name="bash", arguments='{"command": "make frobnicate"}')
    result = ToolAnswered(call=1, id="a", name="bash", text="ImportError: zstandard")
    step = StepStarted(task=Task(prompt="And the backoff."), settings=SETTINGS, model="toy")
    end = RunStopped(status="limit", reason="the limit of 3 calls was reached", exit_code=3)
    await logged(log, "run_1", begins("Mend the retries."), answer, call, result, step, end)
    await logged(log, "run_2", begins("Write a parser."))

    for words in ("retry", "jitter", "frobnicate", "zstandard importerror", "backoff", "limit reached"):
        assert await found(log, words) == ["run_1"], words
    assert await found(log, "parser") == ["run_2"]


async def test_a_run_is_found_by_its_id_its_folder_and_its_model() -> None:
    log = MemoryLog()
    task = Task(prompt="Mend it.", workspace=Path("/srv/webshop"))
    await logged(log, "run_1a2b", RunStarted(task=task, settings=SETTINGS, model="local/devstral"))
    await logged(log, "run_3c4d", begins("Mend it."))

    for words in ("run_1a2b", "webshop", "devstral"):
        assert await found(log, words) == ["run_1a2b"], words


async def test_all_words_must_occur_and_a_task_counts_more() -> None:
    log = MemoryLog()
    await logged(log, "run_1", begins("Other."), answers("cache, cache"))
    await logged(log, "run_2", begins("Mend the cache."))

    assert await found(log, "cache") == ["run_2", "run_1"]
    assert await found(log, "cache mend") == ["run_2"]


async def test_the_words_around_a_match_are_told() -> None:
    log = MemoryLog()
    await logged(log, "run_1", begins(f"{'before ' * 30} the needle {'after ' * 30}"))

    ((_, excerpt),) = await search_runs(log, "needle")

    assert "the needle after" in excerpt
    assert len(excerpt) < 120


async def test_what_a_run_adds_is_found_by_the_next_search() -> None:
    log = MemoryLog()
    await logged(log, "run_1", begins("Mend it."))
    assert await found(log, "later") == []

    await logged(log, "run_1", StepStarted(task=Task(prompt="Later."), settings=SETTINGS, model="toy"))

    assert await found(log, "later") == ["run_1"]


async def test_a_run_that_is_gone_from_the_log_leaves_no_byte_in_the_index() -> None:
    log = MemoryLog()
    await logged(log, "run_1", begins("Mend the xylophone."))
    assert await found(log, "xylophone") == ["run_1"]

    assert await found(MemoryLog(), "xylophone") == []

    assert not any(b"xylophon" in path.read_bytes() for path in facts_folder().glob("runs-*"))


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)], ids=len)
async def test_a_damaged_index_is_made_anew(content: bytes) -> None:
    log = MemoryLog()
    await logged(log, "run_1", begins("Mend the retries."))
    await found(log, "retries")
    (index,) = facts_folder().glob("runs-*.sqlite")
    index.write_bytes(content)

    assert await found(log, "retries") == ["run_1"]


async def test_a_secret_of_a_prompt_is_not_in_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "hunter2hunter2")
    log = MemoryLog()
    await logged(log, "run_1", begins("Log in with hunter2hunter2."))

    assert await found(log, "log in") == ["run_1"]

    assert await found(log, "hunter2hunter2") == []
    assert not any(b"hunter2" in path.read_bytes() for path in facts_folder().glob("runs-*"))


@pytest.mark.parametrize("words", ['"', "a OR (", "-", "* NEAR", ""])
async def test_words_are_never_syntax(words: str) -> None:
    log = MemoryLog()
    await logged(log, "run_1", begins("Mend."))

    await found(log, words)


async def test_a_run_that_cannot_be_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from coder.base.errors import LogDamaged

    log = MemoryLog()
    await logged(log, "run_1", begins("Mend one."))
    await logged(log, "run_2", begins("Mend two."))
    read = log.read

    async def damaged(run: str, **options: int) -> object:
        if run == "run_1":
            raise LogDamaged("no")
        return await read(run, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "read", damaged)

    assert await found(log, "mend") == ["run_2"]
