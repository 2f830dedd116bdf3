"""Faults of an endpoint, each with its defined outcome in a whole run. As a table: python -m tests.faults

Every row is a run of `solve` in a real sandbox against an endpoint on loopback that misbehaves once, or for
ever, and would then answer with code that passes.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from pydantic import SecretStr

from coder.config.layers import load
from coder.engine.agent import solve
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint, Patience
from coder.run.event_types import CallRetried
from coder.run.settings import Settings
from coder.run.task import Task
from tests.faulty_endpoint import (
    Reply,
    begins,
    chunk,
    completion,
    error,
    faulty_endpoint,
    hangs,
    resets,
    says,
    status,
    streams,
    unused_port,
)
from tests.memory_log import MemoryLog

KEY = "planted-0123456789-planted"
CODE = "```python\ndef add(a, b):\n    return a + b\n```\n"
GOOD = says(CODE)
PROMPT = "Write add(a, b).\n" + "It has to add.\n" * 60
"""Long enough to be shortened."""
PATIENCE = Patience(first_wait_s=0.01, headers_s=300, idle_s=300, deadline_s=300)
HASTE = Patience(first_wait_s=0.01, headers_s=1, idle_s=1, deadline_s=300)
"""For endpoints that hang: whoever waits for them waits in vain."""
IDLE = HASTE.model_copy(update={"headers_s": 300.0})
"""For an endpoint that hangs in the middle of an answer, and answers the next request."""

Script = Callable[[], tuple[Reply, ...]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave, and what has to come of it."""

    name: str
    script: Script
    outcome: str
    """`solved`, or the exit code and words of the error."""
    requests: int
    patience: Patience = PATIENCE


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it."""

    outcome: str
    requests: int
    waited_s: float = 0.0
    """Between requests, as the run says itself."""
    key_left: bool = False
    """The key went to a host that nobody named."""


def once(*faults: Reply) -> Script:
    """These replies, then the good one for ever."""
    return lambda: (*faults, GOOD)


def always(fault: Reply) -> Script:
    """This reply for ever."""
    return lambda: (fault,)


def _half_utf8() -> Reply:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 8\r\n\r\n"
    return Reply((head + b"data: \xe2\x82",))


def _wrong_type() -> Reply:
    """A proper stream that calls itself text."""
    head, *rest = GOOD.pieces
    return Reply((head.replace(b"text/event-stream", b"text/plain"), *rest))


def _broken_call() -> Reply:
    function = {"name": "write", "arguments": '{"path": "add.p'}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    return streams(chunk({"tool_calls": [call]}), chunk({}, finish="tool_calls"), "[DONE]")


def _twice() -> Reply:
    """Every chunk comes twice."""
    words = [
        chunk({"content": piece}) for piece in ("```python\ndef add(a, b):\n", "    return a + b\n", "```\n")
    ]
    return streams(*(word for word in words for _ in range(2)), chunk({}, finish="stop"), "[DONE]")


def _in_an_hour() -> Reply:
    return error(429, "slow down", {"retry-after": "3600"})


def _endless_line() -> Reply:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    return Reply((head, *(b"x" * (1 << 20) for _ in range(12))))


def _in_two_seconds() -> tuple[Reply, ...]:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    return error(429, "slow down", {"retry-after": date}), GOOD


FAULTS = (
    Fault("connection refused", tuple, "4 no connection", 0),
    Fault("hang before headers", always(hangs()), "4 no sign of life", 5, patience=HASTE),
    Fault("hang mid-stream", always(begins("hel", ending="hang")), "4 no sign of life", 5, patience=HASTE),
    Fault("hang mid-stream once", once(begins("hel", ending="hang")), "solved", 2, patience=IDLE),
    Fault("half a UTF-8 sequence", once(_half_utf8()), "solved", 2),
    Fault("truncated JSON", once(streams('{"choices": [{"del')), "solved", 2),
    Fault("wrong content type", lambda: (_wrong_type(),), "solved", 1),
    Fault("HTML error page", once(status(502, "<html>Bad gateway</html>")), "solved", 2),
    Fault("HTML page with 200", once(status(200, "<html>Log in</html>")), "solved", 2),
    Fault("empty choices", once(streams({"choices": []}, "[DONE]")), "solved", 2),
    Fault("null content", once(status(200, completion(None))), "solved", 2),
    Fault("tool call with broken JSON", once(_broken_call()), "solved", 2),
    Fault("usage missing", lambda: (says(CODE, usage=False),), "solved", 1),
    Fault("401", once(error(401, "no")), "4 refused the key", 1),
    Fault("403", once(error(403, "no")), "4 refused the key", 1),
    Fault("404", once(error(404, "no such model")), "4 knows no model", 1),
    Fault("408", once(error(408, "too slow")), "solved", 2),
    Fault("409", once(error(409, "conflict")), "solved", 2),
    Fault("413", once(error(413, "too large")), "4 refused the request", 1),
    Fault("context too long", once(error(400, "?", code="context_length_exceeded")), "solved", 2),
    Fault("429", once(error(429, "slow down")), "solved", 2),
    Fault("429, Retry-After in seconds", once(error(429, "x", {"retry-after": "1"})), "solved", 2),
    Fault("429, Retry-After as a date", _in_two_seconds, "solved", 2),
    Fault("429, Retry-After: an hour", always(_in_an_hour()), "4 asks to wait", 1),
    Fault("429, reset in a header", once(error(429, "x", {"x-ratelimit-reset": "1s"})), "solved", 2),
    Fault("500", once(error(500, "oops")), "solved", 2),
    Fault("502 once, then fine", once(error(502, "bad gateway")), "solved", 2),
    Fault("503 for ever", always(error(503, "overloaded")), "4 asked 5 times", 5),
    Fault("connection reset", once(resets()), "solved", 2),
    Fault("reset mid-stream", once(begins("hel", ending="reset")), "solved", 2),
    Fault("slow drip", lambda: (Reply(says(*CODE).pieces, pause_s=0.005),), "solved", 1),
    Fault("duplicate chunks", once(_twice()), "solved", 2),
    Fault("20 MB answer", once(status(200, completion("x" * 20_000_000))), "solved", 2),
    Fault("a line without end", always(_endless_line()), "4 sent more than", 1),
)  # fmt: skip


async def happens(fault: Fault) -> Finding:
    """What comes of a fault in a run."""
    with faulty_endpoint(*fault.script()) as server:
        url = server.url if fault.script() else f"http://127.0.0.1:{unused_port()}/v1"
        outcome, waited_s = await _outcome(url, fault.patience)
    return Finding(outcome, len(server.requests), waited_s)


async def redirects() -> Finding:
    """A redirect to another host: neither key nor prompt may follow."""
    with faulty_endpoint(GOOD) as other:
        away = status(307, "", {"location": f"{other.url}/chat/completions"})
        with faulty_endpoint(away) as server:
            outcome, waited_s = await _outcome(server.url)
        return Finding(outcome, len(server.requests), waited_s, key_left=bool(other.connections))


def repository_names_an_address() -> Finding:
    """A repository's configuration that names a base URL: refused, said, and not asked."""
    with tempfile.TemporaryDirectory() as folder, faulty_endpoint(GOOD) as server:
        table = f'[tool.coder]\nbase_url = "{server.url}"\nfallback = ["toy@{server.url}"]\n'
        Path(folder, "pyproject.toml").write_text(table)
        loaded = load({}, environ={}, user_file=Path(folder, "none"), workspace=Path(folder))
        notes = [note for note in loaded.notes if "a repository can't set it" in note]
    models = loaded.config.models()
    refused = len(notes) == 2 and models.base_url is None and not models.fallback
    return Finding("refused" if refused else "obeyed", len(server.requests))


