"""The image that programs run in: found on the engine, never pulled."""

from typing import TYPE_CHECKING, Any

from sandbox.errors import BackendMissing

if TYPE_CHECKING:
    from docker import APIClient

    from sandbox.docker.engine import Engine

IMAGE = "coder-sandbox:latest"
"""What `coder sandbox build` makes."""


async def find_image(engine: "Engine", name: str | None) -> tuple[str, list[str]]:
    """Id of an image, so that no other of its name takes its place, and the folders it wants as volumes.

    Raises:
        BackendMissing: the engine has no such image; the message says how to make it.
    """
    wanted = name or IMAGE

    def look(api: "APIClient") -> dict[str, Any]:
        return dict(api.inspect_image(wanted))  # type: ignore[no-untyped-call]

    found = await engine.ask("look for an image", look, missing_ok=True)
    if found is None:
        fix = f"coder sandbox build --tag {name}" if name else "coder sandbox build"
        raise BackendMissing(
            f"The Docker engine has no image {wanted!r}, and images are never pulled. Build it with: {fix}",
            fix=fix,
        )
    return str(found["Id"]), sorted((found.get("Config") or {}).get("Volumes") or {})
