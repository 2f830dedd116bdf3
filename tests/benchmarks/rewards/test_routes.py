"""Rewards over HTTP, in our form and in SandboxFusion's, from a real server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from benchmarks.rewards import routes
from benchmarks.suites.load import load_suite
from coder.config.layers import load
from coder.platform.server.bearer_tokens import Caller
from coder.platform.server.problems import answer_problems
from coder.platform.server.serving import Serving
from coder.store import SqliteLog
from tests.benchmarks.rewards.conftest import DOUBLE, ECHO
from tests.coder.people.cli.console import Console
from tests.coder.platform.server.served import started

STARTER = load_suite("starter").cases[0]
REPOSITORY = next(case for case in load_suite("starter").cases if case.kind == "repository")
FULL = "The queue is full."
RIGHT, WRONG, LOOP = "    return 2 * n\n", "    return n\n", "    while True: pass\n"


@pytest.mark.slow
async def test_answers_to_a_whole_case_are_judged_in_order(http: httpx2.AsyncClient) -> None:
    body = {
        "case": DOUBLE.model_dump() | {"timeout_s": 0.3},
        "answers": [RIGHT, WRONG, "    while True: pass\n"],
        "partial": True,
    }

    judged = (await http.post("/judge", json=body)).raise_for_status().json()

    assert [one["verdict"] for one in judged] == ["passed", "failed", "timeout"]
    assert [one["reward"] for one in judged] == [1.0, 0.0, 0.0]
    assert [(one["strength"], one["tests"]) for one in judged] == [("strong", 3)] * 3


@pytest.mark.slow
async def test_a_case_is_named_by_its_suite_and_id(http: httpx2.AsyncClient) -> None:
    body = {"suite": "starter", "case": STARTER.id, "answers": [STARTER.canonical_solution or ""]}  # type: ignore[union-attr]

    (judged,) = (await http.post("/judge", json=body)).raise_for_status().json()

    assert (judged["verdict"], judged["reward"], judged["tests"]) == ("passed", 1.0, None)


@pytest.mark.slow
def test_a_suite_of_the_operators_own_is_served_by_the_name_that_it_was_given(tmp_path: Path) -> None:
    cases = [one.model_dump_json(exclude_defaults=True) for one in (DOUBLE, ECHO)]
    (tmp_path / "cases.jsonl").write_text("\n".join(cases))
    asked = {"case": DOUBLE.id, "answers": [RIGHT, WRONG]}

    with started(tmp_path, "--suite", f"mine={tmp_path / 'cases.jsonl'}") as server:
        (tmp_path / "cases.jsonl").unlink()  # it was read at the start
        by_name, by_path = (
            httpx2.post(f"{server.url}/judge", json={"suite": suite, **asked}, timeout=120)
            for suite in ("mine", str(tmp_path / "cases.jsonl"))
        )
        submission = {"dataset": "mine", "id": "echo", "completion": "print(input())"}
        submitted = httpx2.post(f"{server.url}/submit", json=submission, timeout=120)

    assert [one["reward"] for one in by_name.json()] == [1.0, 0.0]
    assert by_path.status_code == 422
    assert submitted.json()["accepted"]


@pytest.mark.parametrize(
    ("suites", "reason"),
    [
        (["cases.jsonl"], "give it a name, as in --suite mine=cases.jsonl"),
        (["starter=cases.jsonl"], "an installed suite has this name"),
        (["mine=gone.jsonl"], "There is no suite and no file 'gone.jsonl'"),
        (["mine=only.yaml"], "it has neither functions nor scripts, which /judge takes"),
        (["mine=a", "mine=b"], "mine is the name of another one"),
    ],
)
def test_a_suite_that_cannot_be_served_ends_the_start_with_a_sentence(
    tmp_path: Path, suites: list[str], reason: str
) -> None:
    flags = [word for suite in suites for word in ("--suite", suite)]
    (tmp_path / "only.yaml").write_text(f"[{REPOSITORY.model_dump_json(exclude_defaults=True)}]")

    ended = Console(tmp_path).run("serve", "--port", "0", *flags)

    assert (ended.code, reason in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    ("suite", "case", "reason"),
    [
        ("startr", STARTER.id, "This server has no suite 'startr'. It has: "),
        ("", STARTER.id, "This server has no suite ''. It has: "),
        ("starter", STARTER.id[:-1], f"The suite starter has no case '{STARTER.id[:-1]}'; did you mean "),
        ("starter", REPOSITORY.id, f"The case {REPOSITORY.id} is neither a function nor a script"),
    ],
)
async def test_a_request_learns_whether_the_suite_or_the_case_is_unknown(
    http: httpx2.AsyncClient, suite: str, case: str, reason: str
) -> None:
    refused = await http.post("/judge", json={"suite": suite, "case": case, "answers": ["x"]})

    assert (refused.status_code, refused.json()["what"].startswith(reason)) == (422, True), refused.text


@pytest.mark.parametrize("field", ["compile_timeout", "run_timeout", "memory_limit_MB"])
@pytest.mark.parametrize("value", [False, True, "5"])
async def test_a_limit_of_run_code_that_is_no_number_is_refused(
    http: httpx2.AsyncClient, field: str, value: object
) -> None:
    asked = {"language": "bash", "code": "true", field: value}

    assert (await http.post("/run_code", json=asked)).status_code == 422


@pytest.mark.parametrize(
    "asked",
    [
        {"suite": "/etc/passwd", "case": "0", "answers": ["x"]},
        {"suite": "starter", "case": "no such", "answers": ["x"]},
        {"case": ECHO.model_dump(), "answers": []},
        {"case": ECHO.model_dump(), "answers": ["x"] * 513},
        {"case": ECHO.model_dump() | {"runs": []}, "answers": ["x"]},
        {"case": {"kind": "repository"}, "answers": ["x"]},
        {"case": ECHO.model_dump() | {"prompt": "\ud800"}, "answers": ["x"]},
        {"case": ECHO.model_dump() | {"runs": [{"arguments": ["a\0b"], "stdout": ""}]}, "answers": ["x"]},
    ],
)
async def test_what_cannot_be_judged_is_refused(http: httpx2.AsyncClient, asked: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    refused = await http.post("/judge", content=json.dumps(asked), headers=headers)  # half a pair in ASCII

    assert refused.status_code == 422
    assert refused.json().keys() >= {"what", "why", "next"}


async def test_a_case_that_is_nested_too_deeply_has_no_reward_and_says_why(http: httpx2.AsyncClient) -> None:
    case = DOUBLE.model_dump() | {"prompt": f"x = {'+'.join('1' * 500)}\n{DOUBLE.prompt}"}

    (judged,) = (await http.post("/judge", json={"case": case, "answers": [RIGHT]})).raise_for_status().json()

    assert (judged["verdict"], judged["reward"]) == ("infrastructure", None)
    assert "nested too deeply" in judged["detail"]
    assert "bug" not in judged["detail"]


@pytest.mark.parametrize(
    ("asked", "status", "result"),
    [
        ({"code": "print(input())", "stdin": "a"}, "Success", ("Finished", 0, "a\n")),
        ({"code": "raise SystemExit(3)"}, "Failed", ("Finished", 3, "")),
        ({"code": "import os\nos.abort()"}, "Failed", ("Finished", -6, "")),
        ({"code": "while True: pass", "run_timeout": 0.5}, "Failed", ("TimeLimitExceeded", None, "")),
        ({"code": "echo b", "language": "bash"}, "Success", ("Finished", 0, "b\n")),
    ],
    ids=["success", "exit", "signal", "timeout", "bash"],
)
async def test_a_program_runs_in_the_form_of_sandboxfusion(
    http: httpx2.AsyncClient, asked: dict[str, Any], status: str, result: tuple[str, int | None, str]
) -> None:
    ended = (await http.post("/run_code", json={"language": "python"} | asked)).raise_for_status().json()

    assert (ended["status"], ended["message"], ended["compile_result"]) == (status, "", None)
    assert tuple(ended["run_result"][name] for name in ("status", "return_code", "stdout")) == result
    assert ended["run_result"]["execution_time"] < 30


async def test_a_language_that_is_not_run_here_is_an_error_of_the_sandbox(http: httpx2.AsyncClient) -> None:
    ended = (await http.post("/run_code", json={"language": "cuda", "code": ""})).raise_for_status().json()

    assert (ended["status"], ended["run_result"]) == ("SandboxError", None)
    assert "'cuda' isn't run here, but: python, bash" in ended["message"]


async def test_a_completion_is_submitted_in_the_form_of_sandboxfusion(http: httpx2.AsyncClient) -> None:
    body = {"dataset": "starter", "id": STARTER.id, "config": {}}
    good, bad = f"```python\n{STARTER.canonical_solution}\n```", "```python\npass\n```"  # type: ignore[union-attr]

    accepted, refused = [
        (await http.post("/submit", json=body | {"completion": text})).raise_for_status().json()
        for text in (good, bad)
    ]

    assert (accepted["id"], accepted["accepted"], accepted["tests"][0]["passed"]) == (STARTER.id, True, True)
    assert (refused["accepted"], refused["tests"][0]["exec_info"]["status"]) == (False, "Failed")


@pytest.mark.slow
async def test_a_program_has_the_memory_that_is_asked_for(http: httpx2.AsyncClient) -> None:
    body = {"language": "python", "code": "print(len(bytearray(200_000_000)))"}

    status = [
        (await http.post("/run_code", json=body | more)).raise_for_status().json()["status"]
        for more in ({}, {"memory_limit_MB": 100}, {"memory_limit_MB": 1 << 30}, {"memory_limit_MB": -1})
    ]

    assert status == ["Success", "Failed", "Success", "Success"]


async def test_programs_that_sleep_keep_no_answer_waiting(http: httpx2.AsyncClient) -> None:
    sleeps = {"language": "bash", "code": "sleep 60", "run_timeout": 60}
    asleep = [asyncio.create_task(http.post("/run_code", json=sleeps)) for _ in range(4)]

    judged = await http.post("/judge", json={"case": DOUBLE.model_dump(), "answers": [RIGHT]})

    assert judged.json()[0]["reward"] == 1.0
    assert not any(one.done() for one in asleep)
    for one in asleep:
        one.cancel()


@pytest.mark.slow
async def test_a_full_queue_is_429_with_the_seconds_after_which_to_try_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(routes, "_MAX_WAITING", 1)
    app, anyone = FastAPI(), Caller(name="anyone", root=tmp_path)
    with SqliteLog(tmp_path) as log:
        app.include_router(routes.routes(Serving(log, tmp_path, load({}), asyncio.Semaphore(1))))
        answer_problems(app)

        async def known(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"coder.caller": anyone}, receive, send)

        transport = httpx2.ASGITransport(known)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http,
        ):
            body = {"case": DOUBLE.model_dump() | {"timeout_s": 0.3}, "answers": [LOOP]}
            loops = [http.post("/judge", json=body) for _ in range(3)]
            sleeps = {"language": "bash", "code": "sleep 9", "run_timeout": 1}
            programs = [http.post("/run_code", json=sleeps) for _ in range(3)]
            answers, ran = await asyncio.gather(asyncio.gather(*loops), asyncio.gather(*programs))

    assert sorted(answer.status_code for answer in answers) == [200, 429, 429]
    assert sorted(answer.status_code for answer in ran) == [200, 429, 429]
    assert {int(answer.headers.get("Retry-After", 1)) for answer in answers} == {1}
    assert {answer.json()["what"] for answer in answers if answer.status_code == 429} == {
        "The queue is full."
    }


@pytest.mark.slow
def test_the_server_ends_with_its_sandboxes_open(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        httpx2.post(f"{server.url}/run_code", json={"language": "python", "code": ""}, timeout=60)

    assert server.process.wait() == 0
