"""Build the image: a base, the packages that programs are given, and nothing that is secret.

The build itself has no network: what it installs comes as wheels, from this machine's pip or a folder.
"""

import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sandbox.docker.engine import IMAGE
from sandbox.errors import ImageNotBuilt, own_command
from sandbox.images.base import Base, find_base, say_once
from sandbox.supervisor.owner import this_process

if TYPE_CHECKING:
    from docker import DockerClient


DEFAULT_BASE = "python:3-slim"
PACKAGES = ("pytest", "numpy", "ipykernel", "jupyter_client")
"""Packages of every image. Each is imported by the name of its distribution."""
_DOCKERFILE = "Dockerfile.sandbox"
_LAST_LINES = 8

Say = Callable[[str], None]
_PIP_LINES = 5


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """The parts of an image."""

    base: str = DEFAULT_BASE
    """The image to build upon, with Python 3.8 or newer; pulled where it isn't there."""
    tag: str = IMAGE
    packages: tuple[str, ...] = PACKAGES
    requirements: Path | None = None
    """A file in pip's format with what programs need besides."""
    wheels: Path | None = None
    """A folder that holds every package as a wheel; None has this machine's pip fetch them."""


def build_image(engine: "DockerClient", recipe: ImageRecipe, *, say: Say) -> str:
    """Build the image, and test its packages.

    Args:
        engine: a client of the docker SDK.
        say: called with each line of progress.

    Returns:
        The image's id.

    Raises:
        ImageNotBuilt: no base, no packages, or a step of the build failed; the message says what to do.
    """
    from docker.utils.build import tar

    if recipe.wheels is not None and not recipe.wheels.is_dir():
        raise ImageNotBuilt(f"--wheels: there is no folder {recipe.wheels}.")
    if recipe.requirements is not None and not recipe.requirements.is_file():
        raise ImageNotBuilt(f"--requirements: there is no file {recipe.requirements}.")
    say(f"looking for {recipe.base}")
    found = find_base(engine, recipe.base)
    with tempfile.TemporaryDirectory(prefix=_prefix()) as place:
        context = Path(place)
        more = recipe.requirements.read_text(encoding="utf-8") if recipe.requirements is not None else ""
        (context / "requirements.txt").write_text("\n".join([*recipe.packages, more]), encoding="utf-8")
        (context / "wheels").mkdir()
        if recipe.wheels is not None:
            for wheel in sorted(recipe.wheels.glob("*.whl")):
                shutil.copy(wheel, context / "wheels")
        else:
            say(f"fetching {', '.join(recipe.packages)} for Python {found.version[0]}.{found.version[1]}")
            download(context / "requirements.txt", found, context / "wheels")
        with tempfile.TemporaryFile(prefix="coder-image-") as packed:
            (context / "Dockerfile").write_bytes(dockerfile())
            tar(context, fileobj=packed)
            _build(engine, packed, recipe, say)
    return _tried(engine, recipe)


def dockerfile() -> bytes:
    """The Dockerfile: in the installed package, or at the root of a clone."""
    installed = files("sandbox.images").joinpath(_DOCKERFILE)
    return (installed if installed.is_file() else Path(__file__).parents[2] / _DOCKERFILE).read_bytes()


def _prefix() -> str:
    """The folder's name has its owner's mark, so that leftovers of a killed build are found."""
    return f"coder-{this_process().mark}-image-" if sys.platform == "linux" else "coder-image-"


def _build(engine: "DockerClient", packed: IO[bytes], recipe: ImageRecipe, say: Say) -> None:
    from docker.errors import APIError

    stage = uuid.uuid4().hex
    try:
        steps = engine.api.build(
            fileobj=packed,
            custom_context=True,
            tag=recipe.tag,
            buildargs={"BASE": recipe.base, "STAGE": stage},
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
            use_config_proxy=False,  # a proxy's password would stand in the history
        )
        _follow(steps, recipe, say)
    except APIError as error:
        raise ImageNotBuilt(f"Docker did not build the image: {error.explanation}") from error
    finally:  # the first stage is labelled with our number, and the image itself isn't
        engine.images.prune({"dangling": True, "label": f"coder.image.stage={stage}"})


def _follow(steps: Iterable[Mapping[str, object]], recipe: ImageRecipe, say: Say) -> None:
    last: list[str] = []
    for step in steps:
        if line := str(step.get("stream", "")).strip():
            say(line)
            last = [*last, line][-_LAST_LINES:]
        if "error" in step:
            said = "\n".join([*last, str(step["error"])])
            raise ImageNotBuilt(f"No image came of the base {recipe.base}:\n{said}{_advice(said)}")


def _advice(said: str) -> str:
    if "ensurepip" in said:
        return "\nThe base has Python without venv; on Debian it is in the package python3-venv."
    if "No matching distribution" in said:
        return "\nThe folder of wheels lacks that package, or a version for the base's Python."
    return ""


def _tried(engine: "DockerClient", recipe: ImageRecipe) -> str:
    """The id of the new image, once its packages have been seen to work."""
    from docker.errors import APIError, ContainerError

    try:
        say_once(engine, recipe.tag, f"import {', '.join(recipe.packages)}")
    except (APIError, ContainerError) as error:
        raise ImageNotBuilt(
            f"The image {recipe.tag} was built, and its packages don't work: {error}"
        ) from error
    return str(engine.images.get(recipe.tag).id)


def download(requirements: Path, base: Base, folder: Path) -> None:
    """Fetch wheels that fit the base image, with all that they need, into a folder.

    Raises:
        ImageNotBuilt: pip isn't there or could not get them; the message has its last lines.
    """
    if find_spec("pip") is None:
        raise ImageNotBuilt(
            f"{sys.executable} has no pip to fetch the image's packages with. "
            f"Install it with: {shlex.quote(sys.executable)} -m ensurepip\n"
            f"Or name a folder of wheels: {own_command()} sandbox build --wheels DIR"
        )
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--only-binary", ":all:", "--python-version", ".".join(map(str, base.version))]
    command += [f"--platform={platform}" for platform in base.platforms]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return
    said = "\n".join(ended.stderr.strip().splitlines()[-_PIP_LINES:])
    raise ImageNotBuilt(
        f"pip could not fetch the image's packages for Python {base.version[0]}.{base.version[1]} "
        f"on {base.machine}:\n{said}\n"
        "What has no wheel can be made into one with pip wheel. Name a folder of wheels: "
        f"{own_command()} sandbox build --wheels DIR"
    )
