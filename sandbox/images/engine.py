"""A client of the Docker engine that the user's own settings name."""

from typing import TYPE_CHECKING

from sandbox.errors import BackendMissing

if TYPE_CHECKING:
    from docker import DockerClient

_SLOW_S = 600
"""A step of a build may be silent for that long."""


def connect() -> "DockerClient":
    """A client for building images.

    Raises:
        BackendMissing: the package is missing, or no engine answers; the message says what to do.
    """
    try:
        import docker
    except ImportError as error:
        raise BackendMissing(
            "The Docker backend needs its Python package. Install it with: pip install 'coder-agent[docker]'"
        ) from error
    try:
        engine = docker.from_env(timeout=_SLOW_S)
        engine.ping()
    except docker.errors.DockerException as error:
        raise BackendMissing(
            f"No Docker engine answers: {error}.\n"
            "Start one (on Debian: sudo apt-get install docker.io), or name it with DOCKER_HOST."
        ) from error
    return engine
