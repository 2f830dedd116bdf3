"""The packages of an image, fetched by this machine's pip: its index and passwords stay out of it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from sandbox.errors import ImageNotBuilt
from sandbox.images.base import Base

_LAST_LINES = 5


def download(requirements: Path, base: Base, folder: Path) -> None:
    """Fetch wheels that fit the base image, with all that they need, into a folder.

    Raises:
        ImageNotBuilt: pip isn't there or could not get them; the message has its last lines.
    """
    if find_spec("pip") is None:
        raise ImageNotBuilt(
            f"{sys.executable} has no pip to fetch the image's packages with. "
            f"Install it with: {sys.executable} -m ensurepip\n"
            "Or name a folder of wheels: coder sandbox build --wheels DIR"
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
    for platform in base.platforms:
        command += ["--platform", platform]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return
    said = "\n".join(ended.stderr.strip().splitlines()[-_LAST_LINES:])
    raise ImageNotBuilt(
        f"pip could not fetch the image's packages for Python {base.version[0]}.{base.version[1]} "
        f"on {base.machine}:\n{said}\n"
        "What has no wheel can be made into one with pip wheel. Name a folder of wheels: "
        "coder sandbox build --wheels DIR"
    )
