"""A client of the Docker engine that the user's own settings name, with the patience that a build needs."""

from typing import TYPE_CHECKING

from sandbox.docker.engine import open_client

if TYPE_CHECKING:
    from docker import DockerClient

_SLOW_S = 600
"""A step of a build may be silent for that long."""


def connect() -> "DockerClient":
    """A client for building images.

    Raises:
        BackendMissing: the package is missing, or no engine answers; the message says what to do.
    """
    return open_client(answer_s=_SLOW_S)