async def _outcome(url: str, patience: Patience = PATIENCE) -> tuple[str, float]:
    """How a run ends whose model is at this address, and the seconds that it waited between requests."""
    endpoint = Endpoint(
        name="toy/toy",
        model="toy",
        url=SecretStr(url),
        key=SecretStr(KEY),
        key_variables=("TOY_API_KEY",),
        is_local=True,
    )
    task = Task(prompt=PROMPT, checks=("assert add(2, 3) == 5",))
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ChatModel(endpoint, patience=patience))
        log = MemoryLog()
        run = await solve(task, model=model, settings=Settings(plan=False, strategy="repair"), log=log)
        events = await log.read(run.run_id)
    waited_s = sum(event.body["wait_s"] for event in events if event.type == CallRetried.type)
    if KEY in json.dumps([event.model_dump(mode="json") for event in events]):
        return "the key stands in the log", waited_s
    return run.status if run.error is None else f"{run.exit_code} {run.error}", waited_s


async def _print() -> None:
    print(f"{'fault':<30} {'requests':>8} {'waited':>8}  outcome")
    rows = [(fault.name, await happens(fault)) for fault in FAULTS]
    rows.append(("redirect to another host", await redirects()))
    rows.append(("a repository names a base URL", repository_names_an_address()))
    for name, finding in rows:
        print(f"{name:<30} {finding.requests:>8} {finding.waited_s:>6.2f} s  {finding.outcome[:110]}")


if __name__ == "__main__":
    asyncio.run(_print())
