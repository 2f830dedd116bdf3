"""The page of `coder serve`, and the files for those who host it: their lines run."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from coder.run.option_table import KEYS
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, code
from tests.coder.platform.server.served import configure, started
from tests.docs.test_docs import flags
from tests.faulty_endpoint import faulty_endpoint, says

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/serve.md").read_text()
BLOCKS = [block.replace("\\\n", " ") for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)]


@pytest.mark.slow
def test_the_lines_for_this_machine_run(tmp_path: Path) -> None:
    serve, calls = BLOCKS[0].split(), BLOCKS[1].splitlines()
    assert serve == ["coder", "serve", "--root", "~/projects"]
    with faulty_endpoint(says(code(ADD))) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path, root=tmp_path / "projects") as server:
            output, run = "", "RUN"
            for line in calls:
                own = line.replace("http://127.0.0.1:8765", server.url).replace("/RUN/", f"/{run}/")
                done = subprocess.run([*shlex.split(own), "-s"], capture_output=True, text=True, timeout=60)
                output += done.stdout
                run = json.loads(done.stdout)["run_id"] if run == "RUN" else run

    assert '"status": "solved"' in output.replace('":"', '": "')
    assert output.endswith("event: end\ndata: {}\n\n")


@pytest.mark.slow
def test_the_lines_for_others_run(tmp_path: Path) -> None:
    (tmp_path / "ana").mkdir()
    new, serve = (shlex.split(line.replace("~/projects", str(tmp_path))) for line in BLOCKS[2].splitlines())
    token_file = str(tmp_path / "tokens.json")
    completed = Console(tmp_path).run(*(token_file if word == "tokens.json" else word for word in new[1:]))
    assert (completed.code, len(completed.out.strip())) == (0, 43), completed.err
    assert new[3] in (tmp_path / "tokens.json").read_text()

    rest = [token_file if word == "tokens.json" else word for word in serve[2:]]
    with started(tmp_path, *rest, root=tmp_path / "root") as server:
        assert server.url.startswith("http://0.0.0.0:")


def test_what_hosts_it_names_what_there_is() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    server, dockerfile = services["server"], (ROOT / "Dockerfile").read_text()
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", dockerfile, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert {word for word in server["command"] if word.startswith("--")} <= flags("serve")
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    settings = {
        name.removeprefix("CODER_").lower() for name in server["environment"] if name.startswith("CODER_")
    }
    assert settings <= {*KEYS, "log"}
    assert server["depends_on"].keys() <= services.keys()
