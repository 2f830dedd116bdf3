"""Check a resolved Compose file: keys and values by the allow-list, and the paths of files."""

from pathlib import Path

from pydantic import ValidationError

from benchmarks.harbor.compose.model import ComposeFile, Mount
from benchmarks.harbor.input_tree import check_entry, check_tree
from benchmarks.harbor.schema import MAIN_SERVICE
from coder.base.errors import UsageError
from coder.base.text.sanitize import printable

LOGS = "/coder-harbor-logs"
"""Placeholder of the host's folder that Harbor mounts as /logs."""
LOG_FOLDERS = {"verifier": "VERIFIER_LOGS", "agent": "AGENT_LOGS", "artifacts": "ARTIFACTS"}
"""Folders of /logs that Harbor's older tasks mount by variables; here the container has them itself."""
_LOG_TARGETS = frozenset(f"/logs/{name}" for name in LOG_FOLDERS)


def check_compose(resolved: object, path: Path, folder: Path) -> ComposeFile:
    """Check a resolved file by the allow-list. Raises UsageError, which names services and keys."""
    try:
        compose = ComposeFile.model_validate(resolved)
        compose.order()
        for name, service in compose.services.items():
            if name == MAIN_SERVICE and any(
                mount.type == "bind" and not is_log(mount) for mount in service.volumes
            ):
                raise ValueError(
                    f"{name}.volumes: files of the task come to {name} by COPY in its Dockerfile"
                )
            for mount in service.volumes:
                _check_source(mount, compose, folder)
            if service.build is not None:
                context = within(service.build.context, folder)
                within(str(context / service.build.dockerfile), context)
            elif service.image is None:
                raise ValueError(f"{name} has neither an image nor a build")
    except ValidationError as cause:
        lines = [_line(error["loc"], error["msg"], error["type"]) for error in cause.errors()[:5]]
        raise UsageError(refusal(path, "\n".join(lines))) from cause
    except ValueError as cause:
        raise UsageError(refusal(path, str(cause))) from cause
    return compose


def refusal(path: Path, reasons: str) -> str:
    """Return the message that refuses a file for these reasons."""
    return (
        f"{path} asks for what a task's services may not have:\n{printable(reasons)}\n"
        "Services reach each other by their names, and use files of the environment's folder alone."
    )


def _line(place: tuple[int | str, ...], message: str, kind: str) -> str:
    where = ".".join(map(str, place))
    return f"{where}: this key isn't supported" if kind == "extra_forbidden" else f"{where}: {message}"


def _check_source(mount: Mount, compose: ComposeFile, folder: Path) -> None:
    if is_log(mount):
        return
    if f"{mount.target}/".startswith("/logs/"):
        raise ValueError(f"{mount.target} lies where the verifier writes")
    if mount.type == "bind":
        check_tree(within(mount.source or "/", folder), folder.resolve())
    elif mount.type == "volume" and mount.source is not None and mount.source not in compose.volumes:
        raise ValueError(f"the volume {mount.source!r} isn't declared")


def within(source: str, folder: Path) -> Path:
    """Return the path if it exists in the environment's folder. Raises ValueError otherwise."""
    path = Path(source)
    try:
        resolved = check_entry(path, folder.resolve())
    except UsageError as cause:
        raise ValueError(f"{source} lies outside of {folder}") from cause
    if not path.is_absolute() or not resolved.exists():
        raise ValueError(f"{source} isn't there")
    return path


def is_log(mount: Mount) -> bool:
    """Whether a mount is Harbor's own mount of a folder of /logs."""
    is_named = (mount.source or "").startswith(f"{LOGS}/")
    return mount.type == "bind" and is_named and mount.target in _LOG_TARGETS
