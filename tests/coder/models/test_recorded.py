import json
from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.errors import ModelError, UsageError
from coder.base.text.redact import Redactor
from coder.models.answer_parts import Alternative
from coder.models.chat_completions import ChatModel
from coder.models.model import Answer, ChatMessage, Model, Sampling
from coder.models.recorded import Recorded
from coder.models.recorder import Recorder
from coder.models.scripted import Scripted
from tests.coder.models.asking import KEY, QUESTION, endpoint_of
from tests.faulty_endpoint import chunk, faulty_endpoint, says, streams

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
SAMPLING = Sampling(temperature=0, seed=1)


def asking(*texts: str) -> list[ChatMessage]:
    """A conversation of these messages of the user."""
    return [ChatMessage(role="user", content=text) for text in texts]


async def record(path: Path, answers: list[str], *conversations: list[ChatMessage]) -> None:
    """Record one scripted answer for each conversation."""
    async with Recorder(Scripted(answers), path) as model:
        for conversation in conversations:
            await model.answer(conversation, sampling=SAMPLING)


async def said(model: Model, *texts: str) -> str:
    answer = await model.answer(asking(*texts), sampling=SAMPLING)
    return answer.text


async def test_a_replay_gives_the_same_answers_as_the_endpoint_did(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with faulty_endpoint(says("one"), says("t", "wo")) as server:
        async with Recorder(ChatModel(endpoint_of(server)), path) as model:
            live = [await model.answer(asking(text), sampling=SAMPLING) for text in ("1?", "2?")]

    recorded = Recorded(path)
    played: list[Answer] = [await recorded.answer(asking(text), sampling=SAMPLING) for text in ("1?", "2?")]

    assert played == live
    assert (recorded.name, recorded.header.kind) == ("toy/toy", "recorded")


async def test_requests_are_found_in_any_order_and_repeated_ones_play_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a1", "b", "a2"], asking("a?"), asking("b?"), asking("a?"))

    model = Recorded(path)

    assert [await said(model, text) for text in ("b?", "a?", "a?")] == ["b", "a1", "a2"]


def after_a_command(status: str) -> list[ChatMessage]:
    """A conversation that ends with the result of a command."""
    return [
        *asking("List the files; wait 5 s."),
        ChatMessage(role="assistant", content="ls"),
        ChatMessage(role="tool", content=f"calc.py\n{status}"),
    ]


async def test_a_command_that_took_longer_than_when_it_was_recorded_gets_the_same_answer(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a1", "a2"], *map(after_a_command, ("[exit 0, 0.0 s]", "[exit 0, 0.1 s]")))
    model = Recorded(path)

    statuses = ("[exit 0, 0.1 s]", "[exit 0, 12.5 s]")
    answers = [await model.answer(after_a_command(status), sampling=SAMPLING) for status in statuses]

    assert [answer.text for answer in answers] == ["a2", "a1"]


@pytest.mark.parametrize("status", ["[exit 1, 0.0 s]", "[exit 0, 0.0 s]\n."], ids=["other end", "more"])
async def test_another_result_of_a_command_is_another_request(tmp_path: Path, status: str) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], after_a_command("[exit 0, 0.0 s]"))

    with pytest.raises(ModelError, match="no answer to this request"):
        await Recorded(path).answer(after_a_command(status), sampling=SAMPLING)


async def test_a_task_with_another_duration_is_another_request(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], asking("Wait 5 s."))

    with pytest.raises(ModelError, match="no answer to this request"):
        await said(Recorded(path), "Wait 6 s.")


async def test_a_request_made_too_often_says_how_often_it_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], asking("a?"))
    model = Recorded(path)
    await said(model, "a?")

    with pytest.raises(ModelError, match="answers this request 1 time,"):
        await said(model, "a?")


async def test_an_unknown_request_says_where_it_leaves_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a", "b"], asking("Write a poem."), asking("Write a function.", "It failed: 3 != 4"))
    model = Recorded(path)

    with pytest.raises(ModelError, match=r"Message 2 \(user\) differs at character 11: '5 != 4'.*'3 != 4'"):
        await said(model, "Write a function.", "It failed: 5 != 4")


@pytest.mark.parametrize(
    ("texts", "sampling", "words"),
    [
        (("a?", "b?"), SAMPLING, "It has 2 messages; recorded: 1"),
        (("a?",), Sampling(temperature=0, seed=2), "seed is 2; recorded: 1"),
    ],
)
async def test_other_differences_are_named_too(
    tmp_path: Path, texts: tuple[str, ...], sampling: Sampling, words: str
) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], asking("a?"))

    with pytest.raises(ModelError, match=words):
        await Recorded(path).answer(asking(*texts), sampling=sampling)


