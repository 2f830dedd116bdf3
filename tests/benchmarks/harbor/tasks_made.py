"""Harbor tasks made for tests, on the image that sandboxes have: it is here without a registry."""

import secrets
from pathlib import Path

from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.verifier import Verifier
from tests.docker_images import SMALL

DOCKERFILE = f"FROM {SMALL}\nUSER root\nWORKDIR /app\nCOPY seed /app/\n"
TEST_SH = """\
#!/bin/bash
if [ "$(cat /app/answer.txt)" = 42 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""
SOLVE_SH = "#!/bin/bash\necho 42 > /app/answer.txt\n"
SERVES = """\
cd /app && (python3 -m http.server 8765 > /dev/null 2>&1 &)
until bash -c 'exec 3<>/dev/tcp/127.0.0.1/8765' 2> /dev/null; do sleep 0.02; done
"""
"""Commands that leave a server running, which listens by their end."""
ASKS_A_SERVICE = """\
#!/bin/bash
if (exec 3<>/dev/tcp/127.0.0.1/8765); then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""

PROCESS = secrets.token_hex(8)
"""Gives this process images of its own: tests in other ones remove theirs meanwhile."""


def make_task(
    folder: Path, *, test: str = TEST_SH, solve: str = SOLVE_SH, dockerfile: str = DOCKERFILE, toml: str = ""
) -> Path:
    """Write a task's folder, whose container has no network."""
    files = {
        "task.toml": f'schema_version = "1.4"\n[environment]\nnetwork_mode = "no-network"\n{toml}',
        "instruction.md": "Write the answer to /app/answer.txt.\n",
        "environment/Dockerfile": f"{dockerfile}LABEL test={PROCESS}\n",
        "environment/seed/given.txt": "given\n",
        "environment/seed/old.txt": "old\n",
        "tests/test.sh": test,
        "solution/solve.sh": solve,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def recipe_of(image: str) -> HarborRecipe:
    """A container of an image, without a network."""
    return HarborRecipe(image=image, network="no-network")


def verifier_of(task: Path, *, timeout_s: float = 60, artifacts: tuple[str, ...] = ()) -> Verifier:
    """The tests of a task."""
    return Verifier((task / "tests",), timeout_s, artifacts=artifacts)
