"""The page about teams, and the words of other frameworks for them: every line runs."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import coder
from coder.engine.teams import Handoff, Member, Nested, Orchestrated, Panel, RoundRobin, Selector
from coder.engine.teams.spec import team_of
from coder.models.scripted import Scripted
from coder.run import conditions
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.termination import Reason, Stop
from tests.docs.test_coming_from import PAGE as COMING_FROM
from tests.memory_log import MemoryLog

PAGE = (Path(__file__).parents[2] / "docs/how-to/write-a-team.md").read_text()
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
WORDS = ["Use +.", "Use sum."]
ANSWERS = {
    "critic": [RIGHT.replace("+", "-"), "The sign is wrong.", RIGHT],
    "design": [*WORDS, *WORDS, RIGHT],
    "Panel": [*WORDS, RIGHT],
    "Selector": ["coder", RIGHT],
    "Handoff": ["Go.\nHANDOFF: coder", RIGHT],
    "Orchestrated": [json.dumps({"facts": "", "steps": [{"member": "coder", "do": "write"}]}), RIGHT],
}
OTHERS = COMING_FROM.partition("## AutoGen")[2]
HERE = [
    expression
    for line in OTHERS.splitlines()
    if line.startswith("| ") and " | " in line
    for expression in re.findall(r"`([A-Za-z_]+\(.*?\))`(?:;|,| \||$)", line.split(" | ", 1)[1])
]


@pytest.mark.slow
def test_every_team_of_the_page_solves_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[Run] = []

    def solve_sync(task: coder.Task, **options: Any) -> Run:
        kind = type(options["team"]).__name__
        if kind == "RoundRobin":
            kind = "design" if [*options["team"].nested()] else "critic"
        model = Scripted(ANSWERS[kind])
        solved.append(real(task, model=model, log=MemoryLog(), settings=Settings(), **options))
        assert len(model.requests) == len(ANSWERS[kind])
        return solved[-1]

    real = coder.solve_sync
    monkeypatch.setattr(coder, "solve_sync", solve_sync)
    source = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(source, "write-a-team.md", "exec"), {})
    assert [run.status for run in solved] == ["solved"] * 6


def test_the_team_of_the_file_is_one(tmp_path: Path) -> None:
    table = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    stop = conditions.condition_of(table.pop("stop"))

    team = team_of(table)
    assert [member.name for member in team.leaves()] == ["fast", "safe", "coder"]
    assert stop.text == "turns(12)"


@pytest.mark.parametrize("expression", HERE)
def test_what_other_frameworks_have_is_written_so_here(expression: str) -> None:
    def f(state: State) -> Reason | None:
        return None

    names = {**vars(conditions), "Stop": Stop, "f": f, "Settings": Settings}
    teams: list[Any] = [Handoff, Member, Nested, Orchestrated, Panel, RoundRobin, Selector]
    names |= {team.__name__: team for team in teams} | {"a": Member("a"), "b": Member("b")}
    assert eval(expression, names) is not None


def test_the_page_names_a_dozen_of_them_at_least() -> None:
    assert len(HERE) >= 15
