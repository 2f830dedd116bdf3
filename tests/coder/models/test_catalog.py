import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import ModelAuthError, ModelUnavailable, UsageError
from coder.base.usage import Price
from coder.models.catalog import FILE, Catalog, Listed, UserModels, read_catalog
from coder.models.catalog_update import parse_catalog, update_catalog
from coder.models.find_model import resolve
from coder.models.model import Usage
from coder.models.providers import cost, providers
from tests.faulty_endpoint import unused_port

KEY = "planted-0123456789-planted"
MODEL = {
    "id": "big",
    "name": "Big",
    "reasoning": True,
    "tool_call": True,
    "modalities": {"input": ["text", "image"], "output": ["text"]},
    "cost": {"input": 0.1, "output": 0.3, "cache_read": 0.025},
    "limit": {"context": 200000, "output": 8192},
}
PLAN = {"id": "plan", "name": "Plan", "cost": {"input": 0, "output": 0}, "limit": {"context": 8000}}


def provider(**changes: object) -> dict[str, object]:
    """A provider as models.dev writes one."""
    own = {"id": "acme", "name": "Acme", "api": "https://api.acme.example/v1", "env": ["ACME_API_KEY"]}
    return own | {"models": {"big": MODEL, "plan": PLAN}} | changes


def document(**rows: dict[str, object]) -> bytes:
    return json.dumps(rows).encode()


def catalog(**rows: dict[str, object]) -> Catalog:
    return parse_catalog(document(**rows), source="test")


async def loaded(folder: Path, **rows: dict[str, object]) -> UserModels:
    """The user's book, once these providers were loaded."""
    source = folder / "source.json"
    source.write_bytes(document(**rows))
    await update_catalog(folder / "cache", source=str(source))
    return UserModels(cache=folder / "cache")


@pytest.mark.parametrize(
    ("listed", "takes_sampling"), [({}, None), ({"temperature": False}, False), ({"temperature": 1}, None)]
)
async def test_whether_a_model_takes_a_temperature_is_as_listed(
    tmp_path: Path, listed: dict[str, object], takes_sampling: bool | None
) -> None:
    book = await loaded(tmp_path, acme=provider(models={"big": MODEL | listed}))

    choice = await resolve("acme/big", environ={"ACME_API_KEY": KEY}, book=book)

    assert choice.endpoint is not None
    assert choice.endpoint.takes_sampling is takes_sampling


async def test_a_provider_of_the_catalogue_is_called_by_name(tmp_path: Path) -> None:
    book = await loaded(tmp_path, acme=provider())

    choice = await resolve("acme/big", environ={"ACME_API_KEY": KEY}, book=book)

    assert choice.endpoint is not None
    assert choice.endpoint.shown_url == "https://api.acme.example/v1"
    limits = (choice.endpoint.context, choice.endpoint.max_output)
    assert (choice.name, limits) == ("acme/big", (200000, 8192))


async def test_its_key_is_named_where_it_is_missing(tmp_path: Path) -> None:
    book = await loaded(tmp_path, acme=provider())

    with pytest.raises(ModelAuthError, match="ACME_API_KEY"):
        await resolve("acme/big", environ={}, book=book)


async def test_parts_of_its_address_come_from_the_environment_and_are_no_key(tmp_path: Path) -> None:
    row = provider(api="https://${ACME_ACCOUNT}.acme.example/v1", env=["ACME_ACCOUNT", "ACME_API_KEY"])
    book = await loaded(tmp_path, acme=row)

    choice = await resolve("acme/big", environ={"ACME_ACCOUNT": "me", "ACME_API_KEY": KEY}, book=book)

    assert choice.endpoint is not None
    assert choice.endpoint.shown_url == "https://me.acme.example/v1"
    assert choice.endpoint.key_variables == ("ACME_API_KEY",)


@pytest.mark.parametrize(
    "row",
    [
        provider(api="http://api.acme.example/v1"),
        provider(api="https://api.acme.example/anthropic/v1"),
        provider(api=None),
        provider(api="https://evil.example/v1", env=["OPENAI_API_KEY"]),
        provider(api="https://openai.com.evil.example/v1", env=["ACME_API_KEY", "OPENAI_API_KEY"]),
        provider(api="https://${OPENAI_API_KEY}.evil.example/v1", env=["ACME_API_KEY"]),
        provider(api="https://mine.us-east-1.amazonaws.com/v1", env=["AWS_BEARER_TOKEN_BEDROCK"]),
        provider(api="https://[evil.example/v1"),
    ],
    ids=[
        "not https",
        "another protocol",
        "no address",
        "another's key",
        "another's key, well hidden",
        "a key as part of a host",
        "another customer of the same site",
        "no address that can be read",
    ],
)
async def test_a_provider_that_could_leak_or_never_answer_is_not_called(
    tmp_path: Path, row: dict[str, object]
) -> None:
    book = await loaded(tmp_path, acme=row)

    with pytest.raises(UsageError, match="No model 'acme/big'"):
        await resolve("acme/big", environ={"OPENAI_API_KEY": KEY, "ACME_API_KEY": KEY}, book=book)


async def test_a_row_of_the_catalogue_never_takes_the_place_of_a_built_in_provider(tmp_path: Path) -> None:
    book = await loaded(tmp_path, openai=provider(api="https://evil.example/v1", env=["OPENAI_API_KEY"]))

    choice = await resolve("openai/big", environ={"OPENAI_API_KEY": KEY}, book=book)

    assert choice.endpoint is not None
    assert choice.endpoint.shown_url == "https://api.openai.com/v1"


