"""`coder solve` as a person and as a program meet it; an endpoint on loopback says what it is told to."""

import json
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from coder.run.run import Run
from tests.coder.models.test_chat_forms import responds
from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_fix import replaced
from tests.faulty_endpoint import FaultyEndpoint, error, faulty_endpoint, hangs, says, unused_port
from tests.git_repository import make_repository
from tests.system_python import SYSTEM_PYTHON

ADD = "def add(a, b):\n    return a + b\n"
SUBTRACT = "def add(a, b):\n    return a - b\n"
CHECK = ("--check", "assert add(2, 3) == 5")
REPAIR = ("--strategy", "repair")
TASK = "Write a Python function add(a, b)."


def code(text: str) -> str:
    return f"`solution.py`\n```python\n{text}```\n"


def solve(console: Console, endpoint: FaultyEndpoint, *arguments: str, **more: str) -> Finished:
    return console.run("solve", TASK, *arguments, "--base-url", endpoint.url, "-m", "toy", **more)


@pytest.mark.slow
def test_a_solved_task_says_so_last_and_leaves_just_the_code_on_stdout(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK)

    assert done.code == 0, done.err
    assert done.out == ADD
    assert done.verdict.startswith("✓ solved  1 of 1 passed  1 attempt  2 calls  ")
    assert "assert add(2, 3) == 5: expected 5, got -1" in done.err
    assert "  cost unknown  " in done.verdict
    name = endpoint.url.removeprefix("http://").removesuffix("/v1")
    assert done.said[0] == f"  · {name}/toy answers; programs run in bubblewrap"
    assert len(done.said) <= 12
    assert "\x1b" not in done.err


@pytest.mark.slow
def test_an_endpoint_of_the_users_is_asked_by_the_responses_api_also_behind_a_stop(console: Console) -> None:
    with faulty_endpoint(responds(code(SUBTRACT)), responds(code(ADD))) as endpoint:
        stopped = solve(console, endpoint, *CHECK, *REPAIR, "--api", "responses", "--max-calls", "1")
        resumed = console.run("resume", "run_", "--max-calls", "2", OPENAI_API_KEY="x")
        refused = solve(console, endpoint, "--api", "soap")

    assert (stopped.code, resumed.code, resumed.out) == (3, 0, ADD), resumed.err
    assert {request.path for request in endpoint.requests} == {"/v1/responses"}
    assert (refused.code, "--api" in refused.err) == (2, True)


@pytest.mark.slow
def test_json_is_one_document_with_everything_a_program_asks_for(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, "--json")

    document = json.loads(done.out)
    assert (document["status"], document["verified"], document["calls"]) == ("solved", "checks", 1)
    assert document["files"] == {"solution.py": ADD}
    assert (document["cost"], document["limits"]["max_cost"]) == (None, 3)
    assert set(document) == set(Run.model_fields)


@pytest.mark.slow
def test_jsonl_is_every_event_as_a_line(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, "--jsonl")

    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "run.started"
    assert events[-1]["type"] == "run.stopped"


@pytest.mark.slow
def test_quiet_leaves_nothing_but_the_result(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, "-q")

    assert (done.out, done.err) == (ADD, "")


@pytest.mark.slow
def test_what_was_solved_lands_in_the_folder_and_its_diff_on_stdout(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        done = solve(console, endpoint, str(folder), *CHECK)

    assert done.code == 0, done.err
    assert (folder / "solution.py").read_text() == ADD
    assert done.out.splitlines()[:2] == [done.verdict, "diff --git a/solution.py b/solution.py"]
    assert "  changed  solution.py +2 -0" in done.err


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "times"), [('exec "$0" "$@" 2>&1', 1), ('"$0" "$@" 2>apart; cat apart', 2)]
)
def test_where_both_streams_go_to_one_place_the_verdict_stands_there_once(
    console: Console, folder: Path, place: str, times: int
) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair", "-y")
        done = console.run_behind(("sh", "-c", place), "solve", TASK, str(folder), *CHECK, *flags)

    assert done.out.count("✓ solved") == times, done.out
    assert "+    return a + b" in done.out


