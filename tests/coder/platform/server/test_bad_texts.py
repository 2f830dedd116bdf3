"""Texts that say nothing, or that no model could read: refused by every route, and nothing is stored."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.coder.config.test_image_files import PNG
from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.server.served import Server, configure, started
from tests.coder.platform.server.test_acts import CHECKS, ended
from tests.coder.platform.server.test_refusals import post
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says

pytestmark = pytest.mark.slow
BAD = ("", " \n", "half \ud800", "\udc00", "x\0\ud83d")
PICTURE = {"media_type": "image/png", "base64": base64.b64encode(PNG).decode()}


@pytest.fixture
def endpoint() -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(*[says(code(ADD))] * 9) as endpoint:
        yield endpoint


@pytest.fixture(params=["sqlite", "postgres"])
def serving(request: pytest.FixtureRequest, tmp_path: Path, endpoint: FaultyEndpoint) -> Iterator[Server]:
    """A server with each kind of log."""
    is_postgres = request.param == "postgres"
    environ = {"CODER_LOG": request.getfixturevalue("postgres").database()} if is_postgres else {}
    configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
    with started(tmp_path, **environ) as running:
        (running.root / "project").mkdir()
        yield running


async def test_a_text_without_words_or_that_cannot_be_encoded_is_refused_and_nothing_stored(
    serving: Server, endpoint: FaultyEndpoint
) -> None:
    task = {"prompt": TASK, "workspace": "project", "checks": CHECKS, "approve": ["landing"]}
    async with httpx2.AsyncClient(base_url=serving.url, timeout=60) as client:
        begun = [await post(client, "/runs", task | {"prompt": text}) for text in BAD]
        before = (await client.get("/runs")).json()
        run = (await post(client, "/runs", task)).json()["run_id"]
        waiting = await ended(client, run, "waiting")
        answers = [
            await post(client, f"/runs/{run}/answers", {"decision": "no", "words": text}) for text in BAD[2:]
        ]
        still = await ended(client, run)
        await post(client, f"/runs/{run}/answers", {"decision": "yes"})
        await ended(client, run, "solved")
        told = [await post(client, f"/runs/{run}/messages", {"text": text}) for text in BAD]
        keyed = await post(client, "/runs", task, **{"Idempotency-Key": "x"})
        listed = (await client.get("/runs")).json()
        again = await post(client, f"/runs/{run}/messages", {"text": "And now?"})
        whole = await ended(client, run)

    for refused in (*begun, *answers, *told):
        assert refused.status_code == 422, refused.text
        assert "codec" not in refused.text
    assert "prompt" in begun[2].text, begun[2].text
    assert (before, waiting["question_id"]) == ([], still["question_id"])
    assert (keyed.status_code, len(listed)) == (202, 2)
    assert (again.status_code, whole["run_id"]) == (202, run), again.text
    assert all("\\ud800" not in json.dumps(request.body) for request in endpoint.requests)


async def test_a_picture_alone_is_a_task(serving: Server, endpoint: FaultyEndpoint) -> None:
    async with httpx2.AsyncClient(base_url=serving.url, timeout=60) as client:
        task = {"prompt": "", "workspace": "project", "checks": CHECKS, "pictures": [PICTURE]}
        begun = await post(client, "/runs", task)
        run = await ended(client, begun.json()["run_id"])

    assert (begun.status_code, run["status"]) == (202, "solved"), begun.text
    assert PICTURE["base64"] in json.dumps(endpoint.requests[0].body)
