"""Code and settings that an agent is sent at its start.

The protocol between a host and an agent, version 1, whose codec is `sandbox.inner.stream.frames`:

The host starts `python3 -I -S -c BOOT` with standard input and output as one duplex byte stream. Python 3.8
or newer answers `hello VERSION MAJOR MINOR` and a newline. The host sends a u32 length (little-endian) and
a marshalled table of the agent's files and settings. Then both ends send frames; the agent's first one
reports limits, mounts and interfaces.

A frame is a u32 length of the payload (at most 65,536), a u8 kind, a u32 channel (a number shifted by 3
bits, and a stream in the low 3 bits), and the payload. Kinds: 1 a call of the host, a JSON object with
`do`; 2 a report of the agent, a JSON object with `is`; 3 bytes of a stream; 4 its end; 5 a u32 that grants
as many more bytes of the stream, at first 1,048,576; 6 a beat, which the agent answers. The calls, each on
a number of its own:

- `start` a program: `started` with `pid`, or `refused` with `why`; then `ended` with the wait status and
  usage. Stream 4 has the job, 0 to 2 standard input, output and error
- `look`, `end`, `kill`: `left`, the processes of a program; `end` sends SIGTERM, `kill` ends them
- `drop`: `dropped`, once no process of a program is left
- `listen`: `listening` or `deaf`; then `opened` for each connection of a program to its tools, or to
  127.0.0.1:61080 where the policy allows hosts
- `read write append list stat remove make_folder enter manifest keep collect walk fetch hash`: size and
  content of files, or `refused` with a kind

Either end closes the stream if the other breaks the protocol. An agent ends itself, and with it the
container, at the end of its input and after 60 seconds without a frame; a host closes the stream after 60
seconds without an answer to a beat. When the stream is cut, running programs end with an error.
"""

import marshal
from pathlib import Path
from typing import Any

from sandbox.inner.process.wire import OUTPUT
from sandbox.inner.stream.frames import VERSION
from sandbox.policy import Policy
from sandbox.stream import link
from sandbox.supervisor.shipped import INNER_INSIDE, inner_files

WORKSPACE, TEMPORARY, SHARED = "/w", "/tmp", "/dev/shm"
FOLDERS = (WORKSPACE, TEMPORARY, SHARED)
"""Folders that programs can write to, each a size-bounded tmpfs; the workspace first."""
CODE, OUTPUTS = "/opt/lib", OUTPUT
"""Folders of the agent's code, and of the output of each command."""
COMMANDS = f"{CODE}/bin"
"""Folder with links to Python under both of its names, unless Python is a virtual environment's."""
_OUTER = (
    "errors.py",
    "files/resolve_beneath.py",
    "files/folder_entry.py",
    "files/listing.py",
    "files/tree_walk.py",
    "files/workspace.py",
)
"""Modules used by both the host and the agent."""
_FORMAT = 2
"""Version of marshal that any Python 3 reads."""
BOOT = """\
import marshal, os, sys
def read(size):
    content = b""
    while len(content) < size:
        piece = os.read(0, size - len(content))
        if not piece:
            raise SystemExit("the owner went away before the start")
        content += piece
    return content
if sys.version_info < (3, 8):
    raise SystemExit("the image has Python %d.%d, and 3.8 is the oldest that will do" % sys.version_info[:2])
os.write(1, b"hello %d %d %d\\n" % ({VERSION}, *sys.version_info[:2]))
given = marshal.loads(read(int.from_bytes(read(4), "little")))
for path, content in given["files"].items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
sys.path.insert(0, "/opt/lib")
from sandbox.inner.stream.boot import main
raise SystemExit(main(given["settings"]))
""".replace("{VERSION}", str(VERSION))
"""What an agent's interpreter runs first: it receives the rest."""


def boot_content(settings: dict[str, Any], python: tuple[int, int]) -> bytes:
    """Return the code and settings for an agent with this version of Python."""
    package = Path(INNER_INSIDE).parent
    package_folder = Path(__file__).parent.parent
    outer = {f"{package}/{name}": (package_folder / name).read_bytes() for name in _OUTER}
    return marshal.dumps({"files": {**outer, **inner_files(python)}, "settings": settings}, _FORMAT)


def agent_settings(
    policy: Policy, *, uid: int | None, without: frozenset[str], landlock: int
) -> dict[str, Any]:
    """Return settings for `sandbox.inner.stream.boot`. `uid`: of programs; None for the agent's own."""
    return {
        "lease_s": link.LEASE_S,
        "folders": list(FOLDERS),
        "commands": COMMANDS,
        "uid": uid,
        "workspace": WORKSPACE,
        "in_place": False,
        "rules": [
            ("/", "read and execute"),
            ("/dev", "device"),
            *((place, "everything") for place in FOLDERS),
        ],
        "landlock": landlock,
        "memfd": True,
        "disk_bytes": policy.disk_mb << 20,
        **{"shared_memory_bytes": 0, "files": 0, "processors": None, "attached": (), "layered": ()},
        "open_files": policy.open_files,
        "egress": policy.has_proxy,
        "without": sorted(without),
        "tidy": [] if "tidy" in without else [TEMPORARY, SHARED],
    }