def test_an_unsolved_task_leaves_the_folder_alone_and_exits_with_1(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(replaced("solution.py", SUBTRACT))) as endpoint:
        done = solve(console, endpoint, str(folder), *CHECK, "--samples", "1", "--repairs", "0")

    assert done.code == 1
    assert list(folder.iterdir()) == []
    assert done.out == f"{done.verdict}\n"
    assert "  failed   assert add(2, 3) == 5: expected 5, got -1" in done.err


@pytest.mark.slow
def test_without_anything_to_check_it_by_the_run_is_unverified(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint)
        accepted = solve(console, endpoint, "--accept-unverified")

    assert (done.code, accepted.code) == (8, 0)
    assert done.verdict.startswith("? unverified")
    assert done.out == ADD


@pytest.mark.slow
def test_what_a_model_says_instead_of_code_is_shown(console: Console) -> None:
    with faulty_endpoint(says("I can't help\x1b[2J with that.\n\nAsk something else.")) as endpoint:
        done = solve(console, endpoint, *CHECK, "--strategy", "repair")

    assert done.code == 8, done.err
    assert done.verdict.startswith("? answered")
    assert done.out == "I can't help with that.\n\nAsk something else.\n"
    assert "\x1b" not in done.err


@pytest.mark.slow
def test_a_question_of_the_model_ends_with_9_and_its_words(console: Console) -> None:
    with faulty_endpoint(says("It is open.\n\nWhich sum\x1b[2J do you mean?")) as endpoint:
        done = solve(console, endpoint, *CHECK, "--detach")
        document = json.loads(solve(console, endpoint, *CHECK, "--detach", "--json").out)
        listed = console.run("ls")

    assert (done.code, done.out) == (9, ""), done.err
    assert done.verdict.startswith("? waiting")
    assert "  It is open.\n\n  Which sum" in done.err
    assert '--answer "…"' in done.next
    assert "\x1b" not in done.err
    assert (document["status"], document["exit_code"]) == ("waiting", 9)
    assert document["reason"].startswith("It is open.\n\nWhich sum")
    assert "  waiting  " in listed.out


@pytest.mark.slow
def test_a_limit_of_calls_ends_with_3_and_says_how_to_go_on(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT))) as endpoint:
        done = solve(console, endpoint, *CHECK, "--max-calls", "1")

    assert done.code == 3
    assert "--max-calls 2" in done.next


@pytest.mark.slow
def test_a_refused_key_ends_with_4_and_names_the_variable(console: Console) -> None:
    with faulty_endpoint(error(401, "bad key")) as endpoint:
        done = solve(console, endpoint, *CHECK, OPENAI_API_KEY="sk-wrong-0123456789abcdef")

    assert done.code == 4
    assert "OPENAI_API_KEY" in done.err
    assert "sk-wrong" not in done.err
    assert "Traceback" not in done.err


def test_a_missing_key_ends_with_4_before_any_call(console: Console) -> None:
    done = console.run("solve", TASK, *CHECK, "--model", "openai/gpt-5.4-mini", "--json")

    assert done.code == 4
    assert "OPENAI_API_KEY" in done.err
    document = json.loads(done.out)
    assert (document["status"], document["exit_code"], document["run_id"]) == ("error", 4, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("solve", ""), "The task is empty"),
        (("solve",), "Give one task"),
        (("solve", "-"), "The task is empty"),
        (("solve", TASK, "--check", "assert add("), "line 1"),
        (("solve", TASK, "--test-file", "gone.py"), "gone.py can't be read"),
        (("solve", TASK, "--model", "opnai/gpt"), "openai"),
        (("solve", TASK, "--sandbox", "bubblewarp"), "bubblewrap"),
        (("solve", TASK, "--max-calls", "0"), "--max-calls"),
        (("solve", TASK, "--price", "cheap"), "--price"),
        (("solve", TASK, "--price", "cheap", "--replay", "gone.jsonl"), "--price"),
        (("solve", TASK, "--record", "a", "--replay", "b"), "exclude each other"),
        (("solve", TASK, "--replay", "gone.jsonl"), "gone.jsonl can't be read"),
        (("solve", TASK, "new.py", "--install", "-y"), "--install is about a folder"),
        (("solve", TASK, "--install-with", "pip install six"), "--install is about a folder"),
        (("show", "run_nothing"), "There is no run"),
        (("resume", "run_nothing"), "There is no run"),
        (("undo", "run_nothing"), "There is no run"),
    ],
)
def test_what_cannot_be_used_ends_with_2_in_words(
    console: Console, arguments: tuple[str, ...], said: str
) -> None:
    done = console.run(*arguments)

    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.slow
