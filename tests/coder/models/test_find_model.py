import re
from pathlib import Path

import pytest

from coder.base.errors import ModelAuthError, ModelUnavailable, UsageError
from coder.models.endpoint import Api
from coder.models.find_model import WEAK, ModelChoice, resolve, unknown_name
from coder.models.providers import Provider, built_in, find_keyed_providers, providers
from coder.models.roles import Asked, Roles, open_roles, resolve_roles
from tests.faulty_endpoint import Reply, faulty_endpoint, hangs, unused_port
from tests.programs import require_embedded_model

KEY = "planted-0123456789-planted"
HOSTED = (
    Provider(name="first", url="https://first.example/v1", key_variables=("FIRST_KEY",), default_model="one"),
    Provider(name="second", url="https://second.example/v1", key_variables=("SECOND_KEY", "OTHER_KEY")),
)


def ollama(port: int) -> tuple[Provider, ...]:
    """A table with one server on this machine."""
    return (*HOSTED, Provider(name="ollama", url=f"http://127.0.0.1:{port}/v1", is_local=True))


def key_of(choice: ModelChoice) -> str | None:
    assert choice.endpoint is not None
    return choice.endpoint.key.get_secret_value() if choice.endpoint.key else None


async def test_a_model_is_named_by_its_provider_and_its_own_name_with_slashes() -> None:
    choice = await resolve("second/org/model", environ={"SECOND_KEY": KEY}, table=HOSTED)

    assert choice.endpoint is not None
    assert (choice.name, choice.endpoint.model) == ("second/org/model", "org/model")
    assert key_of(choice) == KEY


async def test_a_provider_alone_answers_with_its_default_model() -> None:
    choice = await resolve("first", environ={"FIRST_KEY": KEY}, table=HOSTED)

    assert choice.name == "first/one"


async def test_with_nothing_named_the_provider_whose_key_is_set_answers() -> None:
    choice = await resolve(None, environ={"FIRST_KEY": KEY}, table=HOSTED)

    assert choice.name == "first/one"
    assert choice.notes == ()


async def test_with_several_keys_the_first_in_the_table_answers_and_says_so() -> None:
    choice = await resolve(None, environ={"OTHER_KEY": KEY, "FIRST_KEY": KEY}, table=HOSTED)

    assert choice.name == "first/one"
    assert re.search(r"FIRST_KEY, OTHER_KEY.*first/one answers", choice.notes[0])
    assert KEY not in choice.notes[0]


async def test_a_missing_key_is_named_by_its_variables_before_any_call() -> None:
    with pytest.raises(ModelAuthError, match="SECOND_KEY or OTHER_KEY") as caught:
        await resolve("second/x", environ={"SECOND_KEY": "  "}, table=HOSTED)

    assert caught.value.exit_code == 4


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "nul\0"])
async def test_a_value_that_can_be_no_key_is_said_without_showing_it(key: str) -> None:
    with pytest.raises(ModelAuthError, match="FIRST_KEY") as caught:
        await resolve("first/x", environ={"FIRST_KEY": key}, table=HOSTED)

    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("opnai/gpt-5", "openai/gpt-5"),
        ("antropic", "anthropic"),
        ("gpt-4.1-mini", "openai/gpt-4.1-mini"),
        ("gemini-2.5-pro", "gemini/gemini-2.5-pro"),
    ],
)
async def test_a_name_that_cannot_be_resolved_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"did you mean {nearest}?")) as caught:
        await resolve(name, environ={}, table=built_in())

    assert caught.value.exit_code == 2


def test_a_name_near_to_nothing_lists_what_there_is() -> None:
    message = unknown_name("zzzzzz/qqq", HOSTED)

    assert "did you mean" not in message
    assert "first, second, local" in message


@pytest.mark.parametrize("name", ["to\udcffy", "toy\0", "local/\ud800"])
async def test_a_name_that_cannot_be_sent_is_refused_before_any_call(name: str) -> None:
    with pytest.raises(UsageError, match=r"The name of the model has .* Omit it"):
        await resolve(name, base_url="http://10.0.0.5:8000/v1", environ={}, table=HOSTED)


