"""Toolchains that PATH names outside of the system's folders, and caches of packages.

Programs see them if the project has their manifest; caches of installers are for sessions only. A folder
that may hold credentials is not shown.
"""

import os
import shutil
import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import Policy

SHOWN, _VENV = "/opt/shown", "/opt/venv"
"""Where programs find shown folders, and the interpreter's virtual environment."""
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_JAVA = ("pom.xml", "build.gradle", "build.gradle.kts")
_GO = ("go.mod", "go.work")


@dataclass(frozen=True, slots=True)
class _Mount:
    """A toolchain or a cache that can be mounted."""

    paths: tuple[str, ...]
    """Files in a toolchain's folder; or paths of a cache, in the home folder or from a variable."""
    manifests: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that the mount needs; {} stands for its path in the sandbox."""
    forbidding_files: tuple[str, ...] = ()
    """Files whose presence in a cache forbids mounting it."""


_TOOLCHAINS = {
    "node": _Mount(("lib/node_modules",), ("package.json",)),
    "go": _Mount(("pkg/tool",), _GO),
    "cargo": _Mount(("lib/rustlib",), ("Cargo.toml",)),
    "java": _Mount(("release",), _JAVA, {"JAVA_HOME": "{}"}),
}
_CACHES = {
    "go-modules": _Mount(
        tuple(f"{top}/cache/download" for top in ("$GOMODCACHE", "$GOPATH/pkg/mod", "go/pkg/mod")),
        _GO,
        {"GOPROXY": "file://{},https://proxy.golang.org", "GONOSUMDB": "*"},
    ),
    "cargo-home": _Mount(
        ("$CARGO_HOME", ".cargo"),
        ("Cargo.toml",),
        {"CARGO_HOME": "{}"},
        ("credentials", "credentials.toml", "config", "config.toml"),
    ),
    "maven": _Mount((".m2/repository",), _JAVA, {"MAVEN_OPTS": "-Dmaven.repo.local={}"}),
}
_INSTALLERS = {
    "pip-cache": _Mount(("$PIP_CACHE_DIR", "$XDG_CACHE_HOME/pip", ".cache/pip"), (), {"PIP_CACHE_DIR": "{}"}),
    "npm-cache": _Mount(("$npm_config_cache", ".npm"), (), {"npm_config_cache": "{}"}),
    "uv-cache": _Mount(("$UV_CACHE_DIR", "$XDG_CACHE_HOME/uv", ".cache/uv"), (), {"UV_CACHE_DIR": "{}"}),
}
_MOUNTS = _TOOLCHAINS | _CACHES | _INSTALLERS


def with_toolchains(policy: Policy, files: Collection[str], *, caches: bool = True) -> Policy:
    """Mount the toolchains on PATH that a project's manifests need; `files` are the project's paths."""
    names = {path.rpartition("/")[2] for path in files}
    folders: dict[str, Path] = {}
    on_path = []
    for name, mount in (_TOOLCHAINS | (_CACHES if caches else {})).items():
        if names.isdisjoint(mount.manifests):
            continue
        folder = _find_toolchain(name, mount) if name in _TOOLCHAINS else _find_cache(mount)
        if folder is not None and name in _TOOLCHAINS:
            is_in_system = folder.is_relative_to("/usr")
            on_path.append(f"{folder}/bin" if is_in_system else f"{SHOWN}/{name}/bin")
            folder = None if is_in_system else folder
        if folder is not None:
            folders[name] = folder
    on_path = [path for path in on_path if path not in _SYSTEM_PATH]
    return _with_mounts(policy, folders).model_copy(update={"on_path": tuple(on_path)})


def with_layers(policy: Policy, *, caches: bool = True) -> Policy:
    """Return the policy of a session: with caches of installers, and layers over mounted folders."""
    installer_caches = {
        name: folder for name, mount in _INSTALLERS.items() if (folder := _find_cache(mount)) is not None
    }
    policy = _with_mounts(policy, installer_caches) if caches else policy
    modules = [place for place in policy.folders if place.endswith("node_modules")]
    layered = (_VENV, *modules, *(name for name in policy.beside if name in _MOUNTS))
    return policy.model_copy(update={"layered": layered})


def _with_mounts(policy: Policy, folders: Mapping[str, Path]) -> Policy:
    environment = {
        key: value.format(f"{SHOWN}/{name}")
        for name in folders
        for key, value in _MOUNTS[name].environment.items()
    }
    return policy.model_copy(
        update={"beside": {**folders, **policy.beside}, "environment": environment | policy.environment}
    )


def _find_cache(mount: _Mount) -> Path | None:
    """Return the first existing path of a cache, unless it holds a file that forbids mounting."""
    paths = [os.path.expandvars(path) for path in mount.paths]
    folders = [Path.home() / path for path in paths if not path.startswith("$")]
    folder = next((path.resolve() for path in folders if path.is_dir()), None)
    return (
        None if folder is None or any((folder / name).exists() for name in mount.forbidding_files) else folder
    )


def _find_toolchain(command: str, mount: _Mount) -> Path | None:
    """Return the folder of the toolchain whose command is on PATH; None if it has no folder of its own."""
    program = Path(os.path.realpath(shutil.which(command) or "/"))
    folder = program.parent.parent
    if program.name == "rustup":
        rustup_home = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            settings = tomllib.loads((rustup_home / "settings.toml").read_text(encoding="utf-8"))
            folder = rustup_home / "toolchains" / str(settings.get("default_toolchain", ""))
    is_toolchain = all((folder / part).exists() for part in (*mount.paths, f"bin/{command}"))
    return folder if is_toolchain else None
