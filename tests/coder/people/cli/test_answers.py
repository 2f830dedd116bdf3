"""How long a model's answer may be, and how long it may be silent, as the command line says it."""

import json
from pathlib import Path

import pytest

from tests.coder.models.test_catalog import document, provider
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, CHECK, TASK, code, solve
from tests.faulty_endpoint import chunk, faulty_endpoint, hangs, says, streams

THOUGHT = streams(
    chunk({"reasoning_content": "hm"}),
    {**chunk({}, finish="length"), "usage": {"prompt_tokens": 7, "completion_tokens": 900}},
    "[DONE]",
)


@pytest.mark.slow
def test_a_limit_of_the_answer_is_asked_for_where_the_user_names_one(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        usual = solve(console, endpoint, *CHECK)
        flagged = solve(console, endpoint, *CHECK, "--max-answer-tokens", "2000")
        configured = solve(console, endpoint, *CHECK, CODER_MAX_ANSWER_TOKENS="3000")

    assert (usual.code, flagged.code, configured.code) == (0, 0, 0)
    limits = [request.body.get("max_tokens") for request in endpoint.requests]
    assert limits == [None, 2000, 3000]


@pytest.mark.slow
def test_reasoning_that_left_no_room_for_an_answer_says_how_to_give_it_more(console: Console) -> None:
    with faulty_endpoint(THOUGHT, says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK)
        run = done.err.split("coder show ")[1].split()[0]
        more = console.run("resume", run, "--max-answer-tokens", "1800")

    assert done.code == 3
    assert "✗ limit  the model used up the 900 tokens of its answer by reasoning" in done.err
    assert f"coder resume {run} --max-answer-tokens 1800" in done.err
    assert (more.code, more.out) == (0, ADD)
    assert len(endpoint.requests) == 2


@pytest.mark.slow
def test_empty_answers_are_called_that_after_three(console: Console) -> None:
    with faulty_endpoint(says("")) as endpoint:
        done = solve(console, endpoint, *CHECK, "--strategy", "repair", "--json")

    document = json.loads(done.out)
    assert (document["status"], document["calls"], done.code) == ("stuck", 3, 6)
    assert "answers were empty" in document["reason"]
    assert document["cause"] is None
    assert "The answer was empty." in done.err
    assert done.next.endswith("try a stronger --model")


@pytest.mark.slow
def test_a_silence_ends_when_the_user_says(console: Console) -> None:
    with faulty_endpoint(hangs()) as endpoint:
        done = console.run(
            "solve",
            TASK,
            "--base-url",
            endpoint.url,
            "-m",
            "toy",
            "--model-timeout",
            "0.2",
            "--timeout",
            "60",
        )

    assert done.code == 4
    assert "no sign of life for 0.2 s" in done.err
    assert "--model-timeout" in done.err


def test_the_configuration_shows_both(console: Console) -> None:
    listing = console.run("config", CODER_MAX_ANSWER_TOKENS="3000")

    rows = dict(line.split(maxsplit=1) for line in listing.out.splitlines())
    assert rows["max_answer_tokens"].split() == ["3000", "CODER_MAX_ANSWER_TOKENS"]
    assert rows["model_timeout"].split() == ["600", "default"]


@pytest.mark.slow
def test_effort_is_asked_for_where_the_user_names_one_and_noted_where_it_changes_nothing(
    console: Console, tmp_path: Path
) -> None:
    (source := tmp_path / "catalog.json").write_bytes(document(openai=provider()))
    console.run("models", "update", "--from", str(source))
    with faulty_endpoint(says(code(ADD))) as endpoint:
        arguments = ("solve", TASK, *CHECK, "--strategy", "repair", "--effort", "low", "-m")
        keys = {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "none"}
        flagged = solve(console, endpoint, *CHECK, "--effort", "high")
        configured = solve(console, endpoint, *CHECK, CODER_EFFORT="medium")
        plain = console.run(*arguments, "openai/plan", **keys)
        reasoning = console.run(*arguments, "openai/big", **keys)
        wrong = solve(console, endpoint, *CHECK, "--effort", "most")

    efforts = [request.body.get("reasoning_effort") for request in endpoint.requests]
    assert efforts == ["high", "medium", None, "low"], (
        flagged.err + configured.err + plain.err + reasoning.err
    )
    note = "openai/plan: it has no reasoning, so that --effort changes nothing"
    assert plain.err.count(note) == 1
    assert "changes nothing" not in flagged.err + configured.err + reasoning.err
    assert wrong.code == 2
