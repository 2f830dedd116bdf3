"""`coder fork` as a person meets it; an endpoint on loopback says what it is told to."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import Reply, calls, faulty_endpoint

DONE = calls("done", summary="It adds.")


def mended(new: str) -> list[Reply]:
    """An edit, and the word that it is done."""
    return [calls("edit", path="calc.py", old="a - b", new=new), DONE]


@pytest.mark.slow
def test_a_run_is_forked_at_a_step_with_other_words_and_another_model(console: Console, folder: Path) -> None:
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    check = ("--check", "from calc import add; assert add(1, 2) == 3", "--strategy", "act")
    with faulty_endpoint(
        calls("bash", command="cat calc.py"), *mended("a + b"), *mended("b + a")
    ) as endpoint:
        at = ("--base-url", endpoint.url, "-m")
        first = console.run("solve", "Mend add.", ".", *check, *at, "toy", "--json", cwd=folder)
        origin = json.loads(first.out)["run_id"]
        console.run("undo", origin, cwd=folder)
        say = ("--say", "Write b + a.", "--max-calls", "2", "--price", "1,1")
        done = console.run("fork", origin, "--step", "1", *say, *at, "other", "--json", cwd=folder)
        bodies = [request.body for request in endpoint.requests]
    run = json.loads(done.out)
    details, cost, listed = (
        console.run(*words, cwd=folder).out
        for words in (("show", run["run_id"]), ("show", run["run_id"], "--cost"), ("ls",))
    )

    assert (first.code, done.code) == (0, 0), done.err
    assert (run["calls"], run["limits"]["max_calls"], run["limit"]) == (2, 2, None)
    assert bodies[3]["messages"][:-1] == bodies[1]["messages"]
    assert (bodies[3]["model"], bodies[3]["messages"][-1]["content"]) == ("other", "Write b + a.")
    assert (folder / "calc.py").read_text() == "def add(a, b):\n    return b + a\n"
    words = f"fork of {origin} at step 1"
    assert f"  · {words}\n" in details
    assert f"({words})" in listed.splitlines()[0]
    assert "fork" not in listed.splitlines()[1]
    assert "2 calls" in cost.splitlines()[-1]


@pytest.mark.slow
def test_what_cannot_be_forked_is_said_with_exit_code_2(console: Console, folder: Path) -> None:
    with faulty_endpoint(calls("bash", command="true"), DONE, DONE) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        console.run("solve", "Write a.py.", ".", "--check", "0", "--strategy", "act", *model, cwd=folder)
        step = console.run("fork", "run_", "--step", "9", *model, cwd=folder)
        run = console.run("fork", "nobody", "--step", "1", *model, cwd=folder)
        way = console.run("fork", "run_", "--step", "1", "--strategy", "repair", *model, cwd=folder)
        bare = console.run("fork", "run_", *model, cwd=folder)

    assert [done.code for done in (step, run, way, bare)] == [2, 2, 2, 2]
    assert "so there is no step 9" in step.err
    assert "There is no run 'nobody'" in run.err
    assert "--strategy repair has none" in way.err
    assert "--step" in bare.err
    assert len(console.run("ls", cwd=folder).out.splitlines()) == 1
