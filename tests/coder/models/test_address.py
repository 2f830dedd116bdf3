"""Addresses with secrets in them: used as they are, and written down without."""

import pytest
from pydantic import SecretStr

from coder.models.endpoint import for_log, keys_of, name_for_log, secrets_of
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.models.asking import KEY, ask
from tests.faulty_endpoint import faulty_endpoint, says
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

URL = "https://me:pass%2Fword@host.example:8443/v1?key=hidden-1&api-version=2024-10-21#part"


def test_of_an_address_the_log_has_neither_credentials_nor_keys() -> None:
    assert for_log(URL) == "https://host.example:8443/v1?api-version=2024-10-21"
    assert name_for_log(f"toy@{URL}") == "toy@https://host.example:8443/v1?api-version=2024-10-21"
    assert name_for_log("groq/openai/gpt-oss-120b") == "groq/openai/gpt-oss-120b"


def test_what_an_endpoint_may_echo_of_its_address_is_known() -> None:
    assert set(secrets_of(URL)) == {"pass%2Fword", "pass/word", "hidden-1", "bWU6cGFzcy93b3Jk"}


def test_what_is_taken_out_of_any_text_is_a_key_and_no_word() -> None:
    assert set(keys_of(URL.replace("hidden-1", "hidden-12"))) == {"pass%2Fword", "pass/word", "hidden-12"}
    assert set(keys_of("https://production:pw@host/v1?region=westeurope&sig=ab%2Bcdefghi")) == {
        "ab%2Bcdefghi",
        "ab+cdefghi",
    }
    assert keys_of("https://planted-token@host/v1?api-version=2024-10-21-preview-of-it") == ("planted-token",)


async def test_secrets_of_an_address_that_a_model_says_are_in_no_answer() -> None:
    words = ["your key ", "is planted", "-0123456", "789 and someone", "'s word planted-word."]
    tokens: list[str] = []
    with faulty_endpoint(says(*words)) as server:
        url = server.url.replace("http://", "http://someone:planted-word@") + "?key=planted-0123456789"
        answer = await ask(server, url=SecretStr(url), tokens=tokens)

    assert answer.text == "".join(tokens) == "your key is [redacted] and someone's word [redacted]."


async def test_a_key_that_stands_in_no_variable_is_in_no_answer() -> None:
    with faulty_endpoint(says("It is ", KEY)) as server:
        answer = await ask(server)

    assert answer.text == "It is [redacted]"


@pytest.mark.parametrize(
    ("tail", "sent"), [("?api-version=1&key=a%20b", "?api-version=1&key=a%20b"), ("", "")]
)
async def test_parameters_of_an_address_go_behind_the_path_of_every_request(tail: str, sent: str) -> None:
    with faulty_endpoint() as server:
        await ask(server, url=SecretStr(server.url + tail))

    assert server.requests[0].path.replace("+", "%20") == f"/v1/chat/completions{sent}"


async def test_a_run_begun_by_a_program_writes_no_secret_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CODER_API_KEY", "x")
    log, task = MemoryLog(), Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))

    with faulty_endpoint(says("```python\ndef add(a, b):\n    return a + b\n```")) as server:
        url = server.url.replace("://", "://me:password-1@") + "?key=hidden-1"
        settings = Settings(model="toy", base_url=url, fallback=(f"toy@{url}",), planner_model=f"toy@{url}")
        run = await solve(task, settings=settings, log=log)

    written = "".join(event.model_dump_json() for event in await log.read(run.run_id))
    assert run.status == "solved"
    assert server.url in written
    assert "password-1" not in written
    assert "hidden-1" not in written
