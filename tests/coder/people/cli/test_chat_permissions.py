"""Hosts that a program wants to reach are asked about on a terminal, and what was allowed is remembered."""

from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_chat import chat
from tests.coder.people.cli.test_chat_terminal import CTRL_D, ENTER, PROMPT, talk
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says

FETCH = "curl -s -o /dev/null -w 'said %{http_code};' http://nowhere.invalid/"
"""The proxy says 403 where a host isn't allowed, and 502 where it is and can't be reached."""
QUESTION = "wants to reach nowhere.invalid. Let it?"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with one file."""
    (folder / "calc.py").write_text(WRONG)
    return folder


def output(endpoint: FaultyEndpoint, request: int) -> str:
    """What the model was told that its latest command printed."""
    outputs = [one["content"] for one in endpoint.requests[request].body["messages"] if one["role"] == "tool"]
    return str(outputs[-1])


@pytest.mark.slow
def test_a_host_is_asked_about_once_and_one_that_is_allowed_in_the_project_is_remembered(
    console: Console, project: Path
) -> None:
    twice = calls("bash", command=f"{FETCH} {FETCH}".replace("/ curl", "/; curl"))
    with faulty_endpoint(twice, says("Done."), twice, says("Done.")) as endpoint:
        ask = (PROMPT, f"Look.{ENTER}")
        first = talk(console, endpoint, [ask, (QUESTION, f"p{ENTER}"), (PROMPT, CTRL_D)], cwd=project)
        allowed = output(endpoint, 1)
        listing_steps = [(PROMPT, f"/permissions{ENTER}"), ("nowhere.invalid: programs may reach it", "")]
        forgets = [(PROMPT, f"/permissions forget{ENTER}"), ("nothing is allowed in advance", "")]
        later = talk(console, endpoint, [ask, *listing_steps, *forgets, (PROMPT, CTRL_D)], cwd=project)

    assert allowed.startswith("said 502;said 502;"), first.out
    assert output(endpoint, 3).startswith("said 502;said 502;"), later.out
    assert QUESTION not in later.out
    assert "nowhere.invalid" not in (console.home / "data" / "permissions.json").read_text()


@pytest.mark.slow
def test_a_host_that_is_refused_stays_refused_and_one_this_time_is_not_remembered(
    console: Console, project: Path
) -> None:
    again = calls("bash", command=FETCH)
    with faulty_endpoint(again, again, says("Done."), again, says("Done.")) as endpoint:
        ask = (PROMPT, f"Look.{ENTER}")
        refused = talk(console, endpoint, [ask, (QUESTION, f"n{ENTER}"), (PROMPT, CTRL_D)], cwd=project)
        talk(console, endpoint, [ask, (QUESTION, f"t{ENTER}"), (PROMPT, CTRL_D)], cwd=project)

    outputs = [output(endpoint, n)[:9] for n in (1, 2, 4)]
    assert outputs == ["said 403;", "said 403;", "said 502;"], refused.out
    assert not (console.home / "data" / "permissions.json").exists()


@pytest.mark.slow
def test_auto_always_holds_in_later_conversations_about_the_project_and_in_no_script(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(WRONG + "\n"))) as endpoint:
        chat(console, endpoint, "/auto always", cwd=project)
        script = [(PROMPT, f"/permissions{ENTER}"), ("in this project", ""), (PROMPT, CTRL_D)]
        later = talk(console, endpoint, script, cwd=project)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        piped = chat(console, endpoint, "Mend it.", cwd=project)

    assert "auto-apply is on (see /permissions)" in later.out
    assert piped.code == 7, piped.err
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_question_that_nobody_answers_goes_with_the_message_and_the_prompt_is_the_users_again(
    console: Console, project: Path, term: str
) -> None:
    impatient = calls("bash", command=FETCH.replace("curl", "curl -m 2"))
    prompt = PROMPT if term == "xterm" else "> "
    end = ENTER if term == "xterm" else "\n"
    with faulty_endpoint(impatient, says("It hangs."), says("Fine.")) as endpoint:
        script = [(prompt, f"Look.{end}"), (QUESTION, ""), ("It hangs.", ""), (prompt, f"And now?{end}")]
        done = talk(console, endpoint, [*script, ("Fine.", ""), (prompt, CTRL_D)], cwd=project, TERM=term)

    assert (done.code, len(endpoint.requests)) == (0, 3), done.out
    assert endpoint.requests[2].body["messages"][-1]["content"].startswith("And now?")
