"""Time and memory of judging Harbor tasks by their own solutions. Run: python -m perf.harbor_suite [TASKS]

The tasks are small and made here, on the image of sandboxes: a file to write, a module to write, a bug to
mend in a repository. Memory is the peak of `coder bench run` itself, without its containers.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harbor import image
from perf.harbor_attack_tasks import GREP, PYTEST, REPOSITORY, write_task

SHAPES = (GREP, PYTEST, REPOSITORY)


def run(folder: str) -> str:
    """Judge the tasks of a folder once, in a home of their own; return what is printed."""
    command = [
        str(Path(sys.executable).parent / "coder"),
        "bench",
        "run",
        "harbor:tasks",
        "--agent",
        "oracle",
    ]
    environment = {"HOME": folder, "PATH": os.environ["PATH"]}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"The run ended with exit code {ended.returncode}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def main(count: int) -> None:
    """Print seconds and peak memory of a first run, which searches each task's mode, and of a second one."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = [Path(folder, "tasks", f"task-{number:03}") for number in range(count)]
        for number, task in enumerate(tasks):
            write_task(task, SHAPES[number % len(SHAPES)], mark="suite")
        for name in ("first", "again"):
            began = time.monotonic()
            print(run(folder))
            seconds = time.monotonic() - began
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            each = f"{seconds:.0f} s, {seconds / count:.2f} s a task"
            print(
                f"{name}: {count} tasks in {each}; peak {peak:.0f} MiB; load {os.getloadavg()[1]:.1f}",
                flush=True,
            )
        for task in tasks[: len(SHAPES)]:
            built = f"{image.REPOSITORY}:{image.folder_digest(task / 'environment')[:32]}"
            subprocess.run(["docker", "image", "rm", "--force", built], capture_output=True, check=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
