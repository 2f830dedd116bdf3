import asyncio
import base64
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from coder.base.errors import (
    ModelAuthError,
    ModelError,
    ModelNotFound,
    ModelRefused,
    ModelUnavailable,
)
from coder.models.answer_parts import Retry
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Patience
from coder.models.model import Sampling
from tests.coder.models.asking import KEY, QUESTION, QUICK, Retries, ask, endpoint_of
from tests.coder.models.passing_time import MovedClock, slowly
from tests.faulty_endpoint import (
    Comment,
    Reply,
    begins,
    chunk,
    completion,
    error,
    faulty_endpoint,
    hangs,
    resets,
    says,
    status,
    streams,
    unused_port,
)


def _packed(code: int, content: bytes, **headers: str) -> Reply:
    """A response whose bytes and headers are sent as they stand here."""
    fields = {"content-type": "application/json", "content-length": str(len(content))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Reply((f"HTTP/1.1 {code} Status\r\n{head}\r\n".encode() + content,))


DEEP = "[" * 200_000 + "]" * 200_000
LONG = '{"choices": [], "usage": {"prompt_tokens": ' + "9" * 5000 + "}}"

PASSING = {
    "408": error(408, "too slow"),
    "409": error(409, "conflict"),
    "429 without Retry-After": error(429, "slow down"),
    "429 with Retry-After": error(429, "slow down", {"retry-after": "0.01"}),
    "500": error(500, "oops"),
    "502 with an HTML page": status(502, "<html>Bad gateway</html>"),
    "503": error(503, "overloaded"),
    "reset before the answer": resets(),
    "dropped in the middle": begins("hel", ending="reset"),
    "ended in the middle": begins("hel", ending="end"),
    "JSON cut in two": streams('{"choices": [{"del'),
    "half a UTF-8 sequence": Reply(
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 8\r\n\r\ndata: \xe2\x82",)
    ),
    "an HTML page with 200": status(200, "<html>Log in to the hotel's network</html>"),
    "no choices": streams({"choices": []}, "[DONE]"),
    "an error in the stream": streams(chunk({"content": "h"}), {"error": {"message": "worker died"}}),
    "a whole answer cut in two": Reply(
        (b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"choices":',)
    ),
    "a body shorter than announced": Reply(
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",), ending="reset"
    ),
    "a nest without end": _packed(200, DEEP.encode()),
    "a nest without end in a stream": streams(DEEP),
    "a number without end": _packed(200, LONG.encode()),
    "a number without end in a stream": streams(LONG),
    "an error that isn't packed as it says": _packed(500, b"broken", content_encoding="gzip"),
    "an error in a charset that is none": _packed(500, b"broken", content_type="text/plain; charset=idna"),
}

LASTING = {
    "400": (error(400, "bad request"), ModelRefused, "bad request"),
    "401": (error(401, "no"), ModelAuthError, "TOY_API_KEY"),
    "402": (error(402, "pay first"), ModelRefused, "pay first"),
    "403": (error(403, "no"), ModelAuthError, "TOY_API_KEY"),
    "404": (error(404, "no such model"), ModelNotFound, "toy-large"),
    "413": (error(413, "too large"), ModelRefused, "too large"),
    "422": (error(422, "can't be processed"), ModelRefused, "can't be processed"),
    "422 in FastAPI's words": (status(422, {"detail": "field required"}), ModelRefused, "field required"),
    "redirect": (status(307, "", {"location": "http://127.0.0.1:9/v1"}), ModelRefused, "redirects"),
    "no credit": (error(429, "pay", code="insufficient_quota"), ModelUnavailable, "no credit"),
    "400 for a model's name": (error(400, "?", code="model_not_found"), ModelNotFound, "toy-large"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_fault_that_passes_is_retried_shown_and_survived(fault: Reply) -> None:
    retries = Retries()

    with faulty_endpoint(fault, says("hel", "lo")) as server:
        answer = await ask(server, retries=retries)

    assert answer.text == "hello"
    assert [retry.attempt for retry in retries] == [1]
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_fault_that_stays_ends_after_five_requests(fault: Reply) -> None:
    retries = Retries()

    with faulty_endpoint(fault) as server, pytest.raises(ModelUnavailable, match="asked 5 times") as caught:
        await ask(server, retries=retries)

    assert caught.value.exit_code == 4
    assert len(retries) == 4
    assert len(server.requests) == 5


@pytest.mark.parametrize(("fault", "kind", "words"), LASTING.values(), ids=LASTING.keys())
async def test_a_fault_that_lasts_is_named_at_once_and_never_retried(
    fault: Reply, kind: type[ModelError], words: str
) -> None:
    retries = Retries()

    with faulty_endpoint(fault) as server, pytest.raises(kind, match=words):
        await ask(server, retries=retries)

    assert not retries
    assert len(server.requests) == 1


async def test_nobody_listening_is_retried_and_says_where() -> None:
    port, retries = unused_port(), Retries()

    with (
        faulty_endpoint() as server,
        pytest.raises(ModelUnavailable, match=f"no connection to http://127.0.0.1:{port}/v1"),
    ):
        await ask(server, retries=retries, url=SecretStr(f"http://127.0.0.1:{port}/v1"))

    assert len(retries) == 4
    assert server.connections == 0


@pytest.mark.slow
async def test_a_hang_ends_after_the_wait_for_headers_and_is_retried_within_the_deadline(
    clock: MovedClock,
) -> None:
    class Later(Retries):
        async def __call__(self, retry: Retry) -> None:
            await super().__call__(retry)
            clock.passed_s += 1000

    retries = Later()
    patience = Patience(first_wait_s=0, headers_s=0.1, deadline_s=3500, whole_s=100_000, attempts=1000)

    with faulty_endpoint(hangs()) as server:
        with pytest.raises(ModelUnavailable, match="no sign of life"):
            await ask(server, patience=patience, retries=retries)
        is_closed = server.wait_until(lambda seen: seen.open == 0)

    assert len(retries) == 4
    assert is_closed


@pytest.mark.slow
async def test_a_hang_in_the_middle_of_an_answer_ends_after_the_idle_time() -> None:
    patience = Patience(first_wait_s=0, idle_s=1, attempts=2)
    tokens: list[str] = []

    with (
        faulty_endpoint(begins("hel", ending="hang")) as server,
        pytest.raises(ModelUnavailable, match=r"no sign of life for 1 s"),
    ):
        await ask(server, patience=patience, tokens=tokens, key=None)

    assert tokens == ["hel", "hel"]


PATIENT = Patience(deadline_s=100, headers_s=100, idle_s=100, attempts=1)
"""Patience for 100 s by a clock that a test moves."""


async def test_an_answer_that_drips_may_take_longer_than_every_single_wait(
    clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [chunk({"content": letter}) for letter in "dripping"]
    whole = streams(*events, chunk({}, finish="stop"), "[DONE]")
    slow = slowly(whole, clock, between_s=60, patch=monkeypatch, but=3)

    with faulty_endpoint(slow) as server:
        answer = await ask(server, patience=PATIENT)

    assert answer.text == "dripping"
    assert answer.seconds > 400


async def test_comments_and_deltas_without_content_are_signs_of_life(
    clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinks = [Comment("keep-alive"), chunk({}), chunk({"content": ""}), Comment("processing")] * 2
    whole = streams(*thinks, chunk({"content": "hello"}), chunk({}, finish="stop"), "[DONE]")
    slow = slowly(whole, clock, between_s=60, patch=monkeypatch, but=3)

    with faulty_endpoint(slow) as server:
        answer = await ask(server, patience=PATIENT)

    assert answer.text == "hello"
    assert answer.seconds > 400


async def test_comments_alone_keep_an_answer_waited_for(
    clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    comments = [Comment("keep-alive")] * 6
    whole = streams(*comments, chunk({"content": "hello"}), chunk({}, finish="stop"), "[DONE]")
    slow = slowly(whole, clock, between_s=60, patch=monkeypatch, but=3)

    with faulty_endpoint(slow) as server:
        assert (await ask(server, patience=PATIENT)).text == "hello"


@pytest.mark.slow
async def test_comments_without_end_behind_the_last_word_are_not_waited_for() -> None:
    bye = [Comment("bye")] * 5000  # a quarter of an hour: longer than a test may take
    complete = streams(chunk({"content": "hello"}), chunk({}, finish="stop"), *bye, pause_s=0.2)

    with faulty_endpoint(complete) as server:
        answer = await ask(server)

    assert answer.text == "hello"


async def test_a_connection_dropped_behind_the_last_word_loses_nothing() -> None:
    complete = streams(chunk({"content": "hello"}), chunk({}, finish="stop"), ending="reset")

    with faulty_endpoint(complete) as server:
        answer = await ask(server)

    assert answer.text == "hello"
    assert len(server.requests) == 1


async def test_retry_after_beyond_the_deadline_gives_up_at_once_and_says_how_long() -> None:
    with (
        faulty_endpoint(error(429, "slow down", {"retry-after": "3600"})) as server,
        pytest.raises(ModelUnavailable, match="asks to wait 3600 s"),
    ):
        await ask(server)

    assert len(server.requests) == 1


async def test_retry_after_as_a_date_is_a_wait_until_then() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(days=10), usegmt=True)

    with (
        faulty_endpoint(error(503, "restarting", {"retry-after": date}), says("hello")) as server,
        pytest.raises(ModelUnavailable, match=r"asks to wait 86[34]\d\d\d s"),
    ):
        await ask(server)

    assert len(server.requests) == 1


async def test_a_programming_error_is_neither_retried_nor_renamed() -> None:
    def broken(token: str) -> None:
        raise TypeError(f"not made for {token}")

    retries = Retries()
    with faulty_endpoint(says("hello")) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            with pytest.raises(TypeError, match="not made for hello"):
                await model.answer(QUESTION, sampling=Sampling(), on_token=broken, on_retry=retries)

    assert not retries
    assert len(server.requests) == 1


async def test_someone_elses_timeout_is_not_taken_for_the_endpoints() -> None:
    def late(token: str) -> None:
        raise TimeoutError(token)

    with faulty_endpoint(says("hello")) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            with pytest.raises(TimeoutError, match="hello"):
                await model.answer(QUESTION, sampling=Sampling(), on_token=late)

    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [hangs(), begins("hel", ending="hang")], ids=["before", "within"])
async def test_cancelling_closes_the_connection(fault: Reply) -> None:
    with faulty_endpoint(fault) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            call = asyncio.create_task(model.answer(QUESTION, sampling=Sampling()))
            await asyncio.to_thread(server.wait_until, lambda seen: len(seen.requests) == 1)

            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

            assert await asyncio.to_thread(server.wait_until, lambda seen: seen.open == 0)


async def test_one_connection_serves_many_calls_and_closing_closes_it() -> None:
    with faulty_endpoint(says("hello")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            for _ in range(5):
                await model.answer(QUESTION, sampling=Sampling())
            during = server.open
        closed = server.wait_until(lambda seen: seen.open == 0)

    assert (server.connections, during, closed) == (1, 1, True)


@pytest.mark.parametrize(
    "fault",
    [
        error(401, f"Incorrect API key provided: {KEY}"),
        error(400, f"you sent {KEY}"),
        error(500, f"crashed with {KEY}"),
        streams({"error": {"message": f"died with {KEY}"}}),
    ],
    ids=["401", "400", "500", "stream"],
)
async def test_a_key_that_the_endpoint_echoes_shows_nowhere(fault: Reply) -> None:
    retries = Retries()

    with faulty_endpoint(fault) as server, pytest.raises(ModelError) as caught:
        await ask(server, retries=retries)

    output = "".join(traceback.format_exception(caught.value)) + repr(retries)
    assert KEY not in output
    assert KEY in server.requests[0].headers["authorization"]


async def test_credentials_in_a_base_url_are_used_and_never_shown() -> None:
    with faulty_endpoint(error(400, "no")) as server:
        address = SecretStr(f"http://someone:opensesame@127.0.0.1:{server.port}/v1?token=opensesame")
        endpoint = endpoint_of(server, url=address, key=None)
        async with ChatModel(endpoint) as model:
            with pytest.raises(ModelRefused) as caught:
                await model.answer(QUESTION, sampling=Sampling())

    assert "opensesame" not in repr(model) + repr(endpoint) + str(caught.value)
    assert server.requests[0].headers["authorization"].startswith("Basic ")


async def test_a_missing_model_is_answered_with_the_nearest_of_those_there_are() -> None:
    with (
        faulty_endpoint(error(404, "no"), models=("qwen-coder", "llama")) as server,
        pytest.raises(ModelNotFound, match=r"'qwen-codr'.*Nearest.*qwen-coder"),
    ):
        await ask(server, model="qwen-codr")


async def test_a_wrong_path_is_told_from_a_missing_model() -> None:
    with (
        faulty_endpoint(status(404, "<html>nothing here</html>"), models=()) as server,
        pytest.raises(ModelNotFound, match="ends in /v1"),
    ):
        await ask(server)


async def test_a_web_page_in_place_of_an_answer_has_the_address_doubted() -> None:
    page = status(200, "<html>Welcome</html>")
    with faulty_endpoint(page, page) as server, pytest.raises(ModelUnavailable, match="ends in /v1"):
        await ask(server, patience=Patience(first_wait_s=0, attempts=2))


async def test_neither_key_nor_prompt_follows_a_redirect() -> None:
    with faulty_endpoint(says("stolen")) as other:
        away = status(308, "", {"location": f"{other.url}/chat/completions"})
        with faulty_endpoint(away) as server, pytest.raises(ModelRefused, match="--base-url"):
            await ask(server)

    assert other.connections == 0


async def test_fields_with_names_that_the_sdk_uses_itself_do_no_harm() -> None:
    with faulty_endpoint(status(200, {"_fields_set": 1, "self": 2, **completion("hello")})) as server:
        answer = await ask(server)

    assert answer.text == "hello"


async def test_a_whole_answer_from_an_endpoint_that_does_not_stream_counts() -> None:
    tokens: list[str] = []

    with faulty_endpoint(status(200, completion("hello"))) as server:
        answer = await ask(server, tokens=tokens)

    assert (answer.text, answer.finish, tokens) == ("hello", "stop", ["hello"])
    assert answer.usage.input_tokens == 7


@pytest.mark.parametrize(
    "event",
    ["5", "null", "[]", '"x"', '{"choices": 5}', '{"choices": [null]}', '{"choices": [{"delta": "x"}]}', "x"],
)
async def test_a_stream_of_something_else_is_a_fault_that_passes(event: str) -> None:
    with faulty_endpoint(streams(event, "[DONE]"), says("hello")) as server:
        answer = await ask(server)

    assert answer.text == "hello"


@pytest.mark.parametrize("document", [5, None, [], {}, {"choices": None}, {"choices": [{"message": None}]}])
async def test_a_document_of_something_else_is_a_fault_that_passes(document: object) -> None:
    with faulty_endpoint(status(200, document), says("hello")) as server:
        answer = await ask(server)

    assert answer.text == "hello"


async def test_an_endpoint_that_broke_off_after_a_long_answer_is_asked_again(
    clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = streams(*(chunk({"content": "x"}) for _ in range(12)), ending="reset")
    long = slowly(whole, clock, between_s=60, patch=monkeypatch, but=1)
    patience = Patience(deadline_s=100, first_wait_s=0)

    with faulty_endpoint(long, says("hello")) as server:
        answer = await ask(server, patience=patience)

    assert answer.text == "hello"


ASK_AT_LOOPBACK = """
import asyncio
from coder.base.errors import ModelUnavailable
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint
from coder.models.model import ChatMessage, Sampling

endpoint = Endpoint(name="local/toy", model="toy", url="http://127.0.0.1:1/v1", is_local=True)

async def main():
    async with ChatModel(endpoint) as model:
        await model.answer([ChatMessage(role="user", content="Hi")], sampling=Sampling())

try:
    asyncio.run(main())
except ModelUnavailable as error:
    print(error)
"""


@pytest.mark.slow
def test_a_machine_that_cannot_reach_itself_is_told_so_at_once() -> None:
    cut = ("unshare", "--user", "--map-root-user", "--net")

    done = subprocess.run([*cut, sys.executable, "-c", ASK_AT_LOOPBACK], capture_output=True, text=True)

    assert "its loopback interface is down. Bring it up: ip link set lo up" in done.stdout, done.stderr


async def test_the_words_of_an_endpoint_move_no_cursor() -> None:
    moving = error(400, "\x1b]0;title\x07no\x1b[2J such\u202e thing")
    with faulty_endpoint(moving) as server, pytest.raises(ModelRefused, match=r": no such thing\.$"):
        await ask(server)


async def test_an_endpoint_that_echoes_the_header_of_a_password_shows_it_nowhere() -> None:
    header = base64.b64encode(b"someone:planted-password").decode()
    with faulty_endpoint(error(400, f"you sent Basic {header}")) as server:
        url = server.url.replace("http://", "http://someone:planted-password@")
        with pytest.raises(ModelRefused) as refused:
            await ask(server, url=SecretStr(url))

    assert server.requests[0].headers["authorization"] == f"Basic {header}"
    assert header not in str(refused.value)


async def test_a_key_in_what_an_endpoint_calls_itself_or_lists_shows_nowhere() -> None:
    reply = streams({**chunk({"content": "hi"}, finish="stop"), "model": f"toy {KEY}"}, "[DONE]")
    with faulty_endpoint(reply) as server:
        answer = await ask(server)
    listing = faulty_endpoint(error(404, "none"), models=(f"toy-{KEY}",))
    with listing as server, pytest.raises(ModelNotFound) as missing:
        await ask(server)

    assert KEY not in answer.model
    assert KEY not in str(missing.value)


async def test_a_failure_of_the_responses_api_shows_no_key() -> None:
    failed = streams({"type": "error", "message": f"died with {KEY}"})
    retries = Retries()
    with faulty_endpoint(failed) as server, pytest.raises(ModelUnavailable) as ended:
        await ask(server, api="responses", retries=retries)

    assert "died with" in retries[0].reason
    assert KEY not in str([*retries, ended.value])
