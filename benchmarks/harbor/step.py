"""One step of a Harbor task: an instruction, its tests, and what it inherits from the task."""

from pathlib import Path
from typing import Literal

from benchmarks.harbor.allowed_hosts import NetworkPolicy
from benchmarks.harbor.environment_table import EnvironmentTable, HealthcheckTable, User
from benchmarks.harbor.input_tree import check_entry, read_task_text
from benchmarks.harbor.schema import ArtifactTable, CollectTable, StepTable, TaskTable
from coder.base.errors import UsageError
from sandbox.result import Value

TESTS = "/tests"
"""Folder of the container that the tests are copied to."""
TEST_SCRIPT = f"{TESTS}/test.sh"
BUILD_FILES = ("Dockerfile", "docker-compose.yaml")
_COMMENTS = (("<!--", "-->"), ("#", ""))
"""What a line of a comment begins and ends with."""


class AgentPhase(Value):
    """Settings of the agent's work on a step."""

    timeout_s: float | None
    user: User | None
    """User in the container; None for the image's user."""
    network: NetworkPolicy


class VerifierPhase(Value):
    """Settings of a step's verification by `TEST_SCRIPT`."""

    timeout_s: float
    user: User | None
    env: dict[str, str]
    network: NetworkPolicy
    mode: Literal["shared", "separate"]
    """Where the author runs the tests: in the agent's container, or in a separate container."""
    environment: EnvironmentTable | None
    """Container of the mode `separate`."""
    docker_image: str | None
    """Image of that container."""
    build_folder: Path | None
    """Folder with the build files of that image, if no image is named."""
    test_folders: tuple[Path, ...]
    """Folders to copy to `TESTS`; later ones overwrite earlier ones. Empty if the image has the tests."""
    collect: tuple[CollectTable, ...]


class HarborStep(Value):
    """One instruction of a task, with its tests."""

    name: str | None
    """None for the only step of a task without `[[steps]]`."""
    folder: Path
    instruction: str
    agent: AgentPhase
    verifier: VerifierPhase
    min_rewards: dict[str, float]
    """Minimum rewards by name; below them the next steps aren't tried."""
    healthcheck: HealthcheckTable | None
    artifacts: tuple[ArtifactTable, ...]
    solution: Path | None
    """Folder with `solve.sh`."""
    workdir: Path | None
    """Folder with files that are copied to the container before the step."""


def read_step(root: Path, table: TaskTable, step: StepTable | None) -> HarborStep:
    """Read one step, or a task without steps as its only step. Raises UsageError."""
    folder = root / "steps" / step.name if step else root
    own, workdir = folder / "solution", folder / "workdir"
    solution = own if own.is_dir() else root / "solution"
    limits = {} if step is None or step.min_reward is None else step.min_reward
    return HarborStep(
        name=step.name if step else None,
        folder=folder,
        instruction=_without_canary(_read_instruction(folder, root)),
        agent=_agent_phase(table, step),
        verifier=_verifier_phase(root, folder, table, step),
        min_rewards=limits if isinstance(limits, dict) else {"reward": limits},
        healthcheck=step.healthcheck if step else None,
        artifacts=(*table.artifacts, *(step.artifacts if step else ())),
        solution=solution if solution.is_dir() else None,
        workdir=workdir if step and workdir.is_dir() else None,
    )


def _read_instruction(folder: Path, root: Path) -> str:
    path = folder / "instruction.md"
    if not path.exists():
        raise UsageError(f"{folder} holds no instruction.md: the text that the agent is given. Write it.")
    return read_task_text(path, root)


def _without_canary(text: str) -> str:
    """Return the instruction without leading canary lines, which mark it for filters of training data."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if not _is_canary(line.strip())), len(lines))
    return text if first == 0 else "\n".join(lines[first:]).lstrip("\r\n")


def _is_canary(line: str) -> bool:
    is_comment = any(
        line.startswith(start) and line.endswith(end) and len(line) >= len(start) + len(end)
        for start, end in _COMMENTS
    )
    return is_comment and "canary" in line.casefold()


def _agent_phase(table: TaskTable, step: StepTable | None) -> AgentPhase:
    own = step.agent if step else table.agent
    return AgentPhase(
        timeout_s=table.agent.timeout_sec if own.timeout_sec is None else own.timeout_sec,
        user=table.agent.user if own.user is None else own.user,
        network=own.network or table.agent.network or table.environment.network,
    )


def _verifier_phase(root: Path, folder: Path, table: TaskTable, step: StepTable | None) -> VerifierPhase:
    own = step.verifier if step else table.verifier
    mode = own.mode or table.verifier.mode or "shared"
    environment, docker_image, build_folder, holds_tests = None, None, None, False
    if mode == "separate":
        environment = own.environment or table.verifier.environment or table.environment
        docker_image, build_folder, holds_tests = _find_verifier(root, folder, table, step)
    tests = [path for path in dict.fromkeys((root / "tests", folder / "tests")) if path.is_dir()]
    if not holds_tests and not any((path / "test.sh").is_file() for path in tests):
        raise UsageError(
            f"{folder} holds no tests/test.sh: the script that decides the reward.\n"
            "Write it; it puts a number into /logs/verifier/reward.txt."
        )
    return VerifierPhase(
        timeout_s=own.timeout_sec,  # Harbor gives a step its own limit or the default, never the task's
        user=table.verifier.user if own.user is None else own.user,
        env=own.env or table.verifier.env,
        network=own.network or table.verifier.network or (environment or table.environment).network,
        mode=mode,
        environment=environment,
        docker_image=docker_image,
        build_folder=build_folder,
        test_folders=() if holds_tests else tuple(tests),
        collect=(*table.verifier.collect, *(own.collect if step else ())),
    )


def _find_verifier(
    root: Path, folder: Path, table: TaskTable, step: StepTable | None
) -> tuple[str | None, Path | None, bool]:
    """Return image or build folder of a verifier's own container, and whether its image has the tests."""
    candidates = [(table.verifier.environment, root / "tests")]
    if step:
        candidates.insert(0, (step.verifier.environment, folder / "tests"))
    for environment, tests in candidates:
        if environment is not None and environment.docker_image:
            return environment.docker_image, None, True
        if has_build_file(tests):
            return None, tests, True
    return table.environment.docker_image, find_environment(root, table.environment), False


def find_environment(root: Path, table: EnvironmentTable) -> Path | None:
    """Return the build folder of a task's environment; None if it names an image. Raises UsageError."""
    folder = root / "environment"
    for name in BUILD_FILES:
        check_entry(folder / name, root)
    if has_build_file(folder):
        return folder
    if table.docker_image:
        return None
    raise UsageError(
        f"{root} has no environment: neither environment/{BUILD_FILES[0]} nor environment/{BUILD_FILES[1]}.\n"
        "Write one of them, or name an image: docker_image in [environment] of task.toml."
    )


def has_build_file(folder: Path) -> bool:
    """Whether an image can be built from a folder."""
    return any((folder / name).is_file() for name in BUILD_FILES)
