"""actions/solve as a runner takes it: an ordinary user, a clean machine, a stub, a scripted model."""

import json
from pathlib import Path

import pytest

from tests.action_runner import Runner, check_out, download_wheels, own
from tests.coder.people.forge.github_events import event
from tests.coder.people.forge.github_schema import require_schema
from tests.coder.people.forge.github_stub import REPOSITORY, GitHubStub, serving
from tests.faulty_endpoint import calls, faulty_endpoint
from tests.git_repository import GitRepository, make_repository

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = """import unittest

from calc import add


class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("docker_engine")
async def test_an_ordinary_user_on_a_clean_machine_answers_an_issue_with_a_pull_request(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require_schema()
    server = tmp_path_factory.mktemp("server")
    bare = GitRepository(server / f"{REPOSITORY}.git")
    source = make_repository(tmp_path_factory.mktemp("source"), calc__py=WRONG, test_calc__py=TEST)
    source.git("clone", "--quiet", "--bare", str(source.top), str(bare.top))
    source.git("clone", "--quiet", "--depth", "1", f"file://{bare.top}", str(tmp_path / "clone"))
    issue = {"number": 12, "title": "add() subtracts", "body": "@coder add(2, 3) gives -1."}
    payload = event("issues-opened", issue=issue)
    mends = calls("bash", command=f"cat > calc.py <<'E'\n{RIGHT}E")
    stub = GitHubStub(bare)
    with serving(stub), faulty_endpoint(mends, calls("done", summary="Add both numbers.")) as model:
        runner = Runner(
            checkout=check_out(tmp_path_factory.mktemp("checkout") / "coder"),
            wheels=download_wheels(tmp_path_factory.mktemp("wheels"), "anthropic,repo"),
            action="actions/solve",
            network="host",
            environment={
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": "issues",
                "GITHUB_EVENT_PATH": "/work/event.json",
                "GITHUB_API_URL": stub.url,
                "GITHUB_SERVER_URL": "file:///server",
            },
            mounts=(f"{server}:/server",),
        )
        (tmp_path / "event.json").write_text(json.dumps(payload))
        own(server)
        done = runner.run(
            tmp_path,
            {
                "test": "python3 -m unittest",
                "model": "toy",
                "token": stub.token,
                "arguments": f"--base-url {model.url} --path /work/clone",
            },
        )

    assert done.code == 0, done.said
    (pull,) = stub.pulls.values()
    assert "- Failed before, pass now:\n  - `test_calc.Sums.test_add`" in pull["body"]
    assert done.outputs["pull-request"] == pull["html_url"]
    assert bare.git("show", "coder/issue-12:calc.py") == RIGHT.strip()
    assert bare.git("log", "-1", "--format=%an", "coder/issue-12") == "github-actions[bot]"
    assert stub.token not in done.said
