"""`coder chat` in a pipe, as a script meets it; an endpoint on loopback says what it is told to."""

import json
from pathlib import Path

import pytest

from coder.run.events import Event
from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_fix import RIGHT, SUITE, WRONG, code, replaced
from tests.faulty_endpoint import FaultyEndpoint, calls, error, faulty_endpoint, hangs, says
from tests.git_repository import ENVIRONMENT, make_repository
from tests.processes import SLEEPS

TESTED = "python3 -m unittest -q"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder whose test fails."""
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(SUITE)
    return folder


def chat(
    console: Console,
    endpoint: FaultyEndpoint,
    *lines: str,
    cwd: Path,
    flags: tuple[str, ...] = (),
    path: str = ".",
) -> Finished:
    model = ("--base-url", endpoint.url, "-m", "toy")
    typed = "".join(f"{line}\n" for line in lines).encode()
    return console.run("chat", path, *model, *flags, cwd=cwd, stdin=typed)


@pytest.mark.slow
def test_a_question_is_answered_in_words_and_a_change_lands_when_it_is_approved(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("It subtracts."), says(code(RIGHT))) as endpoint:
        flags = ("--test", TESTED)
        done = chat(console, endpoint, "What is wrong?", "Mend it.", "y", cwd=project, flags=flags)

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT
    assert done.out.startswith("It subtracts.\ndiff --git a/calc.py b/calc.py\n")
    assert "Write it?" in done.err
    _, first, answer, second = endpoint.requests[1].body["messages"]
    assert first["content"].startswith("What is wrong?\n")
    assert answer == {"role": "assistant", "content": "It subtracts."}
    assert second["content"].startswith("Mend it.")


@pytest.mark.slow
def test_what_a_model_says_with_done_stands_before_the_question_about_its_change(
    console: Console, project: Path
) -> None:
    edit = calls("bash", command="sed -i 's/ - / + /' calc.py")
    done_words = calls("done", summary="I swapped the sign;\x1b[2J your docs still say minus.")
    with faulty_endpoint(edit, done_words) as endpoint:
        done = chat(console, endpoint, "Mend it.", "y", cwd=project, flags=("--test", TESTED))

    assert done.code == 0, done.err
    assert "your docs still say minus." in done.err.partition("Write it?")[0]
    assert "\x1b[2J" not in done.err


@pytest.mark.slow
def test_words_that_leave_a_change_unwritten_end_with_the_names_of_its_files(
    console: Console, project: Path
) -> None:
    edit = calls("bash", command="sed -i 's/ - / * /' calc.py")
    words = says("I can't mend it.")
    with faulty_endpoint(edit, calls("done", summary="Mended."), words, words) as endpoint:
        lines, flags = ("Mend it.", "What now?"), ("--test", TESTED)
        done = chat(console, endpoint, *lines, cwd=project, flags=flags)

    assert done.out == "I can't mend it.\n" * 2, done.err
    assert done.err.count("  ! changed in the session and not written: calc.py (/apply offers it)\n") == 2
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
def test_export_prints_each_change_that_the_user_was_asked_about(console: Console, project: Path) -> None:
    other = RIGHT.replace("a + b", "b + a")
    with faulty_endpoint(says(code(RIGHT)), says(code(other, RIGHT))) as endpoint:
        chat(console, endpoint, "Mend it.", "The other way round, please.", "n", cwd=project)
    (run, *_) = console.run("ls").out.split()
    patches = [console.run("export", run, "--change", number) for number in ("1", "2", "3")]

    assert ["+    return a + b" in patches[0].out, "+    return b + a" in patches[1].out] == [True, True]
    assert (patches[2].code, patches[2].out) == (2, "")
    assert "--change 3: the run asked about 2 changes" in patches[2].err


@pytest.mark.slow
def test_where_the_input_ends_before_an_answer_nothing_is_written(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = chat(console, endpoint, "Mend it.", cwd=project)

    assert done.code == 7, done.err
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
def test_what_an_editor_makes_of_the_change_is_what_lands(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(WRONG.replace("-", "*")))) as endpoint:
        lines = ("Mend it in calc.py.", "e")
        model = ("--base-url", endpoint.url, "-m", "toy")
        typed = "".join(f"{line}\n" for line in lines).encode()
        done = console.run("chat", ".", *model, cwd=project, stdin=typed, EDITOR="sed -i 's/[*]/+/'")

    assert (project / "calc.py").read_text() == RIGHT, done.err


@pytest.mark.slow
def test_killed_while_the_model_answers_the_conversation_goes_on_where_it_was(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("It subtracts."), hangs(), says(code(RIGHT))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        process = console.start("chat", ".", *model, cwd=project)
        assert process.stdin is not None
        process.stdin.write(b"What is wrong?\nMend it.\n")
        process.stdin.flush()
        assert endpoint.wait_until(lambda it: len(it.requests) == 2, timeout_s=300)
        process.kill()
        process.communicate()
        (run, *_) = console.run("ls").out.split()
        done = console.run("chat", "--resume", run, cwd=project, stdin=b"y\n")

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT
    assert len(endpoint.requests) == 3


def test_an_unknown_command_and_a_missing_folder_say_what_to_do(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        unknown = chat(console, endpoint, "/udno", cwd=project)
        missing = chat(console, endpoint, cwd=project, path="nowhere")

    assert (unknown.code, missing.code) == (2, 2)
    assert "There is no command /udno; did you mean undo? See: /help" in unknown.err
    assert "There is no nowhere." in missing.err


def test_a_command_that_takes_no_words_does_the_same_with_some(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, "/go on", "/quit now", "/udno", cwd=project)

    assert done.code == 2, done.err
    assert "Nothing was cut off." in done.err
    assert "/udno" not in done.err


@pytest.mark.slow
def test_a_limit_that_was_named_holds_for_all_messages_also_where_it_is_a_runs_usual_one(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Words.")) as endpoint:
        done = chat(console, endpoint, *["Why?"] * 9, cwd=project, flags=("--max-calls", "8"))

    assert done.code == 3, done.err
    assert len(endpoint.requests) == 8


@pytest.mark.slow
def test_a_program_gets_one_document_with_every_message_and_what_came_of_it(
    console: Console, project: Path
) -> None:
    lines = ("What is wrong?", "Mend it.", "y", "/undo", "/udno")
    with faulty_endpoint(says("It subtracts."), says(code(RIGHT))) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project, flags=("--json",))

    document = json.loads(done.out)
    question, mended = document["messages"]
    assert (question["prompt"], question["answer"], question["exit_code"]) == (
        "What is wrong?",
        "It subtracts.",
        0,
    )
    assert (mended["answer"], mended["landed"], mended["taken_back"]) == (None, ["calc.py"], True)
    assert document["calls"] == 2
    assert (document["exit_code"], done.code) == (2, 2)
    assert document["error"].startswith("There is no command /udno")


@pytest.mark.slow
def test_a_program_gets_every_event_as_it_happens_and_nothing_else(console: Console, project: Path) -> None:
    lines = ("What is wrong?", "/help", "Mend it.", "y", "/diff")
    with faulty_endpoint(says("It subtracts."), says(code(RIGHT))) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project, flags=("--jsonl",))

    events = [Event.model_validate_json(line) for line in done.out.splitlines()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events if event.type in ("run.started", "step.started")] == [
        "run.started",
        "step.started",
    ]
    assert "+    return a + b" in done.err  # what `/diff` says is no event


def test_a_command_with_nothing_to_show_says_so(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, "/diff", "/add", cwd=project)

    assert done.code == 0
    assert "this conversation has changed nothing" in done.out + done.err
    assert "no file was added; name some: /add PATH" in done.out + done.err


def test_a_conversation_that_can_not_begin_gives_a_document_too(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, cwd=project, path="nowhere", flags=("--json",))

    document = json.loads(done.out)
    assert (document["exit_code"], document["run_id"], document["messages"]) == (2, None, [])
    assert document["error"].startswith("There is no nowhere.")


@pytest.mark.slow
def test_what_a_message_has_cost_is_told_apart_from_the_conversation(console: Console, project: Path) -> None:
    with faulty_endpoint(says("Words.")) as endpoint:
        done = chat(console, endpoint, "Why?", "And why?", cwd=project, flags=("--price", "1,1"))

    assert sum("1 call 8 tokens" in line for line in done.said) == 2
    assert "so far: 2 calls" in done.err


@pytest.mark.slow
def test_another_model_of_the_same_endpoint_is_named_by_its_name_alone(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Words.")) as endpoint:
        done = chat(console, endpoint, "Why?", "/model toy-large", "Why?", cwd=project)
        (run, *_) = console.run("ls").out.split()
        again = console.run("chat", "--resume", run, cwd=project, stdin=b"Why?\n")

    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert [request.body["model"] for request in endpoint.requests] == ["toy", "toy-large", "toy-large"]


@pytest.mark.slow
def test_a_limit_of_the_configuration_holds_in_a_conversation_about_a_run(
    console: Console, project: Path
) -> None:
    config = console.home / ".config/coder/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("max_calls = 8\n")  # equals the default, so the run's log doesn't say that it was set
    with faulty_endpoint(says("Words.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        console.run("solve", "Mend add.", ".", *flags, cwd=project)
        (run, *_) = console.run("ls").out.split()
        resumed = console.run("chat", "--resume", run, cwd=project, stdin=b"/cost\n")

    assert "of at most 8 calls" in resumed.out + resumed.err


@pytest.mark.slow
def test_what_can_not_be_committed_and_what_stays_committed_is_said(console: Console, project: Path) -> None:
    make_repository(project, calc__py=WRONG, test_calc__py=SUITE)
    checks = "/test python -c 'import calc; assert calc.add(2, 3) == 5'"
    lines = ("Mend it.", "y", "/undo", checks, "Mend it.", "y", "/undo")
    typed = "".join(f"{line}\n" for line in lines).encode()
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--commit", "--no-test", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("chat", *flags, cwd=project, stdin=typed, **ENVIRONMENT)

    assert "! not committed: nothing has checked it. Name what does: /test CMD" in done.err
    assert "reverts the commit" in done.err
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
def test_undo_says_which_message_it_took_back_what_it_left_and_what_comes_next(
    console: Console, project: Path
) -> None:
    both = code(RIGHT) + replaced("more.py", "MORE = 1\n")
    with faulty_endpoint(says(both), says(replaced("notes.py", "NOTES = 1\n"))) as endpoint:
        lines = ("Mend it.", "y", "Note it.", "y", "/undo", "/undo", "/undo")
        done = chat(console, endpoint, *lines, cwd=project)

    assert "✓ notes.py is as it was before" in done.err
    assert "· 1 file of “Note it.” put back; /undo again takes back “Mend it.”" in done.err
    assert "· 2 files of “Mend it.” put back" in done.err
    assert "This conversation has written nothing that could be taken back." in done.err
    assert not (project / "more.py").exists()


@pytest.mark.slow
def test_undo_names_a_file_that_it_could_not_put_back(console: Console, project: Path) -> None:
    both = code(RIGHT) + replaced("more.py", "MORE = 1\n")
    with faulty_endpoint(says(both)) as endpoint:
        first = chat(console, endpoint, "Mend it.", "y", cwd=project)
    (run, *_) = console.run("ls").out.split()
    (project / "more.py").write_text("MINE = 1\n")
    undone = console.run("chat", "--resume", run, stdin=b"/undo\n", cwd=project)

    assert "more.py +1 -0" in first.err
    assert "! more.py is left as it is" in undone.err
    assert "· 1 of 2 files of “Mend it.” put back, not more.py" in undone.err


@pytest.mark.slow
def test_a_model_that_refuses_a_message_ends_the_message_and_not_the_conversation(
    console: Console, project: Path
) -> None:
    refusals = [error(400, "no such thing")] * 2  # with tools, and without
    with faulty_endpoint(*refusals, says("It subtracts.")) as endpoint:
        done = chat(console, endpoint, "What is wrong?", "What is wrong?", cwd=project)

    assert done.code == 0, done.err
    assert done.out == "It subtracts.\n"


@pytest.mark.slow
def test_what_the_tests_do_not_show_is_said_before_the_question(console: Console, project: Path) -> None:
    (project / "calc.py").write_text(RIGHT)
    more = RIGHT + "\n\ndef double(a):\n    return a + a\n"
    with faulty_endpoint(says(code(more, RIGHT))) as endpoint:
        flags = ("--test", TESTED)
        done = chat(console, endpoint, "Add double to calc.py.", "y", cwd=project, flags=flags)

    warning = "the tests passed before and after: nothing shows that the task is done"
    assert (done.code, (project / "calc.py").read_text()) == (8, more), done.err
    assert done.err.index(warning) < done.err.index("Write it?")


@pytest.mark.slow
def test_a_change_with_the_given_test_that_it_contradicts_is_one_decision(
    console: Console, project: Path
) -> None:
    (project / "calc.py").write_text(RIGHT)
    test = SUITE.replace(", 5)", ", -1)")
    answer = code(WRONG, RIGHT) + replaced("test_calc.py", test, SUITE)
    with faulty_endpoint(says(answer)) as endpoint:
        flags = ("--test", TESTED, "-y")
        done = chat(console, endpoint, "Let add subtract.", "y", cwd=project, flags=flags)

    assert len(endpoint.requests) == 1
    assert "it contradicts given tests: test_calc.Calc.test_add" in done.err
    assert (
        done.out.index("b/calc.py")
        < done.out.index("Left out without your word")
        < done.out.index("b/test_calc.py")
    )
    assert ((project / "calc.py").read_text(), (project / "test_calc.py").read_text()) == (WRONG, test)


@pytest.mark.slow
def test_the_effort_that_is_named_holds_from_the_next_message_on(console: Console, project: Path) -> None:
    lines = ("Why?", "/effort low", "Why?", "/effort huge")
    with faulty_endpoint(says("So."), says("So.")) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project)

    assert ["reasoning_effort" in request.body for request in endpoint.requests] == [False, True]
    assert endpoint.requests[1].body["reasoning_effort"] == "low"
    assert "There is no effort 'huge'. Name one: low, medium, high" in done.err


@pytest.mark.slow
def test_jobs_are_listed_in_a_conversation(console: Console, project: Path) -> None:
    with faulty_endpoint(says("So.")) as endpoint:
        done = chat(console, endpoint, f"!sleep 1000 > /dev/null 2>&1 & {SLEEPS}", "/jobs", cwd=project)

    assert done.code == 0, done.err
    assert "  sleep 1000  output: /tmp/out/" in done.out


@pytest.mark.slow
def test_plan_asks_for_a_plan_before_the_change_until_it_is_said_again(
    console: Console, project: Path
) -> None:
    plan = calls("plan", steps=["Turn the sign in calc.py."])
    other = calls("plan", steps=["Write add anew."])
    edit, done_words = calls("bash", command="sed -i 's/ - / + /' calc.py"), calls("done", summary="Turned.")
    lines = ("/plan", "Mend it.", "write it anew", "y", "y", "/plan", "What is add?", "/plan mend more", "n")
    with faulty_endpoint(plan, other, edit, done_words, says("It adds."), plan) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project, flags=("--test", TESTED))

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT
    assert "plan mode is on: you approve a plan before each change\n" in done.out
    assert "plan mode is off\nIt adds.\n1. Turn the sign in calc.py.\n" in done.out
    assert "? 1. Turn the sign in calc.py." in done.err
    assert "Follow it? [y]es, [N]o, or say what should be different:" in done.err
    tools = [[tool["function"]["name"] for tool in request.body["tools"]] for request in endpoint.requests]
    looks, works = ["bash", "plan"], ["bash", "edit", "plan", "done"]
    assert tools == [looks, looks, works, works, works, looks]
    assert "write it anew" in endpoint.requests[1].body["messages"][-1]["content"]


@pytest.mark.slow
def test_a_change_with_a_file_that_is_held_is_shown_once_and_its_verdict_says_what_was_tried(
    console: Console, project: Path
) -> None:
    command = (
        "sed -i 's/ - / + /' calc.py; mkdir -p .github/workflows; echo 'on: push' >.github/workflows/a.yml"
    )
    with faulty_endpoint(calls("bash", command=command), calls("done", summary="Mended.")) as endpoint:
        flags = ("--test", TESTED)
        done = chat(console, endpoint, "Mend it.", "y", "n", cwd=project, flags=flags)

    assert (project / "calc.py").read_text() == RIGHT
    assert not (project / ".github").exists()
    assert done.out.count("+on: push") == 1
    tried = (
        "tests pass, tried with more than is written; left out until you allow it: .github/workflows/a.yml"
    )
    assert tried in done.err


@pytest.mark.slow
def test_a_change_that_nothing_tests_is_not_called_passed(console: Console, project: Path) -> None:
    edit = calls("edit", path="greet.py", new="print('hello')\n")
    with faulty_endpoint(
        calls("bash", command="rm test_calc.py"), edit, calls("done", summary="Done.")
    ) as endpoint:
        done = chat(console, endpoint, "Write greet.py.", "y", cwd=project, flags=("--no-test",))

    assert "  · ran" in done.said
    assert "passed" not in done.err


@pytest.mark.slow
def test_skills_subagents_hooks_and_what_was_refused_are_listed_in_a_conversation(
    console: Console, project: Path
) -> None:
    (project / ".claude/agents").mkdir(parents=True)
    (project / ".claude/agents/reviewer.md").write_text(
        "---\nname: reviewer\ndescription: Reviews.\n---\nx\n"
    )
    (project / ".mcp.json").write_text('{"mcpServers": {"shop": {"command": "x"}}}')
    with faulty_endpoint(says("Hello.")) as endpoint:
        done = chat(console, endpoint, "/mcp", cwd=project)

    assert "@reviewer" in done.out
    assert "  ! .mcp.json: its MCP servers are not allowed" in done.out
