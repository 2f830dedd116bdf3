"""`--team`: a team of a file, or of the user's own configuration."""

from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_solve import ADD, CHECK, TASK, code
from tests.faulty_endpoint import faulty_endpoint, says

TEAM = """
stop = "turns(12)"
[[members]]
name = "design"
stop = "turns(2)"
team.members = [{ name = "fast", acts = false }, { name = "safe", acts = false }]
[[members]]
name = "coder"
acts = false
"""


def solve(console: Console, team: str) -> Finished:
    with faulty_endpoint(says("By +."), says("By sum."), says(code(ADD))) as endpoint:
        return console.run("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy", "--team", team)


@pytest.mark.slow
def test_a_team_of_a_file_solves_a_task_and_stands_in_the_log(console: Console) -> None:
    (console.home / "debate.toml").write_text(TEAM)
    done = solve(console, "debate.toml")

    assert (done.code, done.out) == (0, ADD), done.err
    details = console.run("show", done.next.split()[-1]).out
    assert "call 1  fast" in details
    assert "call 3  coder" in details


@pytest.mark.slow
def test_a_team_of_the_configuration_is_known_by_its_name(console: Console) -> None:
    file = console.home / ".config/coder/config.toml"
    file.parent.mkdir(parents=True)
    table = TEAM.replace("[[members]]", "[[teams.debate.members]]")
    file.write_text(f"[teams.debate]\n{table}")

    assert solve(console, "debate").code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "members"),
        ("members = []", "members"),
        ("[[members]]\nname = 'X y'", "members.0.name"),
        ("kind = 'chorus'\n[[members]]\nname = 'a'", "round-robin, selector"),
        ("stop = 'turn(3)'\n[[members]]\nname = 'a'", "is no condition"),
        ("[[members]]\nname = 'a'\n[[members]]\nname = 'a'", "two members"),
        ("members = ", "TOML"),
        ("[[members]]\nname = 'n'\nteam.members = [{name = 'X y'}]", "members.0.team.members.0.name"),
    ],
)
def test_a_file_that_is_no_team_is_named_with_what_is_wrong(console: Console, text: str, words: str) -> None:
    (console.home / "team.toml").write_text(text)
    done = solve(console, "team.toml")

    assert (done.code, "team.toml" in done.err, words in done.err) == (2, True, True), done.err


@pytest.mark.slow
@pytest.mark.parametrize("flag", [("--strategy", "act"), ("--samples", "3")])
def test_a_flag_that_a_team_has_no_use_for_is_refused_and_of_the_configuration_left_out(
    console: Console, flag: tuple[str, str]
) -> None:
    (console.home / "debate.toml").write_text(TEAM)
    refused = console.run(
        "solve",
        TASK,
        *CHECK,
        "--base-url",
        "http://127.0.0.1:9/v1",
        "-m",
        "toy",
        "--team",
        "debate.toml",
        *flag,
    )
    assert (refused.code, flag[0] in refused.err) == (2, True), refused.err

    file = console.home / ".config/coder/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('strategy = "act"\nsamples = 3\n')
    assert solve(console, "debate.toml").code == 0


def test_a_team_that_is_nowhere_is_said_so(console: Console, tmp_path: Path) -> None:
    assert "no such team" in solve(console, "nobody").err
    assert "no file" in solve(console, str(tmp_path / "gone.toml")).err
