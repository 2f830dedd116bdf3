"""What is reserved for a request before its tokens are counted: at least what a tokenizer makes of it."""

import base64
import random
import string
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from coder.models.abilities import EMBEDDED
from coder.models.local import LocalModel
from coder.models.model import ChatMessage, Sampling
from coder.models.tokens import input_tokens
from coder.models.weights import embedded_weights

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
    async with LocalModel(embedded_weights(), name=f"local/{EMBEDDED}") as loaded:
        yield loaded


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
async def test_no_more_tokens_come_of_a_text_than_were_reserved(model: LocalModel, name: str) -> None:
    messages = [ChatMessage(role="user", content=TEXTS[name])]

    answer = await model.answer(messages, sampling=Sampling(temperature=0, max_tokens=1))

    assert 0 < answer.usage.input_tokens <= input_tokens(messages)
