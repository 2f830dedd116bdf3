"""Resolve a task's tables into recipes of containers, verifiers, and variables of programs."""

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harbor.allowed_hosts import NetworkPolicy
from benchmarks.harbor.artifacts import artifact_paths
from benchmarks.harbor.compose.images import service_images
from benchmarks.harbor.compose.model import Project
from benchmarks.harbor.compose.plugin import COMPOSE
from benchmarks.harbor.compose.reading import read_compose
from benchmarks.harbor.environment_table import EnvironmentTable
from benchmarks.harbor.image import task_image
from benchmarks.harbor.limited_network import check_hosts
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.schema import MAIN_SERVICE
from benchmarks.harbor.services import environment_of, limits_of
from benchmarks.harbor.step import HarborStep
from benchmarks.harbor.task import HarborTask
from benchmarks.harbor.verifier import Verifier
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine

_LONGEST_S = 3600.0
"""Default time limit of an agent."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


async def agent_recipe(engine: Engine, task: HarborTask) -> HarborRecipe:
    """Return the recipe of the agent's container. Raises UsageError, BackendMissing."""
    environment = task.table.environment
    folder = task.build_folder or task.folder / "environment"
    recipe = await _recipe_in(
        engine, task, folder, environment, environment.docker_image, task.steps[0].agent.network
    )
    services = {MAIN_SERVICE} if recipe.project is None else recipe.project.compose.services.keys()
    if missing := sorted(_services_of(task) - services):
        raise UsageError(
            f"{task.folder} collects from services that it doesn't have: {', '.join(missing)}.\n"
            f"Name services of environment/{COMPOSE}."
        )
    return recipe


def _services_of(task: HarborTask) -> set[str]:
    """Return the services that the task's artifacts and collecting commands name."""
    collecting = {command.service for step in task.steps for command in step.verifier.collect}
    return collecting | {table.service for step in task.steps for table in step.artifacts if table.service}


async def verifier_recipe(engine: Engine, task: HarborTask, step: HarborStep) -> HarborRecipe:
    """Return the recipe of a verifier's own container. Raises UsageError, BackendMissing."""
    verifier = step.verifier
    assert verifier.environment is not None
    folder = verifier.build_folder or task.folder / "environment"
    return await _recipe_in(
        engine, task, folder, verifier.environment, verifier.docker_image, verifier.network
    )


async def _recipe_in(
    engine: Engine,
    task: HarborTask,
    folder: Path,
    environment: EnvironmentTable,
    docker_image: str | None,
    network: NetworkPolicy,
) -> HarborRecipe:
    """Return the recipe of an environment, whose folder has a Dockerfile or a Compose file."""
    timeout_s = environment.build_timeout_sec
    if not (folder / COMPOSE).exists():
        image = await task_image(engine, folder, docker_image=docker_image, timeout_s=timeout_s)
        return recipe_for(environment, image, network)
    variables = expand(environment.env)
    compose = await read_compose(folder, task.folder, variables, docker_image=docker_image)
    images = await service_images(engine, compose, timeout_s=timeout_s)
    main = compose.services[MAIN_SERVICE]
    recipe = recipe_for(environment, images[MAIN_SERVICE], network)
    own = {
        "environment": {**environment_of(main), **recipe.environment},
        "workdir": recipe.workdir or main.working_dir,
        "user": main.user,
        "service": main,
        "project": Project(compose=compose, images=images),
        **limits_of(main, cpus=recipe.cpus, memory_mb=recipe.memory_mb),
    }
    return recipe.model_copy(update=own)


def with_network(recipe: HarborRecipe, network: NetworkPolicy) -> HarborRecipe:
    """Return the recipe with another network, and without our agent. Raises UsageError."""
    check_hosts(network.hosts)
    return recipe.model_copy(update={"network": network.mode, "hosts": network.hosts, "has_agent": False})


def recipe_for(environment: EnvironmentTable, image: str, network: NetworkPolicy) -> HarborRecipe:
    """Return the recipe of an environment's container. Raises UsageError."""
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
    """Return the time limit of an agent for a step."""
    return step.agent.timeout_s or _LONGEST_S


def user_of(user: str | int | None) -> str | None:
    """Return a user in the engine's form; None for the image's user."""
    return None if user is None else str(user)


def expand(variables: Mapping[str, str]) -> dict[str, str]:
    """Replace `${NAME:-default}` by its default: a task gets no variables of this process, such as keys.

    Raises UsageError if a variable has no default.
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