async def test_any_model_name_goes_to_a_base_url() -> None:
    choice = await resolve("org/model:7b", base_url="http://10.0.0.5:8000/v1", environ={}, table=HOSTED)

    assert choice.endpoint is not None
    assert (choice.name, choice.endpoint.model) == ("10.0.0.5:8000/org/model:7b", "org/model:7b")
    assert not choice.endpoint.is_local


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({}, None),
        ({"OPENAI_API_KEY": "usual"}, "usual"),
        ({"OPENAI_API_KEY": "usual", "CODER_API_KEY": "own"}, "own"),
    ],
)
async def test_a_base_url_gets_its_own_key_or_the_usual_one(environ: dict[str, str], key: str | None) -> None:
    choice = await resolve("m", base_url="http://127.0.0.1:8000/v1", environ=environ, table=HOSTED)

    assert key_of(choice) == key


async def test_a_base_url_of_a_known_provider_never_gets_another_ones_key() -> None:
    choice = await resolve(
        "m", base_url="https://first.example/v2", environ={"OPENAI_API_KEY": "usual"}, table=HOSTED
    )

    assert key_of(choice) is None


@pytest.mark.parametrize(
    "url",
    [
        *("nonsense", "ftp://host/v1", "http://", "127.0.0.1:8000", "file:///etc/passwd", "http://[host/v1"),
        *("http://host:port/v1", "http://host:123456/v1", "http://ho st/v1", f"http://{'x' * 64}.example/v1"),
    ],
)
async def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not a base URL"):
        await resolve("m", base_url=url, environ={}, table=HOSTED)


@pytest.mark.parametrize("url", ["nonsense", "http://[host/v1"])
async def test_a_variable_that_holds_no_base_url_is_named(url: str) -> None:
    with pytest.raises(UsageError, match="OPENAI_BASE_URL"):
        await resolve("openai/x", environ={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}, table=built_in())
    with pytest.raises(UsageError, match=r"azure|AZURE"):
        await resolve(
            "azure/x", environ={"AZURE_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": url}, table=built_in()
        )


async def test_a_base_url_without_a_model_asks_for_one() -> None:
    with pytest.raises(UsageError, match="--model"):
        await resolve(None, base_url="http://user:opensesame@host/v1", environ={}, table=HOSTED)


async def test_without_a_key_a_server_on_this_machine_answers_with_a_model_that_can_chat() -> None:
    with faulty_endpoint(models=("nomic-embed-text", "qwen-coder")) as server:
        choice = await resolve(None, environ={}, table=ollama(server.port))

    assert choice.name == "ollama/qwen-coder"
    assert choice.endpoint is not None
    assert choice.endpoint.is_free


async def test_a_provider_on_this_machine_alone_answers_with_its_first_model() -> None:
    with faulty_endpoint(models=("qwen-coder",)) as server:
        choice = await resolve("ollama", environ={}, table=ollama(server.port))

    assert choice.name == "ollama/qwen-coder"


async def test_a_provider_on_this_machine_that_is_not_running_says_so() -> None:
    with pytest.raises(ModelUnavailable, match="Is ollama running"):
        await resolve("ollama", environ={}, table=ollama(unused_port()))


async def test_with_nothing_at_all_the_embedded_model_answers_and_says_that_it_is_weak() -> None:
    require_embedded_model()
    choice = await resolve(None, environ={}, table=ollama(unused_port()))

    assert choice.name == "local/SmolLM2-135M-Instruct"
    assert choice.weights is not None
    assert choice.notes == (WEAK,)


async def test_the_embedded_model_is_found_by_the_name_that_a_log_keeps_of_it() -> None:
    require_embedded_model()
    embedded = await resolve("local", environ={}, table=HOSTED)

    assert await resolve(embedded.name, environ={}, table=HOSTED) == embedded


async def test_a_server_that_lists_no_model_is_passed_over() -> None:
    with faulty_endpoint(hangs(), models=()) as server:
        choice = await resolve(None, environ={}, table=ollama(server.port))

    assert choice.endpoint is None


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"x" * 70_000, b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 200_000])
async def test_a_server_of_another_kind_on_a_known_port_is_passed_over(said: bytes) -> None:
    with faulty_endpoint(models=Reply((said,))) as server:
        choice = await resolve(None, environ={}, table=ollama(server.port))

    assert choice.endpoint is None


