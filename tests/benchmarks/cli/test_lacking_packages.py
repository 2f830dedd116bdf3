"""A machine that lacks what repository cases need: said once, before any of them is judged."""

import json
import venv
from pathlib import Path

import pytest

from tests.benchmarks.suites.test_repotasks import made
from tests.coder.people.cli.console import Console


@pytest.mark.slow
def test_a_missing_pytest_is_said_once_for_all_cases(tmp_path: Path) -> None:
    console = Console(tmp_path)
    venv.create(tmp_path / "bare", with_pip=False)
    (tmp_path / "suite").mkdir()
    ids = []
    for number in range(2):
        folder = made(tmp_path / "suite" / str(number))
        facts = json.loads((folder / "task.json").read_text()) | {"instance_id": f"lib-{number}"}
        (folder / "task.json").write_text(json.dumps(facts))
        (folder / "gold.patch").unlink()
        ids.append(facts["instance_id"])
    lines = (json.dumps({"instance_id": one, "model_patch": ""}) + "\n" for one in ids)
    (tmp_path / "patches.jsonl").write_text("".join(lines))

    done = console.run(
        *("bench", "grade", "suite", "--samples", "patches.jsonl", "-q", "--json"),
        *("--python", str(tmp_path / "bare" / "bin" / "python")),
    )

    assert (done.code, json.loads(done.out)["outcomes"]) == (5, {"infrastructure": 2})
    assert done.err.count("lacks pytest (for 2 cases)") == 1
