"""Toolchains that PATH names outside of the system's folders, and caches of packages.

A toolchain is shown to all programs of a project that has its manifest; what installers keep, to sessions.
Nothing is shown beside which credentials may lie.
"""

import os
import shutil
import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import Policy

SHOWN = "/opt/shown"
"""Where programs find what is shown beside the workspace."""
_VENV = "/opt/venv"
_USUAL = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True, slots=True)
class _Cache:
    places: tuple[str, ...]
    """Where it may be: a variable with a path behind it, or a path in the home folder."""
    environment: Mapping[str, str]
    """What tells of it; {} is where it is shown."""
    never_with: tuple[str, ...] = ()
    """Files beside which it isn't shown."""


@dataclass(frozen=True, slots=True)
class _Toolchain:
    manifests: tuple[str, ...]
    holds: str
    """What lies in its folder: nothing else is taken for one."""
    caches: Mapping[str, _Cache] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


_TOOLCHAINS = {
    "node": _Toolchain(("package.json",), "lib/node_modules"),
    "go": _Toolchain(
        ("go.mod", "go.work"),
        "pkg/tool",
        {
            "go-modules": _Cache(
                tuple(f"{top}/cache/download" for top in ("$GOMODCACHE", "$GOPATH/pkg/mod", "go/pkg/mod")),
                {"GOPROXY": "file://{},https://proxy.golang.org", "GONOSUMDB": "*"},
            )
        },
    ),
    "cargo": _Toolchain(
        ("Cargo.toml",),
        "lib/rustlib",
        {
            "cargo-home": _Cache(
                ("$CARGO_HOME", ".cargo"),
                {"CARGO_HOME": "{}"},
                never_with=("credentials", "credentials.toml", "config", "config.toml"),
            )
        },
    ),
    "java": _Toolchain(
        ("pom.xml", "build.gradle", "build.gradle.kts"),
        "release",
        {"maven": _Cache((".m2/repository",), {"MAVEN_OPTS": "-Dmaven.repo.local={}"})},
        {"JAVA_HOME": "{}"},
    ),
}
_INSTALLERS = {
    "pip-cache": _Cache(("$PIP_CACHE_DIR", "$XDG_CACHE_HOME/pip", ".cache/pip"), {"PIP_CACHE_DIR": "{}"}),
    "npm-cache": _Cache(("$npm_config_cache", ".npm"), {"npm_config_cache": "{}"}),
    "uv-cache": _Cache(("$UV_CACHE_DIR", "$XDG_CACHE_HOME/uv", ".cache/uv"), {"UV_CACHE_DIR": "{}"}),
}


def with_toolchains(policy: Policy, files: Collection[str]) -> Policy:
    """A policy whose programs find the toolchains of a project's manifests, as PATH names them.

    Args:
        files: paths that were read of the user's folder.
    """
    names = {path.rpartition("/")[2] for path in files}
    beside, environment, on_path = dict(policy.beside), dict[str, str](), list(policy.on_path)
    for command, toolchain in _TOOLCHAINS.items():
        if names.isdisjoint(toolchain.manifests):
            continue
        folder = _folder(command, toolchain.holds)
        if folder is not None and folder.is_relative_to("/usr"):
            on_path += [path for path in [f"{folder}/bin"] if path not in _USUAL]
        elif folder is not None:
            beside[command] = folder
            on_path.append(f"{SHOWN}/{command}/bin")
            environment |= _told(toolchain.environment, command)
        caches = _found(toolchain.caches)
        beside |= caches
        for name in caches:
            environment |= _told(toolchain.caches[name].environment, name)
    more = {"beside": beside, "on_path": tuple(on_path), "environment": environment | policy.environment}
    return policy.model_copy(update=more) if beside or on_path else policy


def with_layers(policy: Policy) -> Policy:
    """A session's policy: it may install over what is shown, and finds what installers have kept."""
    caches = _found(_INSTALLERS)
    told = [_told(_INSTALLERS[name].environment, name) for name in caches]
    environment = {key: value for each in told for key, value in each.items()}
    toolchains = [name for name in policy.beside if name in _TOOLCHAINS or _is_cache(name)]
    modules = [place for place in policy.folders if place.endswith("node_modules")]
    return policy.model_copy(
        update={
            "beside": policy.beside | caches,
            "environment": environment | policy.environment,
            "layered": (_VENV, *modules, *toolchains, *caches),
        }
    )


def _is_cache(name: str) -> bool:
    return any(name in toolchain.caches for toolchain in _TOOLCHAINS.values())


def _told(environment: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value.format(f"{SHOWN}/{name}") for key, value in environment.items()}


def _found(caches: Mapping[str, _Cache]) -> dict[str, Path]:
    """Those that are there, each at the first place where it is."""
    found = {}
    for name, cache in caches.items():
        named = [Path(os.path.expandvars(place)) for place in cache.places]
        places = [Path.home() / place for place in named if not str(place).startswith("$")]
        folder = next((place for place in places if place.is_dir()), None)
        if folder is not None and not any((folder / one).exists() for one in cache.never_with):
            found[name] = folder.resolve()
    return found


def _folder(command: str, holds: str) -> Path | None:
    """The folder of the toolchain whose command PATH names; None where it is no folder of its own."""
    found = shutil.which(command)
    if found is None:
        return None
    folder = Path(found).resolve().parent.parent
    if Path(found).resolve().name == "rustup":
        top = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            settings = tomllib.loads((top / "settings.toml").read_text(encoding="utf-8"))
            folder = top / "toolchains" / str(settings.get("default_toolchain", ""))
    return folder if (folder / holds).exists() and (folder / "bin" / command).exists() else None