async def test_weights_of_the_users_are_named_by_their_path(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF and more")

    choice = await resolve(f"local/{file}", environ={}, table=HOSTED)

    assert (choice.name, choice.weights, choice.notes) == ("local/tiny", file, ())


async def test_weights_that_are_missing_or_something_else_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK")

    with pytest.raises(UsageError, match="can't be read"):
        await resolve(f"local/{tmp_path}/none.gguf", environ={}, table=HOSTED)
    with pytest.raises(UsageError, match="not a GGUF file"):
        await resolve(f"local/{other}", environ={}, table=HOSTED)


async def test_a_key_shows_in_no_form_of_a_choice() -> None:
    choice = await resolve("first/x", environ={"FIRST_KEY": KEY}, table=HOSTED)

    async with open_roles(Roles(main=choice)) as model:
        assert KEY not in repr(choice) + str(choice) + choice.model_dump_json() + repr(model)


async def test_openais_base_url_variable_is_kept() -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}

    choice = await resolve("openai/x", environ=environ, table=built_in())

    assert choice.endpoint is not None
    assert choice.endpoint.shown_url == "http://127.0.0.1:9/v1"
    assert not choice.endpoint.is_free


def test_endpoints_are_found_by_the_name_of_a_variable() -> None:
    keyed_providers = find_keyed_providers({"OTHER_KEY": KEY, "UNRELATED_KEY": KEY}, table=HOSTED)

    assert [(row.provider.name, row.variable) for row in keyed_providers] == [("second", "OTHER_KEY")]
    assert KEY not in repr(keyed_providers)


def test_the_table_names_each_provider_once_with_a_key_or_on_this_machine() -> None:
    rows = providers()

    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.is_local or (row.key_variables and row.url.startswith(("https://", "${")))
        assert row.is_local or row.by_name_only or row.default_model


async def test_openais_key_does_not_go_along_to_a_stand_in_at_another_address() -> None:
    models = Asked(model="openai/x", fallback=("toy@https://other.example/v1",), roles={"planner": "openai"})
    environ = {"OPENAI_API_KEY": KEY}

    shared = await resolve_roles(models, environ=environ)
    own = await resolve_roles(models, environ=environ | {"CODER_API_KEY": "another"})
    alone = await resolve_roles(Asked(model="toy@https://other.example/v1"), environ=environ)

    assert [key_of(choice) for choice in shared.all] == [KEY, None, KEY]
    assert "CODER_API_KEY" in shared.fallbacks[0].notes[0]
    assert [key_of(choice) for choice in own.all] == [KEY, "another", KEY]
    assert key_of(alone.main) == KEY


@pytest.mark.parametrize(
    ("environ", "context"),
    [({}, 4096), ({"OLLAMA_CONTEXT_LENGTH": "32768"}, 32768), ({"OLLAMA_CONTEXT_LENGTH": "many"}, 4096)],
)
async def test_ollama_is_taken_to_read_what_it_is_set_to(environ: dict[str, str], context: int) -> None:
    choice = await resolve("ollama/qwen3-coder", environ=environ)

    assert choice.endpoint is not None
    assert choice.endpoint.context == context


@pytest.mark.parametrize(
    ("environ", "api"), [({}, "responses"), ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "chat")]
)
async def test_openai_itself_is_asked_by_responses_and_what_is_like_it_by_chat_completions(
    environ: dict[str, str], api: str
) -> None:
    choice = await resolve("openai/x", environ={"OPENAI_API_KEY": KEY, **environ}, table=built_in())

    assert choice.endpoint is not None
    assert choice.endpoint.api == api


async def test_local_is_local_also_beside_a_base_url_that_is_configured() -> None:
    choice = await resolve("local", base_url="http://127.0.0.1:9/v1", environ={}, table=HOSTED)

    assert choice.name == "local/SmolLM2-135M-Instruct"
    assert choice.endpoint is None


@pytest.mark.parametrize(
    ("model", "environ"),
    [
        ("toy@https://other.example/v1", {}),
        ("openai/x", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}),
        ("ollama/x", {}),
    ],
)
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
async def test_the_main_model_is_asked_by_the_protocol_that_the_user_names(
    model: str, environ: dict[str, str], api: Api
) -> None:
    models = Asked(model=model, api=api, fallback=("toy@https://third.example/v1",))

    chosen = await resolve_roles(models, environ=environ)

    apis = [choice.endpoint.api for choice in chosen.all if choice.endpoint is not None]
    assert apis == [api, "chat"]
    assert models.for_log().api == api


async def test_a_protocol_for_weights_on_this_machine_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--api: local/.* has no endpoint"):
        await resolve_roles(Asked(model="local", api="responses"), environ={})
