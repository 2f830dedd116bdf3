"""Build an image of a Harbor task from a folder, or find the image that the task names."""

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from benchmarks.harbor.input_tree import read_task_text
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine, EngineRefused
from sandbox.errors import BackendMissing
from sandbox.result import Value

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "coder-harbor"
"""Repository of images built from environment folders; the tag is the folder's digest."""
_TAG_LENGTH = 32
_KEPT_LINES = 20
_MAX_FOLDER_BYTES = 64 << 30
"""Size in bytes of all files of a folder whose digest is made."""


class TaskImageNotBuilt(BackendMissing):
    """The engine could not build the image of a task."""


class ImageBuild(Value):
    """Build context and options of an image."""

    context: Path
    dockerfile: str = "Dockerfile"
    """Path within the context."""
    args: dict[str, str] = Field(default_factory=dict)
    target: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the context's content, and of the options if they differ from the defaults."""
        content = folder_digest(self.context)
        usual = ImageBuild(context=self.context)
        if self == usual:
            return content
        options = self.model_dump_json(exclude={"context"})
        return hashlib.sha256(f"{content} {options}".encode()).hexdigest()


async def task_image(
    engine: Engine,
    environment: Path,
    *,
    docker_image: str | None,
    timeout_s: float,
    network_mode: str | None = None,
) -> str:
    """Return the id of a task's image: the one that it names, or one built from its environment folder.

    Args:
        docker_image: image that the task names; it must be on the engine and is never pulled.
        timeout_s: limit of the whole build.
        network_mode: network of the build's steps, as the engine names it; None for the engine's default.

    Raises:
        UsageError: the environment has no Dockerfile.
        TaskImageNotBuilt: a step failed or took too long, or the engine lacks the image.
    """
    if docker_image is not None:
        return await named_image(engine, docker_image)
    if not (environment / "Dockerfile").is_file():
        raise UsageError(f"{environment} has no Dockerfile, and the task names no docker_image.")
    build = ImageBuild(context=environment)
    return await built_image(engine, build, timeout_s=timeout_s, network_mode=network_mode)


async def named_image(engine: Engine, name: str) -> str:
    """Return the id of an image on the engine. Raises TaskImageNotBuilt if there is no such image."""
    if (image := await _find(engine, name)) is None:
        raise TaskImageNotBuilt(
            f"The Docker engine has no image {name!r}, and images are never pulled. "
            f"Pull it with: docker pull {name}",
            fix=f"docker pull {name}",
        )
    return image


async def built_image(
    engine: Engine, build: ImageBuild, *, timeout_s: float, network_mode: str | None = None
) -> str:
    """Return the id of an image; build it if no image has its digest.

    Raises:
        TaskImageNotBuilt: a step failed or took too long.
        UsageError: the context's `.dockerignore`, which the engine's client reads, is no text of the task.
    """
    _check_ignoring(build.context)
    tag = f"{REPOSITORY}:{build.digest[:_TAG_LENGTH]}"
    if (image := await _find(engine, tag)) is not None:
        return image
    await _build(engine, build, tag, timeout_s=timeout_s, network_mode=network_mode)
    if (image := await _find(engine, tag)) is None:
        raise TaskImageNotBuilt(f"The Docker engine built {build.context} and has no image {tag}.")
    return image


def _check_ignoring(context: Path) -> None:
    ignoring = context / ".dockerignore"
    if os.path.lexists(ignoring):
        read_task_text(ignoring, context.resolve())


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of a folder: paths, modes, contents, and targets of symbolic links.

    Raises UsageError if its files are too large, as a sparse one can be.
    """
    digest, size = hashlib.sha256(), 0
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        size += stat.st_size
        if size > _MAX_FOLDER_BYTES:
            raise UsageError(f"{folder} holds more than {_MAX_FOLDER_BYTES >> 30} GiB, with {path}.")
        digest.update(os.fsencode(path.relative_to(folder)) + f"\0{stat.st_mode:o}\0".encode())
        if path.is_symlink():
            digest.update(os.fsencode(path.readlink()))
        elif path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(b"\n")
    return digest.hexdigest()


async def _find(engine: Engine, name: str) -> str | None:
    def act(api: "APIClient") -> dict[str, Any]:
        return dict(api.inspect_image(name))  # type: ignore[no-untyped-call]

    image = await engine.ask("look for an image", act, missing_ok=True)
    return None if image is None else str(image["Id"])


async def _build(
    engine: Engine, build: ImageBuild, tag: str, *, timeout_s: float, network_mode: str | None
) -> None:
    def act(api: "APIClient") -> tuple[str | None, list[str]]:
        from urllib3.exceptions import TimeoutError as NoAnswer

        deadline, lines = time.monotonic() + timeout_s, list[str]()
        too_long = f"it took longer than {timeout_s:g} s"
        steps = api.build(
            path=str(build.context),
            dockerfile=build.dockerfile,
            buildargs=dict(build.args) or None,
            target=build.target,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            network_mode=network_mode,
            timeout=max(1, int(timeout_s)),
        )
        try:
            for step in steps:
                lines = [*lines, str(step.get("stream") or step.get("error") or "")][-_KEPT_LINES:]
                if "error" in step:
                    return str(step["error"]), lines
                if time.monotonic() > deadline:
                    steps.close()  # the engine cancels a build when the client leaves
                    return too_long, lines
        except NoAnswer:  # a step without output
            return too_long, lines
        return None, lines

    try:
        reason, lines = await engine.ask("build an image", act) or (None, [])
    except EngineRefused as error:  # a Dockerfile that can't be parsed
        raise TaskImageNotBuilt(f"The image of {build.context} was not built: {error}") from error
    if reason is not None:
        output = "".join(lines).strip()
        raise TaskImageNotBuilt(f"The image of {build.context} was not built: {reason}\n{output}")
