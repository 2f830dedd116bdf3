"""A base image of Debian's own packages, for a machine that reaches no registry."""

import subprocess
from importlib.resources import as_file, files

from sandbox.errors import ImageNotBuilt

DEBIAN_BASE = "coder-debian:bookworm"


def make_debian_base(tag: str = DEBIAN_BASE) -> None:
    """Make it with debootstrap, as root; its steps are said on stderr.

    Raises:
        ImageNotBuilt: a tool, a right or the packages are missing; what it said stands on stderr.
    """
    with as_file(files("sandbox.images").joinpath("debian.sh")) as script:
        ended = subprocess.run(["sh", str(script), tag], stdin=subprocess.DEVNULL, check=False)
    if ended.returncode != 0:
        raise ImageNotBuilt("The base image of Debian's packages could not be made; the reason stands above.")