async def test_a_key_in_the_environment_alone_chooses_no_provider_of_the_catalogue(tmp_path: Path) -> None:
    book = await loaded(tmp_path, acme=provider())

    choice = await resolve(None, environ={"ACME_API_KEY": KEY}, table=(), book=book)

    assert choice.endpoint is None


async def test_prices_are_the_users_then_the_lists_then_the_catalogues(tmp_path: Path) -> None:
    book = await loaded(tmp_path, acme=provider(), openai=provider(models={"gpt-4.1-mini": MODEL}))
    own = book.model_copy(update={"prices": {"acme/big": Price(input=1, output=2)}})
    keys = {"ACME_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)

    async def price(name: str, book: UserModels) -> object:
        endpoint = (await resolve(name, environ=keys, book=book)).endpoint
        assert endpoint is not None
        return cost(endpoint, million)

    assert await price("acme/big", own) == 3
    assert await price("acme/big", book) == Price(input="0.1", output="0.3").of(million)
    # OpenAI's price list: $0.40 in, $1.60 out per million tokens.
    assert await price("openai/gpt-4.1-mini", book) == 2
    assert await price("acme/plan", book) is None


def test_no_price_of_a_model_that_a_subscription_pays_for_is_known() -> None:
    plan = PLAN | {"cost": {"input": 0, "output": 0, "cache_read": 0}}

    facts = catalog(acme=provider(models={"plan": plan})).providers["acme"].listed("plan")

    assert (facts.input_usd, facts.output_usd, facts.cached_usd) == (None, None, None)


def test_what_the_cache_gave_costs_its_own_price() -> None:
    usage = Usage(input_tokens=1000, cached_tokens=400, output_tokens=100, reasoning_tokens=60)

    # 600 x 2 + 400 x 0.5 + 100 x 8 = 2200 millionths; reasoning is part of the output.
    assert Price(input=2, output=8, cached="0.5").of(usage) * 1_000_000 == 2200
    assert Price(input=2, output=8).of(usage) * 1_000_000 == 2800


async def test_aliases_are_followed_and_a_circle_of_them_is_said() -> None:
    book = UserModels(aliases={"fast": "quick", "quick": "groq/m", "a": "b", "b": "a"})

    choice = await resolve("fast", environ={"GROQ_API_KEY": KEY}, book=book)

    assert choice.name == "groq/m"
    with pytest.raises(UsageError, match="'a' leads back to itself: a → b → a"):
        await resolve("a", environ={}, book=book)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"5",
        b"{}",
        b'{"acme": 5}',
        b'{"acme": {"name": "Acme", "models": []}}',
        b'{"acme": {"name": "Acme"}}',
        b"[" * 100_000,
        b'{"providers": {"acme": {"name": "Acme", "env": "KEY", "models": {}}}}',
    ],
)
async def test_what_is_no_catalogue_is_refused_and_the_old_one_stays(tmp_path: Path, content: bytes) -> None:
    book = await loaded(tmp_path, acme=provider())
    before = (tmp_path / "cache" / FILE).read_bytes()
    other = tmp_path / "other.json"
    other.write_bytes(content)

    with pytest.raises(UsageError, match="is no catalogue"):
        await update_catalog(tmp_path / "cache", source=str(other))

    assert (tmp_path / "cache" / FILE).read_bytes() == before
    assert os.listdir(tmp_path / "cache") == [FILE]
    assert book.catalog().size == 2


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMES = st.sampled_from(["models", "name", "env", "api", "cost", "limit", "input", "output", "context", "a"])
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.slow
@given(DOCUMENTS, DOCUMENTS)
def test_a_document_of_any_shape_is_a_catalogue_or_refused(row: object, model: object) -> None:
    nested = {"acme": provider(models={"m": model}), "other": row}
    for raw_catalog in (row, nested, {"providers": nested}):
        try:
            parsed = parse_catalog(json.dumps(raw_catalog).encode(), source="test")
        except UsageError:
            continue
        assert all(isinstance(facts, Listed) for _, _, facts in parsed.rows(providers()))


@pytest.mark.parametrize(
    "content", [b"", b"x", b'{"coder_catalog": 99}\n', b"\xff\n", b'{"providers": {"a": {"name": 5}}}']
)
def test_a_cache_that_is_damaged_is_the_same_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)

    assert list(read_catalog(tmp_path).rows(providers())) == []


@pytest.mark.slow
async def test_an_address_that_is_not_https_is_refused_and_one_that_is_dead_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only https"):
        await update_catalog(tmp_path, source="http://127.0.0.1:9/api.json")
    with pytest.raises(ModelUnavailable, match="--from FILE"):
        await update_catalog(tmp_path, source=f"https://127.0.0.1:{unused_port()}/api.json")


@pytest.mark.slow
async def test_the_whole_public_catalogue_can_be_loaded_and_most_of_it_called(tmp_path: Path) -> None:
    data = os.environ.get("CODER_TEST_DATA")
    if data is None:
        pytest.skip("CODER_TEST_DATA names no folder with model_catalog.json")

    stored_catalog = await update_catalog(tmp_path, source=str(Path(data) / "model_catalog.json"))

    rows = list(read_catalog(tmp_path).rows(providers()))
    assert stored_catalog.size == 5117
    assert len({provider.name for provider, _, _ in rows}) > 130
    listed = {f"{provider.name}/{model}": facts for provider, model, facts in rows}
    assert listed["openai/gpt-4.1-mini"].price == Price(input="0.4", output="1.6", cached="0.1")
