"""Read the `docker-compose.yaml` of a Harbor task as Docker's compose plugin resolves it, and check it.

The plugin runs without this process's variables and without the engine. Other files that it would read
(`include`, `extends` of other files, `.env`) are refused before; `env_file` may name files of the
environment's folder. So it resolves what was parsed here, and nothing else.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harbor.compose.checking import LOG_FOLDERS, LOGS, check_compose, is_log, refusal, within
from benchmarks.harbor.compose.model import ComposeFile
from benchmarks.harbor.compose.plugin import COMPOSE, resolve
from benchmarks.harbor.input_tree import check_entry, read_task_text
from benchmarks.harbor.schema import MAIN_SERVICE
from coder.base.errors import UsageError
from coder.base.text.sanitize import printable
from coder.config.strict_yaml import read_yaml

WAITS = ("sh", "-c", "while :; do sleep 3600; done")
"""Command of a container in which programs are started, unless its task has another one."""
_MOST_VALUES = 20_000


async def read_compose(
    folder: Path, root: Path, variables: Mapping[str, str], *, docker_image: str | None = None
) -> ComposeFile:
    """Read the Compose file of an environment's folder.

    Args:
        root: the task's folder.
        variables: values for `${NAME}` in the file, from the task.
        docker_image: image of the main service that the task names; None if it is built from the folder.

    Raises:
        UsageError: the file has keys or values that aren't allowed, or is no Compose file.
        BackendMissing: Docker's compose plugin isn't installed.
    """
    return await asyncio.to_thread(_read, folder, root, variables, docker_image)


def _read(folder: Path, root: Path, variables: Mapping[str, str], docker_image: str | None) -> ComposeFile:
    path = folder / COMPOSE
    document = _parse(path, root)
    if check_entry(folder / ".env", root).exists():
        raise UsageError(f"{folder / '.env'} isn't read. Put its variables into [environment.env].")
    main: dict[str, Any] = {"command": list(WAITS)}
    main |= {"image": docker_image} if docker_image else {"build": {"context": str(folder)}}
    of_harbor = {"MAIN_IMAGE_NAME": MAIN_SERVICE, "CONTEXT_DIR": str(folder)}
    for name, variable in LOG_FOLDERS.items():
        of_harbor |= {f"HOST_{variable}_PATH": f"{LOGS}/{name}", f"ENV_{variable}_PATH": f"/logs/{name}"}
    resolved = resolve(folder, {"services": {MAIN_SERVICE: main}}, document, {**variables, **of_harbor})
    return _without_logs(check_compose(resolved, path, folder))


def _without_logs(compose: ComposeFile) -> ComposeFile:
    services = {
        name: service.model_copy(
            update={"volumes": tuple(mount for mount in service.volumes if not is_log(mount))}
        )
        for name, service in compose.services.items()
    }
    return compose.model_copy(update={"services": services})


def _parse(path: Path, root: Path) -> dict[str, Any]:
    """Parse the file, and refuse keys that make the plugin read other files. Raises UsageError."""
    try:
        document = read_yaml(read_task_text(path, root))
        if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
            raise ValueError("there is no mapping 'services'")
        _check_values(document)
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{path} is no Compose file: {printable(str(cause))[:300]}") from cause
    try:
        if "include" in document:
            raise ValueError("include: other Compose files aren't read")
        for name, service in document["services"].items():
            _check_references(str(name), service if isinstance(service, dict) else {}, path.parent)
    except ValueError as cause:
        raise UsageError(refusal(path, str(cause))) from cause
    return {key: value for key, value in document.items() if not str(key).startswith("x-")}


def _check_values(document: object) -> None:
    """Refuse too many values, which aliases can multiply, and keys that aren't text. Raises ValueError."""
    pending, count = [document], 0
    while pending:
        value = pending.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ValueError(f"it has more than {_MOST_VALUES:,} values")
        if isinstance(value, dict):
            if other_keys := [key for key in value if not isinstance(key, str)]:
                raise ValueError(f"the key {other_keys[0]!r} is no text")
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _check_references(name: str, service: dict[Any, Any], folder: Path) -> None:
    extends = service.get("extends")
    if isinstance(extends, dict) and {*extends} != {"service"}:
        raise ValueError(f"{name}.extends: only services of the same file can be extended")
    if "label_file" in service:
        raise ValueError(f"{name}.label_file: this key isn't supported")
    files = service.get("env_file") or []
    for entry in files if isinstance(files, list) else [files]:
        source = str(entry.get("path") if isinstance(entry, dict) else entry)
        if "$" in source or "~" in source:
            raise ValueError(f"{name}.env_file: {source} isn't a plain path")
        try:
            within(str(folder / source), folder)
        except ValueError as cause:
            raise ValueError(f"{name}.env_file: {cause}") from cause
