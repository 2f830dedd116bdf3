"""Resolve Compose files by Docker's compose plugin, without this process's variables and the engine."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coder.base.errors import UsageError
from coder.base.text.sanitize import printable
from coder.config.strict_yaml import read_json
from sandbox.errors import BackendMissing

COMPOSE = "docker-compose.yaml"
_PLUGIN_S, _KEPT_LINES = 60.0, 5
_MOST_BYTES = 1 << 22
_FIX = "apt-get install docker-compose-plugin"


def resolve(
    folder: Path, base: dict[str, Any], document: dict[str, Any], variables: Mapping[str, str]
) -> object:
    """Return both files, merged and resolved by the plugin. Raises UsageError, BackendMissing."""
    plugin = find_plugin()
    with tempfile.TemporaryDirectory(prefix="coder-compose-") as scratch:
        place = Path(scratch)
        (place / "variables").write_text(
            "".join(f"{name}={_quoted(text)}\n" for name, text in variables.items())
        )
        (place / "base.json").write_text(json.dumps(base))
        (place / "task.json").write_text(json.dumps(document, default=str))
        command: list[str | Path] = [
            *(plugin, "--project-name", "coder", "--project-directory", folder),
            *("--env-file", place / "variables", "-f", place / "base.json", "-f", place / "task.json"),
            *("config", "--format", "json"),
        ]
        try:
            ended = subprocess.run(
                command, cwd=scratch, env={"HOME": scratch}, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=_PLUGIN_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as cause:
            raise UsageError(f"{folder / COMPOSE} took Docker's compose plugin too long.") from cause
    if ended.returncode != 0 or len(ended.stdout) > _MOST_BYTES:
        output = ended.stderr.decode(errors="replace").replace(str(place / "task.json"), COMPOSE)
        reasons = "\n".join(printable(output).strip().splitlines()[-_KEPT_LINES:])
        raise UsageError(f"{folder / COMPOSE} is no Compose file:\n{reasons}")
    return _unescaped(read_json(ended.stdout.decode()))


def _quoted(text: str) -> str:
    """Return a value in double quotes, escaped for a file of variables."""
    for character in '\\"$':
        text = text.replace(character, f"\\{character}")
    return f'"{text}"'


def _unescaped(value: object) -> object:
    """Undo the plugin's escapes: it prints a file that can be resolved again."""
    match value:
        case str():
            return value.replace("$$", "$")
        case list():
            return [_unescaped(each) for each in value]
        case dict():
            return {key: _unescaped(each) for key, each in value.items()}
        case _:
            return value


def find_plugin() -> str:
    """Return the path of Docker's compose plugin that Docker's client finds. Raises BackendMissing."""
    docker, plugins = shutil.which("docker"), list[dict[str, Any]]()
    if docker is not None:
        try:
            listed = subprocess.run(
                [docker, "info", "--format", "{{json .ClientInfo.Plugins}}"],
                capture_output=True, text=True, timeout=_PLUGIN_S, check=False,
            ).stdout  # fmt: skip
        except subprocess.TimeoutExpired as cause:
            raise BackendMissing(
                f"Docker's client didn't answer within {_PLUGIN_S:g} s. Ask whether its engine does.",
                fix="docker info",
            ) from cause
        plugins = [each for each in json.loads(listed.strip() or "null") or () if each["Name"] == "compose"]
    if not plugins:
        raise BackendMissing(
            f"The task has an environment of several services ({COMPOSE}), and Docker's client has no "
            f"compose plugin, which reads it. Install it, on Debian with Docker's packages: {_FIX}",
            fix=_FIX,
        )
    return str(plugins[0]["Path"])
