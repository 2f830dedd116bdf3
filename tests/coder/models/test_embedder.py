"""Embedders turn texts into vectors of length 1, by an endpoint or by wordllama on this machine."""

import logging
import subprocess
import sys
from math import isclose

import pytest

from coder.base.errors import ModelAuthError, ModelError, ModelNotFound, UsageError
from coder.models.embedder import EndpointEmbedder, WordLlamaEmbedder, resolve_embedder
from tests.coder.embedding import embeds
from tests.coder.models.asking import KEY, QUICK, endpoint_of
from tests.faulty_endpoint import Answerer, FaultyEndpoint, Reply, error, faulty_endpoint, hangs, status

TEXTS = ["the automobile", "two apples", "the car"]


def row(index: object, numbers: object) -> dict[str, object]:
    return {"index": index, "embedding": numbers}


async def vectors(server: FaultyEndpoint, texts: list[str] = TEXTS) -> list[list[float]]:
    embedder = EndpointEmbedder(endpoint_of(server), patience=QUICK)
    embedded = await embedder.embed(texts)
    await embedder.close()
    assert all(vector is not None for vector in embedded.vectors)
    return [list(vector) for vector in embedded.vectors if vector is not None]


async def test_texts_of_one_meaning_have_near_vectors_in_the_order_of_the_texts() -> None:
    with faulty_endpoint(embeds) as server:
        automobile, apples, car = await vectors(server)

    assert automobile == car != apples
    assert isclose(sum(number * number for number in apples), 1, rel_tol=1e-6)
    assert [(request.path, request.body) for request in server.requests] == [
        ("/v1/embeddings", {"model": "toy", "input": TEXTS})
    ]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_tokens_are_those_of_the_endpoint() -> None:
    with faulty_endpoint(embeds) as server:
        embedded = await EndpointEmbedder(endpoint_of(server)).embed(TEXTS)

    assert (embedded.usage.input_tokens, embedded.usage.is_estimate) == (6, False)
    assert embedded.cost_usd is None


async def test_a_passing_fault_is_retried() -> None:
    with faulty_endpoint(error(503, "busy"), embeds) as server:
        await vectors(server)

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(0, [1.0])],
        [row(0, [1.0]), row(0, [2.0])],
        [row(0, [1.0]), row(1, [1.0, 2.0])],
        [row(0, [1.0]), row(1, "AAAA")],
        [row(0, [1.0]), row(1, ["1"])],
        [row(0, [1.0]), row(1, [])],
        "no list",
    ],
    ids=["none", "too few", "one twice", "two sizes", "base64", "a text in it", "empty", "no list"],
)
async def test_an_answer_without_a_vector_for_each_text_is_an_error(rows: object) -> None:
    refused = pytest.raises(ModelError, match="toy/toy answered without one vector for each text")

    with faulty_endpoint(status(200, {"data": rows})) as server, refused:
        await vectors(server, ["a", "b"])


@pytest.mark.parametrize("numbers", [[0.0, 0.0], [1e39, 1.0]], ids=["zero", "infinite"])
async def test_a_vector_without_a_direction_is_none(numbers: list[float]) -> None:
    with faulty_endpoint(status(200, {"data": [row(0, numbers)]})) as server:
        embedded = await EndpointEmbedder(endpoint_of(server)).embed(["a"])

    assert embedded.vectors == [None]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(error(401, f"bad {KEY}"), ModelAuthError), (error(404, "no such model"), ModelNotFound)],
    ids=["key refused", "unknown model"],
)
async def test_an_error_of_the_endpoint_has_its_kind_and_no_key(
    reply: Reply | Answerer, kind: type[ModelError]
) -> None:
    with faulty_endpoint(reply) as server, pytest.raises(kind) as caught:
        await vectors(server)

    assert KEY not in str(caught.value)


async def test_an_endpoint_that_is_silent_is_waited_for_within_the_limit() -> None:
    patience = QUICK.model_copy(update={"deadline_s": 0.2})
    ended = pytest.raises(ModelError, match=r"gave no embeddings within 0\.2 s")

    with faulty_endpoint(hangs()) as server, ended:
        await EndpointEmbedder(endpoint_of(server), patience=patience).embed(TEXTS)


async def test_the_key_of_openai_goes_to_no_other_address() -> None:
    with faulty_endpoint(embeds) as server:
        embedder = await resolve_embedder(f"toy@{server.url}", environ={"OPENAI_API_KEY": KEY})
        own = await resolve_embedder(f"toy@{server.url}", environ={"CODER_API_KEY": KEY})
        await embedder.embed(["a"])
        await own.embed(["a"])
        await embedder.close()
        await own.close()

    assert [request.headers.get("authorization") for request in server.requests] == [None, f"Bearer {KEY}"]


@pytest.mark.parametrize("host", ["api", "com", "openai", "api.openai.com.example.org"])
async def test_a_host_named_like_a_part_of_openai_s_gets_no_key(host: str) -> None:
    embedder = await resolve_embedder(f"toy@http://{host}/v1", environ={"OPENAI_API_KEY": KEY})

    assert isinstance(embedder, EndpointEmbedder)
    assert embedder.has_key is False


@pytest.mark.parametrize("name", ["local", "anthropic/claude"])
async def test_a_model_without_embeddings_is_refused_before_any_call(name: str) -> None:
    with pytest.raises(UsageError, match="gives no embeddings"):
        await resolve_embedder(name, environ={"ANTHROPIC_API_KEY": KEY})


async def test_an_unknown_name_is_told_how_an_address_is_named() -> None:
    with pytest.raises(UsageError, match="Any other endpoint: NAME@URL"):
        await resolve_embedder("nonsense", environ={})


@pytest.mark.slow
async def test_wordllama_finds_the_text_of_the_same_meaning() -> None:
    pytest.importorskip("wordllama", reason="the extra `semantic` isn't installed")

    embedded = await WordLlamaEmbedder().embed(["remove the file", "delete a document", "bright colors", ""])

    remove, delete, colors, empty = embedded.vectors
    assert remove is not None
    assert delete is not None
    assert colors is not None
    nearness = [sum(a * b for a, b in zip(remove, other, strict=True)) for other in (delete, colors)]
    assert nearness[0] > nearness[1]
    assert empty is None
    assert embedded.cost_usd == 0


@pytest.mark.slow
def test_wordllama_leaves_logging_as_it_was() -> None:
    pytest.importorskip("wordllama", reason="the extra `semantic` isn't installed")
    program = (
        "import asyncio, logging\n"
        "from coder.models.embedder import WordLlamaEmbedder\n"
        "asyncio.run(WordLlamaEmbedder().embed(['a text']))\n"
        "print(logging.getLogger().handlers, logging.getLogger().level)\n"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert printed.stdout.split() == ["[]", str(logging.WARNING)]
