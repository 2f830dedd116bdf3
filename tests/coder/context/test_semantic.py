"""Documents are searched by meaning, too; what was embedded once is never sent again."""

import sqlite3
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import Refused
from coder.context.documents import Documents
from coder.context.semantic import Semantic, fused
from coder.models.embedder import BATCH, EndpointEmbedder
from coder.run.event_types import TextsEmbedded
from tests.coder.embedding import embeds
from tests.coder.models.asking import QUICK, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, error, faulty_endpoint

SECRET = "hunter2-hunter2"
RANKINGS = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=10), max_size=4)


class Ledger:
    """The account of a run with a limit of tokens."""

    def __init__(self, max_tokens: int = 10**9) -> None:
        self.events: list[TextsEmbedded] = []
        self._max_tokens = max_tokens

    def refusal(self, tokens: int, usd: Decimal) -> str:
        return "too many tokens" if tokens > self._max_tokens else ""

    async def record(self, event: TextsEmbedded) -> None:
        self.events.append(event)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("The automobile stops.\n")
    (docs / "b.txt").write_text("Two apples.\n")
    return docs


def clean(text: str) -> str:
    if "confidential" in text:
        raise Refused("it is confidential")
    return text.replace(SECRET, "[redacted]")


async def paths(
    server: FaultyEndpoint, folder: Path, *queries: str, ledger: Ledger | None = None, model: str = "toy"
) -> list[list[str]]:
    """The paths that each query finds, in a new index with the cache beside the folder."""
    embedder = EndpointEmbedder(endpoint_of(server, model=model), patience=QUICK)
    semantic = Semantic(embedder, clean, folder=folder.parent / "cache")
    documents = Documents([folder], semantic=semantic)
    results = []
    for query in queries:
        chunks = await documents.search(query, count=5, account=ledger or Ledger())
        results.append([Path(chunk.path).name for chunk in chunks])
    await documents.close()
    return results


@pytest.mark.slow
async def test_a_text_without_the_query_s_word_is_found_by_its_meaning(folder: Path) -> None:
    with faulty_endpoint(embeds) as server:
        [by_meaning] = await paths(server, folder, "car")
        by_words = await Documents([folder]).search("car", count=5)

    assert by_meaning[0] == "a.txt"
    assert by_words == []


async def test_a_second_search_sends_its_query_and_a_second_run_nothing(folder: Path) -> None:
    with faulty_endpoint(embeds) as server:
        await paths(server, folder, "car", "apples")
        first_run = [request.body["input"] for request in server.requests]
        again = await paths(server, folder, "car", "apples")

    assert first_run == [["The automobile stops.", "Two apples."], ["car"], ["apples"]]
    assert len(server.requests) == len(first_run)
    assert [names[0] for names in again] == ["a.txt", "b.txt"]


async def test_a_changed_text_alone_is_sent_again(folder: Path) -> None:
    with faulty_endpoint(embeds) as server:
        await paths(server, folder, "car")
        (folder / "b.txt").write_text("Three pears.\n")
        await paths(server, folder, "car")

    assert [request.body["input"] for request in server.requests[2:]] == [["Three pears."]]


async def test_vectors_of_one_model_serve_no_other(folder: Path) -> None:
    with faulty_endpoint(embeds) as server:
        await paths(server, folder, "car")
        await paths(server, folder, "car", model="other")

    assert [request.body["model"] for request in server.requests] == ["toy", "toy", "other", "other"]


async def test_texts_are_sent_in_batches_and_a_search_records_one_event(folder: Path) -> None:
    for number in range(BATCH):
        (folder / f"{number}.txt").write_text(f"word{number}\n")
    ledger = Ledger()

    with faulty_endpoint(embeds) as server:
        await paths(server, folder, "car", ledger=ledger)

    assert [len(request.body["input"]) for request in server.requests] == [BATCH, 2, 1]
    [event] = ledger.events
    assert (event.model, event.texts, event.usage.input_tokens) == ("toy/toy", BATCH + 3, BATCH + 6)
    assert (event.cost_usd, event.error) == (None, "")


