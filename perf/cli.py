"""How long `coder --help` takes beside a bare interpreter, and what an install without extras weighs.

Run: .venv/bin/python -m perf.cli [--install]
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

RUNS = 15
BARE = "python -c pass"
COMMANDS = ("solve", "fix", "chat", "bench")
AIM_HELP_S = 0.12
AIM_PACKAGES = 30
AIM_MB = 50
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print one line for each figure, with its aim."""
    coder = Path(sys.executable).with_name("coder")
    commands = {
        BARE: [sys.executable, "-c", "pass"],
        "coder --help": [str(coder), "--help"],
        **{f"coder {name} --help": [str(coder), name, "--help"] for name in COMMANDS},
        "coder --version": [str(coder), "--version"],
        "./run --version": [str(ROOT / "run"), "--version"],
    }
    times = _interleaved(commands)
    for name, seconds in times.items():
        ratio = median(seconds) / median(times[BARE])
        figures = f"{median(seconds) * 1000:6.0f} ms, {min(seconds) * 1000:.0f} at least"
        print(f"{name:<18} {figures}; {ratio:.1f} of {BARE}")
    print(f"aim: coder --help at most {AIM_HELP_S * 1000:.0f} ms")
    added = median(times["./run --version"]) - median(times["coder --version"])
    print(f"./run adds {added * 1000:.0f} ms (aim: at most 100)")
    if "--install" in sys.argv:
        packages, megabytes = _install()
        print(f"without extras: {packages} packages, {megabytes:.0f} MB (aim: {AIM_PACKAGES}, {AIM_MB} MB)")


def _interleaved(commands: dict[str, list[str]]) -> dict[str, list[float]]:
    """Seconds of each command, the commands taking turns so that noise meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(RUNS + 1):
        for name, argv in commands.items():
            start = perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            if turn:  # the first one only fills the caches
                times[name].append(perf_counter() - start)
    return times


def _install() -> tuple[int, float]:
    """Packages and MB that a fresh environment gains by the install."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        before = _names(folder), _bytes(folder)
        source = Path(folder) / "source"
        shutil.copytree(
            ROOT, source, ignore=shutil.ignore_patterns(".venv", ".git", "*_cache", "__pycache__")
        )
        install = [python, "-m", "pip", "install", "-qq", "--no-compile", str(source)]
        subprocess.run(install, check=True)
        shutil.rmtree(source)
        return len(_names(folder) - before[0]), (_bytes(folder) - before[1]) / 1e6


def _names(folder: str) -> set[str]:
    return {path.name for path in Path(folder).glob("lib/python*/site-packages/*.dist-info")}


def _bytes(folder: str) -> int:
    files = (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    main()
