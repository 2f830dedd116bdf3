"""Ask a loopback endpoint one question, without waits between retries."""

from pydantic import SecretStr

from coder.models.answer_parts import Retry
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint, Patience
from coder.models.model import Answer, ChatMessage, Sampling
from tests.faulty_endpoint import FaultyEndpoint

QUESTION = (ChatMessage(role="user", content="Say hello."),)
KEY = "planted-0123456789-planted"
QUICK = Patience(first_wait_s=0)


class Retries(list[Retry]):
    """Collects what `on_retry` is told."""

    async def __call__(self, retry: Retry) -> None:
        self.append(retry)


def endpoint_of(server: FaultyEndpoint, **changes: object) -> Endpoint:
    """The Endpoint value of a loopback server."""
    values: dict[str, object] = {
        "name": "toy/toy",
        "model": "toy",
        "url": SecretStr(server.url),
        "key": SecretStr(KEY),
        "key_variables": ("TOY_API_KEY",),
        "is_local": True,
    }
    return Endpoint.model_validate(values | changes)


async def ask(
    server: FaultyEndpoint,
    *,
    patience: Patience = QUICK,
    sampling: Sampling | None = None,
    retries: Retries | None = None,
    tokens: list[str] | None = None,
    **changes: object,
) -> Answer:
    """The answer to QUESTION; the model is closed behind it."""
    async with ChatModel(endpoint_of(server, **changes), patience=patience) as model:
        return await model.answer(
            QUESTION,
            sampling=sampling or Sampling(),
            on_retry=retries,
            on_token=None if tokens is None else tokens.append,
        )