async def test_an_error_turns_the_embedder_off_with_one_event_and_words_go_on(folder: Path) -> None:
    ledger = Ledger()

    with faulty_endpoint(error(400, "no"), embeds) as server:
        results = await paths(server, folder, "automobile", "apples", ledger=ledger)

    assert results == [["a.txt"], ["b.txt"]]
    assert len(server.requests) == 1
    [event] = ledger.events
    assert (event.texts, event.error) == (0, "toy/toy refused the request (HTTP 400): no.")


async def test_what_was_embedded_before_an_error_is_paid_and_kept(folder: Path) -> None:
    for number in range(BATCH):
        (folder / f"{number}.txt").write_text(f"word{number}\n")
    ledger = Ledger()

    with faulty_endpoint(embeds, error(400, "no"), embeds) as server:
        await paths(server, folder, "car", ledger=ledger)
        await paths(server, folder, "car", ledger=ledger)

    assert [(event.texts, bool(event.error)) for event in ledger.events] == [(BATCH, True), (3, False)]


async def test_a_run_without_the_budget_embeds_nothing(folder: Path) -> None:
    ledger = Ledger(max_tokens=1)

    with faulty_endpoint(embeds) as server:
        results = await paths(server, folder, "automobile", ledger=ledger)

    assert results == [["a.txt"]]
    assert server.requests == []
    assert ledger.events[0].error == "too many tokens"


async def test_neither_a_secret_nor_a_refused_text_leaves_or_is_cached(folder: Path) -> None:
    (folder / "c.txt").write_text(f"The password is {SECRET}.\n")
    (folder / "d.txt").write_text("A confidential car.\n")

    with faulty_endpoint(embeds) as server:
        [names] = await paths(server, folder, "confidential car")

    assert names[0] == "d.txt"
    sent = str([request.body for request in server.requests])
    assert "[redacted]" in sent
    assert SECRET not in sent
    assert "confidential" not in sent
    assert SECRET.encode() not in (folder.parent / "cache" / "vectors.sqlite").read_bytes()


@pytest.mark.parametrize("content", [b"no database", b""], ids=["other content", "empty"])
async def test_a_damaged_cache_is_made_anew(folder: Path, content: bytes) -> None:
    cache = folder.parent / "cache" / "vectors.sqlite"
    with faulty_endpoint(embeds) as server:
        await paths(server, folder, "car")
        cache.write_bytes(content)
        [names] = await paths(server, folder, "car")

    assert names[0] == "a.txt"
    assert sqlite3.connect(cache).execute("SELECT count(*) FROM vectors").fetchone() == (3,)


async def test_guards_see_texts_on_the_event_loop(folder: Path) -> None:
    threads = []

    def guard(text: str) -> str:
        threads.append(threading.current_thread())
        return text

    with faulty_endpoint(embeds) as server:
        semantic = Semantic(EndpointEmbedder(endpoint_of(server)), guard, folder=folder.parent / "cache")
        documents = Documents([folder], semantic=semantic)
        await documents.search("car", count=5, account=Ledger())
        await documents.close()

    assert set(threads) == {threading.current_thread()}


async def test_a_long_line_is_embedded_by_its_beginning(folder: Path) -> None:
    (folder / "b.txt").write_text("apples " * 10_000)

    with faulty_endpoint(embeds) as server:
        await paths(server, folder, "car")

    assert max(len(text) for text in server.requests[0].body["input"]) <= 4_000


def test_fusion_adds_the_inverse_ranks_of_the_paper() -> None:
    # 1/61 + 1/62 for 7 and 9, 1/63 for 8 and 5: ties keep the order of the first ranking.
    assert fused([7, 9, 8], [9, 7, 5]) == [7, 9, 8, 5]
    assert fused([1, 2], [3, 2]) == [2, 1, 3]


@pytest.mark.slow
@given(RANKINGS)
def test_fusion_keeps_each_key_once(rankings: list[list[int]]) -> None:
    keys = fused(*rankings)

    assert sorted(keys) == sorted({key for ranking in rankings for key in ranking})


@given(st.lists(st.integers(), unique=True))
def test_one_ranking_stays_as_it_is(ranking: list[int]) -> None:
    assert fused(ranking, []) == ranking
