"""What a turn and a tool loop cost over the bare openai SDK, in ours and in other frameworks, side by side.

    python -m perf.frameworks [--peer NAME=ENVIRONMENT …] [--turns N] [--rounds N]

NAME is autogen, agno, agent_framework or pydantic_ai; ENVIRONMENT a virtual environment that has it
(autogen-agentchat and autogen-ext[openai]; agno and openai; agent-framework; pydantic-ai-slim[openai]). Each
is measured in a process of its own, interleaved with the bare SDK of its own environment. They ask for whole
answers; ours streams, as it always does, with its log in memory and in SQLite, beside a bare SDK that streams
too.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from perf.instant import instant_endpoint

PEER = Path(__file__).with_name("peer.py")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=ENVIRONMENT")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = [("ours_memory", sys.executable), ("ours_sqlite", sys.executable)]
    peers = [peer.partition("=") for peer in arguments.peer]
    rows += [(name, f"{folder}/bin/python") for name, _, folder in peers]
    print(
        f"{'':18} {'turn':>8} {'ratio':>6} {'loop':>8} {'ratio':>6} {'agent':>9} {'agent':>9} {'import':>8}"
    )
    with instant_endpoint() as url:
        for name, python in rows:
            completed = subprocess.run(
                [python, str(PEER), name, url, str(arguments.turns), str(arguments.rounds)],
                capture_output=True,
                text=True,
                cwd=Path(__file__).parents[1],
            )
            if completed.returncode:
                print(f"{name:18} failed: {completed.stderr.strip().splitlines()[-1]}")
                continue
            row = json.loads(completed.stdout.splitlines()[-1])
            figures = (
                f"{row['turn_ms']:>6.2f}ms {row['turn_ratio']:>6.2f} {row['loop_ms']:>6.2f}ms",
                f"{row['loop_ratio']:>6.2f} {row['agent_us']:>7.1f}us {row['agent_kib']:>6.2f}KiB",
                f"{row['import_s']:>7.2f}s",
            )
            print(f"{name:18}", *figures)


if __name__ == "__main__":
    main()