def test_a_limit_of_cost_needs_a_price(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        refused = solve(console, endpoint, *CHECK, "--max-cost", "0.5")
        priced = solve(console, endpoint, *CHECK, "--max-cost", "0.5", "--price", "1,2", "--json")

    assert refused.code == 2
    assert "--price" in refused.err
    assert len(endpoint.requests) == 1
    assert json.loads(priced.out)["cost"] > 0


@pytest.mark.slow
def test_a_limit_of_cost_is_kept_at_the_price_that_was_given(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, "--max-cost", "0.5", "--price", "1000000,1000000")

    assert done.code == 3
    assert len(endpoint.requests) == 0


@pytest.mark.slow
def test_a_replay_costs_the_price_that_is_given(console: Console, tmp_path: Path) -> None:
    tape = str(tmp_path / "tape.jsonl")
    with faulty_endpoint(says(code(ADD))) as endpoint:
        solve(console, endpoint, *CHECK, "--record", tape)

    replay = ("solve", TASK, *CHECK, "--replay", tape, "--max-cost", "5", "--json")
    unknown, priced_replay = console.run(*replay), console.run(*replay, "--price", "1,2")

    assert (unknown.code, priced_replay.code) == (2, 0), unknown.err + priced_replay.err
    assert "--price IN,OUT" in unknown.err
    assert json.loads(priced_replay.out)["cost"] > 0


def test_a_broken_configuration_ends_with_2_and_names_the_line(console: Console) -> None:
    (console.home / ".config" / "coder").mkdir(parents=True)
    (console.home / ".config" / "coder" / "config.toml").write_text("max_calls = \n")

    done = console.run("solve", TASK)

    assert done.code == 2
    assert "line 1" in done.err


@pytest.mark.slow
def test_a_repository_that_asks_for_more_is_refused_and_said(console: Console, folder: Path) -> None:
    port = unused_port()
    (folder / "pyproject.toml").write_text(
        f'[tool.coder]\nbase_url = "http://127.0.0.1:{port}"\nmax_calls = 100\nsandbox = "container"\n'
    )

    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        done = solve(console, endpoint, str(folder), *CHECK)

    assert done.code == 0, done.err
    for key in ("base_url", "max_calls", "sandbox"):
        assert f"[tool.coder] {key} is ignored" in done.err


@pytest.mark.slow
def test_a_test_command_that_finds_no_test_is_said_to_have_run_none(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, "--test", "python3 -m unittest", "--max-calls", "1")

    assert "✗ The test command ran no test." in done.err


@pytest.mark.slow
def test_a_recorded_run_is_replayed_without_a_connection(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint:
        recorded = solve(console, endpoint, *CHECK, "--record", "calls.jsonl")

    replayed = console.run("solve", TASK, *CHECK, "--replay", "calls.jsonl")

    assert recorded.code == 0, recorded.err
    assert replayed.code == 0, replayed.err
    assert replayed.out == recorded.out == ADD


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_and_goes_on_later(console: Console, number: int) -> None:
    with faulty_endpoint(hangs(), says(code(ADD))) as endpoint:
        process = console.start("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy", "--json")
        assert endpoint.wait_until(lambda it: len(it.requests) == 1, timeout_s=300)
        process.send_signal(number)
        out, err = process.communicate(timeout=300)
        document = json.loads(out)
        resumed = console.run("resume", document["run_id"], "--json")

    assert process.returncode == 130
    assert (document["status"], document["calls"], document["limits"]["max_calls"]) == ("interrupted", 1, 100)
    assert f"coder resume {document['run_id']}".encode() in err
    assert b"Traceback" not in err
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["files"] == {"solution.py": ADD}


@pytest.mark.slow
def test_a_killed_run_goes_on_and_repeats_no_call_that_was_answered(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), hangs(), says(code(ADD))) as endpoint:
        process = console.start("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        assert endpoint.wait_until(lambda it: len(it.requests) == 2, timeout_s=300)
        process.kill()
        process.communicate()
        run = json.loads(console.run("ls", "--json").out)[0]
        resumed = console.run("resume", run["run_id"], "--json")

    assert run["status"] == "unfinished"
    assert resumed.code == 0, resumed.err
    assert len(endpoint.requests) == 3
    assert json.loads(resumed.out)["calls"] == 3  # the one that was cut off may have been paid for


@pytest.mark.slow
def test_a_replayed_run_goes_on_from_its_recording(console: Console, tmp_path: Path) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint:
        solve(console, endpoint, *CHECK, *REPAIR, "--record", "calls.jsonl")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    replay = ("--replay", "calls.jsonl", "--max-calls", "1", "--json")
    stopped = console.run("solve", TASK, *CHECK, *REPAIR, *replay)
    run = json.loads(stopped.out)["run_id"]
    resumed = console.run("resume", run, "--max-calls", "2", cwd=elsewhere)

    assert stopped.code == 3
    assert resumed.code == 0, resumed.err
    assert resumed.out == ADD


@pytest.mark.slow
def test_a_run_goes_on_with_whoever_answered_last(console: Console) -> None:
    with (
        faulty_endpoint(says(code(SUBTRACT))) as first,
        faulty_endpoint(error(400, "no"), says(code(ADD))) as second,
    ):
        stopped = solve(console, first, *CHECK, *REPAIR, "--max-calls", "1", "--json")
        run = json.loads(stopped.out)["run_id"]
        other = ("--base-url", second.url, "-m", "toy-large", "--max-calls", "3")
        changed = console.run("resume", run, *other)
        resumed = console.run("resume", run)

    assert changed.code == 4, changed.err
    assert resumed.code == 0, resumed.err
    assert [request.body["model"] for request in second.requests] == ["toy-large", "toy-large"]
    assert len(first.requests) == 1


@pytest.mark.slow
def test_a_run_at_its_limit_goes_on_with_a_raised_one(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint:
        stopped = solve(console, endpoint, *CHECK, "--max-calls", "1", "--json")
        run = json.loads(stopped.out)["run_id"]
        resumed = console.run("resume", run.removeprefix("run_"), "--max-calls", "4", "--json")

    assert stopped.code == 3
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["limits"]["max_calls"] == 4


@pytest.mark.slow
def test_a_run_is_listed_shown_and_undone(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        run = json.loads(solve(console, endpoint, str(folder), *CHECK, "--json").out)["run_id"]

    listed = console.run("ls")
    details = console.run("show", run)
    events = json.loads(console.run("show", run, "--json").out)
    undone = console.run("undo", run)

    assert run in listed.out
    assert "solved" in listed.out
    assert TASK in details.out
    assert "return a + b" in details.out
    assert "✓ 1 of 1 passed" in details.out
    assert events[0]["type"] == "run.started"
    assert undone.code == 0, undone.err
    assert not (folder / "solution.py").exists()


@pytest.mark.slow
def test_a_run_that_was_undone_is_not_said_to_have_changed_anything(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        run = json.loads(solve(console, endpoint, str(folder), *CHECK, "--json").out)["run_id"]
    console.run("undo", run)

    resumed = console.run("resume", run)

    assert resumed.code == 2
    assert "coder undo took back what it wrote" in resumed.err
    assert f"coder export {run} | git apply" in resumed.err


@pytest.mark.slow
def test_undo_leaves_a_file_that_was_changed_since_and_says_so(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        run = json.loads(solve(console, endpoint, str(folder), *CHECK, "--json").out)["run_id"]
    (folder / "solution.py").write_text("mine = 1\n")

    undone = console.run("undo", run, "--json")

    assert undone.code == 1
    assert json.loads(undone.out)[0]["left"]
    assert (folder / "solution.py").read_text() == "mine = 1\n"


@pytest.mark.slow
def test_a_task_comes_from_standard_input_and_from_a_file(console: Console, folder: Path) -> None:
    (console.home / "task.yaml").write_text(f"prompt: {TASK}\nchecks:\n  - assert add(2, 3) == 5\n")
    with faulty_endpoint(says(code(ADD)), says(replaced("solution.py", ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "-q")
        piped = console.run("solve", "-", *CHECK, *model, stdin=TASK.encode())
        filed = console.run("solve", "--file", "task.yaml", str(folder), *model)

    assert piped.out == ADD
    assert filed.code == 0, filed.err
    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
def test_nothing_of_a_log_is_open_to_others(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        solve(console, endpoint, *CHECK)

    for path in (console.home / "data").rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
def test_in_the_container_around_it_a_verdict_says_where_it_was_decided(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, "--sandbox", "container", "--python", str(SYSTEM_PYTHON))

    assert done.code == 0, done.err
    assert "decided in the container in which the code ran" in done.err
    assert "container keeps less than other sandboxes" in done.err


@pytest.mark.slow
def test_without_a_backend_nothing_runs_and_the_command_that_helps_is_named(
    console: Console, tmp_path: Path
) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    # This Python is below a closed home folder, so that the container backend can't run it.
    machine = {
        "PATH": str(bare),
        "DOCKER_HOST": "unix:///nowhere/docker.sock",
        "CODER_PYTHON": sys.executable,
    }
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, **machine)
    doctor = console.run("doctor", **machine)

    assert done.code == 5
    assert "apt-get install bubblewrap" in done.err
    assert endpoint.requests == []
    assert doctor.code == 5
    assert doctor.out.startswith("✗ coder solve can't work yet")
    assert "✓ sandbox" not in doctor.out  # no place for a program


def test_a_data_folder_that_cannot_be_made_ends_with_5_and_names_it(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, CODER_HOME="/proc/coder")

    assert done.code == 5
    assert "/proc/coder" in done.err
    assert "Traceback" not in done.err
    assert endpoint.requests == []


def test_a_damaged_log_ends_with_5_and_is_left_as_it_is(console: Console) -> None:
    console.run("ls")
    (log,) = (path for path in (console.home / "data" / "events").iterdir() if path.is_file())
    log.write_bytes(b"garbage" * 1000)

    done = console.run("ls")

    assert done.code == 5
    assert str(log) in done.err
    assert "Traceback" not in done.err
    assert log.read_bytes() == b"garbage" * 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("CODER_MODEL", "opnai/gpt-4", "✗ model  .*did you mean openai/gpt-4"),
        ("CODER_SANDBOX", "bubblwrap", "✗ sandbox  .*bubblwrap doesn't work"),
        ("CODER_PYTHON", "/nonexistent", "✗ sandbox  .*bubblewrap doesn't work"),
        ("CODER_MAX_CALLS", "many", "✗ configuration .*CODER_MAX_CALLS"),
    ],
)
def test_the_doctor_sees_a_configuration_with_which_no_task_can_be_solved(
    console: Console, variable: str, value: str, line: str
) -> None:
    done = console.run("doctor", **{variable: value})

    assert done.code == 5
    assert done.out.startswith("✗ coder solve can't work yet")
    assert re.search(line, done.out)


@pytest.mark.slow
def test_the_doctor_sees_a_limit_of_cost_that_cannot_be_kept(console: Console) -> None:
    unknown = {"CODER_BASE_URL": "https://models.example.org/v1", "CODER_MODEL": "nobody-sells-this"}

    free = console.run("doctor", **unknown)
    limited = console.run("doctor", **unknown, CODER_MAX_COST="1")

    assert free.code == 0, free.out
    assert limited.code == 5
    assert re.search("✗ model  .*price of .*nobody-sells-this is unknown", limited.out)


@pytest.mark.slow
def test_the_doctor_names_keys_by_their_variable_and_never_shows_one(console: Console) -> None:
    plain = console.run("doctor", OPENAI_API_KEY="sk-secret-0123456789abcdef")
    document = console.run("doctor", "--json", OPENAI_API_KEY="sk-secret-0123456789abcdef")

    assert plain.code == 0, plain.out
    assert "OPENAI_API_KEY is set" in plain.out
    assert json.loads(document.out)["ready"] is True
    assert "sk-secret" not in plain.out + plain.err + document.out


@pytest.mark.slow
def test_a_failing_endpoint_is_retried_where_one_can_see_it_and_ends_with_4(console: Console) -> None:
    with faulty_endpoint(error(503, "busy")) as endpoint:
        done = solve(console, endpoint, *CHECK)

    assert done.code == 4
    assert done.verdict.startswith("✗ error")
    assert done.err.count("asking again in") == len(endpoint.requests) - 1 > 0
    assert "coder resume run_" in done.next


@pytest.mark.slow
def test_a_resume_keeps_a_limit_of_cost_and_the_price_of_the_same_model(console: Console) -> None:
    task_arguments = ("solve", "Write add(a, b).", "--check", "assert add(2, 3) == 5", "--no-plan")
    with faulty_endpoint(error(401, "no"), says(ADD)) as server:
        model_arguments = ("--base-url", server.url, "-m", "toy", "--price", "1,1", "--max-cost", "0.1")
        first = console.run(*task_arguments, *model_arguments, CODER_API_KEY="x")
        other = console.run("resume", "run_", "--base-url", server.url, "-m", "toy-large", CODER_API_KEY="x")
        same = console.run("resume", "run_", "--max-cost", "0.2", "--json", CODER_API_KEY="x")

    assert (first.code, other.code, same.code) == (4, 2, 0), first.err + other.err + same.err
    assert "--price IN,OUT" in other.err
    assert json.loads(same.out)["cost"] > 0
    assert len(server.requests) == 2


@pytest.mark.slow
def test_in_a_pipe_an_attempt_that_failed_is_told_while_the_next_is_made(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), hangs()) as endpoint:
        flags = (*CHECK, "--base-url", endpoint.url, "-m", "toy")
        process = console.start("solve", TASK, *flags)
        assert process.stderr is not None
        line = next(line for line in process.stderr if "✗".encode() in line)
        is_at_work = process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert b"expected 5, got -1" in line
    assert is_at_work


@pytest.mark.slow
def test_of_a_folder_the_verdict_is_the_first_line_of_stdout_and_the_last_of_stderr(
    console: Console, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "solution.py").write_text(SUBTRACT)
    with faulty_endpoint(says(replaced("solution.py", ADD, SUBTRACT))) as endpoint:
        done = solve(console, endpoint, str(project), *CHECK, "--no-apply")
    applied = subprocess.run(["git", "apply"], input=done.out, text=True, cwd=project)

    assert done.out.splitlines()[0] == done.verdict
    assert done.verdict.startswith("✓ solved")
    assert (applied.returncode, (project / "solution.py").read_text()) == (0, ADD)


@pytest.mark.slow
def test_verbose_output_of_a_long_answer_is_bounded_and_names_where_to_see_more(console: Console) -> None:
    long = [f"word {n}\n" for n in range(50_000)]
    with faulty_endpoint(says("".join(long), code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK, *REPAIR, "-v")

    assert done.code == 0, done.err
    assert len(done.err) < 20_000
    assert "word 0\n" in done.err
    assert "word 49999\n" in done.err
    assert re.search(r"\[… [\d,]+ characters are left out here; .*: coder show run_\w+\]", done.err)


TESTED = """from calc import add


def test_add():
    assert add(2, 3) == 5


def test_none():
    assert add(0, 0) == 0
"""


@pytest.mark.slow
def test_without_path_the_project_that_one_is_in_is_worked_on_and_its_tests_decide(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=SUBTRACT, test_calc__py=TESTED)
    (repository.top / "docs").mkdir()
    with faulty_endpoint(says(replaced("calc.py", ADD, SUBTRACT))) as endpoint:
        done = solve(console, endpoint, cwd=repository.top / "docs")
        prompt = str(endpoint.requests[0].body["messages"])

    assert done.code == 0, done.err
    assert (repository.top / "calc.py").read_text() == ADD
    assert done.said[0].endswith("2 files")
    assert "  · tests: python -m pytest -q, from test_calc.py; 1 passes, 1 fails" in done.said
    assert "I am in the folder `docs`." in prompt


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--stdout",), CHECK])
def test_with_a_check_or_stdout_no_folder_is_taken(
    console: Console, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=SUBTRACT)
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *flags, cwd=repository.top)

    assert (done.out, (repository.top / "calc.py").read_text()) == (ADD, SUBTRACT)


@pytest.mark.slow
def test_with_a_task_file_that_holds_checks_no_folder_is_taken(console: Console, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=SUBTRACT)
    file = tmp_path / "task.yaml"
    file.write_text(f"prompt: {TASK}\nchecks:\n  - assert add(2, 3) == 5\n")
    with faulty_endpoint(says(code(ADD))) as endpoint:
        words = ("--file", str(file), "--base-url", endpoint.url, "-m", "toy", "-q")
        done = console.run("solve", *words, cwd=repository.top)

    assert (done.out, (repository.top / "calc.py").read_text()) == (ADD, SUBTRACT)


@pytest.mark.slow
def test_a_found_suite_that_is_green_before_and_after_leaves_a_change_unverified(
    console: Console, folder: Path
) -> None:
    (folder / "calc.py").write_text(ADD)
    (folder / "test_calc.py").write_text(TESTED)
    commented = f"# Adds.\n{ADD}"
    with faulty_endpoint(says(replaced("calc.py", commented, ADD))) as endpoint:
        done = solve(console, endpoint, str(folder))

    assert done.code == 8
    assert "the tests passed before and after: nothing shows that the task is done" in done.verdict


@pytest.mark.slow
@pytest.mark.parametrize("command", [("python3", "-m", "pytest", "-q"), ("python3 -m pytest -q",)])
def test_a_command_after_two_dashes_decides(console: Console, folder: Path, command: tuple[str, ...]) -> None:
    (folder / "calc.py").write_text(SUBTRACT)
    (folder / "test_calc.py").write_text(TESTED)
    with faulty_endpoint(says(replaced("calc.py", ADD, SUBTRACT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", TASK, *flags, str(folder), "--", *command)

    assert (done.code, (folder / "calc.py").read_text()) == (0, ADD), done.err


@pytest.mark.slow
def test_two_dashes_before_the_task_end_the_options(console: Console, folder: Path) -> None:
    (folder / "calc.py").write_text(SUBTRACT)
    (folder / "test_calc.py").write_text(TESTED)
    with faulty_endpoint(says(replaced("calc.py", ADD, SUBTRACT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", *flags, "--", "- add wrongly subtracts", str(folder))

    assert (done.code, (folder / "calc.py").read_text()) == (0, ADD), done.err


@pytest.mark.slow
def test_a_file_as_path_is_its_folder_with_this_file_named_first(console: Console, folder: Path) -> None:
    (folder / "calc.py").write_text(SUBTRACT)
    (folder / "test_calc.py").write_text(TESTED)
    with faulty_endpoint(says(replaced("calc.py", ADD, SUBTRACT))) as endpoint:
        done = solve(console, endpoint, str(folder / "calc.py"))
        prompt = str(endpoint.requests[0].body["messages"])

    assert done.code == 0, done.err
    assert "It is about `calc.py`." in prompt


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("exec", TASK), 'coder solve "TASK"'),
        (("-p", TASK), 'coder solve "TASK"'),
        (("solve", TASK, "--budget", "1"), "--max-cost USD"),
    ],
)
def test_words_of_other_agents_are_answered_with_ours(
    console: Console, words: tuple[str, ...], advice: str
) -> None:
    done = console.run(*words)

    assert (done.code, f"Here it is: {advice}" in done.err) == (2, True)


@pytest.mark.slow
def test_a_first_word_with_blanks_is_a_task(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = console.run(TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")

    assert (done.code, done.out) == (0, ADD)
