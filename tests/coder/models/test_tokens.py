"""What is reserved for a request before its tokens are counted: at least what a tokenizer makes of it."""

import asyncio
import base64
import json
import random
import string
import urllib.request
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from coder.models.abilities import EMBEDDED
from coder.models.local import LocalModel
from coder.models.model import ChatMessage, Sampling
from coder.models.tokens import input_tokens
from coder.models.weights import embedded_weights
from tests.programs import require_embedded_model

pytestmark = pytest.mark.asyncio(loop_scope="module")
DRAW = random.Random(0)
ROOT = Path(__file__).parents[3]
TEXTS = {
    "digits": "".join(DRAW.choices(string.digits, k=300)),
    "punctuation": "".join(DRAW.choices(string.punctuation, k=300)),
    "capitals": "".join(DRAW.choices(string.ascii_uppercase, k=300)),
    "base64": base64.b64encode(DRAW.randbytes(240)).decode(),
    "a hash": DRAW.randbytes(64).hex(),
    "prose": (ROOT / "README.md").read_text()[:900],
    "code": (ROOT / "coder" / "engine" / "loop.py").read_text()[:900],
    "a table": "\n".join(f"{i};{i * i};{i / 7:.6f}" for i in range(40)),
    "umlauts": "Über größere Äpfel für Bäcker und Müller. " * 10,
    "nothing": "",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def model() -> AsyncIterator[LocalModel]:
    require_embedded_model()
    async with LocalModel(embedded_weights(), name=f"local/{EMBEDDED}") as loaded:
        yield loaded


async def post(model: LocalModel, path: str, **body: object) -> Any:
    """Return the answer of the model's server to a request."""
    await model.load()
    server = model._server
    assert server is not None
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    url = f"{server.url.removesuffix('/v1')}/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request).read()))


async def count(model: LocalModel, messages: Sequence[ChatMessage]) -> int:
    """Return the number of tokens of a conversation by llama.cpp's tokenizer, without a forward pass."""
    plain = [{"role": message.role, "content": message.content} for message in messages]
    prompt = (await post(model, "apply-template", messages=plain))["prompt"]
    answer = await post(model, "tokenize", content=prompt, add_special=True, parse_special=True)
    return len(answer["tokens"])


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
async def test_no_more_tokens_come_of_a_text_than_were_reserved(model: LocalModel, name: str) -> None:
    messages = [ChatMessage(role="user", content=TEXTS[name])]

    assert 0 < await count(model, messages) <= input_tokens(messages)


@pytest.mark.slow
async def test_the_usage_of_an_answer_counts_the_tokens_of_its_request(model: LocalModel) -> None:
    messages = [ChatMessage(role="user", content=TEXTS["umlauts"][:60])]

    answer = await model.answer(messages, sampling=Sampling(temperature=0, max_tokens=1))

    assert answer.usage.input_tokens == await count(model, messages)
