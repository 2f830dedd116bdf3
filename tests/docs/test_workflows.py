"""Workflows, actions, and those for users to copy: their form is the one that GitHub and GitLab publish."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
EXAMPLES = sorted(ROOT.glob("examples/ci/*.yml"))
PAGES = sorted(ROOT.glob("docs/how-to/*.md"))


def problems(schema: str, *files: Path) -> str:
    """What the schema refuses; empty where it takes all."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = (checker, "--builtin-schema", f"vendor.{schema}", *files)
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_workflows_have_the_form_that_github_takes() -> None:
    assert WORKFLOWS
    assert problems("github-workflows", *WORKFLOWS) == ""


@pytest.mark.slow
def test_actions_have_the_form_that_github_takes() -> None:
    assert problems("github-actions", ROOT / "action.yml", *ROOT.glob("actions/*/action.yml")) == ""


@pytest.mark.slow
def test_workflows_to_copy_and_those_on_pages_have_the_form_that_github_and_gitlab_take(
    tmp_path: Path,
) -> None:
    written: dict[str, list[Path]] = {"github-workflows": [], "gitlab-ci": []}
    texts = [(path.stem, path.read_text()) for path in EXAMPLES]
    for page in PAGES:
        texts += [
            (page.stem, text) for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S)
        ]
    for number, (name, text) in enumerate(texts):
        document = yaml.safe_load(text)
        if not _is_for_ci(document):
            continue
        is_github = "jobs" in document
        if is_github and True not in document:  # YAML reads `on` as true
            text = f"on: push\n{text}"
        file = tmp_path / f"{name}-{number}.yml"
        file.write_text(text)
        written["github-workflows" if is_github else "gitlab-ci"].append(file)

    assert sum(map(len, written.values())) > len(EXAMPLES)
    for schema, files in written.items():
        assert problems(schema, *files) == ""


def _is_for_ci(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return "jobs" in document or any(isinstance(job, dict) and "script" in job for job in document.values())


@pytest.mark.slow
def test_a_workflow_with_a_word_that_github_doesnt_know_is_refused(tmp_path: Path) -> None:
    text = WORKFLOWS[0].read_text().replace("runs-on:", "run-on:", 1)
    (tmp_path / "workflow.yml").write_text(text)

    assert "run-on" in problems("github-workflows", tmp_path / "workflow.yml")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_but_for_the_jobs_that_publish(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text())

    assert document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        assert job.get("permissions", {}).get("contents", "read") == "read"
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}
            assert "${{" not in step.get("run", ""), "an expression in a script may hold code"