async def test_secrets_are_redacted_on_the_way_in_and_replay_still_finds_the_request(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, [f"your key is {SECRET}"], asking(f"my key is {SECRET}"))

    answer = await said(Recorded(path), f"my key is {SECRET}")

    assert SECRET not in path.read_text()
    assert SECRET not in answer


async def test_a_secret_in_how_an_answer_could_have_begun_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    beside = (Alternative(text=f"key = '{SECRET}'", logprob=-1.0),)

    async with Recorder(Scripted([Answer(text="a", model="m", alternatives=beside)]), path) as model:
        await model.answer(asking("a?"), sampling=SAMPLING)

    assert SECRET not in path.read_text()
    assert "alternatives" in path.read_text()


async def test_a_recording_is_readable_lines_that_begin_with_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], asking("a?"))

    header, entry = (json.loads(line) for line in path.read_text().splitlines())

    assert (header["coder_recording"], header["kind"], header["model"]) == (
        1,
        "scripted",
        "scripted/dialogue",
    )
    assert entry["request"]["messages"] == [{"role": "user", "content": "a?"}]
    assert entry["answer"]["text"] == "a"


async def test_a_recording_of_the_same_model_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], asking("a?"))
    await record(path, ["b"], asking("b?"))

    model = Recorded(path)

    assert [await said(model, text) for text in ("a?", "b?")] == ["a", "b"]


async def test_a_recording_of_another_model_or_another_file_is_left_alone(tmp_path: Path) -> None:
    path, diary = tmp_path / "run.jsonl", tmp_path / "diary.txt"
    await record(path, ["a"], asking("a?"))
    diary.write_text("Dear diary\n")

    with pytest.raises(UsageError, match="holds answers of scripted/dialogue"):
        Recorder(Scripted([], name="scripted/other"), path)
    with pytest.raises(UsageError, match="Line 1"):
        Recorder(Scripted([]), diary)

    assert diary.read_text() == "Dear diary\n"


async def test_a_damaged_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a", "b"], asking("a?"), asking("b?"))
    lines = path.read_text().splitlines()

    path.write_text("\n".join([*lines[:2], lines[2][:40]]))
    with pytest.raises(UsageError, match=r"Line 3 .* is damaged"):
        Recorded(path)

    path.write_text("\n".join([lines[0], lines[1].replace("a?", "c?")]))
    with pytest.raises(UsageError, match=r"Line 2 .* key doesn't belong"):
        Recorded(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ('{"coder_recording": 2, "kind": "recorded", "model": "m", "date": "d"}', "newer"),
        ("\xff\n", "Line 1"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(UsageError, match=words):
        Recorded(path)


def test_a_file_that_is_missing_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        Recorded(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="can't be written: No such file"):
        Recorder(Scripted([]), tmp_path / "none" / "run.jsonl")


async def test_a_replay_reserves_what_the_recorded_model_cost(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, ["a"], asking("a?"))
    header, *entries = path.read_text().splitlines()
    priced = {**json.loads(header), "usd_per_million": ["0.4", "1.6"]}
    path.write_text("\n".join([json.dumps(priced), *entries]))

    assert Recorded(path).price(1000, 1000) == Decimal("0.002")


async def test_a_script_is_told_in_order_and_ends() -> None:
    model = Scripted(["first", "second"])

    assert [await said(model, "x"), await said(model, "x")] == ["first", "second"]
    with pytest.raises(ModelError, match="2 answers, and one more"):
        await said(model, "x")


async def test_a_key_that_a_model_names_a_tool_by_is_written_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    function = {"name": f"add_{KEY}", "arguments": json.dumps({"a": KEY})}
    call = {"index": 0, "id": f"call {KEY}", "type": "function", "function": function}
    calls = streams(chunk({"tool_calls": [call]}), chunk({}, finish="tool_calls"), "[DONE]")
    with faulty_endpoint(calls) as server:
        redact = Redactor([KEY]).redact
        async with Recorder(ChatModel(endpoint_of(server, key=None)), path, redact=redact) as model:
            answer = await model.answer(QUESTION, sampling=Sampling())
            message = ChatMessage(role="assistant", content="", tool_calls=answer.tool_calls)
            await model.answer([*QUESTION, message], sampling=Sampling())

    assert KEY in answer.tool_calls[0].arguments
    assert KEY not in path.read_text()
