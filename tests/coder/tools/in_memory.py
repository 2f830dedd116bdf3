"""A session in memory: files in a dict, and one command result that was laid out before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coder.tools.tool import Desk
from sandbox import FileRefused
from sandbox.result import KilledBy, Status


@dataclass(frozen=True)
class Left:
    pid: int
    command: str


@dataclass(frozen=True)
class Ended:
    output: str = ""
    status: Status = "ok"
    exit_code: int | None = 0
    signal: int | None = None
    truncated: bool = False
    wall_s: float = 2.34
    killed_by: KilledBy | None = None
    still_running: Sequence[Left] = ()
    log: str = "/tmp/out/7"
    state_lost: bool = False

    @property
    def ok(self) -> bool:
        return self.status == "ok"


@dataclass
class Begun:
    ended: Ended | None = None
    pid: int = 41
    log: str = "/tmp/out/7"

    @property
    def running(self) -> bool:
        return self.ended is None

    def output(self) -> str:
        return "Serving\n"

    async def wait(self) -> Ended:
        assert self.ended is not None
        return self.ended


@dataclass(frozen=True)
class Named:
    name: str
    kind: str


@dataclass
class InMemory:
    files: dict[str, bytes] = field(default_factory=dict)
    ended: Ended = field(default_factory=Ended)
    begun: Begun = field(default_factory=Begun)
    executables: set[str] = field(default_factory=set)
    walls: list[float | None] = field(default_factory=list)

    async def sh(
        self, script: str, *, environment: Mapping[str, str] | None = None, wall_s: float | None = None
    ) -> Ended:
        if environment is not None:
            return Ended() if environment["FILE"] in self.executables else Ended(status="error", exit_code=1)
        self.walls.append(wall_s)
        return self.ended

    async def start(self, program: str) -> Begun:
        return self.begun

    async def read(self, path: str, *, limit: int = 16 << 20) -> bytes:
        return self.files[path]

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        self.files[path] = content
        (self.executables.add if executable else self.executables.discard)(path)

    async def remove(self, path: str) -> None:
        del self.files[path]

    async def list(self, path: str = ".") -> Sequence[Named]:
        prefix = "" if path == "." else f"{path}/"
        below = [name.removeprefix(prefix) for name in self.files if name.startswith(prefix)]
        if not below:
            raise FileRefused(f"{path} isn't there")
        return [Named(name.partition("/")[0], "folder" if "/" in name else "file") for name in below]


def desk(session: InMemory, *, left_s: float = 600.0, secret: str = "s3cret-value") -> Desk:
    return Desk(session, lambda: left_s, lambda text: text.replace(secret, "[redacted]"))
