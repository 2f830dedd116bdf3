"""`coder gate`, `coder bench report` and `compare`, as a shell sees them, and the script that CI runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.report import write_report
from benchmarks.reports.read_report import read_report
from coder.people.cli.app import run
from tests.benchmarks.reports.reports_made import report_of
from tests.faulty_endpoint import faulty_endpoint, says

ROOT = Path(__file__).parents[3]
GOOD, BAD = report_of({"a": "p", "b": "p"}), report_of({"a": "p", "b": "f"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With good.json, bad.json, the same by a model (good-m.json, bad-m.json) and weak.json in it."""
    monkeypatch.chdir(tmp_path)
    write_report(GOOD, tmp_path / "good.json")
    write_report(BAD, tmp_path / "bad.json")
    for name, report in (("good", GOOD), ("bad", BAD)):
        write_report(report.model_copy(update={"model": "m"}), tmp_path / f"{name}-m.json")
    weak = report_of({"a": "p", "b": "p"}, strengths={"b": "weak"})
    write_report(weak, tmp_path / "weak.json")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("gate good.json --min-pass 1 --strict", 0),
        ("gate bad.json --min-pass 0.6 --strict", 1),
        ("gate bad.json --min-pass 0.6", 11),
        ("gate bad.json --min-pass 0.6 --undecided fail", 1),
        ("gate bad.json --min-pass 0.99", 1),
        ("gate bad.json --baseline good.json", 11),
        ("gate bad.json --baseline good.json --strict", 1),
        ("gate bad.json --baseline good.json --max-drop 0.5 --strict", 0),
        ("gate bad.json --baseline good.json --max-drop 5", 2),
        ("gate bad.json --baseline good.json --undecided perhaps", 2),
        ("gate bad.json --baseline good.json --alpha 0", 2),
        ("gate --check --min-pass 0.6 --baseline good.json", 0),
        ("gate --check --min-pass 0.6 --baseline nothing.json", 2),
        ("gate --check --min-pass 80", 2),
        ("gate --check", 2),
        ("gate good.json --min-pass 0.6 --suite starter", 2),
        ("gate --check --baseline good.json --suite starter", 2),
        ("gate bad.json --baseline good.json --confirm bad.json", 2),
        ("gate bad.json --baseline good.json --confirm bad.json --confirm-baseline good.json", 2),
        (
            "gate bad.json --baseline good.json --confirm bad-m.json --confirm-baseline good-m.json",
            11,
        ),
        ("gate bad.json bad.json --min-pass 0.5", 2),
        ("gate bad.json --min-pass 0.5 --max-drop 0.1", 2),
        ("gate bad.json --baseline new.json --update-baseline --max-drop 0.02", 0),
        ("gate --min-pass 0.6", 2),
        ("gate weak.json --min-pass 1 --min-strength weak --strict", 0),
        ("gate weak.json --min-pass 1 --min-strength apart --strict", 8),
        ("gate weak.json --min-strength apart", 8),
        ("gate bad.json --min-pass 1 --min-strength apart --strict", 1),
        ("gate good.json --min-strength best", 2),
        ("gate bad.json", 2),
        ("gate nothing.json --min-pass 1", 2),
        ("gate good.json --min-pass 80", 2),
        ("gate good.json --min-pass 1", 2),
        ("gate bad.json --baseline good.json --max-drop 1", 2),
        ("gate bad.json --baseline good.json --confirm 0", 2),
        ("gate good.json --min-pass 0.5 -k 10", 2),
        ("gate good.json --max-cost 1", 2),
        ("bench compare good.json bad.json", 0),
        ("bench compare good.json", 2),
        ("bench report nothing.json", 2),
    ],
)
def test_the_exit_code_is_the_answer(folder: Path, words: str, code: int) -> None:
    assert run(words.split()) == code


