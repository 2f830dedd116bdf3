"""The README's three paths by the clock, on a machine that has Python and git alone.

    python -m perf.clean_start [--root]

The machine is a container of the image coder-debian:bookworm, with an ordinary user or root. pip installs
the wheel from a folder of packages, so that the time of a download isn't in it; bubblewrap is the program of
this machine. A model on loopback answers at once.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.action_runner import UNCONFINED, download_wheels
from tests.faulty_endpoint import calls, faulty_endpoint

ROOT = Path(__file__).parents[1]
IMAGE = "coder-debian:bookworm"
SCRIPT = """
set -e
clock() {{ begun=$(date +%s.%N); name=$1; shift; "$@" >/tmp/out 2>&1 || {{ cat /tmp/out; exit 1; }}
           echo "$name $(date +%s.%N) $begun"; tail -n 1 /tmp/out; }}
install() {{ python3 -m venv /home/me/venv; /home/me/venv/bin/pip install -q /wheels/coder_agent-*.whl; }}
mend() {{ coder fix --path shop --base-url {url} -m toy -y -- python3 -m unittest; }}
gate() {{ coder bench run starter --agent oracle --out report.json
         coder gate report.json --min-pass 0.8 --strict --min-strength apart; }}
export PATH=/home/me/venv/bin:$PATH HOME=/home/me; cd /home/me
mkdir shop
echo 'def add(a, b): return a - b' >shop/add.py
cat >shop/test_add.py <<'END'
import unittest
from add import add

class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
END
clock install install
clock mend mend
clock gate gate
cat >reward.py <<'END'
{reward}
END
clock reward python3 reward.py
"""


def main() -> None:
    """Print the seconds of each path, and the last line that it printed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--root", action="store_true", help="as root")
    user = "0:0" if options.parse_args().root else "1001:1001"
    reward = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    mend = calls("bash", command="echo 'def add(a, b): return a + b' >add.py; python3 -m unittest")
    with tempfile.TemporaryDirectory() as folder, faulty_endpoint(mend, calls("done", summary="x")) as model:
        wheels, home = Path(folder, "wheels"), Path(folder, "home")
        home.mkdir()
        download_wheels(wheels, "repo")
        build = (
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(wheels),
            str(ROOT),
        )
        subprocess.run([sys.executable, *build], check=True)
        for place in (Path(folder), home, wheels):
            place.chmod(0o777)
        command = ["docker", "run", "--rm", "--network", "host", "--user", user]
        for name in UNCONFINED:
            command += ["--security-opt", f"{name}=unconfined"]
        for mount in (
            f"{shutil.which('bwrap')}:/usr/bin/bwrap:ro",
            f"{wheels}:/wheels:ro",
            f"{home}:/home/me",
        ):
            command += ["--volume", mount]
        for setting in ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels"):
            command += ["--env", setting]
        script = SCRIPT.format(url=model.url, reward=reward)
        ended = subprocess.run(
            [*command, "--entrypoint", "bash", IMAGE, "-c", script], capture_output=True, text=True
        )
    print(ended.stderr, end="", file=sys.stderr)
    for line in ended.stdout.splitlines():
        match = re.fullmatch(r"(\w+) ([\d.]+) ([\d.]+)", line)
        print(f"{match[1]}: {float(match[2]) - float(match[3]):.1f} s" if match else f"  {line}")
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
