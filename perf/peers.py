"""One print(1) in other products' sandboxes, beside ours and a plain interpreter, taken in turns.

    python -m perf.peers [--folder ENVIRONMENT] [--rounds N] [--image IMAGE]

AutoGen's two executors and llm-sandbox are installed into an environment of their own: a new one that is
removed at the end, or ENVIRONMENT, which stays for the next time. AutoGen's local executor has no sandbox: it
runs our one harmless line on this machine. What doesn't work here is said with its reason.
"""

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
import venv
from pathlib import Path

from perf.sandbox import PRINT, outside, row, timed
from sandbox import Policy, open_sandbox

PACKAGES = ("autogen-ext[docker]==0.7.5", "autogen-core==0.7.5", "llm-sandbox[docker]==0.3.46")
PAUSE_S = 0.05
SYSTEM = "/usr/bin/python3"
_SERVE = """
import asyncio, json, sys, tempfile, time
from pathlib import Path

async def autogen(executor):
    from autogen_core import CancellationToken
    from autogen_core.code_executor import CodeBlock
    await executor.start()
    async def run():
        done = await executor.execute_code_blocks([CodeBlock("print(1)", "python")], CancellationToken())
        assert (done.exit_code, done.output.strip()) == (0, "1"), done
    return run, executor.stop

async def make(name, image, place):
    if name == "AutoGen, local":
        from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
        return await autogen(LocalCommandLineCodeExecutor(work_dir=place))
    if name == "AutoGen, Docker":
        from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
        return await autogen(DockerCommandLineCodeExecutor(image=image, work_dir=place))
    from llm_sandbox import SandboxBackend, SandboxSession
    kind = "BUBBLEWRAP" if name.endswith("bwrap") else "DOCKER"
    more = {} if kind == "BUBBLEWRAP" else {"image": image, "keep_template": True}
    session = SandboxSession(backend=SandboxBackend[kind], lang="python", **more)
    await asyncio.to_thread(session.open)
    async def run():
        done = await asyncio.to_thread(session.run, "print(1)")
        assert (done.exit_code, done.stdout.strip()) == (0, "1"), done
    async def stop():
        await asyncio.to_thread(session.close)
    return run, stop

async def main():
    out, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory() as place:
        run, stop = await make(sys.argv[1], sys.argv[2], Path(place))
        try:
            await run()
            print("ready", file=out, flush=True)
            while await asyncio.to_thread(sys.stdin.readline):
                began = time.perf_counter()
                await run()
                print(json.dumps((time.perf_counter() - began) * 1e3), file=out, flush=True)
        finally:
            await stop()

asyncio.run(main())
"""
NAMES = ("AutoGen, local", "AutoGen, Docker", "llm-sandbox, bwrap", "llm-sandbox, Docker")


class Peer:
    """One product in a process of its environment, asked for a run by a line."""

    def __init__(self, name: str, python: Path, image: str) -> None:
        """Start it and have it run once; `working` says whether that went well."""
        self.name = name
        self._process = subprocess.Popen(
            [str(python), "-c", _SERVE, name, image],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asks, self._answers = self._process.stdin, self._process.stdout
        self.working = self._answers.readline() == "ready\n"

    def run(self) -> float:
        """Milliseconds of one run, as the process itself measured it."""
        self._asks.write("\n")
        self._asks.flush()
        return float(json.loads(self._answers.readline()))

    def close(self) -> str:
        """End it; the last line of what it said."""
        _, errors = self._process.communicate(timeout=60)
        return (errors.strip().splitlines() or [""])[-1]


def install(folder: Path) -> Path:
    """Make the environment, if it isn't there, and give its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", *PACKAGES], check=True, stderr=subprocess.DEVNULL
        )
    return python


async def compare(python: Path, *, rounds: int, image: str) -> None:
    """Print the table."""
    peers = [await asyncio.to_thread(Peer, name, python, image) for name in NAMES]
    working = [peer for peer in peers if peer.working]
    plain: list[float] = []
    own_times: list[float] = []
    peer_times: dict[str, list[float]] = {peer.name: [] for peer in working}
    async with open_sandbox(Policy(python=Path(SYSTEM))) as box:
        await box.run(PRINT)
        for _ in range(rounds):
            plain.append(await asyncio.to_thread(outside, SYSTEM, "-I", "-S", "-c", "print(1)"))
            await asyncio.sleep(PAUSE_S)
            own_times.append(await timed(box.run(PRINT)))
            for peer in working:
                await asyncio.sleep(PAUSE_S)
                peer_times[peer.name].append(await asyncio.to_thread(peer.run))
    print(f"{'':42} {'median':>8} {'min':>8} {'p90':>8} {'ratio':>8}   (ms; ratio to plain python3 -I -S)")
    row("plain python3 -I -S", plain, plain)
    row("ours, warm", own_times, plain)
    for name, samples in peer_times.items():
        row(name, samples, plain)
    for peer in peers:
        errors = await asyncio.to_thread(peer.close)
        if not peer.working:
            print(f"{peer.name}: does not work here: {errors}")


def main() -> None:
    """Install them and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--image", default=os.environ.get("CODER_TEST_IMAGE", "coder-sandbox:latest"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peers-") as place:
        python = install(arguments.folder or Path(place))
        asyncio.run(compare(python, rounds=arguments.rounds, image=arguments.image))


if __name__ == "__main__":
    main()
