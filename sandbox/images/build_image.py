"""Build the image: a base and the packages for programs, without secrets.

The build itself has no network: it installs wheels that this machine's pip fetched, or those of a folder.
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
from sandbox.images.base import Base, find_base, run_line
from sandbox.supervisor.owner import this_process

if TYPE_CHECKING:
    from docker import DockerClient


DEFAULT_BASE = "python:3-slim"
PACKAGES = ("pytest", "numpy", "ipykernel", "jupyter_client")
"""Packages of every image. Each can be imported by the name of its distribution."""
_DOCKERFILE = "Dockerfile.sandbox"
_LAST_LINES = 8

Report = Callable[[str], None]
_PIP_LINES = 5


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """The parts of an image."""

    base: str = DEFAULT_BASE
    """The image to build on, with Python 3.8 or newer; pulled if it is missing."""
    tag: str = IMAGE
    packages: tuple[str, ...] = PACKAGES
    requirements: Path | None = None
    """A requirements file of pip with further packages."""
    wheels: Path | None = None
    """A folder with a wheel of every package; None if this machine's pip is to fetch them."""


def build_image(engine: "DockerClient", recipe: ImageRecipe, *, report: Report) -> str:
    """Build the image, and test its packages.

    Args:
        engine: a client of the docker SDK.
        report: called with each line of progress.

    Returns:
        The image's id.

    Raises:
        ImageNotBuilt: a base or packages are missing, or a step failed; the message says what to do.
    """
    from docker.utils.build import tar

    if recipe.wheels is not None and not recipe.wheels.is_dir():
        raise ImageNotBuilt(f"--wheels: there is no folder {recipe.wheels}.")
    if recipe.requirements is not None and not recipe.requirements.is_file():
        raise ImageNotBuilt(f"--requirements: there is no file {recipe.requirements}.")
    report(f"looking for {recipe.base}")
    base = find_base(engine, recipe.base)
    with tempfile.TemporaryDirectory(prefix=_make_prefix()) as folder:
        context = Path(folder)
        requirements = (
            recipe.requirements.read_text(encoding="utf-8") if recipe.requirements is not None else ""
        )
        (context / "requirements.txt").write_text(
            "\n".join([*recipe.packages, requirements]), encoding="utf-8"
        )
        (context / "wheels").mkdir()
        if recipe.wheels is not None:
            for wheel in sorted(recipe.wheels.glob("*.whl")):
                shutil.copy(wheel, context / "wheels")
        else:
            report(f"fetching {', '.join(recipe.packages)} for Python {base.version[0]}.{base.version[1]}")
            download(context / "requirements.txt", base, context / "wheels")
        with tempfile.TemporaryFile(prefix="coder-image-") as archive:
            (context / "Dockerfile").write_bytes(read_dockerfile())
            tar(context, fileobj=archive)
            _build(engine, archive, recipe, report)
    return _check_packages(engine, recipe)


def read_dockerfile() -> bytes:
    """Read the Dockerfile from the installed package, or from the root of a clone."""
    packaged_file = files("sandbox.images").joinpath(_DOCKERFILE)
    return (
        packaged_file if packaged_file.is_file() else Path(__file__).parents[2] / _DOCKERFILE
    ).read_bytes()


def _make_prefix() -> str:
    """Return a folder name prefix with the owner's mark, by which leftovers of a killed build are removed."""
    return f"coder-{this_process().mark}-image-" if sys.platform == "linux" else "coder-image-"


def _build(engine: "DockerClient", archive: IO[bytes], recipe: ImageRecipe, report: Report) -> None:
    from docker.errors import APIError

    stage = uuid.uuid4().hex
    try:
        steps = engine.api.build(
            fileobj=archive,
            custom_context=True,
            tag=recipe.tag,
            buildargs={"BASE": recipe.base, "STAGE": stage},
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
            use_config_proxy=False,  # else a proxy's password would be in the history
        )
        _report_steps(steps, recipe, report)
    except APIError as error:
        raise ImageNotBuilt(f"Docker did not build the image: {error.explanation}") from error
    finally:  # only the first stage has this label, not the image
        engine.images.prune({"dangling": True, "label": f"coder.image.stage={stage}"})


def _report_steps(steps: Iterable[Mapping[str, object]], recipe: ImageRecipe, report: Report) -> None:
    lines: list[str] = []
    for step in steps:
        if line := str(step.get("stream", "")).strip():
            report(line)
            lines = [*lines, line][-_LAST_LINES:]
        if "error" in step:
            output = "\n".join([*lines, str(step["error"])])
            raise ImageNotBuilt(f"No image came of the base {recipe.base}:\n{output}{_find_advice(output)}")


def _find_advice(output: str) -> str:
    if "ensurepip" in output:
        return "\nThe base has Python without venv; on Debian it is in the package python3-venv."
    if "No matching distribution" in output:
        return "\nThe folder of wheels lacks that package, or a version for the base's Python."
    return ""


def _check_packages(engine: "DockerClient", recipe: ImageRecipe) -> str:
    """Import the packages of the new image; return its id."""
    from docker.errors import APIError, ContainerError

    try:
        run_line(engine, recipe.tag, f"import {', '.join(recipe.packages)}")
    except (APIError, ContainerError) as error:
        raise ImageNotBuilt(
            f"The image {recipe.tag} was built, and its packages don't work: {error}"
        ) from error
    return str(engine.images.get(recipe.tag).id)


def download(requirements: Path, base: Base, folder: Path) -> None:
    """Fetch wheels that fit the base image, with their dependencies, into a folder.

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
        "-P",
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
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if process.returncode == 0:
        return
    output = "\n".join(process.stderr.strip().splitlines()[-_PIP_LINES:])
    raise ImageNotBuilt(
        f"pip could not fetch the image's packages for Python {base.version[0]}.{base.version[1]} "
        f"on {base.machine}:\n{output}\n"
        "What has no wheel can be made into one with pip wheel. Name a folder of wheels: "
        f"{own_command()} sandbox build --wheels DIR"
    )
