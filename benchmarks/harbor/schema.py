"""Define the tables of a Harbor task's `task.toml`, schema 1.4 and older.

Names and defaults are Harbor's. Like in Harbor, unknown keys are accepted; `unknown_keys` lists them.
"""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from benchmarks.harbor.environment_table import (
    EnvironmentTable,
    HealthcheckTable,
    PhaseTable,
    Seconds,
    TomlTable,
    User,
)

SCHEMA_VERSION = "1.4"
SCHEMA_VERSIONS = ("1.0", "1.1", "1.2", "1.3", SCHEMA_VERSION)
MAIN_SERVICE = "main"
_SERVICE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_PACKAGE = r"^[a-zA-Z0-9][a-zA-Z0-9._-]*/[a-zA-Z0-9][a-zA-Z0-9._-]*$"
_UNPORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³])", re.IGNORECASE)


def _check_service(name: str) -> str:
    if not _SERVICE.fullmatch(name.strip()):
        raise ValueError(f"{name!r} is no name of a Compose service")
    return name.strip()


def _check_step_name(name: str) -> str:
    """Return the name if every file system permits it for a folder in `steps/`. Raises ValueError if not."""
    stem = name.partition(".")[0].rstrip(" ")
    if not name.strip() or name.endswith((".", " ")) or _UNPORTABLE.search(name) or _DEVICE.fullmatch(stem):
        raise ValueError(f"{name!r} is no portable name of a folder")
    if len(name.encode("utf-8", "surrogatepass")) > 255:
        raise ValueError("longer than 255 bytes")
    return name


def _check_package(name: str) -> str:
    if ".." in name:
        raise ValueError(f"{name!r} contains '..'")
    return name


def _check_source(path: str) -> str:
    if ".." in PurePosixPath(path).parts:
        raise ValueError(f"the path {path!r} contains '..'")
    return path


def _check_destination(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path and (not parts or path.startswith("/") or "\\" in path or ".." in parts):
        raise ValueError(f"{path!r} is no relative path")
    if path.rstrip("/") == "manifest.json":
        raise ValueError("manifest.json is the manifest of the artifacts")
    return path


Service = Annotated[str, AfterValidator(_check_service)]


class AuthorTable(TomlTable):
    """Item of `[[task.authors]]`."""

    name: str
    email: str | None = None


class PackageTable(TomlTable):
    """`[task]`: the name under which the task is published."""

    name: Annotated[str, Field(pattern=_PACKAGE), AfterValidator(_check_package)]
    version: Annotated[str, Field(min_length=1)] | None = None
    description: str = ""
    authors: tuple[AuthorTable, ...] = ()
    keywords: tuple[str, ...] = ()


class SolutionTable(TomlTable):
    """`[solution]`: variables of the reference solution."""

    env: dict[str, str] = Field(default_factory=dict)


class AgentTable(PhaseTable):
    """`[agent]`: limits of the agent."""

    timeout_sec: Seconds | None = None


class CollectTable(TomlTable):
    """Item of `[[verifier.collect]]`: a command that saves a service's state before the verifier runs."""

    command: str
    service: Service = MAIN_SERVICE
    timeout_sec: Seconds = 60.0
    user: User | None = None


class VerifierTable(PhaseTable):
    """`[verifier]`: how the tests run."""

    timeout_sec: Seconds = 600.0
    env: dict[str, str] = Field(default_factory=dict)
    environment_mode: Literal["shared", "separate"] | None = None
    environment: EnvironmentTable | None = None
    collect: tuple[CollectTable, ...] = ()

    @property
    def mode(self) -> Literal["shared", "separate"] | None:
        """Where the tests run; `separate` is the default if the verifier has its own environment."""
        return self.environment_mode or ("separate" if self.environment is not None else None)

    @model_validator(mode="after")
    def _check_mode(self) -> Self:
        if self.environment_mode == "shared" and self.environment is not None:
            raise ValueError("environment_mode = 'shared' contradicts [verifier.environment]")
        return self


class ArtifactTable(TomlTable):
    """Artifact: a path of a container that is saved after the run."""

    source: Annotated[str, AfterValidator(_check_source)]
    destination: Annotated[str, AfterValidator(_check_destination)] | None = None
    exclude: tuple[str, ...] = ()
    service: Service | None = None

    @model_validator(mode="after")
    def _check_service_path(self) -> Self:
        if self.service not in (None, MAIN_SERVICE) and not re.match(r"/|[A-Za-z]:[/\\]", self.source):
            raise ValueError(f"the path {self.source!r} in the service {self.service!r} has to be absolute")
        return self


def _as_artifact(entry: object) -> object:
    return {"source": entry} if isinstance(entry, str) else entry


ArtifactEntry = Annotated[ArtifactTable, BeforeValidator(_as_artifact)]


class StepTable(TomlTable):
    """Item of `[[steps]]`."""

    name: Annotated[str, AfterValidator(_check_step_name)]
    agent: AgentTable = AgentTable()
    verifier: VerifierTable = VerifierTable()
    min_reward: float | dict[str, float] | None = None
    healthcheck: HealthcheckTable | None = None
    artifacts: tuple[ArtifactEntry, ...] = ()


class TaskTable(TomlTable):
    """Content of `task.toml`."""

    schema_version: str = SCHEMA_VERSION
    task: PackageTable | None = None
    metadata: dict[str, object] = Field(default_factory=dict)
    verifier: VerifierTable = VerifierTable()
    agent: AgentTable = AgentTable()
    environment: EnvironmentTable = EnvironmentTable()
    solution: SolutionTable = SolutionTable()
    source: str | None = None
    multi_step_reward_strategy: Literal["mean", "final"] | None = None
    steps: tuple[StepTable, ...] = ()
    artifacts: tuple[ArtifactEntry, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _rename_version(cls, table: object) -> object:
        if isinstance(table, dict) and "version" in table:
            table = dict(table)
            table.setdefault("schema_version", table.pop("version"))
        return table

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        keys = [unicodedata.normalize("NFC", step.name).casefold() for step in self.steps]
        if len(set(keys)) < len(keys):
            raise ValueError("two steps have one name, or names that differ in case alone")
        return self
