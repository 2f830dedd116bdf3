"""`--otlp`: a collector gets the same trace live and by `coder export`, and harms no run."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_approve import waiting
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code
from tests.coder.show.traces.receiver import receiver
from tests.faulty_endpoint import faulty_endpoint, says
from tests.less_python import run_without

PAGE = (Path(__file__).parents[4] / "docs/how-to/send-traces.md").read_text()


def run_ids(console: Console) -> list[str]:
    return [one["run_id"] for one in json.loads(console.run("ls", "--json").out)]


@pytest.mark.slow
def test_a_run_is_the_same_trace_live_and_exported(console: Console) -> None:
    with (
        faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint,
        receiver() as live,
        receiver() as later,
    ):
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        done = console.run("solve", TASK, *CHECK, *model, "--otlp", live.url, "--json")
        assert done.code == 0, done.err
        (run,) = run_ids(console)
        sent = console.run("export", run, "--otlp", later.url)
        assert (sent.code, sent.out) == (0, ""), sent.err

    assert live.spans
    live_spans, theirs = ({one.SerializeToString() for one in each.spans} for each in (live, later))
    assert live_spans == theirs  # a slow machine may send a batch again, which takes longer than five seconds
    assert live.resources == later.resources
    tokens = json.loads(done.out)["tokens"]
    assert live.sums("gen_ai.client.token.usage") == {"input": tokens["input"], "output": tokens["output"]}
    assert b"add(a, b)" not in live.raw  # nothing of what was asked and answered; a random id may hold `add`


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_its_trace(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint, receiver() as live, receiver() as later:
        _, run = waiting(console, endpoint, folder, "--otlp", live.url)
        approved = console.run("approve", run, "--otlp", live.url)
        assert approved.code == 0, approved.err
        console.run("export", run, "--otlp", later.url)

    live_spans, theirs = ({one.SerializeToString() for one in each.spans} for each in (live, later))
    assert live_spans == theirs
    assert len(live.spans) == len(later.spans)
    assert len({one.trace_id for one in live.spans}) == 1


@pytest.mark.slow
def test_the_lines_of_the_page_run(console: Console) -> None:
    _, solve, export = (
        line.split(" ", 1)[1] for line in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)[0].splitlines()
    )
    with faulty_endpoint(says(code(ADD))) as endpoint, receiver() as collector:
        model = ("--base-url", endpoint.url, "-m", "toy")
        solved = console.run(*shlex.split(solve.replace("http://localhost:4318", collector.url)), *model)
        (run,) = run_ids(console)
        sent = len(collector.spans)
        again = console.run(
            *export.replace("http://localhost:4318", collector.url).replace("RUN", run).split()
        )

    assert (solved.code, again.code) == (0, 0), solved.err + again.err
    assert sent > 3
    assert len(collector.spans) == 2 * sent


@pytest.mark.slow
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    script = f"import sys; sys.argv = ['coder', 'solve', {TASK!r}, '--otlp', 'http://127.0.0.1:9']"

    program = f"{script}\nfrom coder.people.cli.main import entry\nentry()"
    done = run_without("opentelemetry", program, tmp_path)

    message = "error: OpenTelemetry isn't installed. Install it: "
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert done.stderr.endswith(f" -m pip install -e '{Path(__file__).parents[4]}[otel]'\n")


def test_what_is_no_address_of_a_collector_is_refused_in_words(console: Console) -> None:
    done = console.run("solve", TASK, "--otlp", "http://h:99999")

    assert (done.code, "http://h:99999 is no collector's address" in done.err) == (2, True)


@pytest.mark.slow
def test_a_collector_that_takes_no_export_is_said_once_with_exit_code_5(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        console.run("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
    (run,) = run_ids(console)

    done = console.run("export", run, "--otlp", "http://127.0.0.1:9")

    assert (done.code, done.err.count("127.0.0.1:9")) == (5, 1), done.err
