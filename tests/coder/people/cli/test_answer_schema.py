"""`coder solve --answer-schema FILE`: the run returns a value that fits the schema, or says why not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import FaultyEndpoint, Reply, calls, faulty_endpoint, says

SCHEMA = {
    "type": "object",
    "properties": {
        "todos": {"type": "array", "items": {"$ref": "#/$defs/todo"}},
    },
    "required": ["todos"],
    "additionalProperties": False,
    "$defs": {
        "todo": {
            "type": "object",
            "properties": {"path": {"type": "string", "pattern": r"\.py$"}, "line": {"type": "integer"}},
            "required": ["path", "line"],
        }
    },
}
ANSWER = {"todos": [{"path": "app.py", "line": 2}]}
TASK = "List the TODO comments."
TEST = """import unittest
from app import x


class App(unittest.TestCase):
    def test_x(self):
        self.assertEqual(x, 2)
"""
TESTED = ("--test", "python3 -m unittest -q")


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "app.py").write_text("x = 1\n# TODO: more\n")
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    return folder


def _solve(console: Console, endpoint: FaultyEndpoint, *flags: str, cwd: Path) -> Any:
    model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
    return console.run("solve", TASK, ".", "--answer-schema", "schema.json", *flags, *model, cwd=cwd)


@pytest.mark.slow
def test_the_answer_alone_is_printed_on_stdout(console: Console, project: Path) -> None:
    with faulty_endpoint(calls("done", answer=ANSWER)) as endpoint:
        done = _solve(console, endpoint, cwd=project)

    assert (done.code, json.loads(done.out)) == (0, ANSWER), done.err
    assert "the answer fits its schema" in done.err


@pytest.mark.slow
def test_an_answer_that_does_not_fit_comes_back_to_the_model(console: Console, project: Path) -> None:
    wrong = {"todos": [{"path": "app.txt", "line": 2}]}
    with faulty_endpoint(calls("done", answer=wrong), calls("done", answer=ANSWER)) as endpoint:
        done = _solve(console, endpoint, "--json", cwd=project)
        feedback = endpoint.requests[1].body["messages"][-1]["content"]

    document = json.loads(done.out)
    assert "todos[0].path" in feedback
    assert "'app.txt' does not match" in feedback
    assert (document["status"], document["answer"], document["answer_problem"]) == ("solved", ANSWER, "")
    assert document["verified"] == "none", "a schema shows nothing about the truth of an answer"


@pytest.mark.slow
def test_the_tool_done_carries_the_schema_with_its_references(console: Console, project: Path) -> None:
    with faulty_endpoint(calls("done", answer=ANSWER)) as endpoint:
        _solve(console, endpoint, cwd=project)
        (done,) = (tool for tool in endpoint.requests[0].body["tools"] if tool["function"]["name"] == "done")

    answer = done["function"]["parameters"]["properties"]["answer"]
    assert answer["properties"]["todos"]["items"] == {"$ref": "#/properties/answer/$defs/todo"}
    assert "answer" in done["function"]["parameters"]["required"]


@pytest.mark.slow
def test_a_model_without_tools_answers_by_a_block_of_json(console: Console, project: Path) -> None:
    replies: list[Reply] = [
        says("```bash\ncat app.py\n```"),
        says("Here it is: one."),
        says(f"One is left.\n\n```json\n{json.dumps(ANSWER, indent=2)}\n```"),
    ]
    with faulty_endpoint(*replies) as endpoint:
        done = _solve(console, endpoint, cwd=project)
        system, feedback = (
            endpoint.requests[1].body["messages"][0]["content"],
            endpoint.requests[2].body["messages"][-1]["content"],
        )

    assert (done.code, json.loads(done.out)) == (0, ANSWER), done.err
    assert json.dumps(SCHEMA) in system
    assert "it holds no JSON" in feedback


@pytest.mark.slow
def test_a_change_is_tested_and_landed_beside_the_answer(console: Console, project: Path) -> None:
    (project / "test_app.py").write_text(TEST)
    edit = "app.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```\n"
    answer = f"{edit}\n```json\n{json.dumps(ANSWER)}\n```"
    with faulty_endpoint(says(answer)) as endpoint:
        done = _solve(console, endpoint, *TESTED, "-y", cwd=project)

    assert (done.code, json.loads(done.out)) == (0, ANSWER), done.err
    assert (project / "app.py").read_text() == "x = 2\n# TODO: more\n"
    assert "1 of 1 passed" in done.err


@pytest.mark.slow
def test_a_run_that_ends_at_a_limit_says_that_there_is_no_answer(console: Console, project: Path) -> None:
    with faulty_endpoint(calls("bash", command="true")) as endpoint:
        done = _solve(console, endpoint, "--max-calls", "1", "--json", cwd=project)

    document = json.loads(done.out)
    assert (document["status"], done.code, document["answer"]) == ("limit", 3, None)
    assert document["answer_problem"] == "the run ended before the model gave it"


@pytest.mark.slow
def test_tests_that_pass_are_no_answer(console: Console, project: Path) -> None:
    (project / "test_app.py").write_text(TEST)
    with faulty_endpoint(calls("bash", command="sed -i s/1/2/ app.py")) as endpoint:
        done = _solve(console, endpoint, *TESTED, "--max-calls", "1", "--json", cwd=project)

    document = json.loads(done.out)
    assert (done.code, document["status"]) == (8, "unverified"), done.err
    assert "but there is no answer" in document["reason"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "can't be used"),
        ("[]", "it has to be an object"),
        ('{"type": "thing"}', "it is no JSON Schema: $.type: 'thing' is not valid"),
        ('{"$ref": "https://example.org/schema"}', "it refers to another document"),
        (json.dumps({"description": "x" * 30_000}), "at most 20,000"),
    ],
)
def test_a_schema_that_can_not_be_used_ends_before_any_call(
    console: Console, project: Path, text: str, reason: str
) -> None:
    (project / "schema.json").write_text(text)
    with faulty_endpoint() as endpoint:
        done = _solve(console, endpoint, cwd=project)

        assert endpoint.requests == []
    assert done.code == 2
    assert reason in done.err


@pytest.mark.slow
def test_a_strategy_without_tools_is_refused(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        done = console.run("solve", TASK, "--answer-schema", "schema.json", *model, cwd=project)

    assert done.code == 2
    assert "--answer-schema needs a model that acts" in done.err