@pytest.mark.parametrize(
    "words",
    [
        "bench report good.json --html ./good.json",
        "bench report good.json --junit link.json",
        "bench report good.json --html new --markdown ../{folder}/new",
        "bench compare good.json bad.json --html bad.json",
        "bench merge suite.jsonl good.json bad.json --out link.json",
        "bench merge suite.jsonl good.json bad.json --out suite.jsonl",
        "bench audit suite.jsonl --out ./suite.jsonl",
        "bench grade suite.jsonl --samples samples.jsonl --out samples.jsonl",
        "bench grade suite.jsonl --samples samples.jsonl --out ./samples.jsonl_results.jsonl",
        "bench run suite.jsonl --agent oracle --out a.json --answers ./a.json",
        "gate good.json --min-pass 1 --summary link.json",
    ],
)
def test_a_file_that_is_read_is_never_written_by_whatever_path(
    folder: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = '{"task_id": "a", "prompt": "def f():", "entry_point": "f", "test": "def check(f): pass"}\n'
    (folder / "suite.jsonl").write_text(case)
    (folder / "samples.jsonl").write_text('{"task_id": "a", "completion": "    return 1"}\n')
    (folder / "link.json").symlink_to("good.json")
    before = {path: path.read_bytes() for path in folder.iterdir()}

    code = run(words.format(folder=folder.name).split())

    assert (code, "would be overwritten" in capsys.readouterr().err) == (2, True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_damaged_report_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cut.json").write_text((folder / "good.json").read_text()[:100])

    assert run(["gate", "cut.json", "--min-pass", "1"]) == 2
    assert "cut.json is no report of coder bench" in capsys.readouterr().err


def test_the_gates_answer_is_one_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["gate", "bad.json", "--min-pass", "0.6", "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert answer["decision"] == "undecided"
    assert [one["name"] for one in answer["conditions"]] == ["min-pass"]


def test_a_baseline_begins_with_the_first_report_and_rises_only_where_the_gate_passes(folder: Path) -> None:
    words = ["--baseline", "baseline.json", "--update-baseline", "--min-pass", "0.2", "--strict"]

    codes = [run(["gate", report, *words]) for report in ("bad.json", "good.json", "bad.json")]

    assert codes == [0, 0, 1]
    baseline = read_report(folder / "baseline.json")
    assert baseline == GOOD.model_copy(update={"anchor": baseline.anchor})


def test_the_first_report_becomes_the_baseline_also_where_it_alone_decides_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gate", "bad.json", "--baseline", "new.json", "--update-baseline", "--max-drop", "0.02"]
    assert run([*words, "--json"]) == 0

    assert read_report(folder / "new.json") == BAD
    answer = json.loads(capsys.readouterr().out)
    assert (answer["decision"], answer["remarks"]) == ("passed", ["new.json is the first baseline"])


def test_a_summary_is_added_to_what_is_there(folder: Path) -> None:
    (folder / "summary.md").write_text("before\n")

    run(["gate", "bad.json", "--min-pass", "0.6", "--strict", "--summary", "summary.md"])

    text = (folder / "summary.md").read_text()
    assert text.startswith("before\n")
    assert "Gate not passed" in text


@pytest.mark.slow
def test_a_report_is_written_in_every_form(folder: Path) -> None:
    assert (
        run(["bench", "report", "bad.json", "--html", "r.html", "--markdown", "r.md", "--junit", "r.xml"])
        == 0
    )

    assert (folder / "r.html").read_text().startswith("<!doctype html>")
    assert (folder / "r.md").read_text().startswith("## small 1")
    assert (folder / "r.xml").read_text().startswith("<?xml")


def test_a_comparison_is_one_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["bench", "compare", "good.json", "bad.json", "good.json", "--json", "--html", "r.html"])

    first, second = json.loads(capsys.readouterr().out)
    assert (first["difference"], second["difference"]) == (-0.5, 0)
    assert (first["comparisons"], second["p_value"]) == (2, 1)


def test_the_first_baseline_stays_so_that_small_steps_down_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--baseline", "baseline.json", "--update-baseline", "--max-drop", "0.1", "--strict"]
    names = [f"case{number}" for number in range(20)]
    for lost in range(4):
        letters = {name: "f" if number < lost else "p" for number, name in enumerate(names)}
        write_report(report_of(letters), folder / "next.json")
        assert run(["gate", "next.json", *words]) == 0

    assert "since the first baseline: -15.0 points" in capsys.readouterr().out.splitlines()[-1]
    assert read_report(folder / "baseline.json").anchor is not None


def test_suites_without_a_common_case_arent_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(report_of({"z": "p"}), folder / "other.json")

    assert run(["bench", "compare", "good.json", "other.json"]) == 2
    assert "no case in common" in capsys.readouterr().err


SUITE = '{"id": "add", "prompt": "def add(a, b):\\n", "entry_point": "add", "test": "%s"}\n'
CHECK = "def check(candidate):\\n    assert candidate(2, 3) == 5\\n"


def judged(folder: Path, completion: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What the script of CI says of one answer."""
    (folder / "suite.jsonl").write_text(SUITE % CHECK)
    (folder / "answers.jsonl").write_text(json.dumps({"task_id": "add", "completion": completion}))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "SUITE": "suite.jsonl",
        "ANSWERS": "answers.jsonl",
        **variables,
    }
    return subprocess.run(
        ["bash", str(ROOT / "tools/gate.sh")], cwd=folder, env=environment, capture_output=True, text=True
    )


REPORT = {"report": "coder-report/report.json", "cost": ""}
RIGHT = {"exit-code": "0", "gate": "passed", "pass-at-1": "1.0", **REPORT}
WRONG = {"exit-code": "1", "gate": "failed", "pass-at-1": "0.0", **REPORT}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("completion", "outputs"),
    [("    return a + b\n", RIGHT), ("    return a - b\n", WRONG)],
    ids=["right", "wrong"],
)
def test_the_script_of_ci_judges_reports_and_gates(
    tmp_path: Path, completion: str, outputs: dict[str, str]
) -> None:
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}

    ended = judged(tmp_path, completion, MIN_PASS="1", **files)

    assert ended.returncode == int(outputs["exit-code"]), ended.stderr
    names = {path.name for path in (tmp_path / "coder-report").iterdir()}
    assert names == {"report.json", "report.html", "junit.xml", "badge.svg", "cases"}
    assert "pass&#64;1" in Path(files["GITHUB_STEP_SUMMARY"]).read_text()
    lines = Path(files["GITHUB_OUTPUT"]).read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines) == outputs


def test_the_outputs_of_the_action_are_those_that_its_script_gives() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())

    assert {name: output["value"] for name, output in action["outputs"].items()} == {
        name: f"${{{{ steps.gate.outputs.{name} }}}}" for name in WRONG
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MIN_PASS": "80"}, "--min-pass"),
        ({"MAX_DROP": "0.1"}, "--max-drop is a drop below a baseline"),
        ({"MIN_PASS": "1", "STRICT": "perhaps"}, "STRICT has to be true or false"),
        ({"MIN_PASS": "1", "UNDECIDED": "warning"}, "UNDECIDED has to be warn or fail"),
        ({"BASELINE": "nothing.json"}, "nothing.json"),
        ({"BASELINE": "other.json"}, "other.json has judged no case of suite"),
        ({"ARGUMENTS": "--filter 'add"}, "can't be split into flags"),
    ],
)
def test_the_script_of_ci_refuses_what_it_cant_use_before_anything_is_judged(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    outputs = tmp_path / "outputs"
    write_report(report_of({"z": "p"}), tmp_path / "other.json")

    ended = judged(tmp_path, "    return a + b\n", GITHUB_OUTPUT=str(outputs), **variables)

    assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
    assert outputs.read_text() == "exit-code=2\n"
    assert not (tmp_path / "coder-report/report.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ("--filter 'say \"it''s\"' --workers 1", 'say "its"'),
        ('--filter "say \\"hi\\""\n--workers 1', 'say "hi"'),
        ("--filter '$(touch run)|nothing'", "$(touch run)"),
        ("--filter `touch\\ run`", "`touch run`"),
        ('--filter "back\\\\slash"', "back\\slash"),
        ("--filter 'two\nlines'", "two\nlines"),
    ],
)
def test_the_script_of_ci_takes_words_as_a_shell_quotes_them_and_runs_none(
    tmp_path: Path, arguments: str, chosen: str
) -> None:
    row = json.loads(SUITE % CHECK)
    rows = [json.dumps(row | {"id": each}) + "\n" for each in (chosen, "add", "say", "run")]
    (tmp_path / "odd.jsonl").write_text("".join(rows))
    answer = {"task_id": chosen, "completion": "    return a + b\n"}
    (tmp_path / "odd_answers.jsonl").write_text(json.dumps(answer))

    files = {"SUITE": "odd.jsonl", "ANSWERS": "odd_answers.jsonl"}
    ended = judged(tmp_path, "", ARGUMENTS=arguments, MIN_PASS="1", **files)

    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "coder-report" / "report.json").read_text())
    assert [verdict["id"] for verdict in report["verdicts"]] == [chosen]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("undecided", "code"), [("", 0), ("fail", 11)])
def test_the_script_of_ci_warns_where_the_gate_cant_tell_and_fails_where_that_is_asked(
    tmp_path: Path, undecided: str, code: int
) -> None:
    outputs = tmp_path / "outputs"
    suite = "".join(SUITE.replace('"add"', f'"add{number}"', 1) % CHECK for number in range(2))
    (tmp_path / "two.jsonl").write_text(suite)
    with faulty_endpoint(*[says("```python\ndef add(a, b):\n    return a + b\n```")] * 2) as endpoint:
        ended = judged(
            tmp_path,
            "",
            SUITE="two.jsonl",
            ANSWERS="",
            MODEL="m",
            ARGUMENTS=f"--base-url {endpoint.url} --workers 1 --one-shot",
            MIN_PASS="0.9",
            UNDECIDED=undecided,
            GITHUB_OUTPUT=str(outputs),
            CODER_HOME=str(tmp_path / "data"),
        )

    assert ended.returncode == code, ended.stderr
    assert "gate=undecided" in outputs.read_text().splitlines()
    assert ("::warning::" in ended.stderr) == (code == 0)


@pytest.mark.slow
def test_the_script_of_ci_says_what_it_cant_read_and_that_there_is_no_report(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"

    ended = judged(tmp_path, "", SUITE="nothing", SUMMARY=str(summary))

    assert ended.returncode == 2
    assert "There is no suite" in ended.stderr
    assert "ended with exit code 2" in summary.read_text()


def test_the_action_gives_inputs_as_variables_and_each_has_its_own() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    script = (ROOT / "tools/gate.sh").read_text()

    scripts = [step["run"] for step in action["runs"]["steps"]]
    assert not any("${{" in text for text in scripts)
    environment = action["runs"]["steps"][-1]["env"]
    assert set(environment.values()) == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}
    assert all(re.search(rf"\b{name}\b", script.partition("set -euo")[2]) for name in environment)


def test_the_list_says_what_each_suite_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "list"]) == 0

    names = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:4])
    assert names.keys() == {"humaneval", "humaneval+", "mbpp+", "starter"}
    assert names["starter"].startswith("Thirty cases")


@pytest.mark.parametrize(
    "words",
    [
        "bench report good.json --html file/r.html",
        "bench report good.json --junit file/r.xml",
        "bench report good.json --badge file/r.svg",
        "bench compare good.json bad.json --html file/r.html",
        "gate good.json --min-pass 1 --strict --summary file/r.md",
    ],
)
def test_a_file_that_can_not_be_written_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    (folder / "file").write_text("no folder")

    assert run(words.split()) == 5
    assert f"Can't write {words.split()[-1]}: " in capsys.readouterr().err


@pytest.mark.slow
def test_the_script_of_ci_gives_every_line_of_its_arguments_to_grade_too(tmp_path: Path) -> None:
    ended = judged(tmp_path, "    return a + b\n", ARGUMENTS="--workers 1\n--no-such-flag\n", MIN_PASS="1")

    assert ended.returncode == 2
    assert "--no-such-flag" in ended.stderr


@pytest.mark.slow
def test_the_script_of_ci_holds_the_run_itself_to_the_cost_and_says_why_the_job_fails(
    tmp_path: Path,
) -> None:
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    suite = "".join(SUITE.replace('"add"', f'"add{number}"', 1) % CHECK for number in range(3))
    (tmp_path / "three.jsonl").write_text(suite)
    answer = ("```python\ndef add(a, b):\n    return a + b\n", *["# a token\n"] * 3000, "```")
    with faulty_endpoint(*[says(*answer)] * 9) as endpoint:
        ended = judged(
            tmp_path,
            "",
            SUITE="three.jsonl",
            ANSWERS="",
            MODEL="m",
            ARGUMENTS=f"--base-url {endpoint.url}\n--price 0,100\n--workers 1 --one-shot",
            MAX_COST="1",
            SUMMARY=str(summary),
            GITHUB_OUTPUT=str(outputs),
            CODER_HOME=str(tmp_path / "data"),
        )

    assert ended.returncode == 3, ended.stderr
    values = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert (values["exit-code"], values["gate"]) == ("3", "passed")
    assert 0 < float(values["cost"]) <= 1
    assert "Gate passed" in summary.read_text()
    assert "The job fails whatever the gate says" in summary.read_text()
    assert "the limit of cost or time was reached" in summary.read_text()


def test_a_run_and_its_continuation_are_no_repeats(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, cases, cpu_s in (("cut", 9, 0.1), ("more", 12, 0.1), ("repeat", 12, 0.2)):
        report = report_of({f"c{i}": "p" for i in range(cases)})
        verdicts = [one.model_copy(update={"wall_s": 0.125, "cpu_s": cpu_s}) for one in report.verdicts]
        write_report(report.model_copy(update={"verdicts": tuple(verdicts)}), folder / f"{name}.json")

    assert run(["gate", "cut.json", "more.json", "--min-pass", "0.1"]) == 2
    assert "cut.json and more.json share samples" in capsys.readouterr().err
    assert run(["gate", "more.json", "repeat.json", "--min-pass", "0.1"]) == 0
    assert run(["gate", "repeat.json", "--baseline", "cut.json", "--baseline", "more.json"]) == 2
