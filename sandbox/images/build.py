"""Build the image: a base, the packages that programs are given, and nothing that is secret.

The build itself has no network: what it installs comes as wheels, from this machine's pip or a folder.
"""

import shutil
import tarfile
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sandbox.errors import ImageNotBuilt
from sandbox.images.base import find_base
from sandbox.images.wheels import download

if TYPE_CHECKING:
    from docker import DockerClient

IMAGE = "coder-sandbox:latest"
"""What the Docker backend runs its programs in unless a policy names another."""
DEFAULT_BASE = "python:3-slim"
REQUIREMENTS = ("pytest", "numpy", "ipykernel", "jupyter_client")
"""What every image has; `requirements` adds to it."""
_TRY = "import pytest, numpy, ipykernel, jupyter_client"
_FIRST_STAGE = "coder.image=packages"
"""Label of what the Dockerfile's first stage leaves; the image itself hasn't got it."""
_LAST_LINES = 8

Say = Callable[[str], None]


def build_image(
    engine: "DockerClient",
    *,
    base: str = DEFAULT_BASE,
    tag: str = IMAGE,
    wheels: Path | None = None,
    requirements: Path | None = None,
    say: Say = lambda line: None,
) -> str:
    """Build the image, and see that its packages work.

    Args:
        engine: a client of the docker SDK.
        base: the image to build upon, with Python 3.8 or newer; pulled where it isn't there.
        tag: what the image is called.
        wheels: a folder that holds every package as a wheel; by default this machine's pip fetches them.
        requirements: a file in pip's format with what programs need besides REQUIREMENTS.
        say: called with each line of progress.

    Returns:
        The image's id.

    Raises:
        ImageNotBuilt: no base, no packages, or a step of the build failed; the message says what to do.
    """
    for path, works in ((wheels, Path.is_dir), (requirements, Path.is_file)):
        if path is not None and not works(path):
            raise ImageNotBuilt(f"There is no {path}, or it is of another kind than it should be.")
    say(f"looking for {base}")
    found = find_base(engine, base)
    with tempfile.TemporaryDirectory(prefix="coder-image-") as place:
        context = Path(place)
        _write_requirements(context / "requirements.txt", requirements)
        (context / "wheels").mkdir()
        if wheels is not None:
            for wheel in sorted(wheels.glob("*.whl")):
                shutil.copy(wheel, context / "wheels")
        else:
            say(f"fetching {', '.join(REQUIREMENTS)} for Python {found.version[0]}.{found.version[1]}")
            download(context / "requirements.txt", found, context / "wheels")
        with tempfile.TemporaryFile(prefix="coder-image-") as packed:
            _pack(context, packed)
            _build(engine, packed, base=base, tag=tag, say=say)
    engine.images.prune({"dangling": True, "label": _FIRST_STAGE})
    return _tried(engine, tag)


def _write_requirements(target: Path, more: Path | None) -> None:
    text = more.read_text(encoding="utf-8") if more is not None else ""
    target.write_text("\n".join([*REQUIREMENTS, text]), encoding="utf-8")


def _pack(context: Path, target: IO[bytes]) -> None:
    (context / "Dockerfile").write_bytes(files("sandbox.images").joinpath("Dockerfile.sandbox").read_bytes())
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path in sorted(context.rglob("*")):
            archive.add(path, arcname=str(path.relative_to(context)), recursive=False, filter=_plain)
    target.seek(0)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of this machine's users or times goes along."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


def _build(engine: "DockerClient", packed: IO[bytes], *, base: str, tag: str, say: Say) -> None:
    from docker.errors import APIError

    last: list[str] = []
    try:
        steps = engine.api.build(
            fileobj=packed,
            custom_context=True,
            tag=tag,
            buildargs={"BASE": base},
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
            use_config_proxy=False,  # a proxy's password would stand in the history
        )
        for step in steps:
            if line := str(step.get("stream", "")).strip():
                say(line)
                last = [*last, line][-_LAST_LINES:]
            if "error" in step:
                said = "\n".join([*last, str(step["error"])])
                raise ImageNotBuilt(f"The image could not be built upon {base}:\n{said}{_advice(said)}")
    except APIError as error:
        raise ImageNotBuilt(f"Docker did not build the image: {error.explanation}") from error


def _advice(said: str) -> str:
    if "ensurepip" in said:
        return "\nThe base has Python without venv; on Debian it is in the package python3-venv."
    if "No matching distribution" in said:
        return "\nThe folder of wheels lacks that package, or a version for the base's Python."
    return ""


def _tried(engine: "DockerClient", tag: str) -> str:
    """The id of the new image, once its packages have been seen to work."""
    from docker.errors import APIError, ContainerError

    try:
        engine.containers.run(
            tag,
            entrypoint=["python3", "-I", "-c", _TRY],
            network_mode="none",
            cap_drop=["ALL"],
            remove=True,
            use_config_proxy=False,
        )
    except (APIError, ContainerError) as error:
        raise ImageNotBuilt(f"The image {tag} was built, and its packages don't work: {error}") from error
    return str(engine.images.get(tag).id)
