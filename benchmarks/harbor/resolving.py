"""Resolve what a task's tables say into recipes of containers, verifiers, and variables of programs."""

import re
from collections.abc import Mapping

from benchmarks.harbor.allowed_hosts import NetworkPolicy
from benchmarks.harbor.artifacts import artifact_paths
from benchmarks.harbor.environment_table import EnvironmentTable
from benchmarks.harbor.image import task_image
from benchmarks.harbor.limited_network import check_hosts
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import HarborTask
from benchmarks.harbor.verifier import Verifier
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine

_LONGEST_S = 3600.0
"""Limit of an agent where the task has none."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


async def image_of(engine: Engine, task: HarborTask) -> str:
    """Return the id of the image of a task's environment. Raises UsageError, ImageNotBuilt."""
    environment = task.table.environment
    return await task_image(
        engine,
        task.build_folder or task.folder / "environment",
        docker_image=environment.docker_image,
        timeout_s=environment.build_timeout_sec,
    )


async def verifier_recipe(engine: Engine, task: HarborTask, step: HarborStep) -> HarborRecipe:
    """Return what a verifier's own container is made of. Raises UsageError, ImageNotBuilt."""
    verifier = step.verifier
    assert verifier.environment is not None
    image = await task_image(
        engine,
        verifier.build_folder or task.folder / "environment",
        docker_image=verifier.docker_image,
        timeout_s=verifier.environment.build_timeout_sec,
    )
    return recipe_for(verifier.environment, image, verifier.network)


def recipe_for(environment: EnvironmentTable, image: str, network: NetworkPolicy) -> HarborRecipe:
    """Return what a container of an environment is made of. Raises UsageError."""
    check_hosts(network.hosts)
    return HarborRecipe(
        image=image,
        network=network.mode,
        hosts=network.hosts,
        environment=expand(environment.env),
        workdir=environment.workdir,
        cpus=environment.cpus,
        memory_mb=environment.memory_mb,
        storage_mb=environment.storage_mb,
        healthcheck=environment.healthcheck,
    )


def verifier_for(step: HarborStep) -> Verifier:
    """Return the tests of a step, and how they run. Raises UsageError."""
    return Verifier(
        tests=step.verifier.test_folders,
        timeout_s=step.verifier.timeout_s,
        environment=expand(step.verifier.env),
        user=user_of(step.verifier.user),
        artifacts=artifact_paths(step.artifacts),
    )


def agent_timeout_s(step: HarborStep) -> float:
    """Return the time that an agent has for a step."""
    return step.agent.timeout_s or _LONGEST_S


def user_of(user: str | int | None) -> str | None:
    """Return a user as the engine takes it; None for the image's."""
    return None if user is None else str(user)


def expand(variables: Mapping[str, str]) -> dict[str, str]:
    """Replace `${NAME:-default}` by its default: a task is given no variable of this process, such as a key.

    Raises UsageError: a variable has no default.
    """

    def value_of(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if default is None:
            raise UsageError(
                f"The task asks for your environment variable {name}, and tasks are given none of them.\n"
                f"If it may have it, write the value in its task.toml in place of ${{{name}}}."
            )
        return str(default)

    return {name: _VARIABLE.sub(value_of, text) for name, text in variables.items()}
