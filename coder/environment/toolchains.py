"""Toolchains that PATH names outside of the system's folders, and caches of packages.

Programs of a project with their manifest see them; caches of installers are for sessions only. A folder that
may hold credentials is not shown.
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
"""Where programs find what is shown beside the workspace, and the interpreter's virtual environment."""
_USUAL = ("/usr/local/bin", "/usr/bin", "/bin")
_JAVA = ("pom.xml", "build.gradle", "build.gradle.kts")
_GO = ("go.mod", "go.work")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A toolchain or a cache."""

    holds: tuple[str, ...]
    """Files in a toolchain's folder; places of a cache, in the home folder or by a variable."""
    manifests: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that name it; {} is its place inside."""
    never_with: tuple[str, ...] = ()
    """Files that keep a cache from being shown."""


_TOOLCHAINS = {
    "node": _Shown(("lib/node_modules",), ("package.json",)),
    "go": _Shown(("pkg/tool",), _GO),
    "cargo": _Shown(("lib/rustlib",), ("Cargo.toml",)),
    "java": _Shown(("release",), _JAVA, {"JAVA_HOME": "{}"}),
}
_CACHES = {
    "go-modules": _Shown(
        tuple(f"{top}/cache/download" for top in ("$GOMODCACHE", "$GOPATH/pkg/mod", "go/pkg/mod")),
        _GO,
        {"GOPROXY": "file://{},https://proxy.golang.org", "GONOSUMDB": "*"},
    ),
    "cargo-home": _Shown(
        ("$CARGO_HOME", ".cargo"),
        ("Cargo.toml",),
        {"CARGO_HOME": "{}"},
        ("credentials", "credentials.toml", "config", "config.toml"),
    ),
    "maven": _Shown((".m2/repository",), _JAVA, {"MAVEN_OPTS": "-Dmaven.repo.local={}"}),
}
_INSTALLERS = {
    "pip-cache": _Shown(("$PIP_CACHE_DIR", "$XDG_CACHE_HOME/pip", ".cache/pip"), (), {"PIP_CACHE_DIR": "{}"}),
    "npm-cache": _Shown(("$npm_config_cache", ".npm"), (), {"npm_config_cache": "{}"}),
    "uv-cache": _Shown(("$UV_CACHE_DIR", "$XDG_CACHE_HOME/uv", ".cache/uv"), (), {"UV_CACHE_DIR": "{}"}),
}
_ALL = _TOOLCHAINS | _CACHES | _INSTALLERS


def with_toolchains(policy: Policy, files: Collection[str], *, caches: bool = True) -> Policy:
    """Add the toolchains of a project's manifests, as PATH names them; `files` are its paths."""
    names = {path.rpartition("/")[2] for path in files}
    found: dict[str, Path] = {}
    on_path = []
    for name, shown in (_TOOLCHAINS | (_CACHES if caches else {})).items():
        if names.isdisjoint(shown.manifests):
            continue
        folder = _toolchain(name, shown) if name in _TOOLCHAINS else _cache(shown)
        if folder is not None and name in _TOOLCHAINS:
            in_system = folder.is_relative_to("/usr")
            on_path.append(f"{folder}/bin" if in_system else f"{SHOWN}/{name}/bin")
            folder = None if in_system else folder
        if folder is not None:
            found[name] = folder
    on_path = [path for path in on_path if path not in _USUAL]
    return _with(policy, found).model_copy(update={"on_path": tuple(on_path)})


def with_layers(policy: Policy, *, caches: bool = True) -> Policy:
    """A session's policy: with caches of installers, and layers over what is shown."""
    kept = {name: folder for name, shown in _INSTALLERS.items() if (folder := _cache(shown)) is not None}
    policy = _with(policy, kept) if caches else policy
    modules = [place for place in policy.folders if place.endswith("node_modules")]
    layered = (_VENV, *modules, *(name for name in policy.beside if name in _ALL))
    return policy.model_copy(update={"layered": layered})


def _with(policy: Policy, found: Mapping[str, Path]) -> Policy:
    told = {
        key: value.format(f"{SHOWN}/{name}")
        for name in found
        for key, value in _ALL[name].environment.items()
    }
    return policy.model_copy(
        update={"beside": {**found, **policy.beside}, "environment": told | policy.environment}
    )


def _cache(shown: _Shown) -> Path | None:
    """The first place that exists."""
    named = [os.path.expandvars(place) for place in shown.holds]
    places = [Path.home() / place for place in named if not place.startswith("$")]
    folder = next((place.resolve() for place in places if place.is_dir()), None)
    return None if folder is None or any((folder / one).exists() for one in shown.never_with) else folder


def _toolchain(command: str, shown: _Shown) -> Path | None:
    """The folder of the toolchain whose command PATH names; None where it is no folder of its own."""
    found = Path(os.path.realpath(shutil.which(command) or "/"))
    folder = found.parent.parent
    if found.name == "rustup":
        top = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            settings = tomllib.loads((top / "settings.toml").read_text(encoding="utf-8"))
            folder = top / "toolchains" / str(settings.get("default_toolchain", ""))
    is_one = all((folder / part).exists() for part in (*shown.holds, f"bin/{command}"))
    return folder if is_one else None
