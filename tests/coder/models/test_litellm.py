"""Calls through LiteLLM's proxy, in three interfaces, to an endpoint of chat completions.

    python3 -m venv DIR && DIR/bin/pip install 'litellm[proxy]'        CODER_LITELLM=DIR/bin/litellm

It has an environment of its own: it pins openai, and takes about 750 MB. Without it these tests aren't there.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Api, Endpoint, Patience
from coder.models.model import Answer, ChatMessage, Form, Sampling, ToolCall, ToolSpec
from tests.faulty_endpoint import FaultyEndpoint, calls, error, faulty_endpoint, says, unused_port

pytestmark = [pytest.mark.slow, pytest.mark.foreign]
KEY = "sk-planted-0123456789-planted"
PATIENCE = Patience(first_wait_s=0, attempts=2)
ASKED = (ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Say hello."))
FORM = Form(
    tools=(ToolSpec(name="look", description="Look.", parameters={"type": "object", "properties": {}}),)
)
APIS: tuple[Api, ...] = ("chat", "responses", "messages")
STARTED_S = 120.0
"""Longest start of the proxy on a loaded machine."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy, and the endpoint that it passes on to."""

    url: str
    behind: FaultyEndpoint

    async def ask(self, api: Api, *messages: ChatMessage) -> Answer:
        """The answer by one interface, a tool being offered."""
        endpoint = Endpoint(
            name="proxy/toy", model="toy", url=SecretStr(self.url), key=SecretStr(KEY), api=api, is_local=True
        )
        async with ChatModel(endpoint, patience=PATIENCE) as model:
            return await model.answer(messages, sampling=Sampling(max_tokens=500), form=FORM)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder, port = tmp_path_factory.mktemp("litellm"), unused_port()
    with faulty_endpoint() as behind:
        (folder / "config.yaml").write_text(
            "model_list:\n  - model_name: toy\n    litellm_params:\n"
            f"      model: lm_studio/toy\n      api_base: {behind.url}\n      api_key: x\n"
            f"general_settings:\n  master_key: {KEY}\n"
        )
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        command = [os.environ["CODER_LITELLM"], "--config", "config.yaml", "--port", str(port)]
        with (folder / "output").open("w") as output:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1"], cwd=folder, env=environ, stdout=output, stderr=output
            )
        try:
            _wait(f"http://127.0.0.1:{port}/health/liveliness", process, folder / "output")
            yield Proxy(f"http://127.0.0.1:{port}/v1", behind)
        finally:
            process.kill()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]", output: Path) -> None:
    end = time.monotonic() + STARTED_S
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            assert process.poll() is None, output.read_text()
            time.sleep(0.2)
    raise AssertionError(output.read_text())


@pytest.mark.parametrize("api", APIS)
async def test_words_come_through_a_proxy_with_their_tokens(proxy: Proxy, api: Api) -> None:
    proxy.behind.script = (says("hel", "lo"),)

    answer = await proxy.ask(api, *ASKED)

    assert (answer.text, answer.finish) == ("hello", "stop")
    assert answer.usage.input_tokens > 0


@pytest.mark.parametrize("api", APIS)
async def test_a_call_of_a_tool_and_its_result_come_through_a_proxy(proxy: Proxy, api: Api) -> None:
    proxy.behind.script = (calls("look", at="a"),)
    called = await proxy.ask(api, *ASKED)
    proxy.behind.script = (says("done"),)

    own = ChatMessage(
        role="assistant", content=called.text, tool_calls=called.tool_calls, opaque=called.opaque
    )
    result = ChatMessage(role="tool", content="nothing there", tool_call_id=called.tool_calls[0].id)
    answer = await proxy.ask(api, *ASKED, own, result)

    assert [call.name for call in called.tool_calls] == ["look"]
    assert ToolCall(id="", name="look", arguments=called.tool_calls[0].arguments).parsed() == {"at": "a"}
    assert answer.text == "done"
    assert "nothing there" in str(proxy.behind.requests[-1].body["messages"])


@pytest.mark.parametrize("api", APIS)
async def test_a_refusal_behind_a_proxy_is_told_in_its_words(proxy: Proxy, api: Api) -> None:
    from coder.base.errors import ModelError

    proxy.behind.script = (error(400, "this prompt is not for me"),)

    with pytest.raises(ModelError, match="not for me"):
        await proxy.ask(api, *ASKED)
