"""The fingerprint of the model that an endpoint says it served."""

import pytest

from coder.models.chat_completions import ChatModel
from coder.models.model import Sampling
from tests.coder.models.asking import QUESTION, endpoint_of
from tests.faulty_endpoint import faulty_endpoint, streams


@pytest.mark.parametrize(
    ("sent", "kept"), [({"system_fingerprint": "fp_1"}, "fp_1"), ({}, ""), ({"system_fingerprint": 7}, "")]
)
async def test_an_answer_has_the_fingerprint_that_the_endpoint_states(
    sent: dict[str, object], kept: str
) -> None:
    choice = {"delta": {"content": "hi"}, "finish_reason": "stop"}
    with faulty_endpoint(streams({"model": "m-2026", "choices": [choice], **sent}, "[DONE]")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            answer = await model.answer(QUESTION, sampling=Sampling())

    assert (answer.model, answer.fingerprint) == ("m-2026", kept)
    assert answer.redacted(lambda text: text.replace("fp_1", "…")).fingerprint == kept.replace("fp_1", "…")
