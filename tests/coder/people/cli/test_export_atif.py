"""`coder export --atif`: one JSON document on stdout."""

import json

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, CHECK, TASK, code
from tests.coder.people.cli.test_traces import run_ids
from tests.coder.show.test_atif import require_rules
from tests.faulty_endpoint import faulty_endpoint, says


@pytest.mark.slow
def test_the_command_prints_the_trajectory_and_nothing_else(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        solved = console.run("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        assert solved.code == 0, solved.err
    (run,) = run_ids(console)

    exported = console.run("export", run, "--atif")
    refused = console.run("export", run, "--atif", "--otlp", "http://localhost:1")

    assert (exported.code, exported.err) == (0, "")
    require_rules(json.loads(exported.out))
    assert (refused.code, refused.out) == (2, "")
