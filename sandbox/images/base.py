"""Find or create the base image (local, pulled or made of Debian's packages) and describe its Python."""

import json
import subprocess
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from sandbox.docker.engine import open_client
from sandbox.errors import ImageNotBuilt, own_command

if TYPE_CHECKING:
    from docker import DockerClient

DEBIAN_BASE = "coder-debian:bookworm"
SLOW_S = 600
"""Maximum seconds of a build step without output."""
_DESCRIBE_PYTHON = (
    "import json, platform, sys; "
    "print(json.dumps([list(sys.version_info[:2]), platform.machine(), list(platform.libc_ver())]))"
)
_DEBIAN_ADVICE = (
    "Where no registry can be reached, make a base of Debian's packages as root: "
    f"{own_command()} sandbox build --from-debian"
)


@dataclass(frozen=True, slots=True)
class Base:
    """A base image, and the properties of its Python that wheels must match."""

    image: str
    version: tuple[int, int]
    machine: str
    """Result of `platform.machine()` in the image."""
    glibc: tuple[int, int] | None
    """Version of glibc; None if the image has another C library, assumed to be musl."""

    @property
    def platforms(self) -> list[str]:
        """Tags of compatible wheels, for pip's `--platform`."""
        if self.glibc is None:
            return [f"musllinux_1_{minor}_{self.machine}" for minor in range(3)]
        newest = self.glibc[1]
        return [f"manylinux_2_{minor}_{self.machine}" for minor in range(5, newest + 1)] + [
            f"{name}_{self.machine}" for name in ("manylinux1", "manylinux2010", "manylinux2014")
        ]


def open_build_client() -> "DockerClient":
    """Open a client with a timeout that is long enough to build images."""
    return open_client(answer_s=SLOW_S)


def make_debian_base(tag: str = DEBIAN_BASE) -> None:
    """Make a base image of Debian's packages with debootstrap, as root; its steps appear on stderr.

    Raises:
        ImageNotBuilt: a tool, a right or the packages are missing; stderr says which.
    """
    with as_file(files("sandbox.images").joinpath("debian.sh")) as script:
        process = subprocess.run(["sh", str(script), tag], stdin=subprocess.DEVNULL, check=False)
    if process.returncode != 0:
        raise ImageNotBuilt("The base image of Debian's packages could not be made; the reason stands above.")


def find_base(engine: "DockerClient", image: str) -> Base:
    """Pull an image if needed, and describe its Python by running it without a network.

    Raises:
        ImageNotBuilt: it can't be pulled, or has no Python 3.
    """
    from docker.errors import APIError, ContainerError, ImageNotFound

    try:
        engine.images.get(image)
    except ImageNotFound:
        try:
            engine.images.pull(image)
        except APIError as error:
            raise ImageNotBuilt(
                f"The base image {image} isn't on this machine and can't be pulled: {error.explanation}.\n"
                f"{_DEBIAN_ADVICE}\nOr name one that is here: {own_command()} sandbox build --base IMAGE"
            ) from error
    try:
        description = run_line(engine, image, _DESCRIBE_PYTHON)
    except (APIError, ContainerError) as error:
        raise ImageNotBuilt(
            f"The base image {image} has no python3 that starts: {error}.\n"
            f"Name one that has: {own_command()} sandbox build --base IMAGE"
        ) from error
    version, machine, (library, release) = json.loads(description)
    glibc = _numbers(release) if library == "glibc" else None
    return Base(image, (version[0], version[1]), machine, glibc)


def run_line(engine: "DockerClient", image: str, source: str) -> bytes:
    """Run a line of Python in a container without rights or network; return its output.

    Raises:
        APIError: the engine could not start it.
        ContainerError: the line failed.
    """
    from docker.errors import ContainerError

    command = ["python3", "-I", "-c", source]
    container = engine.containers.create(
        image,
        entrypoint=command,
        network_mode="none",
        cap_drop=["ALL"],
        user="65534:65534",
        use_config_proxy=False,
    )
    try:  # not the SDK's own `run`, which leaves containers behind that could not be started
        container.start()
        code = container.wait()["StatusCode"]
        if code != 0:
            stderr = container.logs(stdout=False).decode("utf-8", "replace")
            raise ContainerError(container, code, command, image, stderr)
        return container.logs(stderr=False)
    finally:
        container.remove(force=True)


def _numbers(release: str) -> tuple[int, int]:
    major, minor = release.split(".")[:2]
    return int(major), int(minor)
